"""Removal of products with all that belongs to them, and an index of orders on the way"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ON_THE_WAY = sa.text("fulfillment_status IN ('shipping', 'shipped')")
_PARTS = ("cart_line", "stock_item", "stock_movement", "picture", "review")


def upgrade() -> None:
    _refer("CASCADE")
    op.create_index(
        op.f("ix_orders_way"),
        "orders",
        ["id"],
        sqlite_where=_ON_THE_WAY,
        postgresql_where=_ON_THE_WAY,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_orders_way"), "orders")
    _refer(None)


def _refer(ondelete: str | None) -> None:
    for table in _PARTS:
        with op.batch_alter_table(table) as batch:
            name = batch.f(f"fk_{table}_product_id")
            batch.drop_constraint(name, type_="foreignkey")
            batch.create_foreign_key(name, "product", ["product_id"], ["id"], ondelete=ondelete)
