"""What the store sells and how much of it there is."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from shop.db import Model
from shop.domain.money import CURRENCY, Money
from shop.domain.promotions import is_running


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


_SORTED_BY = ("listed_at", "search_name", "price_amount")


class Product(Model):
    """Something the store sells, known to people by its SKU; `version` counts its edits.

    In a sale, from `sale_starts_at` until just before `sale_ends_at`, it costs `sale_amount`. One
    buyer gets `most_per_buyer` in each `limit_days`. Its reviews are counted here, so that no list
    has to read them: there are `review_count`, whose stars add up to `stars_total`.
    """

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("price_amount >= 0", name="price"),
        CheckConstraint(
            "(sale_amount IS NULL) = (sale_starts_at IS NULL) AND "
            "(sale_amount IS NULL) = (sale_ends_at IS NULL) AND "
            "(sale_amount IS NULL OR sale_amount >= 0 AND sale_starts_at < sale_ends_at)",
            name="sale",
        ),
        CheckConstraint("most_per_buyer > 0 AND limit_days > 0", name="limit"),
        CheckConstraint("stars_total BETWEEN review_count AND 5 * review_count", name="stars"),
        # Each order of the catalog, for the whole store and for one shelf of it.
        *(Index(None, column, "id") for column in _SORTED_BY),
        *(Index(None, "category_id", column, "id") for column in _SORTED_BY),
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
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    picture: Mapped[str] = mapped_column(String(120), default="")
    picture_alt: Mapped[str] = mapped_column(String(200), default="")
    listed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    sale_amount: Mapped[int | None]
    sale_starts_at: Mapped[datetime | None]
    sale_ends_at: Mapped[datetime | None]
    most_per_buyer: Mapped[int | None]
    limit_days: Mapped[int] = mapped_column(default=1)
    review_count: Mapped[int] = mapped_column(default=0)
    stars_total: Mapped[int] = mapped_column(default=0)

    category: Mapped[Category] = relationship()
    stock: Mapped["StockItem"] = relationship(back_populates="product")
    more_pictures: Mapped[list["Picture"]] = relationship(order_by="Picture.position")

    @property
    def price(self) -> Money:
        """What one costs outside of a sale, before tax."""
        return Money(self.price_amount, self.currency)

    def is_on_sale(self, now: datetime) -> bool:
        """Tell whether it has a sale, and that is running."""
        starts_at, ends_at = self.sale_starts_at, self.sale_ends_at
        return starts_at is not None and ends_at is not None and is_running(starts_at, ends_at, now)

    def price_at(self, now: datetime) -> Money:
        """What one costs at a moment, before tax."""
        if self.sale_amount is None or not self.is_on_sale(now):
            return self.price
        return Money(self.sale_amount, self.currency)

    @property
    def rating(self) -> float | None:
        """The mean of its stars to one decimal, halves up; None until somebody has given some."""
        count, total = self.review_count, self.stars_total
        return (20 * total + count) // (2 * count) / 10 if count else None

    @validates("name")
    def _fold_name(self, _key: str, name: str) -> str:
        self.search_name = fold_name(name)
        return name


# What belongs to one product and goes with it.
OwnProduct = Annotated[int, mapped_column(ForeignKey("product.id", ondelete="CASCADE"))]


class StockItem(Model):
    """Units of one product: `on_hand` in the building, `allocated` of these to open orders."""

    __tablename__ = "stock_item"
    __table_args__ = (
        CheckConstraint("allocated >= 0", name="allocated"),
        CheckConstraint("on_hand >= allocated", name="on_hand"),
    )

    product_id: Mapped[OwnProduct] = mapped_column(primary_key=True)
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
    product_id: Mapped[OwnProduct]
    delta: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]


class Picture(Model):
    """One more picture of a product: a static file by its `name`, or `content` that was imported.

    Positions tell the order in which they are shown.
    """

    __tablename__ = "picture"
    __table_args__ = (UniqueConstraint("product_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[OwnProduct]
    position: Mapped[int]
    alt: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(120), default="")
    content_type: Mapped[str] = mapped_column(String(40), default="")
    content: Mapped[bytes | None] = mapped_column(deferred=True)
