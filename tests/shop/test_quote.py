import pytest
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.errors import DestinationNotServed
from shop.models import Cart
from shop.services.promotions import NO_CODES
from shop.services.quotes import quote_cart
from tests.factories import CartFactory, CartLineFactory, CountryFactory, ShippingRateFactory


@pytest.fixture
def cart(session: Session) -> Cart:
    """A cart of one unit at 19.99."""
    CountryFactory.create()
    ShippingRateFactory.create()
    cart: Cart = CartFactory.create()
    CartLineFactory.create(cart_id=cart.id)
    return cart


def test_a_quote_holds_goods_shipping_and_tax(session: Session, cart: Cart) -> None:
    totals = quote_cart(session, cart, ("GB", "standard"), {}, START, NO_CODES)

    assert (totals.goods.amount, totals.shipping.amount, totals.tax.amount) == (1999, 395, 479)


@pytest.mark.parametrize(
    ("country_code", "method"),
    [("FR", "standard"), ("GB", "express"), ("gb", "standard"), ("", ""), ("%", "%")],
)
def test_where_there_is_no_rate_there_is_no_quote(
    session: Session, cart: Cart, country_code: str, method: str
) -> None:
    CountryFactory.create(code="FR")

    with pytest.raises(DestinationNotServed):
        quote_cart(session, cart, (country_code, method), {}, START, NO_CODES)
