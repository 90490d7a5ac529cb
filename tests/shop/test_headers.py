import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import FixedClock
from scenarios.kit.settings import settings_for
from shop import create_app
from shop.gateways.fakes import make_fakes
from shop.models import Customer, Product
from tests.factories import PASSWORD, CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in, sign_in_browser

TEMPLATES = Path(__file__).parents[2] / "shop" / "web" / "templates"
ON_EVERYTHING = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FOREIGN = re.compile(r"\s*(javascript:|data:|https?:|//)", re.IGNORECASE)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Forbidden(HTMLParser):
    """Finds in a page what the Content-Security-Policy stops: its own scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("style", "base", "iframe", "object", "embed"):
            self.found.append(f"<{tag}>")
        if tag == "script" and "src" not in given:
            self.found.append("<script> without src")
        for name, value in given.items():
            is_address = name in ("href", "src", "action", "formaction")
            if name == "style" or name.startswith("on"):
                self.found.append(f"<{tag} {name}>")
            if is_address and FOREIGN.match(value or ""):
                self.found.append(f"<{tag} {name}={value}>")


def forbidden_in(page: str) -> list[str]:
    parser = Forbidden()
    parser.feed(page)
    return parser.found


def session_cookie(answer: TestResponse) -> set[str]:
    """Return the attributes of the session cookie that the answer sets."""
    [cookie] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("session=")]
    return set(cookie.split("; ")[1:])


@pytest.fixture
def secure(database_url: str, clock: FixedClock) -> Iterator[Flask]:
    """The store as it stands behind https and under a path."""
    settings = {**settings_for(database_url), "SHOP_BASE_URL": "https://store.test/shop"}
    app = create_app(settings, gateways=make_fakes(), clock=clock)
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    app.extensions["sessions"].kw["bind"].dispose()


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("OPTIONS", "/", 200),
        ("GET", "/account/", 302),
        ("GET", "/staff", 302),
        ("POST", "/sign-out", 303),
        ("POST", "/sign-in", 422),
        ("POST", "/password/reset", 422),
        ("GET", "/nope", 404),
        ("DELETE", "/cart", 405),
        ("GET", "/static/store.css", 200),
        ("GET", "/static/store.js", 200),
        ("GET", "/static/nope.css", 404),
        ("GET", "/api/v1/products", 200),
        ("GET", "/api/v1/orders", 401),
        ("GET", "/api/openapi.json", 200),
        ("POST", "/webhooks/payments", 400),
    ],
)
def test_every_answer_carries_the_headers_that_protect_it(
    client: FlaskClient, session: Session, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method, buffered=True)

    carried = {name: answer.headers.get(name) for name in ON_EVERYTHING}
    assert (answer.status_code, carried) == (status, ON_EVERYTHING)


@on_sqlite
def test_no_address_whatever_its_slashes_leads_to_the_host_that_a_request_names(app: Flask) -> None:
    shown = {rule.rule for rule in app.url_map.iter_rules() if not rule.arguments}
    paths = [each.rstrip("/") or "/" for each in shown] + ["//account/", "/static//store.css"]

    answers = [app.test_client().get(path, base_url="http://evil.example") for path in paths]

    told = [f"{each.headers}{each.get_data(as_text=True)}" for each in answers]
    assert [text for text in told if "evil.example" in text] == []


@on_sqlite
def test_the_page_of_a_bug_carries_them_too(client: FlaskClient, session: Session) -> None:
    session.execute(text("DROP TABLE cart_line"))
    session.execute(text("DROP TABLE product"))
    session.commit()

    answer = client.get("/")

    carried = {name: answer.headers.get(name) for name in ON_EVERYTHING}
    assert (answer.status_code, carried) == (500, ON_EVERYTHING)


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_holds_a_script_a_style_or_a_foreign_address(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    # What Jinja writes stays out of the way of the tags that it stands in.
    markup = re.sub(r"{#.*?#}|{%.*?%}", "", source, flags=re.DOTALL)

    assert forbidden_in(re.sub(r"{{.*?}}", "x", markup, flags=re.DOTALL)) == []


@on_sqlite
def test_no_page_holds_what_its_own_policy_forbids(
    app: Flask, session: Session, lamp: Product
) -> None:
    number = OrderFactory.create(product=lamp).number
    staff = sign_in_browser(app, session, CustomerFactory.create(is_staff=True))
    staff.post("/products/lamp/add", data={"quantity": "1"})
    paths = [
        "/", "/products/lamp", "/cart", "/checkout", "/orders/find", f"/orders/{number}",
        "/account/", "/account/orders", "/sign-in", "/register", "/password/forgot",
        "/password/reset?token=x", "/staff/?show=all", f"/staff/orders/{number}", "/staff/products",
        "/staff/products/LMP-001", "/staff/jobs", "/staff/customers", "/api/", "/nope",
    ]  # fmt: skip

    found = {path: forbidden_in(staff.get(path).text) for path in paths}

    assert {path: faults for path, faults in found.items() if faults} == {}


@on_sqlite
def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    client: FlaskClient, ada: Customer
) -> None:
    attributes = session_cookie(sign_in(client))

    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= attributes
    assert [each for each in attributes if each.startswith(("Secure", "Domain"))] == []


@on_sqlite
def test_behind_https_and_under_a_path_the_cookie_stays_there(secure: Flask, ada: Customer) -> None:
    browser = secure.test_client()
    answer = browser.post(
        "/sign-in",
        data={"email": "ada@example.com", "password": PASSWORD},
        base_url="https://store.test/shop",
    )

    assert answer.status_code == 303
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/shop"} <= session_cookie(answer)


@on_sqlite
def test_no_page_of_somebody_signed_in_is_kept_by_the_browser(
    client: FlaskClient, ada: Customer, lamp: Product
) -> None:
    paths = ["/", "/cart", "/account/", "/account/orders", "/products/lamp", "/nope", "/staff/"]
    before = {path: client.get(path).headers.get("Cache-Control") for path in paths}
    signed_in = [sign_in(client).headers.get("Cache-Control")]

    signed_in += [client.get(path).headers.get("Cache-Control") for path in paths]

    assert (signed_in, set(before.values())) == (["no-store"] * 8, {"private"})


@on_sqlite
def test_files_may_be_kept_also_by_somebody_signed_in(client: FlaskClient, ada: Customer) -> None:
    sign_in(client)

    answer = client.get("/static/store.css", buffered=True)

    assert "no-store" not in answer.headers.get("Cache-Control", "")
