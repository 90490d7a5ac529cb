import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.domain.spreadsheet import to_cell
from shop.models import Order, Product
from tests.factories import CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in_browser

NUMBER = "BB-7K3MQ-9XT2W"
FORMULA = '=HYPERLINK("http://127.0.0.1";"Click")'
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def staff(app: Flask, session: Session) -> FlaskClient:
    return sign_in_browser(app, session, CustomerFactory.create(name="Jo", is_staff=True))


@pytest.fixture
def many(session: Session, lamp: Product) -> int:
    """How many orders there are: more than two chunks of them."""
    first = OrderFactory.create(product=lamp)
    columns = {c.key: getattr(first, c.key) for c in Order.__table__.columns if c.key != "id"}
    own = [{**columns, "number": f"N{n}", "checkout_token": f"T{n}"} for n in range(1_000)]
    session.execute(insert(Order), own)
    session.commit()
    return 1_001


def rows_of(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))]


def held(app: Flask) -> int:
    """Return how many connections to the database are out."""
    count: int = app.extensions["sessions"].kw["bind"].pool.checkedout()
    return count


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\tx", "\rx", FORMULA),
        *(" =1", "\u00a0=1", "'=1", '"=1', '" =1', "' '+1", "\ufeff=1", "\u200b=1"),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", " \uff1d1", "=", "-"),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert to_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "Ada", "a=1", "1-1", "ada+lamps@example.com", "O'Neil", '"Ada"', "'t Hof", "Zoë", "£5"],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert to_cell(text) == text


@pytest.mark.parametrize(
    ("amount", "cell"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (1230, "12.30"),
        (-150, "-1.50"),
        (2**63 - 1, "92233720368547758.07"),
    ],
)
def test_an_amount_stays_a_number(amount: int, cell: str) -> None:
    assert to_cell(amount) == cell


def test_a_moment_is_one_that_a_spreadsheet_knows() -> None:
    assert to_cell(datetime(2026, 3, 2, 9, 5, 7, 123, tzinfo=UTC)) == "2026-03-02 09:05:07"


def test_the_export_has_a_row_for_each_order(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    OrderFactory.create(number=NUMBER, product=lamp, name="Zoë, O'Neil", placed_at=START)

    answer = staff.get("/staff/orders.csv")

    assert rows_of(answer.text) == [
        {
            "number": NUMBER,
            "placed_at": "2026-03-02 09:00:00",
            "status": "placed",
            "payment_status": "pending",
            "fulfillment_status": "unfulfilled",
            "email": "ada@example.com",
            "name": "Zoë, O'Neil",
            "country_code": "GB",
            "goods_amount": "19.99",
            "discount_amount": "0.00",
            "shipping_amount": "3.95",
            "tax_amount": "4.79",
            "total_amount": "28.73",
            "gift_card_amount": "0.00",
            "refunded_amount": "0.00",
            "currency": "GBP",
        }
    ]


@on_sqlite
def test_the_export_is_saved_under_a_name_and_read_as_utf_8(
    staff: FlaskClient, lamp: Product
) -> None:
    OrderFactory.create(product=lamp, name="Zoë")

    answer = staff.get("/staff/orders.csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=orders.csv"
    assert answer.data.startswith(b"\xef\xbb\xbfnumber,placed_at,")
    assert answer.data.count("Zoë".encode()) == 1


@on_sqlite
@pytest.mark.parametrize("column", ["email", "name"])
def test_what_a_customer_typed_runs_nothing(staff: FlaskClient, lamp: Product, column: str) -> None:
    OrderFactory.create(product=lamp, **{column: FORMULA})

    (row,) = rows_of(staff.get("/staff/orders.csv").text)

    assert row[column] == f"'{FORMULA}"


@on_sqlite
def test_a_store_without_orders_exports_the_names_of_the_columns(staff: FlaskClient) -> None:
    text = staff.get("/staff/orders.csv").text

    assert (text.count("\r\n"), text.endswith("refunded_amount,currency\r\n")) == (1, True)


def test_every_order_is_exported_once_in_chunks_of_the_same_size(
    staff: FlaskClient, app: Flask, session: Session, many: int
) -> None:
    statements = []
    engine = app.extensions["sessions"].kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))

    numbers = [row["number"] for row in rows_of(staff.get("/staff/orders.csv").text)]

    assert numbers[1:] == [f"N{n}" for n in range(many - 1)]
    # Two full chunks, one that is not, and one that is empty.
    assert len([each for each in statements if "FROM orders" in each]) == 4


@pytest.mark.parametrize("taken", [1, 2, 4])
def test_no_connection_is_held_while_a_piece_is_sent_nor_after_a_reader_is_gone(
    staff: FlaskClient, app: Flask, session: Session, many: int, taken: int
) -> None:
    session.close()
    answer = staff.get("/staff/orders.csv")
    pieces: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]

    got = list(islice(pieces, taken))
    while_sending = held(app)
    answer.close()

    assert (len(got), while_sending, held(app)) == (taken, 0, 0)


def test_no_connection_is_held_after_the_last_piece(
    staff: FlaskClient, app: Flask, session: Session, many: int
) -> None:
    session.close()

    rows = rows_of(staff.get("/staff/orders.csv").text)

    assert (len(rows), held(app)) == (many, 0)


def test_an_order_that_is_placed_meanwhile_repeats_no_other(
    staff: FlaskClient, session: Session, lamp: Product, many: int
) -> None:
    answer = staff.get("/staff/orders.csv")
    pieces: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
    begun = b"".join(islice(pieces, 2))
    OrderFactory.create(number=NUMBER, product=lamp, placed_at=START - timedelta(days=90))

    rows = rows_of((begun + b"".join(pieces)).decode())

    assert (len(rows), len({row["number"] for row in rows})) == (many + 1, many + 1)
    assert rows[-1]["number"] == NUMBER
