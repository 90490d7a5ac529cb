"""Put one text wherever the store keeps one, by the forms that people use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scenarios.kit.pages import tell
from scenarios.kit.rows import PASSWORD
from scenarios.kit.work import run_due_jobs
from shop.worker.loop import Worker
from tests.attacks.filled_in import ORDER, ROW, VALID, post_file, post_form, post_order

PICTURE_URL = "https://pictures.example/kettle.png"
# The price of a lamp, its delivery and the tax on both.
_TOTAL = 2873
_DELIVERY = ("name", "address", "city")


@dataclass(frozen=True)
class Stored:
    """Where a text lies now: in two orders, and in an account that somebody opened."""

    orders: tuple[str, str]
    email: str


def store(insider: FlaskClient, guest: FlaskClient, worker: Worker, text: str, nth: int) -> Stored:
    """Store the text everywhere, and let the worker do what follows from it."""
    _describe_products(insider, text, nth)
    _take(post_form(insider, "/account/profile", _texts("country_code", text)))
    _take(post_form(insider, "/account/reviews/lamp", {"stars": "4", "text": text}))
    email = f"guest-{nth}@example.com"
    account = {"email": email, "name": text, "password": PASSWORD, "next": ""}
    _take(post_form(guest, "/register", account))
    _take(post_form(guest, "/password/forgot", {"email": email}))
    numbers = _check_out(insider, text), _order_by_program(insider, text, nth)
    run_due_jobs(worker)
    for verb in ("pack", "ship"):
        for number in numbers:
            _take(post_form(insider, f"/staff/orders/{number}/{verb}", {}))
    run_due_jobs(worker)
    return Stored(numbers, email)


def _describe_products(insider: FlaskClient, text: str, nth: int) -> None:
    texts = {"name": text, "summary": text, "description": text}
    picture = {"picture_url": f"{PICTURE_URL}?{nth}", "picture_alt": text}
    _take(post_file(insider, {**ROW, **texts, **picture}))
    path = "/staff/products/LMP-001"
    version = _typed_in(insider, path, "version")
    _take(post_form(insider, path, {**texts, "price_amount": "1999", "version": version}))
    came_in = {"delta": "2", "reason": "received", "note": text}
    _take(post_form(insider, f"{path}/stock", came_in))


def _check_out(insider: FlaskClient, text: str) -> str:
    _take(post_form(insider, "/products/lamp/add", {"quantity": "1"}))
    _take(post_form(insider, "/cart/lines/LMP-001", {"quantity": "1"}))
    token = _typed_in(insider, "/checkout", "checkout_token")
    known = ("email", "country_code", "shipping_method", "card_number")
    form = {**{name: VALID[name] for name in known}, **_texts("postcode", text)}
    form |= {"postcode": text[:20], "checkout_token": token, "total_shown": str(_TOTAL)}
    placed = _take(post_form(insider, "/checkout", form))
    return urlsplit(placed.location).path.rsplit("/", 1)[-1]


def _order_by_program(insider: FlaskClient, text: str, nth: int) -> str:
    body = {**ORDER, **dict.fromkeys(_DELIVERY, text), "total_amount": _TOTAL}
    number: str = _take(post_order(insider, body, f"order-{nth}")).get_json()["number"]
    return number


def _texts(last: str, text: str) -> Mapping[str, str]:
    return {**dict.fromkeys(_DELIVERY, text), last: VALID[last]}


def _typed_in(browser: FlaskClient, path: str, field: str) -> str:
    """Return what a page has filled into a field."""
    [value, *_] = re.findall(f'name="{field}" value="([^"]*)"', browser.get(path).text)
    return unescape(value)


def _take(answer: TestResponse) -> TestResponse:
    """Return the answer of a form that was taken; whatever was refused is stored nowhere."""
    assert answer.status_code < 400, tell(answer)
    return answer
