"""What customers say of a product."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Model
from shop.models.catalog import OwnProduct
from shop.models.customer import Customer


class Review(Model):
    """One customer's stars, 1 to 5, and words for one product."""

    __tablename__ = "review"
    __table_args__ = (
        UniqueConstraint("product_id", "customer_id"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        Index(None, "product_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[OwnProduct]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    stars: Mapped[int]
    text: Mapped[str] = mapped_column(Text, default="")
    written_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]

    customer: Mapped[Customer] = relationship()
