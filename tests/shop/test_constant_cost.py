"""What a page costs does not grow with what the store has sold, and no list is without an end.

Every address that answers GET is in a table here, with what stands in it once for each row of its
list. A page that is missing in the table fails a test.
"""

import re
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.meters import measure
from shop.models import Product
from tests.shop.growing_store import (
    ADA,
    GUEST,
    MOST_LINES,
    NUMBER,
    PICTURE_ID,
    PROGRAM,
    STAFF,
    TOKEN,
    GrowingStore,
)

SIZES, MANY = (5, 10, 20), 120
# What stands in a page for each row: names and numbers that the rows of `grow` have.
GOODS, ORDERS, CUSTOMERS = r"Thing \d+", r"BB-\d{5}-TESTS", r"customer-\d+@example\.com"
JOBS, MOVEMENTS, REVIEWS = r"job-\d+", r"moved-\d+", r"review-\d+"


@dataclass(frozen=True)
class Look:
    """An address, who asks for it, and its list: what its rows look like and how many it shows."""

    address: str
    who: str = GUEST
    rows: str = ""
    most: int = 0


PAGES = {
    "/": Look("/", rows=GOODS, most=12),
    "/products/<slug>": Look("/products/lamp", rows=REVIEWS, most=12),
    "/pictures/<int(max=2147483647):picture_id>": Look(f"/pictures/{PICTURE_ID}"),
    "/cart": Look("/cart", ADA, GOODS, MOST_LINES),
    "/checkout": Look("/checkout", ADA, GOODS, MOST_LINES),
    "/orders/find": Look("/orders/find"),
    "/orders/<number>": Look(f"/orders/{NUMBER}", ADA, GOODS, MOST_LINES),
    "/orders/<number>/receipt": Look(f"/orders/{NUMBER}/receipt", ADA, GOODS, MOST_LINES),
    "/register": Look("/register"),
    "/sign-in": Look("/sign-in"),
    "/password/forgot": Look("/password/forgot"),
    "/password/reset": Look("/password/reset?token=link"),
    "/account/": Look("/account/", ADA),
    "/account/orders": Look("/account/orders", ADA, ORDERS, 25),
    "/staff/": Look("/staff/?show=all", STAFF, ORDERS, 25),
    "/staff/orders/<number>": Look(f"/staff/orders/{NUMBER}", STAFF, GOODS, MOST_LINES),
    "/staff/dashboard": Look("/staff/dashboard", STAFF),
    "/staff/products": Look("/staff/products", STAFF, GOODS, 50),
    "/staff/products/<sku>": Look("/staff/products/LMP-001", STAFF, MOVEMENTS, 50),
    "/staff/import": Look("/staff/import", STAFF),
    "/staff/jobs": Look("/staff/jobs", STAFF, JOBS, 100),
    "/staff/customers": Look("/staff/customers", STAFF, CUSTOMERS, 50),
    "/api/": Look("/api/"),
    "/api/openapi.json": Look("/api/openapi.json"),
    "/api/v1/products": Look("/api/v1/products", rows=GOODS, most=50),
    "/api/v1/products/<sku>": Look("/api/v1/products/LMP-001"),
    "/api/v1/feed": Look("/api/v1/feed", rows=GOODS, most=50),
    "/api/v1/orders": Look("/api/v1/orders", PROGRAM, ORDERS, 25),
    "/api/v1/orders/<number>": Look(f"/api/v1/orders/{NUMBER}", PROGRAM, GOODS, MOST_LINES),
    "/health/live": Look("/health/live"),
    "/health/ready": Look("/health/ready"),
    # A file of the store's own, which asks the database nothing.
    "/static/<path:filename>": Look("/static/store.css"),
    # All orders, on purpose: read and sent by 500, so that it takes no more memory for more.
    "/staff/orders.csv": Look("/staff/orders.csv", STAFF),
}
LISTS = {path: look for path, look in PAGES.items() if look.rows}


# What somebody may try who wants all rows at once.
GREEDY = "limit=100000&size=100000&per_page=100000&page_size=100000&count=100000"


@pytest.fixture
def store(app: Flask, session: Session, lamp: Product) -> GrowingStore:
    return GrowingStore(app, session, lamp)


def ask(store: GrowingStore, look: Look, query: str = "") -> TestResponse:
    headers = {"Authorization": f"Bearer {TOKEN}"} if look.who == PROGRAM else {}
    address = f"{look.address}{'&' if '?' in look.address else '?'}{query}"
    return store.browsers[look.who].get(address, headers=headers, buffered=True)


def count_rows(answer: TestResponse, look: Look) -> int:
    """Count the rows that an answer shows, each by what no other row has."""
    return len(set(re.findall(look.rows, answer.text)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_table_names_every_page_and_no_other(app: Flask) -> None:
    pages = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert set(PAGES) == pages


def test_a_page_takes_as_many_statements_for_many_rows_as_for_few(
    engine: Engine, store: GrowingStore
) -> None:
    costs: dict[str, list[int]] = {path: [] for path in PAGES}
    shown: dict[str, list[int]] = {path: [] for path in LISTS}

    for size in SIZES:
        store.grow(size)
        for path, look in PAGES.items():
            with measure(engine) as cost:
                answer = ask(store, look)
            assert answer.status_code == 200, path
            costs[path].append(len(cost.statements))
            if look.rows:
                shown[path].append(count_rows(answer, look))

    assert {path: cost for path, cost in costs.items() if len(set(cost)) > 1} == {}
    # The rows were really there.
    few = {path: [min(size, LISTS[path].most) for size in SIZES] for path in LISTS}
    assert {path: rows for path, rows in shown.items() if rows != few[path]} == {}


def test_a_page_of_a_list_ends_and_a_query_does_not_lengthen_it(store: GrowingStore) -> None:
    store.grow(MANY)

    for path, look in LISTS.items():
        page, greedy = ask(store, look), ask(store, look, GREEDY)
        assert (path, count_rows(page, look)) == (path, look.most)
        assert greedy.status_code == 422 or count_rows(greedy, look) == look.most, path
