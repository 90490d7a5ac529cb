"""My orders, for customers with few orders and with many, as a page and as the API's list.

Costs are counted in statements and rows and never in seconds, so that they are the same on every
machine.
"""

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.actors import Shopper
from scenarios.kit.meters import Cost, measure
from scenarios.kit.pages import tell
from scenarios.kit.rows import add_customer, add_delivery, add_order, add_product
from shop.domain.money import Money
from shop.models import Order

PAGE, API = "/account/orders", "/api/v1/orders"
GOODS = {"LMP-001": "Desk Lamp", "PEN-001": "Pen", "NTB-001": "Notebook"} | {
    "PCL-001": "Pencil",
    "STP-001": "Stapler",
}
TIMES = "\N{MULTIPLICATION SIGN}"
SIZES = (5, 10, 20)
MOST_ON_A_PAGE = 25
# More than a page holds, and as many of each length on the first page.
LONG_PASTS = (28, 38)

Read = Callable[[], TestResponse]


@pytest.fixture
def customer(app: Flask, session: Session) -> Shopper:
    """Ada, signed in, who has ordered nothing yet."""
    add_delivery(session)
    for sku, name in GOODS.items():
        add_product(session, sku, name=name, on_hand=50)
    add_customer(session)
    customer = Shopper(app)
    customer.sign_in(customer.email)
    return customer


@pytest.fixture
def page(customer: Shopper) -> Read:
    return lambda: customer.ask("GET", PAGE)


@pytest.fixture
def program(app: Flask, customer: Shopper) -> Read:
    """The program that does Ada's bookkeeping."""
    shown = customer.ask("POST", "/account/token").text
    token = re.findall(r'class="token">([^<]+)<', shown)[0]
    headers = {"Authorization": f"Bearer {token}"}
    return lambda: Shopper(app).ask("GET", API, headers=headers)


def make_lines(nth: int) -> dict[str, int]:
    """Return what the nth order holds: five products or two, in numbers of its own."""
    return {sku: 1 + (nth + place) % 9 for place, sku in enumerate(GOODS) if nth % 2 or place < 2}


def bring_to(session: Session, count: int) -> None:
    """Let Ada have ordered so often."""
    there = len(session.scalars(select(Order.id)).all())
    for nth in range(there, count):
        add_order(session, f"BB-{nth:05}-TESTS", make_lines(nth), state="delivered")


def report(expected: str, seen: str, place: str) -> str:
    return f"\nExpected: {expected}\nSeen: {seen}\nLook at: {place}"


def read(ask: Read, address: str) -> tuple[TestResponse, str]:
    """Return an answer that came, and its text as somebody reads it: without tags, on one line."""
    answer = ask()
    assert answer.status_code == 200, report(
        f"{address} answers.", f"It says: {tell(answer)}", f"{address}, and the store's log"
    )
    return answer, " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def describe(lines: Mapping[str, int]) -> str:
    """Return what My orders says of these lines: the first three, and how many more there are."""
    named = [f"{quantity} {TIMES} {GOODS[sku]}" for sku, quantity in lines.items()]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return ", ".join(named[:3]) + more


def expect_listed(session: Session, text: str, count: int) -> None:
    """Check that the page shows the latest of this many orders, with their totals and goods."""
    latest = select(Order.number, Order.total_amount).order_by(Order.id.desc())
    expected = [
        f"{number} {Money(total)} {describe(make_lines(count - 1 - nth))}"
        for nth, (number, total) in enumerate(session.execute(latest.limit(MOST_ON_A_PAGE)))
    ]
    session.rollback()
    shown = re.findall(r"BB-\d{5}-TESTS .+?(?= BB-\d{5}-TESTS |$)", text)
    listed = [row.startswith(start) for row, start in zip(shown, expected, strict=False)]
    assert (len(shown), listed.count(True)) == (len(expected), len(expected)), report(
        f"{len(expected)} orders on the page, the latest first, each with its total and its goods,"
        f" as in “{expected[0]}”.",
        f"{len(shown)} orders, {listed.count(True)} of them complete and in their place"
        + (f"; the first is “{shown[0][:80]}”." if shown else "."),
        f"{PAGE} of a customer with {count} orders",
    )


