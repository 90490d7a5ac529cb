import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.rows import DELIVERY
from shop.db import Model
from shop.domain.order_status import OrderStatus, PaymentStatus
from shop.gateways.fakes import APPROVED
from shop.models import Cart, Category, Customer, Heartbeat, Job, Product, Review
from shop.services.accounts import hash_token
from tests.factories import (
    PASSWORD,
    CartFactory,
    CartLineFactory,
    CustomerFactory,
    OrderFactory,
    PictureFactory,
)
from tests.shop.browsers import sign_in_browser

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "access.md"
ROW = r"^\| (GET|POST) \| `([^`]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$"
TABLE = re.findall(ROW, DOCUMENT.read_text("utf-8"), re.MULTILINE)
ROLES = ("guest", "customer", "another customer", "staff")
NUMBER = "BB-7K3MQ-9XT2W"
JOB_ID = 7
PICTURE_ID = 8
# The first is removed by its author, so that staff need another one.
REVIEW_IDS = {"guest": 1, "customer": 1, "another customer": 2, "staff": 2}
PARTS = {
    "<slug>": "lamp",
    "<sku>": "LMP-001",
    "<number>": NUMBER,
    "<path:filename>": "store.css",
    "<int(max=2147483647):job_id>": str(JOB_ID),
    "<int(max=2147483647):picture_id>": str(PICTURE_ID),
    "<any(pack, ship, cancel, refund):verb>": "pack",
}
ORDER = {**DELIVERY, "card_number": APPROVED}
PRODUCTS = (
    b"sku,name,summary,description,category,price_amount,on_hand,picture_url,picture_alt\r\n"
    b"KTL-002,Linnet Kettle,,,kitchen,5800,12,,\r\n"
)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def email_of(role: str) -> str:
    return f"{role.replace(' ', '-')}@example.com"


def form_of(path: str, role: str) -> dict[str, Any]:
    """Return what this one of the four fills in, so that only the access can be refused."""
    forms: dict[str, dict[str, Any]] = {
        "/products/<slug>/add": {"quantity": "1"},
        "/cart/lines/<sku>": {"quantity": "2"},
        "/checkout": {
            **DELIVERY,
            "card_number": "4242424242424242",
            "checkout_token": f"checkout {role}",
            "total_shown": "2873",
        },
        "/orders/find": {"number": NUMBER, "email": "ada@example.com"},
        "/register": {"email": f"new-{email_of(role)}", "name": "Ada", "password": PASSWORD},
        "/sign-in": {"email": email_of(role), "password": PASSWORD},
        "/password/forgot": {"email": email_of(role)},
        "/password/reset": {"token": f"link {role}", "password": "another long one"},
        "/account/profile": {"name": "Ada"},
        "/account/password": {"current_password": PASSWORD, "new_password": "another long one"},
        "/account/reviews/<slug>": {"stars": "4", "text": "It shines."},
        "/staff/orders/<number>/units": {"sku": "LMP-001", "quantity": "1"},
        "/staff/products/<sku>": {"name": "Lamp", "price_amount": "1999", "version": "1"},
        "/staff/import": {"file": (io.BytesIO(PRODUCTS), "products.csv")},
        "/staff/products/<sku>/stock": {"delta": "1", "reason": "counted"},
    }
    return forms.get(path, {})


@pytest.fixture
def browsers(app: Flask, session: Session, lamp: Product) -> dict[str, FlaskClient]:
    """A browser for each of the four, with a lamp in its cart; one of them has an order."""
    known = {role: make_account(role) for role in ROLES}
    order = OrderFactory.create(number=NUMBER, product=lamp, customer_id=known["customer"].id)
    order.status, order.payment_status = OrderStatus.CONFIRMED, PaymentStatus.PAID
    lamp.stock.allocated = 1
    shelf = Category(slug="kitchen", name="Kitchen")
    session.add_all([set_aside(JOB_ID), Heartbeat(worker="host:1", beat_at=START), shelf])
    PictureFactory.create(
        id=PICTURE_ID, product_id=lamp.id, name="", content=b"a picture", content_type="image/png"
    )
    for role in ("customer", "a fifth"):
        author = known.get(role) or CustomerFactory.create()
        session.add(review_of(lamp, author, REVIEW_IDS.get(role, 2)))
    lamp.review_count, lamp.stars_total = 2, 10
    session.commit()
    browsers = {role: sign_in_browser(app, session, known[role]) for role in ROLES}
    browsers["guest"] = app.test_client()
    for role, browser in browsers.items():
        fill_cart_of(session, role, browser, lamp)
    return browsers


def make_account(role: str) -> Customer:
    customer: Customer = CustomerFactory.create(
        email=email_of(role),
        is_staff=role == "staff",
        reset_hash=hash_token(f"link {role}"),
        reset_ends_at=START + timedelta(hours=1),
        api_token_hash=hash_token(f"token {role}"),
    )
    return customer


