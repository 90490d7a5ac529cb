"""Coupons and gift cards: what they take off a price, and what an order uses up of them.

A code is looked up whole, in the one spelling into which the form has brought it. What an order has
used goes back in the transaction that cancels or refunds it, under the claim on the order.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows
from shop.domain.money import NOTHING, Money
from shop.domain.promotions import is_running
from shop.errors import CouponRefused, GiftCardRefused
from shop.models import Allowance, Coupon, GiftCard, Order
from shop.services.allowances import find_buyer, return_allowance, use_allowance

_USED_UP, _USED_BY_YOU = "it has been used up", "you have used it already"


@dataclass(frozen=True, slots=True)
class Codes:
    """What a buyer shows to pay less; `buyer` is who the uses of a coupon are counted for."""

    coupon_code: str = ""
    gift_card_code: str = ""
    buyer: str = ""


NO_CODES = Codes()


def find_coupon_rate(session: Session, codes: Codes, goods: Money, now: datetime) -> int:
    """Return the share, in basis points, that the coupon takes off these goods; without one 0.

    :raises CouponRefused: when this buyer may not use it for these goods now.
    """
    if not codes.coupon_code:
        return 0
    coupon = session.scalar(select(Coupon).where(Coupon.code == codes.coupon_code))
    if coupon is None:
        raise CouponRefused(why="we do not know it")
    if not is_running(coupon.starts_at, coupon.ends_at, now):
        first, end = (f"{at.day} {at:%B %Y}" for at in (coupon.starts_at, coupon.ends_at))
        raise CouponRefused(why=f"it is good from {first} until {end}")
    minimum = Money(coupon.minimum_amount, coupon.currency)
    if goods < minimum:
        raise CouponRefused(why=f"it is for goods of {minimum} or more")
    if coupon.used >= coupon.most_uses:
        raise CouponRefused(why=_USED_UP)
    own = session.get(Allowance, _allowance_of(codes.coupon_code, codes.buyer))
    if own and own.used >= coupon.most_per_buyer:
        raise CouponRefused(why=_USED_BY_YOU)
    return coupon.rate


def find_balance(session: Session, code: str, now: datetime) -> Money:
    """Return what a gift card can pay; without one nothing.

    :raises GiftCardRefused: when it can pay nothing; why is not told, which helps only guessers.
    """
    if not code:
        return NOTHING
    card = session.scalar(select(GiftCard).where(GiftCard.code == code))
    if card is None or card.ends_at <= now or not card.balance:
        raise GiftCardRefused
    return Money(card.balance, card.currency)


def use_codes(session: Session, codes: Codes, gift_card: Money) -> None:
    """Use up what an order takes, inside the caller's transaction.

    Each check and its change are one statement, so of two orders at once only one gets the last.

    :raises CouponRefused: when another order has just taken the last use.
    :raises GiftCardRefused: when another order has just spent the money.
    """
    if code := codes.coupon_code:
        coupon = update(Coupon).where(Coupon.code == code, Coupon.used < Coupon.most_uses)
        if not changed_rows(session, coupon.values(used=Coupon.used + 1)):
            raise CouponRefused(why=_USED_UP)
        most = session.get_one(Coupon, code).most_per_buyer
        if not use_allowance(session, *_allowance_of(code, codes.buyer), 1, most):
            raise CouponRefused(why=_USED_BY_YOU)
    if codes.gift_card_code:
        is_enough = GiftCard.balance >= gift_card.amount
        card = update(GiftCard).where(GiftCard.code == codes.gift_card_code, is_enough)
        if not changed_rows(session, card.values(balance=GiftCard.balance - gift_card.amount)):
            raise GiftCardRefused


def return_coupon(session: Session, order: Order) -> None:
    """Let the coupon of a canceled order be used again, inside the caller's transaction."""
    if order.coupon_code:
        coupon = update(Coupon).where(Coupon.code == order.coupon_code)
        session.execute(coupon.values(used=Coupon.used - 1))
        buyer = find_buyer(session, order.customer_id, order.email)
        return_allowance(session, *_allowance_of(order.coupon_code, buyer), 1)


def return_to_gift_card(session: Session, order: Order, money: Money) -> None:
    """Put money back on the order's gift card, inside the caller's transaction."""
    if money.amount:
        card = update(GiftCard).where(GiftCard.code == order.gift_card_code)
        session.execute(card.values(balance=GiftCard.balance + money.amount))


def _allowance_of(coupon_code: str, buyer: str) -> tuple[str, str, int]:
    """Return whose uses are counted of what; they are counted for good, in one period."""
    return f"coupon:{coupon_code}", buyer, 0