def expect_answered(answer: TestResponse, count: int) -> None:
    """Check that a program gets the latest of this many orders, with everything they hold."""
    numbers = range(count - 1, max(-1, count - 1 - MOST_ON_A_PAGE), -1)
    expected = [(f"BB-{nth:05}-TESTS", make_lines(nth)) for nth in numbers]
    body: dict[str, Any] = answer.get_json()
    orders = [
        (order.get("number"), {line["sku"]: line["quantity"] for line in order.get("lines", ())})
        for order in body.get("orders", ())
    ]
    assert orders == expected, report(
        f"{len(expected)} orders, the latest first, each with all of its lines.",
        f"{len(orders)} orders, {sum(map(orders.count, expected))} of them complete.",
        f"{API} with the token of a customer with {count} orders",
    )


def expect_same(costs: Mapping[int, int], what: str, address: str) -> None:
    said = ", ".join(f"{cost} with {size} orders" for size, cost in costs.items())
    assert len(set(costs.values())) == 1, report(
        f"To answer {address} takes as many {what} with {max(costs)} orders as with {min(costs)}.",
        f"{what.capitalize()}: {said}.",
        f"what the database is asked for {address}: `cartwreck debug --statements`",
    )


def test_my_orders_costs_the_same_however_many_there_are(
    engine: Engine, session: Session, page: Read
) -> None:
    costs: dict[int, int] = {}
    for size in SIZES:
        bring_to(session, size)
        with measure(engine) as cost:
            _, text = read(page, PAGE)
        expect_listed(session, text, size)
        costs[size] = len(cost.statements)

    expect_same(costs, "statements", PAGE)


def test_a_program_gets_its_orders_at_the_same_cost_however_many_there_are(
    engine: Engine, session: Session, program: Read
) -> None:
    costs: dict[int, int] = {}
    for size in SIZES:
        bring_to(session, size)
        with measure(engine) as cost:
            answer, _ = read(program, API)
        expect_answered(answer, size)
        costs[size] = len(cost.statements)

    expect_same(costs, "statements", API)


def test_a_page_costs_the_same_however_many_older_orders_there_are(
    engine: Engine, session: Session, page: Read
) -> None:
    costs: dict[int, Cost] = {}
    for size in LONG_PASTS:
        bring_to(session, size)
        with measure(engine) as costs[size]:
            _, text = read(page, PAGE)
        expect_listed(session, text, size)

    expect_same({size: cost.rows for size, cost in costs.items()}, "rows", PAGE)


def test_older_orders_are_a_page_further_on(
    session: Session, customer: Shopper, page: Read
) -> None:
    bring_to(session, LONG_PASTS[0])
    links = re.findall(r'href="([^"]*\?after=[^"]+)"', read(page, PAGE)[0].text)

    older = [customer.ask("GET", unescape(link)).text for link in links]

    shown = re.findall(r">(BB-\d{5}-TESTS)<", " ".join(older))
    assert shown == [f"BB-{nth:05}-TESTS" for nth in (2, 1, 0)], report(
        "Older orders leads to the three orders that have no place on the first page.",
        f"Behind {len(links)} such links: {', '.join(shown) or 'no order'}.",
        f"{PAGE} of a customer with {LONG_PASTS[0]} orders",
    )


def test_what_was_just_ordered_is_listed_at_once(
    session: Session, customer: Shopper, page: Read
) -> None:
    bring_to(session, SIZES[0])
    read(page, PAGE)
    customer.add("ntb-001", 2)
    placed = customer.send(customer.fill_in())

    _, text = read(page, PAGE)

    number = (placed.location or "").rsplit("/", 1)[-1]
    shown = re.findall(r"BB-\w{5}-\w{5} .+?(?= BB-|$)", text)
    stands = [number in row and f"2 {TIMES} Notebook" in row for row in shown]
    assert (placed.status_code, stands) == (303, [True] + [False] * SIZES[0]), report(
        f"Two notebooks can be bought; they then stand first, before {SIZES[0]} earlier orders.",
        f"The purchase is answered {tell(placed)}; of {len(shown)} orders on the page"
        f" {stands.count(True)} is the new one.",
        f"{PAGE} after a purchase",
    )
