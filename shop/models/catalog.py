"""What the store sells and how much of it there is."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from shop.db import Model
from shop.domain.money import CURRENCY, Money


class Category(Model):
    """A shelf of the store."""

    __tablename__ = "category"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    summary: Mapped[str] = mapped_column(String(200), default="")


def fold_name(name: str) -> str:
    """Return the spelling under which a product is found.

    Case is folded in Python, because SQLite folds ASCII letters only and PostgreSQL all.
    """
    return name.casefold()


class Product(Model):
    """Something the store sells, known to people by its SKU; `version` counts its edits."""

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("price_amount >= 0", name="price"),
        Index(None, "price_amount", "id"),
        Index(None, "listed_at", "id"),
        Index(None, "search_name", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(20), unique=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    search_name: Mapped[str] = mapped_column(String(240))
    summary: Mapped[str] = mapped_column(String(200), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    price_amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default=CURRENCY)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"), index=True)
    picture: Mapped[str] = mapped_column(String(120), default="")
    picture_alt: Mapped[str] = mapped_column(String(200), default="")
    listed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    category: Mapped[Category] = relationship()
    stock: Mapped["StockItem"] = relationship(back_populates="product")

    @property
    def price(self) -> Money:
        """What one costs, before tax."""
        return Money(self.price_amount, self.currency)

    @validates("name")
    def _fold_name(self, _key: str, name: str) -> str:
        self.search_name = fold_name(name)
        return name


class StockItem(Model):
    """Units of one product: `on_hand` in the building, `allocated` of these to open orders."""

    __tablename__ = "stock_item"
    __table_args__ = (
        CheckConstraint("allocated >= 0", name="allocated"),
        CheckConstraint("on_hand >= allocated", name="on_hand"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
    on_hand: Mapped[int]
    allocated: Mapped[int] = mapped_column(default=0)

    product: Mapped[Product] = relationship(back_populates="stock")

    @property
    def available(self) -> int:
        """How many can still be sold."""
        return self.on_hand - self.allocated


class StockMovement(Model):
    """Units that came or went: the movements of a product add up to what is on hand."""

    __tablename__ = "stock_movement"
    __table_args__ = (Index(None, "product_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    delta: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]
