"""The store's clients against the real outside world, so that the two cannot drift apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from scenarios.world.server import RunningWorld, running_world
from shop.clock import utc_now
from shop.domain.money import Money
from shop.errors import CardRefused, GatewayRefused, GatewayUnavailable
from shop.gateways.carrier import HttpCarrier, Parcel
from shop.gateways.mailer import SmtpMailer
from shop.gateways.payments import HttpPaymentProvider
from tests.scenarios.world.world_standins import (
    APPROVES,
    CONTROL,
    DECLINES,
    expect_soon,
    settings_for,
)

PARCEL = Parcel("BB-7K3MQ-9XT2W", "Ada", "12 St James's Square", "GB", "express")


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
    carrier._service._client.close()


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

    payment = provider.authorize("BB-7K3MQ-9XT2W", Money(1999), token)

    assert (payment.status, payment.reference, payment.amount) == (
        status,
        "BB-7K3MQ-9XT2W",
        Money(1999),
    )


def test_an_answer_that_was_lost_is_given_again(
    world: RunningWorld, provider: HttpPaymentProvider
) -> None:
    token = provider.tokenize(APPROVES).token
    change(world, "payments", drop_response_next=1)
    with pytest.raises(GatewayUnavailable):
        provider.authorize("BB-7K3MQ-9XT2W", Money(1999), token)

    payment = provider.authorize("BB-7K3MQ-9XT2W", Money(1999), token)

    ledger = httpx.get(f"{world.url}/control/ledgers/payments", headers=CONTROL).json()
    assert [each["id"] for each in ledger["payments"]] == [payment.id]


def test_a_capture_ends_as_captured(world: RunningWorld, provider: HttpPaymentProvider) -> None:
    change(world, "payments", capture_seconds=0.1)
    token = provider.tokenize(APPROVES).token
    payment = provider.authorize("BB-7K3MQ-9XT2W", Money(1999), token)

    answer = provider.capture(payment.id, "BB-7K3MQ-9XT2W:capture:1")

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
