import re
from collections import Counter

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from seed_data.standard import load_standard_store
from shop.models import Product, StockMovement
from tests.shop.browsers import sign_in
from tests.shop.order_books import find_faults

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_ledger_of_every_product_adds_up_to_its_stock(session: Session) -> None:
    load_standard_store(session)

    ledger: Counter[int] = Counter()
    for movement in session.scalars(select(StockMovement)):
        ledger[movement.product_id] += movement.delta
    on_hand = {each.id: each.stock.on_hand for each in session.scalars(select(Product))}
    assert (ledger, len(on_hand)) == (on_hand, 48)


def test_the_orders_before_the_first_day_are_as_the_store_leaves_them(session: Session) -> None:
    load_standard_store(session)

    # The first entries of a history say where an order begins, and are no moves.
    moves = [each for each in find_faults(session, 0) if not re.search(r"from (\w+) to \1$", each)]
    assert moves == []


def test_the_two_accounts_of_the_sign_in_page_let_somebody_in(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    load_standard_store(session)
    shown = re.findall(r"<dd><code>([^<]+)</code></dd>", client.get("/sign-in").text)
    browsers = [app.test_client(), app.test_client()]

    for browser, email, password in zip(browsers, shown[::2], shown[1::2], strict=True):
        sign_in(browser, email, password=password)

    assert [browser.get("/account/").status_code for browser in browsers] == [200, 200]
    assert [browser.get("/staff/").status_code for browser in browsers] == [403, 200]


def test_a_customer_of_the_standard_store_has_orders(client: FlaskClient, session: Session) -> None:
    load_standard_store(session)
    sign_in(client, "mira@brindle.example", password="walnut-stool-42")

    page = client.get("/account/orders")

    numbers = re.findall('href="/orders/(BB-[^"]+)"', page.text)
    assert len(numbers) > 1
    assert {client.get(f"/orders/{number}").status_code for number in numbers} == {200}
