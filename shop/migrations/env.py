"""Run Alembic's migrations on the database that `flask --app shop migrate` names."""

from alembic import context

import shop.models  # noqa: F401  (makes the tables known)
from shop.db import Model, make_engine

engine = make_engine(context.config.attributes["database_url"])
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        # SQLite changes a table by making a new one and copying the rows.
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
