"""Promotions, reviews, pictures, quotes, heartbeats"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SORTED_BY = ("listed_at", "search_name", "price_amount")


def upgrade() -> None:
    op.create_table(
        "coupon",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("minimum_amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("most_uses", sa.Integer(), nullable=False),
        sa.Column("most_per_buyer", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("rate BETWEEN 1 AND 10000", name=op.f("ck_coupon_rate")),
        sa.CheckConstraint("used BETWEEN 0 AND most_uses", name=op.f("ck_coupon_used")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_coupon")),
    )
    op.create_table(
        "gift_card",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("balance BETWEEN 0 AND amount", name=op.f("ck_gift_card_balance")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_gift_card")),
    )
    op.create_table(
        "allowance",
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("buyer", sa.String(length=254), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_allowance_used")),
        sa.PrimaryKeyConstraint("subject", "buyer", "period", name=op.f("pk_allowance")),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_review_stars")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_review_customer_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_review_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint(
            "product_id", "customer_id", name=op.f("uq_review_product_id_customer_id")
        ),
    )
    op.create_index(op.f("ix_review_product_id_id"), "review", ["product_id", "id"])
    op.create_index(op.f("ix_review_customer_id"), "review", ["customer_id"])
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alt", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_picture_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("product_id", "position", name=op.f("uq_picture_product_id_position")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("worker", sa.String(length=100), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_heartbeat")),
    )
    with op.batch_alter_table("shipping_rate") as batch:
        batch.add_column(
            sa.Column("is_quoted", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("product") as batch:
        batch.add_column(sa.Column("sale_amount", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("sale_starts_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("sale_ends_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("most_per_buyer", sa.Integer(), nullable=True))
        for name, value in (("limit_days", "1"), ("review_count", "0"), ("stars_total", "0")):
            batch.add_column(
                sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text(value))
            )
        batch.create_check_constraint(
            batch.f("ck_product_sale"),
            "(sale_amount IS NULL) = (sale_starts_at IS NULL) AND "
            "(sale_amount IS NULL) = (sale_ends_at IS NULL) AND "
            "(sale_amount IS NULL OR sale_amount >= 0 AND sale_starts_at < sale_ends_at)",
        )
        batch.create_check_constraint(
            batch.f("ck_product_limit"), "most_per_buyer > 0 AND limit_days > 0"
        )
        batch.create_check_constraint(
            batch.f("ck_product_stars"), "stars_total BETWEEN review_count AND 5 * review_count"
        )
        batch.drop_index(batch.f("ix_product_category_id"))
        for column in _SORTED_BY:
            batch.create_index(
                batch.f(f"ix_product_category_id_{column}_id"), ["category_id", column, "id"]
            )
    with op.batch_alter_table("order_line") as batch:
        batch.add_column(sa.Column("limit_window", sa.Integer(), nullable=True))
    with op.batch_alter_table("customer") as batch:
        batch.create_check_constraint(batch.f("ck_customer_address"), "length(address) <= 200")
    with op.batch_alter_table("orders") as batch:
        batch.create_check_constraint(batch.f("ck_orders_address"), "length(address) <= 200")
        batch.add_column(sa.Column("coupon_code", sa.String(length=40), nullable=True))
        batch.add_column(sa.Column("gift_card_code", sa.String(length=40), nullable=True))
        for name in ("discount_amount", "gift_card_amount"):
            batch.add_column(
                sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))
            )
        batch.create_foreign_key(
            batch.f("fk_orders_coupon_code"), "coupon", ["coupon_code"], ["code"]
        )
        batch.create_foreign_key(
            batch.f("fk_orders_gift_card_code"), "gift_card", ["gift_card_code"], ["code"]
        )
        batch.drop_constraint(batch.f("ck_orders_total"), type_="check")
        batch.create_check_constraint(
            batch.f("ck_orders_total"),
            "total_amount = goods_amount - discount_amount + shipping_amount + tax_amount",
        )
        batch.create_check_constraint(
            batch.f("ck_orders_discount"), "discount_amount BETWEEN 0 AND goods_amount"
        )
        batch.create_check_constraint(
            batch.f("ck_orders_gift_card"), "gift_card_amount BETWEEN 0 AND total_amount"
        )
        batch.create_index(
            batch.f("ix_orders_placed_at_status_total_amount"),
            ["placed_at", "status", "total_amount"],
        )
        batch.create_index(batch.f("ix_orders_status_id"), ["status", "id"])
    op.create_index(op.f("ix_job_set_aside_at_id"), "job", ["set_aside_at", "id"])


def downgrade() -> None:
    """Take it back; an order that had a discount cannot be kept as it was, and stops it."""
    op.drop_index(op.f("ix_job_set_aside_at_id"), "job")
    with op.batch_alter_table("orders") as batch:
        batch.drop_index(batch.f("ix_orders_status_id"))
        batch.drop_index(batch.f("ix_orders_placed_at_status_total_amount"))
        for name in ("total", "discount", "gift_card", "address"):
            batch.drop_constraint(batch.f(f"ck_orders_{name}"), type_="check")
        batch.create_check_constraint(
            batch.f("ck_orders_total"), "total_amount = goods_amount + shipping_amount + tax_amount"
        )
        for name in ("coupon_code", "gift_card_code"):
            batch.drop_constraint(batch.f(f"fk_orders_{name}"), type_="foreignkey")
        for name in ("coupon_code", "gift_card_code", "discount_amount", "gift_card_amount"):
            batch.drop_column(name)
    with op.batch_alter_table("order_line") as batch:
        batch.drop_column("limit_window")
    with op.batch_alter_table("customer") as batch:
        batch.drop_constraint(batch.f("ck_customer_address"), type_="check")
    with op.batch_alter_table("product") as batch:
        for column in _SORTED_BY:
            batch.drop_index(batch.f(f"ix_product_category_id_{column}_id"))
        batch.create_index(batch.f("ix_product_category_id"), ["category_id"])
        for name in ("sale", "limit", "stars"):
            batch.drop_constraint(batch.f(f"ck_product_{name}"), type_="check")
        for name in ("sale_amount", "sale_starts_at", "sale_ends_at", "most_per_buyer"):
            batch.drop_column(name)
        for name in ("limit_days", "review_count", "stars_total"):
            batch.drop_column(name)
    with op.batch_alter_table("shipping_rate") as batch:
        batch.drop_column("is_quoted")
    for name in ("heartbeat", "picture", "review", "allowance", "gift_card", "coupon"):
        op.drop_table(name)
