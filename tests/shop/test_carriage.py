import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from scenarios.kit.pages import sentence
from shop.gateways import Gateways
from shop.gateways.carrier import Quote
from shop.gateways.fakes import FakeCarrier
from shop.models import Order, Product
from tests.factories import ShippingRateFactory

# A lamp at 19.99 with 20% tax comes to 35.93 with this carriage, to 34.73 with the table's 8.95.
QUOTED = {"amount": 995, "currency": "GBP"}
EXPRESS = {"country_code": "GB", "shipping_method": "express"}


@pytest.fixture
def express(session: Session, lamp: Product, typed: dict[str, str]) -> dict[str, str]:
    """The form of a shopper who wants express, which costs 8.95 where the carrier has no price."""
    ShippingRateFactory.create(method="express", amount=895, is_quoted=True)
    session.rollback()
    return {**typed, **EXPRESS}


def shipping(page_text: str) -> str:
    found = re.search(r"<dt>Shipping</dt><dd>([^<]+)</dd>", page_text)
    return found[1] if found else ""


def ways(page_text: str) -> list[str]:
    return re.findall(r'class="choice-price">([^<]+)<', page_text)


def carriage(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(Order.shipping_amount)))


def test_the_price_of_the_carrier_is_shown_and_paid(
    client: FlaskClient, session: Session, carrier: FakeCarrier, express: dict[str, str]
) -> None:
    carrier.price = QUOTED

    page = client.post("/checkout/quote", data=EXPRESS)
    placed = client.post("/checkout", data={**express, "total_shown": "3593"})

    assert (shipping(page.text), ways(page.text)) == ("£9.95", ["£3.95", "£9.95"])
    assert (placed.status_code, carriage(session)) == (303, [995])


@pytest.mark.parametrize(
    "quote",
    [
        *({"amount": each, "currency": "GBP"} for each in (-5, 0, None, "", 1e9, 10**9, True)),
        *({"amount": 995, "currency": "EUR"}, {}),
    ],
)
def test_a_price_that_cannot_be_right_leaves_that_of_the_table(
    client: FlaskClient,
    session: Session,
    carrier: FakeCarrier,
    express: dict[str, str],
    quote: Quote,
) -> None:
    carrier.price = quote

    page = client.post("/checkout/quote", data=EXPRESS)
    placed = client.post("/checkout", data={**express, "total_shown": "3473"})

    assert (page.status_code, shipping(page.text)) == (200, "£8.95")
    assert (placed.status_code, carriage(session)) == (303, [895])


def test_a_price_that_changes_after_it_was_shown_is_shown_again(
    client: FlaskClient, session: Session, carrier: FakeCarrier, express: dict[str, str]
) -> None:
    carrier.price = {"amount": 1095, "currency": "GBP"}

    page = client.post("/checkout", data={**express, "total_shown": "3593"})

    assert (page.status_code, carriage(session)) == (409, [])
    assert sentence(page) == "The total is now £37.13, not £35.93. Please check it and order again."
    assert 'name="total_shown" value="3713"' in page.text


def test_the_carrier_is_asked_once_for_a_page_and_for_the_chosen_way_only(
    client: FlaskClient, carrier: FakeCarrier, express: dict[str, str]
) -> None:
    client.post("/products/lamp/add", data={"quantity": "2"})
    client.application.test_client().post("/products/lamp/add", data={"quantity": "5"})

    usual = client.get("/checkout")
    asked_for_usual = list(carrier.quotes)
    client.post("/checkout/quote", data=EXPRESS)

    assert (ways(usual.text), asked_for_usual) == (["£3.95", "about £8.95"], [])
    assert carrier.quotes == [("GB", "express", 3)]


@pytest.mark.parametrize("chosen", [{}, {"country_code": "XX"}, {"shipping_method": "by \x00 owl"}])
def test_what_the_store_does_not_offer_is_not_asked_for(
    client: FlaskClient, carrier: FakeCarrier, express: dict[str, str], chosen: dict[str, str]
) -> None:
    page = client.post("/checkout/quote", data=chosen and {**EXPRESS, **chosen})

    assert (page.status_code, shipping(page.text), carrier.quotes) == (200, "", [])


def test_an_empty_cart_is_not_asked_for(
    client: FlaskClient, carrier: FakeCarrier, express: dict[str, str]
) -> None:
    client.post("/cart/lines/LMP-001/remove")

    page = client.post("/checkout/quote", data=EXPRESS)

    assert (page.status_code, carrier.quotes) == (409, [])


@pytest.mark.parametrize("path", ["/checkout/quote", "/checkout"])
def test_no_connection_is_held_while_the_carrier_is_asked(
    app: Flask, client: FlaskClient, outside: Gateways, express: dict[str, str], path: str
) -> None:
    engine: Engine = app.extensions["sessions"].kw["bind"]
    held: list[str] = []

    class Watched(FakeCarrier):
        def quote(self, country: str, service: str, items: int) -> Quote:
            held.append(engine.pool.status())
            return {}

    app.extensions["gateways"] = replace(outside, carrier=Watched())

    client.post(path, data={**express, "total_shown": "3473"})

    [status] = held
    assert "Current Checked out connections: 0" in status
