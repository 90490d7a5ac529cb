import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.pages import sentence
from shop.models import Customer, Order, Product
from shop.services.accounts import hash_token
from tests.factories import CustomerFactory, ProductFactory
from tests.shop.leftovers import left

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REGULAR, IN_SALE = "£19.99", "£14.99"
_TICK = timedelta(microseconds=1)
ENDS = START + timedelta(days=7)


@pytest.fixture
def sale(session: Session, lamp: Product) -> Product:
    """The lamp at 14.99 instead of 19.99, for a week from now on."""
    lamp.sale_amount, lamp.sale_starts_at, lamp.sale_ends_at = 1499, START, ENDS
    session.commit()
    return lamp


@pytest.fixture
def in_cart(client: FlaskClient, sale: Product) -> None:
    """One lamp in the cart of the shopper."""
    client.post("/products/lamp/add", data={"quantity": "1"})


def shown(text: str) -> list[str]:
    """Return the prices on a page that are not struck through."""
    return re.findall(r"£[\d.]+", re.sub("<s .*?</s>", "", text))


@pytest.mark.parametrize(
    ("now", "amount"), [(START - _TICK, 1999), (START, 1499), (ENDS - _TICK, 1499), (ENDS, 1999)]
)
def test_a_product_costs_less_from_the_start_of_its_sale_until_just_before_its_end(
    session: Session, sale: Product, now: datetime, amount: int
) -> None:
    session.expire_all()

    assert sale.price_at(now).amount == amount


def test_two_sales_that_begin_minutes_apart_end_each_at_its_own_end(session: Session) -> None:
    minutes = [START + timedelta(minutes=nth) for nth in range(3)]
    for nth in range(2):
        moments = {"sale_starts_at": minutes[nth], "sale_ends_at": minutes[nth] + (ENDS - START)}
        ProductFactory.create(sale_amount=1499, **moments)
    session.expire_all()
    sales = session.scalars(select(Product).order_by(Product.id)).all()

    running = [[each.is_on_sale(at + (ENDS - START)) for each in sales] for at in minutes[:2]]

    assert running == [[False, True], [False, False]]


@pytest.mark.parametrize("path", ["/", "/products/lamp", "/cart", "/checkout"])
def test_every_page_shows_the_price_of_the_moment(
    client: FlaskClient, clock: FixedClock, in_cart: None, path: str
) -> None:
    during = shown(client.get(path).text)
    clock.moment = ENDS
    after = shown(client.get(path).text)

    assert (IN_SALE in during, REGULAR in during) == (True, False)
    assert (IN_SALE in after, REGULAR in after) == (False, True)


@pytest.mark.parametrize("path", ["/api/v1/products/LMP-001", "/api/v1/products", "/api/v1/feed"])
def test_programs_get_the_price_of_the_moment(
    client: FlaskClient, clock: FixedClock, sale: Product, path: str
) -> None:
    def read() -> Any:
        body = client.get(path).get_json()
        return body.get("products", [body])[0]["price_amount"]

    during = read()
    clock.moment = ENDS

    assert (during, read()) == (1499, 1999)


@on_sqlite
@pytest.mark.parametrize("path", ["/", "/products/lamp"])
def test_a_sale_is_shown_with_the_regular_price_and_its_end_by_the_clock_of_the_store(
    client: FlaskClient, session: Session, sale: Product, path: str
) -> None:
    sale.sale_ends_at = datetime.fromisoformat("2026-06-30T21:30:00+00:00")
    session.commit()

    page = client.get(path).text

    assert '<s class="was"><span class="unseen">was </span>£19.99</s>' in page
    assert 'Sale until <time datetime="2026-06-30T22:30:00+01:00">30 Jun 2026, 22:30 BST<' in page


@on_sqlite
@pytest.mark.parametrize("path", ["/", "/products/lamp"])
def test_nothing_is_struck_through_before_a_sale_begins(
    client: FlaskClient, clock: FixedClock, sale: Product, path: str
) -> None:
    clock.moment = START - _TICK

    page = client.get(path).text

    assert ("<s " in page, "Sale until" in page, REGULAR in page) == (False, False, True)


def test_an_order_keeps_the_price_it_was_sold_at(
    client: FlaskClient, session: Session, clock: FixedClock, sale: Product, typed: dict[str, str]
) -> None:
    answer = client.post("/checkout", data={**typed, "total_shown": "2273"})
    clock.moment = ENDS

    order = session.scalars(select(Order)).one()
    assert (answer.status_code, order.lines[0].unit_amount, order.goods_amount) == (303, 1499, 1499)
    assert shown(client.get(answer.location).text)[0] == IN_SALE


@pytest.mark.parametrize(
    ("ordered_at", "total", "said"),
    [
        (ENDS, "2273", "The total is now £28.73, not £22.73."),
        (START, "2873", "The total is now £22.73, not £28.73."),
    ],
)
def test_a_sale_that_began_or_ended_since_the_page_was_shown_is_told_and_nothing_is_ordered(
    client: FlaskClient, session: Session, clock: FixedClock, sale: Product,
    typed: dict[str, str], ordered_at: datetime, total: str, said: str
) -> None:  # fmt: skip
    clock.moment = ordered_at

    page = client.post("/checkout", data={**typed, "total_shown": total})

    assert page.status_code == 409
    assert sentence(page).startswith(said)
    assert left(session) == (0, 0, 1)


def test_a_program_orders_at_the_price_of_the_sale(
    client: FlaskClient, session: Session, sale: Product, typed: dict[str, str]
) -> None:
    ada: Customer = CustomerFactory.create(api_token_hash=hash_token("token"))
    body = {name: typed[name] for name in typed if name not in ("checkout_token", "total_shown")}
    lines = [{"sku": "LMP-001", "quantity": 1}]
    headers = {"Authorization": "Bearer token", "Idempotency-Key": "first"}

    answer = client.post(
        "/api/v1/orders", json={**body, "lines": lines, "total_amount": 2273}, headers=headers
    )

    placed = session.scalars(select(Order).where(Order.customer_id == ada.id)).one()
    assert (answer.status_code, placed.goods_amount) == (201, 1499)


@on_sqlite
def test_goods_are_sorted_by_their_regular_price(
    client: FlaskClient, session: Session, sale: Product
) -> None:
    ProductFactory.create(name="Saw", price_amount=1699)

    page = client.get("/?sort=cheapest").text

    assert page.index(">Saw<") < page.index(">Lamp<")
