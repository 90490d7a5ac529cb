import re
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.pages import filled_in, sentence
from shop.models import CartLine, Customer, Product
from tests.factories import PASSWORD
from tests.shop.odd_texts import NOT_A_NUMBER, NOT_A_TEXT, ODD_TEXTS

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def quantities(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(CartLine.quantity)))


@on_sqlite
@pytest.mark.parametrize("path", ["/products/lamp/add", "/cart/lines/LMP-001"])
def test_a_quantity_that_is_no_whole_number_is_refused(
    client: FlaskClient, session: Session, typed: dict[str, str], path: str
) -> None:
    answers = {
        kind: client.post(path, data={"quantity": text}).status_code
        for kind, text in NOT_A_NUMBER.items()
    }

    assert answers == dict.fromkeys(NOT_A_NUMBER, 422)
    assert quantities(session) == [1]


@on_sqlite
@pytest.mark.parametrize(
    ("path", "form", "status", "message"),
    [
        ("/products/lamp/add", {"quantity": "0"}, 422, "A whole number from 1 to 99, please."),
        ("/products/lamp/add", {"quantity": "100"}, 422, "A whole number from 1 to 99, please."),
        ("/products/lamp/add", {"quantity": "10"}, 409, "Only 10 of Lamp left."),
        ("/products/lamp/add", {}, 422, "A whole number from 1 to 99, please."),
        ("/products/lamp/add", {"quantity": "1", "price": "1"}, 422, "Unknown field."),
        ("/cart/lines/LMP-001", {"quantity": "100"}, 422, "A whole number from 0 to 99, please."),
        ("/cart/lines/LMP-001", {"quantity": "11"}, 409, "Only 10 of Lamp left."),
        ("/cart/lines/LMP-001", {}, 422, "A whole number from 0 to 99, please."),
        ("/cart/lines/LMP-001", {"quantity": "1", "price": "1"}, 422, "Unknown field."),
        ("/cart/lines/NOPE", {"quantity": "1"}, 404, "We have no such product."),
        ("/cart/lines/NOPE/remove", {}, 404, "We have no such product."),
        ("/products/nope/add", {"quantity": "1"}, 404, "We have no such product."),
    ],
)
def test_a_change_of_the_cart_that_is_refused_says_why(
    client: FlaskClient,
    session: Session,
    typed: dict[str, str],
    path: str,
    form: dict[str, str],
    status: int,
    message: str,
) -> None:
    page = client.post(path, data=form)

    assert (page.status_code, sentence(page), quantities(session)) == (status, message, [1])


@on_sqlite
def test_a_quantity_typed_wrong_comes_back_as_it_was_typed(
    client: FlaskClient, lamp: Product
) -> None:
    page = client.post("/products/lamp/add", data={"quantity": '"><b>two'})

    assert (filled_in(page, "quantity"), "<b>two" in page.text) == ('"><b>two', False)


@on_sqlite
def test_a_shopper_without_a_cart_has_nothing_to_change(client: FlaskClient, lamp: Product) -> None:
    page = client.post("/cart/lines/LMP-001", data={"quantity": "1"})

    assert (page.status_code, sentence(page)) == (404, "We have no such cart.")


@pytest.mark.parametrize("parameter", ["q", "category", "after"])
def test_a_query_with_a_control_character_is_refused(
    client: FlaskClient, lamp: Product, parameter: str
) -> None:
    page = client.get("/", query_string={parameter: "a\x00b"})

    assert page.status_code == 422
    assert "a character that cannot be printed" in page.text


@pytest.mark.parametrize("parameter", ["q", "category"])
def test_an_odd_query_finds_nothing(client: FlaskClient, lamp: Product, parameter: str) -> None:
    answers = {}
    for kind, text in {**ODD_TEXTS, "percent": "%", "backslash": "\\", "low line": "_"}.items():
        page = client.get("/", query_string={parameter: text})
        answers[kind] = (page.status_code, '<div class="empty">' in page.text)

    assert set(answers.values()) == {(200, True)}, answers


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "We are still unpacking."),
        ("?category=attic", "Look at <a"),
        ("?q=zeppelin", "Try a shorter word, or look at <a"),
    ],
)
def test_an_empty_list_says_where_to_look_next(client: FlaskClient, query: str, said: str) -> None:
    assert f"<p>{said}" in client.get(f"/{query}").text


