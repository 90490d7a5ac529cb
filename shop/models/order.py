"""An order with its lines, payment, refunds, shipment and history.

The three statuses stand on the order's own row, so that one conditional UPDATE can check them all.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Model
from shop.domain.money import NOTHING, Money
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus, actions_for
from shop.domain.pricing import PricedLine, Totals
from shop.models.customer import Addressee
from shop.models.delivery import Country

# Of these there are few at a time, however many there have been.
ON_THE_WAY = text("fulfillment_status IN ('shipping', 'shipped')")


class Order(Addressee, Model):
    """What was sold to whom, and how far it has come.

    `refunded_amount` is what was given back or is on its way back. Where nothing was to be charged
    there is no payment.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("length(address) <= 200", name="address"),
        CheckConstraint("goods_amount >= 0", name="goods"),
        CheckConstraint("discount_amount BETWEEN 0 AND goods_amount", name="discount"),
        CheckConstraint(
            "total_amount = goods_amount - discount_amount + shipping_amount + tax_amount",
            name="total",
        ),
        CheckConstraint("gift_card_amount BETWEEN 0 AND total_amount", name="gift_card"),
        CheckConstraint("refunded_amount BETWEEN 0 AND total_amount", name="refunded"),
        Index(None, "customer_id", "id"),
        Index(None, "status", "id"),
        # All that the sales of a day or a month are added up from.
        Index(None, "placed_at", "status", "total_amount"),
        Index(None, "status", "fulfillment_status", "id"),
        Index("ix_orders_way", "id", sqlite_where=ON_THE_WAY, postgresql_where=ON_THE_WAY),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    checkout_token: Mapped[str] = mapped_column(String(40), unique=True)
    status: Mapped[str] = mapped_column(String(20), default=OrderStatus.PLACED)
    payment_status: Mapped[str] = mapped_column(String(20), default=PaymentStatus.PENDING)
    fulfillment_status: Mapped[str] = mapped_column(
        String(20), default=FulfillmentStatus.UNFULFILLED
    )
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    folded_email: Mapped[str] = mapped_column(String(254), index=True)
    country_code: Mapped[str] = mapped_column(ForeignKey("country.code"))
    shipping_method: Mapped[str] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(3))
    goods_amount: Mapped[int]
    coupon_code: Mapped[str | None] = mapped_column(ForeignKey("coupon.code"))
    discount_amount: Mapped[int] = mapped_column(default=0)
    shipping_amount: Mapped[int]
    tax_rate: Mapped[int]
    tax_amount: Mapped[int]
    total_amount: Mapped[int]
    gift_card_code: Mapped[str | None] = mapped_column(ForeignKey("gift_card.code"))
    gift_card_amount: Mapped[int] = mapped_column(default=0)
    refunded_amount: Mapped[int] = mapped_column(default=0)
    placed_at: Mapped[datetime]

    country: Mapped[Country] = relationship()
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.id")
    payment: Mapped["Payment | None"] = relationship()
    refunds: Mapped[list["Refund"]] = relationship(order_by="Refund.nth")
    shipment: Mapped["Shipment | None"] = relationship()
    history: Mapped[list["HistoryEntry"]] = relationship(order_by="HistoryEntry.id")

    @property
    def totals(self) -> Totals:
        """The sums as they were when the order was placed."""
        return Totals(
            goods=Money(self.goods_amount, self.currency),
            shipping=Money(self.shipping_amount, self.currency),
            tax_rate=self.tax_rate,
            tax=Money(self.tax_amount, self.currency),
            discount=Money(self.discount_amount, self.currency),
            gift_card=Money(self.gift_card_amount, self.currency),
        )

    @property
    def refunded(self) -> Money:
        """What was given back or is on its way back."""
        return Money(self.refunded_amount, self.currency)

    @property
    def refunded_to_gift_card(self) -> Money:
        """What of it went to the gift card, and so at once; the rest are the refunds."""
        return self.refunded - sum((refund.money for refund in self.refunds), NOTHING)

    @property
    def units_left(self) -> list[PricedLine]:
        """The lines without the units that were refunded."""
        left = [replace(line.priced, quantity=line.units_left) for line in self.lines]
        return [line for line in left if line.quantity]

    @property
    def actions(self) -> set[str]:
        """What people may do to the order as it is now."""
        return actions_for(self.status, self.payment_status, self.fulfillment_status)


class OrderLine(Model):
    """A quantity of one product with the name and price it was sold at.

    `refunded` of its units were given back. Units of a scarce product count against its buyer in
    the window of that number, see `shop.services.limits`.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("refunded BETWEEN 0 AND quantity", name="refunded"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    sku: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    unit_amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    quantity: Mapped[int]
    refunded: Mapped[int] = mapped_column(default=0)
    limit_window: Mapped[int | None]

    @staticmethod
    def columns_of(line: PricedLine) -> dict[str, Any]:
        """Return what a line of an order keeps of a line with the price it has at this moment."""
        facts = {"product_id": line.product_id, "sku": line.sku, "name": line.name}
        sold_at = {"unit_amount": line.unit_price.amount, "currency": line.unit_price.currency}
        return {**facts, **sold_at, "quantity": line.quantity}

    @property
    def priced(self) -> PricedLine:
        """The line as the pricing rules know it."""
        price = Money(self.unit_amount, self.currency)
        return PricedLine(self.product_id, self.sku, self.name, price, self.quantity)

    @property
    def units_left(self) -> int:
        """How many units were not refunded."""
        return self.quantity - self.refunded


class Payment(Model):
    """What the provider needs to take what is charged, and what it answered.

    The card itself never reaches the database: `card_token` stands for it at the provider.
    """

    __tablename__ = "payment"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    card_token: Mapped[str] = mapped_column(String(80))
    card_brand: Mapped[str] = mapped_column(String(20))
    card_last4: Mapped[str] = mapped_column(String(4))
    provider_id: Mapped[str | None] = mapped_column(String(80))


class Refund(Model):
    """Money that goes back to the card, the order's `nth`.

    `done_at` is when the provider took it in.
    """

    __tablename__ = "refund"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    nth: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    @property
    def money(self) -> Money:
        """What goes back."""
        return Money(self.amount, self.currency)


class Shipment(Model):
    """The parcel of an order at the carrier."""

    __tablename__ = "shipment"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    tracking_number: Mapped[str] = mapped_column(String(40), unique=True)
    booked_at: Mapped[datetime]


class HistoryEntry(Model):
    """One change of one status: `subject` is the column of the order that changed."""

    __tablename__ = "order_history"
    __table_args__ = (Index(None, "order_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    subject: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
