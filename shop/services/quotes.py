"""What a cart would cost: the carrier's price, the country's tax, the buyer's codes."""

from datetime import datetime

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from shop.db import end_read
from shop.domain.pricing import Totals, believable_carriage, price_order, sum_lines
from shop.errors import DestinationNotServed
from shop.gateways.carrier import Carrier, Quote
from shop.models import Cart, CartLine, Country, ShippingRate
from shop.services.promotions import Codes, find_balance, find_coupon_rate

_country, _method = ShippingRate.country_code, ShippingRate.method
_TO = _country == bindparam("country"), _method == bindparam("method")
_ASKED = Cart.token == bindparam("token"), exists().where(*_TO, ShippingRate.is_quoted)
# Made once, since every checkout takes them.
_UNITS = select(func.sum(CartLine.quantity)).join(Cart).where(*_ASKED)
_RATE = select(ShippingRate, Country.tax_rate).join(Country).where(*_TO)


def ask_carrier(
    session: Session, carrier: Carrier, cart_token: str, country_code: str, method: str
) -> Quote:
    """Return the carrier's quote for the cart, where the rate says that it is asked.

    What the session has read is ended before the call.
    """
    items = session.scalar(_UNITS, {"token": cart_token, "country": country_code, "method": method})
    end_read(session)
    return carrier.quote(country_code, method, items) if items else {}


def quote_cart(
    session: Session, cart: Cart, to: tuple[str, str], quote: Quote, now: datetime, codes: Codes
) -> Totals:
    """Return what a buyer with these codes pays when the cart goes to a place.

    :param to: the code of the country, and the shipping method.
    :param quote: what the carrier has answered; it counts where it can be believed.
    :raises DestinationNotServed: when there is no rate for the two.
    :raises CouponRefused: when the buyer may not use the coupon for this cart now.
    :raises GiftCardRefused: when there is no money on the gift card.
    """
    rate = session.execute(_RATE, {"country": to[0], "method": to[1]}).one_or_none()
    if rate is None:
        raise DestinationNotServed
    shipping, tax_rate = rate
    carriage = believable_carriage(quote, shipping.price)
    lines = [line.priced_at(now) for line in cart.lines]
    coupon_rate = find_coupon_rate(session, codes, sum_lines(lines), now)
    balance = find_balance(session, codes.gift_card_code, now)
    return price_order(lines, carriage, tax_rate, coupon_rate, balance)
