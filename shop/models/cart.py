"""What a shopper has picked and not yet ordered."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Model
from shop.domain.pricing import PricedLine
from shop.models.catalog import OwnProduct, Product


class Cart(Model):
    """A cart, known to one browser by its token, or to every browser of one customer.

    `checkout_token` is good for one order: it changes when the cart is ordered.
    """

    __tablename__ = "cart"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(40), unique=True)
    checkout_token: Mapped[str] = mapped_column(String(40), unique=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), unique=True)
    created_at: Mapped[datetime]

    lines: Mapped[list["CartLine"]] = relationship(order_by="CartLine.id")


class CartLine(Model):
    """A quantity of one product in a cart."""

    __tablename__ = "cart_line"
    __table_args__ = (
        UniqueConstraint("cart_id", "product_id"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    cart_id: Mapped[int] = mapped_column(ForeignKey("cart.id"))
    product_id: Mapped[OwnProduct] = mapped_column(index=True)
    quantity: Mapped[int]

    product: Mapped[Product] = relationship()

    def priced_at(self, now: datetime) -> PricedLine:
        """The line at the price of a moment, as the pricing rules know it."""
        product, price = self.product, self.product.price_at(now)
        return PricedLine(product.id, product.sku, product.name, price, self.quantity)
