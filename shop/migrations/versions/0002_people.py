"""The people: customers and staff, refunds, the stock ledger"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("folded_email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("postcode", sa.String(length=20), nullable=False),
        sa.Column("country_code", sa.String(length=2), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("reset_hash", sa.String(length=64), nullable=True),
        sa.Column("reset_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("api_token_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["country_code"], ["country.code"], name=op.f("fk_customer_country_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("api_token_hash", name=op.f("uq_customer_api_token_hash")),
        sa.UniqueConstraint("folded_email", name=op.f("uq_customer_folded_email")),
        sa.UniqueConstraint("reset_hash", name=op.f("uq_customer_reset_hash")),
    )
    op.create_table(
        "sign_in",
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_sign_in_customer_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_customer_id"), "sign_in", ["customer_id"])
    op.create_table(
        "stock_movement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_stock_movement_product_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
    )
    op.create_index(op.f("ix_stock_movement_product_id_id"), "stock_movement", ["product_id", "id"])
    op.create_table(
        "refund",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refund_order_id")),
        sa.PrimaryKeyConstraint("order_id", "nth", name=op.f("pk_refund")),
    )
    with op.batch_alter_table("cart") as batch:
        batch.add_column(sa.Column("customer_id", sa.Integer(), nullable=True))
        batch.create_unique_constraint(batch.f("uq_cart_customer_id"), ["customer_id"])
        batch.create_foreign_key(
            batch.f("fk_cart_customer_id"), "customer", ["customer_id"], ["id"]
        )
    with op.batch_alter_table("order_line") as batch:
        batch.add_column(
            sa.Column("refunded", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        batch.create_check_constraint(
            batch.f("ck_order_line_refunded"), "refunded BETWEEN 0 AND quantity"
        )
    with op.batch_alter_table("orders") as batch:
        batch.add_column(sa.Column("customer_id", sa.Integer(), nullable=True))
        batch.add_column(
            sa.Column("refunded_amount", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        batch.create_check_constraint(
            batch.f("ck_orders_refunded"), "refunded_amount BETWEEN 0 AND total_amount"
        )
        batch.create_foreign_key(
            batch.f("fk_orders_customer_id"), "customer", ["customer_id"], ["id"]
        )
        batch.create_index(batch.f("ix_orders_customer_id_id"), ["customer_id", "id"])
        batch.create_index(
            batch.f("ix_orders_status_fulfillment_status_id"),
            ["status", "fulfillment_status", "id"],
        )
    with op.batch_alter_table("payment") as batch:
        # Both are the order's.
        batch.drop_column("currency")
        batch.drop_column("amount")
    with op.batch_alter_table("product") as batch:
        batch.add_column(
            sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1"))
        )
    op.execute(
        "INSERT INTO stock_movement (product_id, delta, reason, note, at) "
        "SELECT product_id, on_hand, 'received', '', CURRENT_TIMESTAMP FROM stock_item"
    )
    # A parcel that waits to be booked was handed over when the payment arrived.
    op.execute(
        "UPDATE orders SET fulfillment_status = 'shipping' "
        "WHERE fulfillment_status = 'unfulfilled' AND EXISTS (SELECT 1 FROM job "
        "WHERE job.key = orders.number || ':book_parcel:1' AND job.done_at IS NULL)"
    )


def downgrade() -> None:
    op.execute(
        "UPDATE orders SET fulfillment_status = 'unfulfilled' "
        "WHERE fulfillment_status IN ('packed', 'shipping')"
    )
    with op.batch_alter_table("product") as batch:
        batch.drop_column("version")
    with op.batch_alter_table("payment") as batch:
        batch.add_column(
            sa.Column("amount", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        batch.add_column(
            sa.Column("currency", sa.String(3), nullable=False, server_default=sa.text("'GBP'"))
        )
    op.execute(
        "UPDATE payment SET "
        "amount = (SELECT total_amount FROM orders WHERE orders.id = payment.order_id), "
        "currency = (SELECT currency FROM orders WHERE orders.id = payment.order_id)"
    )
    with op.batch_alter_table("orders") as batch:
        batch.drop_constraint(batch.f("fk_orders_customer_id"), type_="foreignkey")
        batch.drop_constraint(batch.f("ck_orders_refunded"), type_="check")
        batch.drop_index(batch.f("ix_orders_status_fulfillment_status_id"))
        batch.drop_index(batch.f("ix_orders_customer_id_id"))
        batch.drop_column("refunded_amount")
        batch.drop_column("customer_id")
    with op.batch_alter_table("order_line") as batch:
        batch.drop_constraint(batch.f("ck_order_line_refunded"), type_="check")
        batch.drop_column("refunded")
    with op.batch_alter_table("cart") as batch:
        batch.drop_constraint(batch.f("fk_cart_customer_id"), type_="foreignkey")
        batch.drop_constraint(batch.f("uq_cart_customer_id"), type_="unique")
        batch.drop_column("customer_id")
    op.drop_table("refund")
    op.drop_table("stock_movement")
    op.drop_table("sign_in")
    op.drop_table("customer")
