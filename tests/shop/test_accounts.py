import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scenarios.kit.clock import FixedClock
from scenarios.kit.pages import beside, filled_in, sentence
from shop.models import Cart, CartLine, Customer, Product, SignIn
from shop.services.accounts import SIGN_IN_LASTS
from tests.factories import PASSWORD, CartFactory, CountryFactory, CustomerFactory, OrderFactory
from tests.shop.browsers import is_in, sign_in, sign_in_browser
from tests.shop.odd_texts import NOT_A_TEXT, ODD_TEXTS

FORM = {"email": "Ada@Example.com", "name": "Ada Lovelace", "password": PASSWORD}
PROFILE = {
    "name": "Ada King",
    "address": "12 St James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country_code": "GB",
}
OUT_OF_ANY_STORE = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "https://evil.example", "http:/evil.example", "javascript:alert(1)",
    "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example",
    "/\u2028/evil.example", "evil.example", "@evil.example", "data:text/html,x", "?x", "#x",
]  # fmt: skip
OUT_OF_THE_PREFIX = [
    "/", "/cart", "/shop", "/shopping/cart", "/shop\\..\\other", "/shop/../other",
    "/shop/x/../../other", "/shop/%2e%2e/other", "/shop/.%2E/other", "/shop/..",
]  # fmt: skip
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def row_of(session: Session) -> tuple[object, ...]:
    """Return everything that the database holds of the one customer."""
    session.rollback()
    return tuple(session.execute(Customer.__table__.select()).one())


def cart_of(session: Session, customer: Customer) -> dict[str, int]:
    session.rollback()
    lines = select(Product.sku, CartLine.quantity).join(CartLine.product)
    own = lines.join(Cart, Cart.id == CartLine.cart_id).where(Cart.customer_id == customer.id)
    return dict(session.execute(own).all())


def test_who_registers_is_signed_in_and_has_a_cart(client: FlaskClient, session: Session) -> None:
    answer = client.post("/register", data=FORM)

    assert (answer.status_code, answer.location, is_in(client)) == (303, "/", True)
    carts = select(func.count()).select_from(Cart).join(Customer, Cart.customer_id == Customer.id)
    assert session.scalar(carts) == 1


@on_sqlite
def test_the_address_is_kept_as_it_was_typed_and_the_password_is_not(
    client: FlaskClient, session: Session
) -> None:
    client.post("/register", data=FORM)

    kept = session.scalars(select(Customer)).one()
    assert (kept.email, kept.folded_email) == ("Ada@Example.com", "ada@example.com")
    assert kept.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@EXAMPLE.COM "])
def test_an_address_opens_one_account(
    client: FlaskClient, session: Session, ada: Customer, email: str
) -> None:
    answer = client.post("/register", data={**FORM, "email": email})

    assert (answer.status_code, is_in(client)) == (409, False)
    assert session.scalars(select(func.count(Customer.id))).one() == 1


@on_sqlite
@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("ada@example.com", "ADA@Example.COM"),
        ("ÉLODIE@example.com", "élodie@example.com"),
        ("kate@example.com", "\N{KELVIN SIGN}ate@example.com"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e@example.com", "STRASSE@example.com"),
        ("zoë@example.com", "Zoe\N{COMBINING DIAERESIS}@example.com"),
    ],
)
def test_an_address_is_the_same_however_and_wherever_it_is_typed(
    app: Flask, client: FlaskClient, session: Session, stored: str, typed: str
) -> None:
    client.post("/register", data={**FORM, "email": stored})
    number = OrderFactory.create(email=stored).number
    staff = sign_in_browser(app, session, CustomerFactory.create(is_staff=True))

    found = {
        "sign in": sign_in(app.test_client(), typed).status_code,
        "register": client.post("/register", data={**FORM, "email": typed}).status_code,
        "order": client.post("/orders/find", data={"number": number, "email": typed}).status_code,
        "staff": number in staff.get("/staff/", query_string={"q": typed}).text,
        "customers": stored in staff.get("/staff/customers", query_string={"q": typed}).text,
    }

    assert found == {
        "sign in": 303, "register": 409, "order": 303, "staff": True, "customers": True
    }  # fmt: skip


@on_sqlite
def test_a_dotless_i_is_somebody_else(client: FlaskClient, session: Session) -> None:
    client.post("/register", data={**FORM, "email": "dina@example.com"})
    client.post("/sign-out")

    answer = sign_in(client, "d\N{LATIN SMALL LETTER DOTLESS I}na@example.com")

    assert (answer.status_code, is_in(client)) == (422, False)


