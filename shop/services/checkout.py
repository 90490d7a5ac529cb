"""Turn a cart into an order."""

import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, transaction
from shop.domain.money import Money
from shop.domain.order_status import OrderStatus, PaymentStatus
from shop.domain.pricing import Totals
from shop.errors import CardNeeded, CartEmpty, CheckoutExpired, GatewayUnavailable, TotalChanged
from shop.gateways import Gateways
from shop.gateways.carrier import Quote
from shop.gateways.payments import Card
from shop.models import Cart, CartLine, Order, OrderLine, Payment
from shop.services.allowances import find_buyer
from shop.services.cart import find_cart, new_token
from shop.services.jobs import enqueue
from shop.services.limits import claim_limited
from shop.services.orders import begin_history, move_order
from shop.services.promotions import NO_CODES, Codes, use_codes
from shop.services.quotes import ask_carrier, quote_cart
from shop.services.stock import allocate_stock

_PLACED = select(Order.number).where(Order.checkout_token == bindparam("token"))
_THIS_CART = Cart.id == bindparam("cart_id"), Cart.checkout_token == bindparam("spent")
_CHANGE_TOKEN = update(Cart).where(*_THIS_CART).values(checkout_token=bindparam("fresh"))
_AS_READ = tuple_(CartLine.id, CartLine.quantity).in_(bindparam("as_read", expanding=True))
# SQLite finds a row by its cart and by no pair.
_TAKE_LINES = delete(CartLine).where(CartLine.cart_id == bindparam("cart_id"), _AS_READ)
# Crockford's alphabet without I, L, O and U: nothing is misread on the telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Delivery:
    """To whom and how an order goes."""

    email: str
    name: str
    address: str
    city: str
    postcode: str
    country_code: str
    shipping_method: str


@dataclass(frozen=True, slots=True)
class CheckoutForm:
    """What the shopper sent: `total_shown` is what stood on the page as left to pay.

    `card_number` is empty where that is nothing. `customer_id` is who is signed in, if anybody is.
    """

    delivery: Delivery
    card_number: str
    checkout_token: str
    total_shown: Money
    customer_id: int | None = None
    codes: Codes = NO_CODES


def place_order(
    session: Session, outside: Gateways, cart_token: str, form: CheckoutForm, now: datetime
) -> str:
    """Turn the cart into an order, and return the order's number.

    The same form sent again returns the same order. The carrier names its price and the card is
    exchanged for a token first, so that nobody is waited for later and its number is never stored;
    the money is asked for by the job that this queues. Where nothing is left to pay the provider
    is not asked, and the order is confirmed at once.

    :raises CartEmpty: when there is nothing to order.
    :raises CheckoutExpired: when the form is not of this cart as it is now.
    :raises DestinationNotServed: when there is no rate for the country and method.
    :raises CouponRefused: when this buyer may not use the coupon for this cart now.
    :raises GiftCardRefused: when there is no money on the gift card.
    :raises TotalChanged: when the shopper saw another total.
    :raises CardNeeded: when something is to be charged and there is no card.
    :raises OutOfStock: when too little is left; nothing has then changed.
    :raises LimitReached: when it is more than one buyer may have; nothing has then changed.
    :raises CardRefused: when the provider does not know the card.
    :raises GatewayUnavailable: when the provider does not answer.
    """
    if number := session.scalar(_PLACED, {"token": form.checkout_token}):
        return number
    to = form.delivery
    quote = ask_carrier(session, outside.carrier, cart_token, to.country_code, to.shipping_method)
    is_charged = form.card_number and form.total_shown.amount
    try:
        card = outside.payments.tokenize(form.card_number) if is_charged else None
        with transaction(session):
            return _write_order(session, cart_token, form, card, quote, now)
    except (CheckoutExpired, CartEmpty, GatewayUnavailable):
        # The same form may have been sent twice at once, and the other one was first: it has
        # changed the token and emptied the cart, perhaps between our reads of the two. It may
        # also have had an answer from the provider when we had none.
        if number := session.scalar(_PLACED, {"token": form.checkout_token}):
            return number
        raise


