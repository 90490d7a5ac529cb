"""A product that is removed takes its carts' lines, stock, pictures and reviews with it"""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PARTS = ("cart_line", "stock_item", "stock_movement", "picture", "review")


def upgrade() -> None:
    _refer("CASCADE")


def downgrade() -> None:
    _refer(None)


def _refer(ondelete: str | None) -> None:
    for table in _PARTS:
        with op.batch_alter_table(table) as batch:
            name = batch.f(f"fk_{table}_product_id")
            batch.drop_constraint(name, type_="foreignkey")
            batch.create_foreign_key(name, "product", ["product_id"], ["id"], ondelete=ondelete)
