"""The store's clients against the real outside world, so that the two cannot drift apart."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from sqlalchemy.orm import Session

from scenarios.kit.clock import FixedClock
from scenarios.kit.settings import settings_for as store_settings_for
from scenarios.world.server import RunningWorld, running_world
from shop import create_app
from shop.clock import utc_now
from shop.domain.money import Money
from shop.errors import CardRefused, GatewayRefused, GatewayUnavailable
from shop.gateways.carrier import HttpCarrier, Parcel
from shop.gateways.mailer import SmtpMailer
from shop.gateways.payments import HttpPaymentProvider
from shop.gateways.suggestions import HttpSuggestions
from tests.factories import ProductFactory
from tests.scenarios.world.world_standins import (
    APPROVES,
    CONTROL,
    DECLINES,
    expect_soon,
    settings_for,
)

NUMBER, KEY = "BB-7K3MQ-9XT2W", "BB-7K3MQ-9XT2W:authorize"
PARCEL = Parcel(NUMBER, "Ada", "12 St James's Square", "GB", "express")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningWorld]:
    with running_world(settings_for(tmp_path)) as running:
        yield running


@contextmanager
def connected(address: str, key: str = "key-of-the-store") -> Iterator[HttpPaymentProvider]:
    """A provider whose connections are closed in the end; the store keeps its own for life."""
    provider = HttpPaymentProvider(address, utc_now, key)
    yield provider
    provider._service._client.close()


@pytest.fixture
def provider(world: RunningWorld) -> Iterator[HttpPaymentProvider]:
    with connected(f"{world.url}/payments") as provider:
        yield provider


@pytest.fixture
def carrier(world: RunningWorld) -> Iterator[HttpCarrier]:
    carrier = HttpCarrier(f"{world.url}/carrier", utc_now)
    yield carrier
    for service in (carrier._service, carrier._quotes):
        service._client.close()


@pytest.fixture
def suggestions(world: RunningWorld) -> Iterator[HttpSuggestions]:
    suggestions = HttpSuggestions(f"{world.url}/suggestions", utc_now)
    yield suggestions
    suggestions._service._client.close()


def change(world: RunningWorld, service: str, **conditions: object) -> None:
    address = f"{world.url}/control/conditions/{service}"
    httpx.patch(address, json=conditions, headers=CONTROL).raise_for_status()


def test_a_card_becomes_a_token(provider: HttpPaymentProvider) -> None:
    card = provider.tokenize(APPROVES)

    assert (card.brand, card.last4, APPROVES in card.token) == ("visa", "4242", False)


def test_an_unknown_card_is_refused(provider: HttpPaymentProvider) -> None:
    with pytest.raises(CardRefused):
        provider.tokenize("4111111111111111")


def test_a_wrong_key_of_the_store_is_not_the_shoppers_fault(world: RunningWorld) -> None:
    with (
        connected(f"{world.url}/payments", "old key") as provider,
        pytest.raises(GatewayRefused, match="answered 401 unauthorized"),
    ):
        provider.tokenize(APPROVES)


@pytest.mark.parametrize(("card", "status"), [(APPROVES, "authorized"), (DECLINES, "declined")])
def test_an_amount_is_authorized_or_declined(
    provider: HttpPaymentProvider, card: str, status: str
) -> None:
    token = provider.tokenize(card).token

    payment = provider.authorize(NUMBER, Money(1999), token, KEY)

    assert (payment.status, payment.reference, payment.amount) == (status, NUMBER, Money(1999))


def test_an_answer_that_was_lost_is_given_again(
    world: RunningWorld, provider: HttpPaymentProvider
) -> None:
    token = provider.tokenize(APPROVES).token
    change(world, "payments", drop_response_next=1)
    with pytest.raises(GatewayUnavailable):
        provider.authorize(NUMBER, Money(1999), token, KEY)

    payment = provider.authorize(NUMBER, Money(1999), token, KEY)

    ledger = httpx.get(f"{world.url}/control/ledgers/payments", headers=CONTROL).json()
    assert [each["id"] for each in ledger["payments"]] == [payment.id]


def test_a_capture_ends_as_captured(world: RunningWorld, provider: HttpPaymentProvider) -> None:
    change(world, "payments", capture_seconds=0.1)
    token = provider.tokenize(APPROVES).token
    payment = provider.authorize(NUMBER, Money(1999), token, KEY)

    answer = provider.capture(payment.id, f"{NUMBER}:capture:1")

    assert answer.status == "capturing"
    expect_soon(lambda: provider.get(payment.id).status == "captured")


def test_a_failing_provider_may_be_asked_again(
    world: RunningWorld, provider: HttpPaymentProvider
) -> None:
    change(world, "payments", fail_next=1)

    with pytest.raises(GatewayUnavailable, match="answered 503"):
        provider.tokenize(APPROVES)


def test_a_parcel_is_booked_once_however_often_it_is_asked_for(carrier: HttpCarrier) -> None:
    numbers = {carrier.book(PARCEL), carrier.book(PARCEL)}

    assert len(numbers) == 1


def test_a_parcel_arrives(world: RunningWorld, carrier: HttpCarrier) -> None:
    change(world, "carrier", transit_seconds=0)

    assert carrier.is_delivered(carrier.book(PARCEL))


def test_the_carrier_names_its_price(carrier: HttpCarrier) -> None:
    quote = carrier.quote("FR", "express", 11)

    assert (quote["amount"], quote["currency"]) == (2095, "GBP")


@pytest.mark.parametrize("amount", [-5, "", "free", 1e9, [], False])
def test_whatever_the_carrier_says_comes_as_it_is(
    world: RunningWorld, carrier: HttpCarrier, amount: object
) -> None:
    change(world, "carrier", quote_amount=amount)

    assert carrier.quote("GB", "express", 1)["amount"] == amount


@pytest.mark.parametrize("condition", [{"failing": True}, {"latency_seconds": 60}])
def test_a_carrier_that_does_not_answer_has_no_price(
    world: RunningWorld, carrier: HttpCarrier, condition: dict[str, object]
) -> None:
    change(world, "carrier", **condition)

    assert carrier.quote("GB", "express", 1) == {}


def test_prices_that_do_not_come_keep_no_parcel_from_being_booked(
    world: RunningWorld, carrier: HttpCarrier
) -> None:
    change(world, "carrier", failing=True)
    for _ in range(6):
        carrier.quote("GB", "express", 1)
    change(world, "carrier", failing=False)

    assert carrier.book(PARCEL)


def test_suggestions_are_those_of_the_service(suggestions: HttpSuggestions) -> None:
    assert suggestions.also_bought("LMP-001") == ["CLK-001", "PEN-001", "NTB-001", "STP-001"]


@pytest.mark.parametrize("condition", [{"failing": True}, {"latency_seconds": 60}])
def test_suggestions_that_do_not_come_are_none(
    world: RunningWorld, suggestions: HttpSuggestions, condition: dict[str, object]
) -> None:
    change(world, "suggestions", **condition)

    assert suggestions.also_bought("LMP-001") == []


def test_a_product_of_any_spelling_can_be_asked_about(
    world: RunningWorld, suggestions: HttpSuggestions
) -> None:
    odd = "A&B=C/D #1?é"
    address = f"{world.url}/control/suggestions"
    httpx.put(address, json={odd: ["PEN-001"]}, headers=CONTROL).raise_for_status()

    assert suggestions.also_bought(odd) == ["PEN-001"]


def mail_to(address: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Message-ID"] = "<BB-7K3MQ-9XT2W.confirmation@brindle.example>"
    mail["To"] = address
    mail["Subject"] = "Your order"
    mail.set_content("Thank you, Zoë.")
    return mail


@pytest.mark.parametrize("address", ["ada@example.com", "jürgen@example.com", "STRASSE@x.example"])
def test_a_mail_reaches_the_address_as_it_was_typed(world: RunningWorld, address: str) -> None:
    mailer = SmtpMailer(f"smtp://127.0.0.1:{world.smtp_port}", "Shop <orders@brindle.example>")

    mailer.send(mail_to(address))

    caught = httpx.get(f"{world.url}/mail/messages.json").json()["messages"]
    assert [each["to"] for each in caught] == [[address]]


def test_a_mail_that_is_refused_may_be_sent_again(world: RunningWorld) -> None:
    change(world, "mail", refuse=True)
    mailer = SmtpMailer(f"smtp://127.0.0.1:{world.smtp_port}", "Shop <orders@brindle.example>")

    with pytest.raises(GatewayUnavailable, match="The mail server did not answer"):
        mailer.send(mail_to("ada@example.com"))


class Babbler(BaseHTTPRequestHandler):
    """A service that answers something, but not what was agreed."""

    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b"{}", b'{"id": 1, "amount": "many"}', b"\xff\xfe"]
)
def test_an_answer_that_makes_no_sense_may_be_asked_for_again(answer: bytes) -> None:
    babbler = type("OneAnswer", (Babbler,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), babbler) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"

        with connected(address) as provider, pytest.raises(GatewayUnavailable):
            provider.get("pay_1")


@pytest.mark.parametrize(
    ("answer", "skus"),
    [
        (b'{"skus": ["PEN-001", "\\u0000", "\\ud800", 7, null, ["MUG-001"]]}', ["PEN-001"]),
        (b'{"skus": [%s"X-1"]}' % (b'"PEN-001", ' * 20), ["PEN-001"] * 20),
        *((each, []) for each in (b'{"skus": "PEN-001"}', b'{"skus": {"a": 1}}', b"{}", b"[]")),
    ],
)
def test_of_strange_suggestions_only_some_that_can_be_looked_up_are_kept(
    answer: bytes, skus: list[str]
) -> None:
    babbler = type("OneAnswer", (Babbler,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), babbler) as server:
        Thread(target=server.handle_request, daemon=True).start()
        suggestions = HttpSuggestions(f"http://127.0.0.1:{server.server_port}", utc_now)

        named = suggestions.also_bought("LMP-001")

    suggestions._service._client.close()
    assert named == skus


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_without_its_suggestions_is_a_store(
    database_url: str, session: Session, world: RunningWorld, clock: FixedClock
) -> None:
    lamp = ProductFactory.create(sku="LMP-001", slug="lamp")
    ProductFactory.create(name="Chair", category=lamp.category)
    ProductFactory.create(sku="CLK-001", name="Clock")
    address = {"SHOP_SUGGESTIONS_URL": f"{world.url}/suggestions"}
    app = create_app({**store_settings_for(database_url), **address}, clock=clock)

    def visit() -> str:
        page = app.test_client().get("/products/lamp")
        named = re.findall(r"<h3><a [^>]+>([^<]+)</a></h3>", page.text)
        return f"{page.status_code} {' '.join(named)}"

    well = visit()
    change(world, "suggestions", failing=True)
    ill = [visit() for _ in range(7)]
    change(world, "suggestions", failing=False)
    clock.advance(30)
    again = visit()

    app.extensions["gateways"].suggestions._service._client.close()
    app.extensions["sessions"].kw["bind"].dispose()
    calls = httpx.get(f"{world.url}/control/ledgers/suggestions", headers=CONTROL).json()["calls"]
    assert (well, set(ill), again) == ("200 Clock", {"200 Chair"}, "200 Clock")
    assert [call["status"] for call in calls] == [200, *[503] * 5, 200]