def _write_order(
    session: Session, token: str, form: CheckoutForm, card: Card | None, quote: Quote, now: datetime
) -> str:
    # The cart is read once: what is charged and what is packed both come from these lines.
    cart = find_cart(session, token)
    if cart is None or cart.checkout_token != form.checkout_token:
        raise CheckoutExpired
    if not cart.lines:
        raise CartEmpty
    lines = [line.priced_at(now) for line in cart.lines]
    buyer = find_buyer(session, form.customer_id, form.delivery.email)
    codes = replace(form.codes, buyer=buyer)
    to = form.delivery.country_code, form.delivery.shipping_method
    totals = quote_cart(session, cart, to, quote, now, codes)
    if totals.charge != form.total_shown:
        raise TotalChanged(total=totals.charge, shown=form.total_shown)
    if totals.charge.amount and card is None:
        raise CardNeeded(charge=totals.charge)

    _empty_cart(session, cart)
    allocate_stock(session, lines)
    use_codes(session, codes, totals.gift_card)
    windows = claim_limited(session, cart.lines, buyer, now)
    order = make_order(form, totals, now)
    order.payment = Payment(**card.columns) if card else None
    session.add(order)
    session.flush()
    own = {"order_id": order.id}
    sold = [{**own, **OrderLine.columns_of(x), "limit_window": windows.get(x.sku)} for x in lines]
    session.execute(insert(OrderLine), sold)
    begin_history(session, order.id, now)
    _begin_payment(session, order, now)
    return order.number


def _begin_payment(session: Session, order: Order, now: datetime) -> None:
    """Queue what asks for the money; where nothing is left to pay, the order is confirmed."""
    if order.totals.charge.amount:
        enqueue(session, "authorize_payment", now, number=order.number)
        return
    for paid in (PaymentStatus.PAID, OrderStatus.CONFIRMED):
        move_order(session, order.id, paid, now)
    enqueue(session, "send_confirmation", now, number=order.number)


def _empty_cart(session: Session, cart: Cart) -> None:
    """Take the lines that were read out of the cart, unless another checkout has done so already.

    The token is good for one order, so it changes. What was added since the read stays in the cart.
    """
    as_read = [(line.id, line.quantity) for line in cart.lines]
    tokens = {"spent": cart.checkout_token, "fresh": new_token()}
    if not changed_rows(session, _CHANGE_TOKEN, cart_id=cart.id, **tokens):
        raise CheckoutExpired
    if changed_rows(session, _TAKE_LINES, cart_id=cart.id, as_read=as_read) < len(as_read):
        for line_id, ordered in as_read:
            rest = update(CartLine).where(CartLine.id == line_id, CartLine.quantity > ordered)
            session.execute(rest.values(quantity=CartLine.quantity - ordered))


def make_order(form: CheckoutForm, totals: Totals, now: datetime) -> Order:
    """Return an order without its lines, under a number of its own and not yet stored."""
    return Order(
        **asdict(form.delivery),
        number=_new_number(),
        checkout_token=form.checkout_token,
        customer_id=form.customer_id,
        placed_at=now,
        currency=totals.total.currency,
        goods_amount=totals.goods.amount,
        coupon_code=form.codes.coupon_code or None,
        discount_amount=totals.discount.amount,
        shipping_amount=totals.shipping.amount,
        tax_rate=totals.tax_rate,
        tax_amount=totals.tax.amount,
        total_amount=totals.total.amount,
        gift_card_code=form.codes.gift_card_code or None,
        gift_card_amount=totals.gift_card.amount,
    )


def _new_number() -> str:
    """Return a number like BB-7K3MQ-9XT2W: 50 random bits, which nobody guesses."""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"BB-{signs[:5]}-{signs[5:]}"
