"""Where the store ships to, how, and at what rates."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Model
from shop.domain.money import CURRENCY, Money


class Country(Model):
    """A country the store ships to; its tax rate is in basis points."""

    __tablename__ = "country"
    __table_args__ = (CheckConstraint("tax_rate BETWEEN 0 AND 10000", name="tax_rate"),)

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    tax_rate: Mapped[int]


class ShippingRate(Model):
    """What one shipping method to one country costs an order, before tax.

    Where `is_quoted`, the carrier is asked for its price, and this one holds when it has none.
    """

    __tablename__ = "shipping_rate"
    __table_args__ = (CheckConstraint("amount >= 0", name="amount"),)

    country_code: Mapped[str] = mapped_column(ForeignKey("country.code"), primary_key=True)
    method: Mapped[str] = mapped_column(String(20), primary_key=True)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default=CURRENCY)
    days: Mapped[str] = mapped_column(String(20))
    is_quoted: Mapped[bool] = mapped_column(default=False)

    @property
    def price(self) -> Money:
        """What the carriage costs, before tax."""
        return Money(self.amount, self.currency)
