from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.pages import beside, filled_in, sentence
from shop.models import Allowance, Order, Product
from shop.web.auth import limiter
from tests.factories import CouponFactory, CustomerFactory, GiftCardFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.leftovers import left

Form = dict[str, str]
UNKNOWN_COUPON = "We cannot take this coupon: we do not know it."
UNKNOWN_CARD = "We do not know this gift card, or it is empty or too old."


@pytest.fixture
def both(session: Session, typed: Form) -> Form:
    """A checkout form with a coupon for a tenth and a gift card over 25.00."""
    CouponFactory.create()
    GiftCardFactory.create()
    codes = {"coupon_code": "TENTH", "gift_card_code": "GIFT0000GIFT0000"}
    return {**typed, **codes, "total_shown": "133"}


@pytest.fixture
def brake(app: Flask) -> Iterator[None]:
    app.config["RATELIMIT_ENABLED"] = True
    limiter.init_app(app)
    yield
    limiter.enabled = False


def test_the_quote_shows_discount_gift_card_total_and_what_is_left_to_pay(
    client: FlaskClient, both: Form
) -> None:
    page = client.post("/checkout/quote", data=both)

    shown = ["£19.99", "-£2.00", "£3.95", "£4.39", "£26.33", "-£25.00", "£1.33"]
    words = page.text.replace("</dd>", "<dd>").split("<dd>")[1::2]
    assert (words, filled_in(page, "coupon_code")) == (shown, "TENTH")
    assert 'name="total_shown" value="133"' in page.text


@pytest.mark.parametrize(
    ("coupon", "card"),
    [
        ("tenth", "gift0000gift0000"),
        ("  Tenth ", "GIFT 0000 GIFT 0000"),
        ("TENTH", " gift-0000-gift-0000 "),
    ],
)
def test_a_code_is_known_however_it_is_typed(
    client: FlaskClient, session: Session, both: Form, coupon: str, card: str
) -> None:
    typed = {**both, "coupon_code": coupon, "gift_card_code": card}

    assert client.post("/checkout", data=typed).status_code == 303

    codes = select(Order.coupon_code, Order.gift_card_code)
    assert session.execute(codes).all() == [("TENTH", "GIFT0000GIFT0000")]


@pytest.mark.parametrize(
    ("field", "code", "told"),
    [
        ("coupon_code", "TENTHS", UNKNOWN_COUPON),
        ("coupon_code", "%", UNKNOWN_COUPON),
        ("coupon_code", "\uff34ENTH", UNKNOWN_COUPON),
        ("coupon_code", "tenth\u0131", UNKNOWN_COUPON),
        ("gift_card_code", "GIFT0000GIFT0001", UNKNOWN_CARD),
        ("gift_card_code", "%", UNKNOWN_CARD),
        ("gift_card_code", "________________", UNKNOWN_CARD),
        ("gift_card_code", "🦊", UNKNOWN_CARD),
    ],
)
def test_a_code_that_is_refused_is_told_beside_its_field(
    client: FlaskClient, session: Session, both: Form, field: str, code: str, told: str
) -> None:
    typed = {**both, field: code}

    quoted, placed = (client.post(path, data=typed) for path in ("/checkout/quote", "/checkout"))

    assert (quoted.status_code, placed.status_code) == (200, 409)
    assert [beside(page, field) for page in (quoted, placed)] == [told, told]
    assert (sentence(placed), filled_in(placed, field)) == (told, code)
    assert left(session) == (0, 0, 1)


def test_a_code_that_is_too_long_is_told_by_the_quote(client: FlaskClient, typed: Form) -> None:
    page = client.post("/checkout/quote", data={**typed, "coupon_code": "X" * 41})

    assert beside(page, "coupon_code") == "At most 40 characters, please."


def test_codes_that_were_not_shown_in_the_total_are_shown_first(
    client: FlaskClient, session: Session, both: Form
) -> None:
    page = client.post("/checkout", data={**both, "total_shown": "2873"})

    assert (page.status_code, left(session)) == (409, (0, 0, 1))
    assert sentence(page).startswith("The total is now £1.33, not £28.73.")
    assert 'name="total_shown" value="133"' in page.text


@pytest.mark.parametrize(
    ("is_in", "told"),
    [(True, "We cannot take this coupon: you have used it already."), (False, "")],
)
def test_who_is_signed_in_is_one_buyer_whatever_address_stands_there(
    app: Flask, session: Session, lamp: Product, is_in: bool, told: str
) -> None:
    ada = CustomerFactory.create(email="ada@example.com")
    CouponFactory.create(used=1)
    session.add(Allowance(subject="coupon:TENTH", buyer="ada@example.com", period=0, used=1))
    session.commit()
    browser = sign_in_browser(app, session, ada) if is_in else app.test_client()
    browser.post("/products/lamp/add", data={"quantity": "1"})
    where = {"country_code": "GB", "shipping_method": "standard"}
    form = {**where, "coupon_code": "TENTH", "email": "other@example.com"}

    page = browser.post("/checkout/quote", data=form)

    assert (beside(page, "coupon_code"), "-£2.00" in page.text) == (told, not is_in)


@pytest.mark.usefixtures("brake")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whoever_guesses_gift_cards_has_to_wait(client: FlaskClient, typed: Form) -> None:
    guesses = ({**typed, "gift_card_code": f"GUESS{nth}"} for nth in range(31))

    answers = [client.post("/checkout/quote", data=guess).status_code for guess in guesses]

    assert answers == [200] * 30 + [429]
    assert client.post("/checkout/quote", data=typed).status_code == 200