@on_sqlite
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("q=" + "x" * 100, 200),
        ("q=" + "x" * 101, 422),
        ("category=" + "x" * 61, 422),
        ("after=" + "x" * 21, 422),
        ("after=NOPE", 404),
        ("after=%00", 422),
        ("sort=", 422),
        ("sort=price_amount", 422),
        ("sort=newest%27--", 422),
        ("q=%FF%FE", 200),
        ("q=lamp&q=%00", 200),
        ("utm_source=newsletter", 200),
        ("=&&=", 200),
        ("page=-1", 200),
    ],
)
def test_a_query_is_answered_or_refused_in_a_sentence(
    client: FlaskClient, lamp: Product, query: str, status: int
) -> None:
    page = client.get(f"/?{query}")

    assert (page.status_code, bool(sentence(page))) == (status, status != 200)


@pytest.mark.parametrize("text", [*NOT_A_TEXT.values(), *ODD_TEXTS.values(), "x" * 3_000, ".."])
@on_sqlite
def test_an_unknown_address_is_not_found(client: FlaskClient, lamp: Product, text: str) -> None:
    part = quote(text, safe="") or "%20"
    paths = [f"/products/{part}", f"/orders/{part}", f"/{part}", f"/products/{part}/x"]

    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 404)


@pytest.mark.parametrize("part", ["%00", "a%00b", "%FF", "%ED%A0%80", "%25", "%2e%2e"])
def test_an_address_that_holds_no_text_is_not_found(
    client: FlaskClient, typed: dict[str, str], part: str
) -> None:
    answers = [
        client.get(f"/products/{part}"),
        client.get(f"/orders/{part}"),
        client.post(f"/products/{part}/add", data={"quantity": "1"}),
        client.post(f"/cart/lines/{part}", data={"quantity": "1"}),
        client.post(f"/cart/lines/{part}/remove"),
    ]

    assert [(page.status_code, bool(sentence(page))) for page in answers] == [(404, True)] * 5


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/checkout", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("DELETE", "/cart", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/products/lamp/add", {"OPTIONS", "POST"}),
        ("GET", "/cart/lines/LMP-001/remove", {"OPTIONS", "POST"}),
        ("GET", "/webhooks/payments", {"OPTIONS", "POST"}),
    ],
)
def test_a_wrong_method_is_refused_with_the_right_ones(
    client: FlaskClient, lamp: Product, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)

    said = answer.get_json()["error"]["message"] if answer.is_json else sentence(answer)
    assert (answer.status_code, set(answer.allow), bool(said)) == (405, allowed, True)


@on_sqlite
@pytest.mark.parametrize(
    "path",
    [
        "/products/lamp/add",
        "/cart/lines/LMP-001",
        "/cart/lines/LMP-001/remove",
        "/checkout",
        "/checkout/quote",
        "/orders/find",
    ],
)
@pytest.mark.parametrize("token", [None, "", "made up", "\x00", "x" * 5_000])
def test_a_form_of_another_site_is_refused_and_changes_nothing(
    client: FlaskClient, session: Session, typed: dict[str, str], path: str, token: str | None
) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    form = {"quantity": "0", **({} if token is None else {"csrf_token": token})}

    page = client.post(path, data=form)

    assert (page.status_code, "nothing has been ordered" in sentence(page)) == (400, True)
    assert quantities(session) == [1]


@on_sqlite
def test_a_form_with_its_own_token_is_taken(client: FlaskClient, lamp: Product) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    page = client.get("/products/lamp").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]

    added = client.post("/products/lamp/add", data={"quantity": "1", "csrf_token": token})

    assert added.status_code == 303


@on_sqlite
def test_a_quote_for_nowhere_shows_the_form_without_a_total(
    client: FlaskClient, typed: dict[str, str]
) -> None:
    page = client.post("/checkout/quote", data={**typed, "country_code": "XX"})

    assert (page.status_code, filled_in(page, "name")) == (200, "Ada Lovelace")
    assert "The total appears when country, shipping and codes are in order." in page.text


@on_sqlite
def test_a_token_of_forms_that_was_known_before_the_sign_in_is_not_good_after_it(
    client: FlaskClient, ada: Customer
) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    planted = form_token(client.get("/sign-in").text)
    form = {"email": ada.email, "password": PASSWORD, "csrf_token": planted}
    signed_in = client.post("/sign-in", data=form)

    answer = client.post("/account/profile", data={"name": "Eve", "csrf_token": planted})

    own = form_token(client.get("/account/").text)
    again = client.post("/account/profile", data={"name": "Ada", "csrf_token": own})
    assert (signed_in.status_code, answer.status_code, again.status_code) == (303, 400, 303)


def form_token(page: str) -> str:
    [token, *_] = re.findall('name="csrf_token" value="([^"]+)"', page)
    return str(token)