def fill_cart_of(session: Session, role: str, browser: FlaskClient, lamp: Product) -> None:
    with browser.session_transaction() as kept:
        token = kept.setdefault("cart", "cart of the guest")
    found = session.scalars(select(Cart).where(Cart.token == token)).one_or_none()
    cart = found or CartFactory.create(token=token)
    cart.checkout_token = f"checkout {role}"
    CartLineFactory.create(cart_id=cart.id, product=lamp)
    session.rollback()


def set_aside(job_id: int) -> Job:
    return Job(
        id=job_id,
        key="a job",
        kind="send_confirmation",
        payload={"number": NUMBER},
        created_at=START,
        due_at=START,
        set_aside_at=START,
    )


def review_of(product: Product, author: Customer, review_id: int) -> Review:
    return Review(
        id=review_id, product_id=product.id, customer_id=author.id, stars=5, written_at=START
    )


def ask(browser: FlaskClient, method: str, path: str, role: str) -> TestResponse:
    parts = {**PARTS, "<int(max=2147483647):review_id>": str(REVIEW_IDS[role])}
    address = re.sub("<[^>]+>", lambda part: parts[part[0]], path)
    sent: dict[str, Any] = {"data": form_of(path, role)} if method == "POST" else {}
    if path.startswith("/api/v1/"):
        total = {"lines": [{"sku": "LMP-001", "quantity": 1}], "total_amount": 2873}
        sent = {"json": {**ORDER, **total}} if method == "POST" else {}
        token = {"Authorization": f"Bearer token {role}"} if role != "guest" else {}
        sent["headers"] = {"Idempotency-Key": "once", **token}
    return browser.open(address, method=method, buffered=True, **sent)


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def all_rows(session: Session) -> dict[str, list[Any]]:
    session.rollback()
    return {t.name: list(session.execute(t.select())) for t in Model.metadata.sorted_tables}


def word_for(answer: TestResponse) -> str:
    """Return the status as the table has it."""
    leads_to_sign_in = answer.status_code == 302 and urlsplit(answer.location).path == "/sign-in"
    return "sign in" if leads_to_sign_in else str(answer.status_code)


@on_sqlite
def test_the_table_names_every_route_and_no_other(app: Flask) -> None:
    routes = [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]

    assert sorted((method, path) for method, path, *_ in TABLE) == sorted(routes)


def test_each_rule_stands_where_the_document_says() -> None:
    said = DOCUMENT.read_text("utf-8")
    named = re.findall(r"`(\w+)`[^`]*?(?:`(\w+)`\s+)?in\s+`(shop/[\w/]+\.py)`", said)

    assert len(named) == 5
    for *names, path in named:
        source = (ROOT / path).read_text("utf-8")
        assert [name for name in names if name not in source] == [], path


@on_sqlite
@pytest.mark.parametrize(("method", "path", "said"), [(m, p, rest) for m, p, *rest in TABLE])
def test_a_route_answers_each_of_the_four_as_the_table_says(
    browsers: dict[str, FlaskClient], method: str, path: str, said: list[str]
) -> None:
    answers = {role: word_for(ask(browsers[role], method, path, role)) for role in ROLES}

    assert answers == dict(zip(ROLES, said, strict=True))


@on_sqlite
@pytest.mark.parametrize("path", ["/account/", "/account/orders", "/staff/", "/staff/products?q=x"])
def test_a_guest_is_sent_to_sign_in_and_then_back(
    browsers: dict[str, FlaskClient], path: str
) -> None:
    sent_away = browsers["guest"].get(path)
    form = {**form_of("/sign-in", "staff"), "next": query_of(sent_away.location)["next"]}

    sent_back = browsers["guest"].post("/sign-in", data=form)

    assert sent_back.location.rstrip("?") == path


@on_sqlite
@pytest.mark.parametrize("role", ROLES[1:])
def test_a_browsers_sign_in_opens_no_order_to_programs(
    browsers: dict[str, FlaskClient], role: str
) -> None:
    answer = browsers[role].get(f"/api/v1/orders/{NUMBER}")

    assert (answer.status_code, NUMBER in answer.text) == (401, False)


@on_sqlite
@pytest.mark.parametrize("shown", ["", "token", "token Staff", "token\xa0staff", "x" * 5_000])
def test_a_wrong_token_opens_no_order(browsers: dict[str, FlaskClient], shown: str) -> None:
    headers = {"Authorization": f"Bearer {shown}"}

    answer = browsers["guest"].get("/api/v1/orders", headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@on_sqlite
@pytest.mark.parametrize(
    "path", [p for m, p, *_ in TABLE if m == "POST" and not p.startswith(("/api/", "/webhooks/"))]
)
def test_a_form_without_its_token_is_refused_and_changes_nothing(
    browsers: dict[str, FlaskClient], session: Session, path: str
) -> None:
    browsers["staff"].application.config["WTF_CSRF_ENABLED"] = True
    before = all_rows(session)

    answer = ask(browsers["staff"], "POST", path, "staff")

    assert (answer.status_code, all_rows(session) == before) == (400, True)
