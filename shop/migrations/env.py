"""Run Alembic's migrations on the database that `flask --app shop migrate` names."""

from typing import Any

from alembic import context

import shop.models  # noqa: F401  (makes the tables known)
from shop.db import Model, make_engine

engine = make_engine(context.config.attributes["database_url"])
with engine.connect() as connection:
    driver: Any = connection.connection if engine.dialect.name == "sqlite" else None
    if driver:
        # SQLite changes a table by making a new one and dropping the old. With foreign keys on,
        # the rows that refer to the old one would be in the way.
        driver.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    if driver and (orphans := driver.execute("PRAGMA foreign_key_check").fetchall()):
        raise RuntimeError(f"These rows refer to rows that are not there: {orphans[:5]}")
engine.dispose()
