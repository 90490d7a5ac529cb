import csv
import io
import unicodedata

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.settings import settings_for
from shop.domain.spreadsheet import to_cell
from shop.gateways.fakes import FakeMailer
from shop.models import Product
from shop.worker.loop import Worker
from tests.attacks.filled_in import NUMBER, ROW, VALID, get_page
from tests.attacks.forms import page_addresses
from tests.attacks.injections import TEXTS
from tests.attacks.stored import Stored, store
from tests.attacks.walk import harmful

# A name has at most 80 characters, and none that cannot be printed.
PRINTABLE = {
    kind: text[:80]
    for kind, text in TEXTS.items()
    if not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text)
}
# Where at least the text has to stand, for the walk to have seen it.
SHOWN_ON = {
    *("/", "/products/lamp", "/products/of a file", "/cart of a guest", "/account/", "/checkout"),
    *("/orders/N", "/orders/N/receipt", "/staff/orders/N", "/staff/ of all", "/staff/customers"),
    *("/staff/products", "/staff/products/LMP-001"),
}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    """Let staff bring pictures along with their products."""
    return {**settings_for(database_url), "SHOP_PICTURE_HOSTS": "pictures.example"}


@pytest.fixture
def shopper(app: Flask, insider: FlaskClient) -> FlaskClient:
    """A guest with a lamp in the cart."""
    guest = app.test_client()
    guest.post("/products/lamp/add", data={"quantity": "1"})
    return guest


def all_pages(insider: FlaskClient, number: str, slug: str) -> dict[str, TestResponse]:
    """Return every page of the store, with a new order in place of the old one."""
    addresses = page_addresses(insider.application)
    paths = {path.replace(NUMBER, "N"): path.replace(NUMBER, number) for path in addresses}
    insider.post("/products/lamp/add", data={"quantity": "1"})
    paths["/staff/ of all"] = "/staff/?show=all"
    pages = {told: get_page(insider, path, {}) for told, path in paths.items()}
    insider.post("/cart/lines/LMP-001/remove")
    return {**pages, "/products/of a file": insider.get(f"/products/{slug}")}


def pages_of_guest(shopper: FlaskClient) -> dict[str, TestResponse]:
    return {f"{path} of a guest": shopper.get(path) for path in ("/", "/cart", "/products/lamp")}


def slug_of_file(session: Session) -> str:
    session.rollback()
    return session.scalars(select(Product.slug).where(Product.sku == ROW["sku"])).one()


def test_a_text_that_was_stored_does_no_harm_on_any_page(
    app: Flask, insider: FlaskClient, shopper: FlaskClient, session: Session, worker: Worker
) -> None:
    harm, unseen = {}, {}
    for nth, (kind, text) in enumerate(PRINTABLE.items()):
        stored = store(insider, app.test_client(), worker, text, nth)
        pages = all_pages(insider, stored.orders[0], slug_of_file(session))
        pages |= pages_of_guest(shopper)
        harm[kind] = harmful(pages.items())
        looked_for = str(escape(text)).encode()
        shown = {told for told, page in pages.items() if looked_for in page.data}
        unseen[kind] = SHOWN_ON - shown

    assert {kind: found for kind, found in harm.items() if found} == {}
    assert {kind: missing for kind, missing in unseen.items() if missing} == {}


def test_a_text_that_was_stored_comes_back_exactly_where_nothing_is_a_page(
    app: Flask, insider: FlaskClient, worker: Worker, mailer: FakeMailer
) -> None:
    changed = {}
    for nth, (kind, text) in enumerate(PRINTABLE.items()):
        stored = store(insider, app.test_client(), worker, text, nth)
        told = {
            "API": from_program(insider, stored.orders[1]),
            "file": from_file(insider, stored.orders[0]),
            "mails": from_mails(mailer, text, stored),
        }
        right = {"API": {text}, "file": {to_cell(text)}, "mails": [True] * 5}
        changed[kind] = {place: said for place, said in told.items() if said != right[place]}

    assert {kind: places for kind, places in changed.items() if places} == {}


def from_program(insider: FlaskClient, number: str) -> set[str]:
    """Return the texts of a product and of an order's line, as the API has them."""
    product = get_page(insider, "/api/v1/products/LMP-001", {}).get_json()
    order = get_page(insider, f"/api/v1/orders/{number}", {}).get_json()
    texts = {product[name] for name in ("name", "summary", "description")}
    return texts | {line["name"] for line in order["lines"]}


def from_file(insider: FlaskClient, number: str) -> set[str]:
    """Return the texts of an order's row in the file of all orders."""
    text = insider.get("/staff/orders.csv").text.removeprefix("\ufeff")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    [row] = [row for row in rows if row["number"] == number]
    return {row["name"]}


def from_mails(mailer: FakeMailer, text: str, stored: Stored) -> list[bool]:
    """Tell of each mail whether it holds the text as it is, and a head of its own."""
    heads = {"Message-ID", "Date", "To", "Subject", "MIME-Version"}
    heads |= {"Content-Type", "Content-Transfer-Encoding"}
    sent = list(mailer.sent)
    mailer.sent.clear()
    return [
        text in mail.get_content()
        and set(mail.keys()) <= heads
        and mail.get_content_type() == "text/plain"
        and mail["To"] in (stored.email, VALID["email"])
        for mail in sent
    ]
