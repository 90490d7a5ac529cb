"""What makes an order cheaper, and how much of it one buyer may have."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Model
from shop.domain.money import CURRENCY


class Coupon(Model):
    """A code that takes a share, in basis points, off the goods of an order.

    It holds from `starts_at` until just before `ends_at`, for goods of `minimum_amount` or more.
    `used` counts the orders that have it.
    """

    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint("rate BETWEEN 1 AND 10000", name="rate"),
        CheckConstraint("used BETWEEN 0 AND most_uses", name="used"),
    )

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    rate: Mapped[int]
    minimum_amount: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3), default=CURRENCY)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    most_uses: Mapped[int]
    most_per_buyer: Mapped[int] = mapped_column(default=1)
    used: Mapped[int] = mapped_column(default=0)


class GiftCard(Model):
    """Money that was paid before: whoever knows the code may spend the balance."""

    __tablename__ = "gift_card"
    __table_args__ = (CheckConstraint("balance BETWEEN 0 AND amount", name="balance"),)

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    amount: Mapped[int]
    balance: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default=CURRENCY)
    ends_at: Mapped[datetime]


class Allowance(Model):
    """How much of something scarce one buyer has used up in one period, counted in units."""

    __tablename__ = "allowance"
    __table_args__ = (CheckConstraint("used >= 0", name="used"),)

    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    buyer: Mapped[str] = mapped_column(String(254), primary_key=True)
    period: Mapped[int] = mapped_column(primary_key=True)
    used: Mapped[int]
