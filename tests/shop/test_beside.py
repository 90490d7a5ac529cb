import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from scenarios.kit import pages
from shop.gateways import Gateways
from shop.gateways.fakes import FakeSuggestions
from shop.models import Product
from tests.factories import LISTED_AT, CategoryFactory, ProductFactory

BOUGHT, SHELF = "Others also bought", "More from this shelf"


@pytest.fixture
def goods(session: Session) -> list[Product]:
    """Six products of one shelf, A to F, each listed a day before the one before it."""
    desk = CategoryFactory.create(name="Desk")
    goods: list[Product] = [
        ProductFactory.create(
            category=desk,
            sku=f"{name}-1",
            slug=name.lower(),
            name=name,
            listed_at=LISTED_AT.replace(day=20 - nth),
        )
        for nth, name in enumerate("ABCDEF")
    ]
    ProductFactory.create(sku="Z-1", slug="z", name="Z")
    session.rollback()
    return goods


def box(client: FlaskClient, slug: str = "a") -> tuple[str, list[str]]:
    """Return the heading of the box on a product's page and the names in it."""
    page = client.get(f"/products/{slug}")
    assert page.status_code == 200
    heading = re.search(r'<h2 id="beside">([^<]+)</h2>', page.text)
    return heading[1] if heading else "", [
        unescape(name) for name in re.findall(r"<h3><a [^>]+>([^<]+)</a></h3>", page.text)
    ]


def test_what_others_bought_is_shown_in_the_order_of_the_service(
    client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions
) -> None:
    suggestions.lists["A-1"] = ["Z-1", "C-1", "B-1"]

    assert box(client) == (BOUGHT, ["Z", "C", "B"])


def test_at_most_four_are_shown(
    client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions
) -> None:
    suggestions.lists["A-1"] = ["Z-1", "F-1", "E-1", "D-1", "C-1", "B-1"]

    assert box(client) == (BOUGHT, ["Z", "F", "E", "D"])


def test_unknown_products_the_same_one_and_repetitions_are_left_out(
    client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions
) -> None:
    suggestions.lists["A-1"] = ["GONE-1", "A-1", "B-1", "", "B-1", "b-1", "%", "x" * 5_000]

    assert box(client) == (BOUGHT, ["B"])


@pytest.mark.parametrize("skus", [[], ["GONE-1"], ["A-1"]])
def test_without_usable_suggestions_the_newest_of_the_shelf_are_shown(
    client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions, skus: list[str]
) -> None:
    suggestions.lists["A-1"] = skus

    assert box(client) == (SHELF, ["B", "C", "D", "E"])


def test_a_product_alone_on_its_shelf_has_no_box(client: FlaskClient, goods: list[Product]) -> None:
    assert box(client, "z") == ("", [])


def test_the_box_stays_when_the_form_is_refused(
    client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions
) -> None:
    suggestions.lists["A-1"] = ["C-1"]

    page = client.post("/products/a/add", data={"quantity": "0"})

    assert (page.status_code, BOUGHT in page.text) == (422, True)
    assert pages.beside(page, "quantity") != ""


def test_more_suggestions_take_no_more_statements(
    app: Flask, client: FlaskClient, goods: list[Product], suggestions: FakeSuggestions
) -> None:
    sent: list[str] = []
    engine: Engine = app.extensions["sessions"].kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    counts = []

    for skus in (["B-1"], ["Z-1", "B-1", "C-1", "D-1"]):
        suggestions.lists["A-1"] = skus
        sent.clear()
        box(client)
        counts.append(len(sent))

    assert counts[0] == counts[1] > 0


def test_no_connection_is_held_while_the_service_is_asked(
    app: Flask, client: FlaskClient, outside: Gateways, goods: list[Product]
) -> None:
    engine: Engine = app.extensions["sessions"].kw["bind"]
    held: list[str] = []

    class Watched(FakeSuggestions):
        def also_bought(self, sku: str) -> list[str]:
            held.append(engine.pool.status())
            return [sku]

    app.extensions["gateways"] = replace(outside, suggestions=Watched())

    box(client)

    [status] = held
    assert "Current Checked out connections: 0" in status
