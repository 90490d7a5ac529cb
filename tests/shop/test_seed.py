import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scenarios.world.suggestions import STANDARD
from seed_data.standard import AlreadySeededError, load_standard_store
from shop.db import Model
from shop.domain.pricing import price_order
from shop.models import (
    Cart,
    Coupon,
    Customer,
    GiftCard,
    Order,
    Picture,
    Product,
    Review,
    StockMovement,
)
from shop.queries.orders import SHELVES, list_orders
from tests.shop.order_books import find_faults

TODAY = datetime(2026, 10, 1, tzinfo=UTC)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def seeded(session: Session) -> Session:
    """A session on the standard store."""
    load_standard_store(session)
    return session


def every_row(session: Session) -> dict[str, list[tuple[object, ...]]]:
    session.rollback()
    return {
        table.name: [
            tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))
        ]
        for table in Model.metadata.sorted_tables
    }


def test_the_standard_store_keeps_right_books(seeded: Session) -> None:
    assert find_faults(seeded, received=0) == []


@on_sqlite
def test_no_product_of_the_standard_store_had_less_than_nothing(seeded: Session) -> None:
    on_hand: dict[int, int] = {}
    for movement in seeded.scalars(select(StockMovement).order_by(StockMovement.id)):
        on_hand[movement.product_id] = on_hand.get(movement.product_id, 0) + movement.delta
        assert on_hand[movement.product_id] >= 0, movement.product_id


@on_sqlite
def test_what_is_also_bought_in_the_standard_store_is_sold_there(seeded: Session) -> None:
    sold = set(seeded.scalars(select(Product.sku)))
    known = set(STANDARD) | {sku for skus in STANDARD.values() for sku in skus}

    assert (known - sold, [sku for sku, skus in STANDARD.items() if sku in skus]) == (set(), [])


@on_sqlite
def test_every_order_of_the_standard_store_adds_up(seeded: Session) -> None:
    for order in seeded.scalars(select(Order)):
        lines = [line.priced for line in order.lines]
        coupon = seeded.get(Coupon, order.coupon_code) if order.coupon_code else None
        rate, balance = coupon.rate if coupon else 0, order.totals.gift_card
        shipping, tax_rate = order.totals.shipping, order.country.tax_rate
        priced = price_order(lines, shipping, tax_rate, rate, balance)
        assert (order.number, priced) == (order.number, order.totals)


@on_sqlite
def test_the_standard_store_has_coupons_and_gift_cards_in_every_state(seeded: Session) -> None:
    coupons, cards = seeded.scalars(select(Coupon)).all(), seeded.scalars(select(GiftCard)).all()

    assert {each.code for each in coupons if each.ends_at < TODAY} == {"MAYDAY20"}
    assert {each.code for each in coupons if each.most_uses - each.used == 1} == {"FIRST3"}
    assert {each.code for each in coupons if each.rate == 10_000} == {"THANKYOU-MIRA"}
    assert {len(each.code) for each in cards} == {16}
    states = [(each.balance < each.amount, each.ends_at < TODAY) for each in cards]
    assert sorted(states) == [(False, False), (False, True), (True, False)]


@on_sqlite
def test_staff_of_the_standard_store_have_something_to_do(seeded: Session) -> None:
    busy = {shelf for shelf in SHELVES if list_orders(seeded, "", shelf, "").rows}

    assert {"to-pack", "to-ship", "completed", "canceled"} <= busy


@on_sqlite
def test_every_customer_of_the_standard_store_has_a_cart(seeded: Session) -> None:
    customers = set(seeded.scalars(select(Customer.id)))

    assert (len(customers) > 1, set(seeded.scalars(select(Cart.customer_id)))) == (True, customers)


@on_sqlite
def test_the_products_of_the_standard_store_count_their_reviews(seeded: Session) -> None:
    counted = {
        product.id: (product.review_count, product.stars_total)
        for product in seeded.scalars(select(Product).where(Product.review_count > 0))
    }
    sums = select(Review.product_id, func.count(), func.sum(Review.stars))
    rows = seeded.execute(sums.group_by(Review.product_id))
    recounted = {product_id: (count, stars) for product_id, count, stars in rows}

    assert (len(counted), counted) == (8, recounted)


@on_sqlite
def test_nobody_in_the_standard_store_reviews_before_they_can(seeded: Session) -> None:
    moments = select(Review.written_at, Customer.created_at, Product.listed_at)
    joined = moments.join(Review.customer).join(Product, Product.id == Review.product_id)

    rows = seeded.execute(joined).all()

    assert (len(rows) > 20, [row for row in rows if row[0] <= max(row[1:])]) == (True, [])


@on_sqlite
def test_every_picture_of_the_standard_store_is_there(app: Flask, seeded: Session) -> None:
    names = [*seeded.scalars(select(Product.picture)), *seeded.scalars(select(Picture.name))]

    files = {path.name for path in (Path(app.static_folder or "") / "pictures").iterdir()}

    assert (len(names) > 48, set(names) ^ files) == (True, {"parcel.svg"})


@on_sqlite
def test_the_accounts_that_the_sign_in_page_names_sign_in(
    app: Flask, client: FlaskClient, seeded: Session
) -> None:
    named = re.findall(r"<dd><code>([^<]+)</code></dd>", client.get("/sign-in").text)
    accounts = list(zip(named[::2], named[1::2], strict=True))

    doors = {}
    for email, password in accounts:
        browser = app.test_client()
        browser.post("/sign-in", data={"email": email, "password": password})
        doors[email] = browser.get("/account/").status_code, browser.get("/staff/").status_code

    assert sorted(doors.values()) == [(200, 200), (200, 403)]


def test_a_second_seed_changes_nothing(seeded: Session) -> None:
    before = every_row(seeded)

    with pytest.raises(AlreadySeededError):
        load_standard_store(seeded)

    assert every_row(seeded) == before


@on_sqlite
def test_something_in_the_standard_store_is_on_sale_in_autumn_and_winter(seeded: Session) -> None:
    products = seeded.scalars(select(Product)).all()

    sales = [
        {
            product.name
            for product in products
            if product.is_on_sale(datetime(2026, month, 24, tzinfo=UTC))
        }
        for month in (8, 9, 11)
    ]

    assert sales == [set(), {"Camp Lantern"}, {"Camp Lantern"}]


@on_sqlite
def test_something_in_the_standard_store_is_scarce(seeded: Session) -> None:
    limits = select(Product.name, Product.most_per_buyer, Product.limit_days)
    scarce = seeded.execute(limits.where(Product.most_per_buyer.is_not(None))).all()

    assert [tuple(row) for row in scarce] == [("Heron Binoculars", 3, 7)]