@on_sqlite
@pytest.mark.parametrize("field", ["email", "name"])
@pytest.mark.parametrize("text", NOT_A_TEXT.values(), ids=NOT_A_TEXT)
def test_an_account_needs_an_address_and_a_name(
    client: FlaskClient, session: Session, field: str, text: str
) -> None:
    page = client.post("/register", data={**FORM, field: text})

    assert (page.status_code, bool(beside(page, field))) == (422, True)
    assert session.scalars(select(Customer)).all() == []


@on_sqlite
@pytest.mark.parametrize("name", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_an_odd_name_is_somebodys_name(client: FlaskClient, session: Session, name: str) -> None:
    client.post("/register", data={**FORM, "name": name})

    page = client.get("/account/")

    assert page.status_code == 200
    assert filled_in(page, "name") == session.scalars(select(Customer.name)).one()


@on_sqlite
@pytest.mark.parametrize("password", ["x" * 9, "", "x" * 201])
def test_a_password_of_the_wrong_length_is_refused(client: FlaskClient, password: str) -> None:
    page = client.post("/register", data={**FORM, "password": password})

    assert (page.status_code, sentence(page)) == (422, "A password has 10 to 200 characters.")


@on_sqlite
@pytest.mark.parametrize(
    ("password", "almost"),
    [
        ("  ten blank  ", "ten blank"),
        ("Zoe\u0308 and the 🦊", "Zo\xeb and the 🦊"),
        ("before \x00 after", "before \x00 later"),
        ("x" * 200, "x" * 199),
        ("correct Horse", "correct horse"),
    ],
)
def test_a_password_is_taken_exactly_as_it_is_typed(
    app: Flask, client: FlaskClient, password: str, almost: str
) -> None:
    client.post("/register", data={**FORM, "password": password})

    answers = [sign_in(app.test_client(), password=each) for each in (almost, password)]

    assert [answer.status_code for answer in answers] == [422, 303]


@on_sqlite
def test_a_registration_that_is_refused_comes_back_filled_in(
    client: FlaskClient, ada: Customer
) -> None:
    page = client.post("/register", data={**FORM, "next": "/cart"})

    assert (page.status_code, filled_in(page, "email")) == (409, "Ada@Example.com")
    assert (filled_in(page, "name"), 'name="next" value="/cart"' in page.text) == (
        "Ada Lovelace",
        True,
    )
    assert PASSWORD not in page.text


@on_sqlite
@pytest.mark.parametrize("field", ["is_staff", "id", "password_hash", "customer_id"])
def test_nobody_registers_as_staff(client: FlaskClient, session: Session, field: str) -> None:
    page = client.post("/register", data={**FORM, field: "1"})

    assert (page.status_code, session.scalars(select(Customer)).all()) == (422, [])


def test_address_and_password_let_somebody_in(client: FlaskClient, ada: Customer) -> None:
    answer = sign_in(client)

    assert (answer.status_code, answer.location, is_in(client)) == (303, "/", True)


@on_sqlite
@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_refusal_tells_nobody_who_has_an_account(
    client: FlaskClient, ada: Customer, email: str
) -> None:
    page = sign_in(client, email, password="wrong battery", next="/cart")

    assert (page.status_code, filled_in(page, "email"), is_in(client)) == (422, email, False)
    assert sentence(page) == "This email address and this password do not belong together."
    assert "wrong battery" not in page.text


@on_sqlite
@pytest.mark.parametrize("text", ["", "\x00", "x" * 201, "' OR 1=1 --"])
def test_no_odd_password_lets_anybody_in(client: FlaskClient, ada: Customer, text: str) -> None:
    page = sign_in(client, password=text)

    assert (page.status_code, is_in(client)) == (422, False)


def test_a_sign_in_ends_after_twelve_hours(
    client: FlaskClient, ada: Customer, clock: FixedClock
) -> None:
    sign_in(client)

    clock.advance(SIGN_IN_LASTS.total_seconds() - 1)
    last_second = is_in(client)
    clock.advance(1)

    assert (SIGN_IN_LASTS, last_second, is_in(client)) == (timedelta(hours=12), True, False)


@on_sqlite
def test_sign_ins_that_have_ended_are_cleared_away(
    client: FlaskClient, session: Session, ada: Customer, clock: FixedClock
) -> None:
    sign_in(client)
    clock.advance(SIGN_IN_LASTS.total_seconds())

    sign_in(client)

    assert session.scalars(select(func.count()).select_from(SignIn)).one() == 1


def test_a_copy_of_the_cookie_lets_nobody_in_after_sign_out(
    app: Flask, client: FlaskClient, ada: Customer
) -> None:
    sign_in(client)
    cookie = client.get_cookie("session")
    assert cookie
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    was_in = is_in(thief)

    client.post("/sign-out")

    assert (was_in, is_in(thief), is_in(client)) == (True, False, False)


@on_sqlite
def test_a_sign_out_ends_one_browser_only(app: Flask, client: FlaskClient, ada: Customer) -> None:
    other = app.test_client()
    sign_in(client)
    sign_in(other)

    client.post("/sign-out")

    assert (is_in(client), is_in(other)) == (False, True)


@on_sqlite
def test_a_sign_out_leaves_nothing_in_the_browser(
    client: FlaskClient, session: Session, ada: Customer, lamp: Product
) -> None:
    number = OrderFactory.create().number
    client.post("/orders/find", data={"number": number, "email": "ada@example.com"})
    client.post("/products/lamp/add", data={"quantity": "1"})
    sign_in(client)

    client.post("/sign-out")

    with client.session_transaction() as kept:
        assert dict(kept) == {}
    assert client.get(f"/orders/{number}").status_code == 404


def test_a_browser_whose_sign_in_has_ended_changes_no_cart_of_the_customer(
    client: FlaskClient, session: Session, ada: Customer, lamp: Product, clock: FixedClock
) -> None:
    sign_in(client)
    client.post("/products/lamp/add", data={"quantity": "2"})
    clock.advance(SIGN_IN_LASTS.total_seconds())

    seen = "Lamp" in client.get("/cart").text
    changed = client.post("/cart/lines/LMP-001", data={"quantity": "9"}).status_code
    client.post("/products/lamp/add", data={"quantity": "1"})

    assert (seen, changed, cart_of(session, ada)) == (False, 404, {"LMP-001": 2})
    assert ">1<span" in client.get("/cart").text


@on_sqlite
def test_a_browser_whose_sign_in_has_ended_shows_no_order_of_the_customer(
    client: FlaskClient, session: Session, ada: Customer, clock: FixedClock
) -> None:
    number = OrderFactory.create().number
    sign_in(client)
    client.post("/orders/find", data={"number": number, "email": "ada@example.com"})
    clock.advance(SIGN_IN_LASTS.total_seconds())

    answers = [client.get(f"/orders/{number}{page}").status_code for page in ("", "/receipt")]

    assert answers == [404, 404]


@on_sqlite
def test_a_guest_who_signs_out_is_not_told_off(client: FlaskClient) -> None:
    assert client.post("/sign-out").location == "/"


@pytest.mark.parametrize("way_in", ["/sign-in", "/register"])
def test_what_lies_in_the_cart_comes_along(
    client: FlaskClient, session: Session, lamp: Product, way_in: str
) -> None:
    email = "ada@example.com"
    if way_in == "/sign-in":
        CartFactory.create(customer_id=CustomerFactory.create(email=email).id)
    client.post("/products/lamp/add", data={"quantity": "2"})
    form = {"email": email, "password": PASSWORD}

    client.post(way_in, data={**form, "name": "Ada"} if way_in == "/register" else form)

    customer = session.scalars(select(Customer)).one()
    assert cart_of(session, customer) == {"LMP-001": 2}
    assert ">2<span" in client.get("/cart").text


@on_sqlite
def test_the_cart_waits_for_its_customer_in_every_browser(
    app: Flask, client: FlaskClient, ada: Customer, lamp: Product
) -> None:
    sign_in(client)
    client.post("/products/lamp/add", data={"quantity": "3"})
    other = app.test_client()

    sign_in(other)

    assert ">3<span" in other.get("/cart").text


@on_sqlite
def test_an_order_that_a_guest_has_found_stays_found_after_sign_in(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    number = OrderFactory.create().number
    client.post("/orders/find", data={"number": number, "email": "ada@example.com"})

    sign_in(client)

    assert client.get(f"/orders/{number}").status_code == 200


@on_sqlite
def test_checkout_is_filled_in_from_the_profile(
    client: FlaskClient, ada: Customer, lamp: Product
) -> None:
    sign_in(client)
    client.post("/account/profile", data=PROFILE)
    client.post("/products/lamp/add", data={"quantity": "1"})

    page = client.get("/checkout")

    shown = {name: filled_in(page, name) for name in ("name", "address", "city", "postcode")}
    assert shown == {name: text for name, text in PROFILE.items() if name != "country_code"}
    assert filled_in(page, "email") == "ada@example.com"


def test_a_profile_is_saved_and_can_be_emptied(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    CountryFactory.create()
    sign_in(client)
    client.post("/account/profile", data=PROFILE)
    full = row_of(session)

    client.post("/account/profile", data={**dict.fromkeys(PROFILE, ""), "name": "Ada"})

    session.expire_all()
    emptied = session.get_one(Customer, ada.id)
    assert set(PROFILE.values()) <= set(full)
    assert (emptied.name, emptied.address, emptied.country_code) == ("Ada", "", None)


@on_sqlite
@pytest.mark.parametrize(
    "field",
    ["is_staff", "id", "email", "folded_email", "password_hash", "reset_hash", "api_token_hash"],
)
def test_a_profile_changes_nothing_that_is_not_on_its_form(
    client: FlaskClient, session: Session, ada: Customer, field: str
) -> None:
    CountryFactory.create()
    sign_in(client)
    before = row_of(session)

    page = client.post("/account/profile", data={**PROFILE, field: "1"})

    assert (page.status_code, sentence(page), row_of(session)) == (422, "Unknown field.", before)


@on_sqlite
@pytest.mark.parametrize(
    ("code", "status"), [("XX", 409), ("gb", 409), ("G", 409), ("'\"", 409), ("GBR", 422)]
)
def test_a_country_that_the_store_does_not_know_is_refused(
    client: FlaskClient, session: Session, ada: Customer, code: str, status: int
) -> None:
    CountryFactory.create()
    sign_in(client)
    before = row_of(session)

    page = client.post("/account/profile", data={**PROFILE, "country_code": code})

    assert (page.status_code, bool(sentence(page)), row_of(session)) == (status, True, before)
    assert filled_in(page, "name") == "Ada King"


@on_sqlite
@pytest.mark.parametrize("name", NOT_A_TEXT.values(), ids=NOT_A_TEXT)
def test_a_profile_needs_a_name(client: FlaskClient, ada: Customer, name: str) -> None:
    sign_in(client)

    page = client.post("/account/profile", data={"name": name, "city": "London"})

    assert (page.status_code, filled_in(page, "city")) == (422, "London")


@pytest.mark.parametrize("prefix", ["", "/shop"])
@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/cart", "/cart"),
        ("/account/orders?after=BB-1&q=ü", "/account/orders?after=BB-1&q=%C3%BC"),
        ("", "/"),
    ],
)
@on_sqlite
def test_somebody_who_was_sent_to_sign_in_is_led_back(
    client: FlaskClient, ada: Customer, prefix: str, wanted: str, leads_to: str
) -> None:
    form = {"email": "ada@example.com", "password": PASSWORD, "next": wanted and prefix + wanted}

    answer = client.post("/sign-in", data=form, base_url=f"http://store.test{prefix}")

    assert answer.location == prefix + leads_to


@pytest.mark.parametrize("prefix", ["", "/shop"])
@pytest.mark.parametrize("way_in", ["/sign-in", "/register"])
@on_sqlite
def test_nobody_is_led_out_of_the_store(
    app: Flask, session: Session, prefix: str, way_in: str
) -> None:
    led = {}
    for nth, trick in enumerate([*OUT_OF_ANY_STORE, *(OUT_OF_THE_PREFIX if prefix else ())]):
        form = {"email": f"ada-{nth}@example.com", "password": PASSWORD, "next": trick}
        if way_in == "/register":
            form["name"] = "Ada"
        else:
            CartFactory.create(customer_id=CustomerFactory.create(email=form["email"]).id)
        answer = app.test_client().post(way_in, data=form, base_url=f"http://store.test{prefix}")
        led[trick] = answer.location or "no further"

    assert {trick: to for trick, to in led.items() if to not in (f"{prefix}/", "no further")} == {}


@on_sqlite
def test_an_api_token_is_shown_once_and_takes_the_place_of_the_one_before(
    client: FlaskClient, ada: Customer
) -> None:
    sign_in(client)
    pages = [client.post("/account/token").text for _ in range(2)]
    first, second = (re.findall(r'class="token">([^<]+)<', page)[0] for page in pages)

    answers = [
        client.get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (first, second)
    ]

    assert (answers, second in client.get("/account/").text) == ([401, 200], False)
