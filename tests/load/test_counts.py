from collections import Counter
from datetime import UTC, datetime

import pytest

from shop.models import Order
from tests.load.books import Books
from tests.load.invariants import count_lost, count_stuck, count_twice
from tests.load.lines import Line, count_reasons, find_unexplained
from tests.load.ordeal import Result, is_failure, sum_up
from tests.load.outside import Row
from tests.load.shopper import APPROVED
from tests.load.shopping import Receipt
from tests.load.story import Story

STARTED = "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database or disk is full"
REFUSED = (
    "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection failed: connection to "
    "server at 127.0.0.1, port 1 failed: Connection refused"
)
FLUSHED = (
    "sqlalchemy.exc.OperationalError: (raised as a result of Query-invoked autoflush)\n"
    "(psycopg.errors.DiskFull) could not extend file"
)
TOLD = {"level": "error", "program": "store-1", "request_id": "1a", "exception": f"\n{STARTED}"}
PAGE = {"level": "info", "program": "store-1", "request_id": "1a", "status": 500, "path": "/"}


def books(*orders: Order, payments: int = 1) -> Books:
    found: dict[str, list[Row]] = {order.number: [{}] * payments for order in orders}
    return Books(list(orders), [], [], Counter(), found, {}, Counter(), [], [])


def order(status: str) -> Order:
    return Order(number="A", status=status, payment_status="paid", fulfillment_status="delivered")


def receipt(number: str) -> Receipt:
    return Receipt(number, APPROVED, 0, datetime.now(UTC))


def story(*violations: str) -> Story:
    return Story(12, {}, 0, 0, 0, {}, violations, 1.0)


def test_an_order_that_was_shown_and_is_nowhere_is_lost() -> None:
    assert count_lost(books(order("completed")), [receipt("A"), receipt("B"), receipt("")]) == 1


@pytest.mark.parametrize(("payments", "count"), [(1, 0), (2, 1)])
def test_an_order_with_two_payments_is_there_twice(payments: int, count: int) -> None:
    assert count_twice(books(order("completed"), payments=payments)) == count


@pytest.mark.parametrize(("status", "count"), [("completed", 0), ("confirmed", 1)])
def test_an_order_that_came_to_no_end_is_stuck(status: str, count: int) -> None:
    assert count_stuck(books(order(status))) == count


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([TOLD, PAGE], 0),
        ([PAGE], 1),
        ([TOLD, TOLD, PAGE], 1),
        ([TOLD | {"exception": "\nKeyError: 'sku'"}, PAGE], 2),
    ],
)
def test_an_error_page_needs_one_line_that_blames_the_database(
    lines: list[Line], count: int
) -> None:
    assert len(list(find_unexplained(lines))) == count


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (STARTED, "database or disk is full"),
        (REFUSED, "Connection refused"),
        (FLUSHED, "could not extend file"),
    ],
)
def test_a_reason_is_what_the_driver_said(text: str, reason: str) -> None:
    assert count_reasons([{"exception": text}]) == {reason: 1}


def test_a_stage_that_was_not_run_never_counts_as_held() -> None:
    results = [Result("kill", story()), Result("disk-full", None, "mounting takes root")]

    assert sum_up(results).splitlines()[1:] == [
        "disk-full  not run: mounting takes root",
        "1 of 2 held, 0 did not, 1 not run.",
    ]
    assert [is_failure(results, must_run=must_run) for must_run in (False, True)] == [False, True]


def test_one_violation_fails_the_whole_run() -> None:
    results = [Result("kill", story()), Result("disk-full", story("A is lost."))]

    assert is_failure(results, must_run=False)
    assert sum_up(results).endswith("1 of 2 held, 1 did not.")
