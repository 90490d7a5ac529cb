from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.gateways.fakes import FakeMailer
from shop.models import Shipment
from shop.services.mails import send_confirmation, send_dispatch
from tests.factories import OrderFactory

LINK = "http://store.test/orders/BB-7K3MQ-9XT2W"

# What a mail says does not depend on the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def send(session: Session, mailer: FakeMailer, **order: str) -> EmailMessage:
    """Send the confirmation of such an order and return it as its reader gets it."""
    number = OrderFactory.create(number="BB-7K3MQ-9XT2W", **order).number
    send_confirmation(session, mailer, number, lambda _number: LINK, START)
    return message_from_bytes(mailer.sent[0].as_bytes(), policy=policy.default)


def test_a_confirmation_goes_to_the_customer_under_an_id_of_the_order(
    session: Session, mailer: FakeMailer
) -> None:
    mail = send(session, mailer)

    assert (mail["To"], mail["Message-ID"]) == (
        "ada@example.com",
        "<BB-7K3MQ-9XT2W.confirmation@brindle.example>",
    )
    assert mail["Subject"] == "Your order BB-7K3MQ-9XT2W at Brindle & Bolt"


def test_a_confirmation_says_when_it_was_written(session: Session, mailer: FakeMailer) -> None:
    assert send(session, mailer)["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"


def test_a_confirmation_goes_to_the_address_as_it_was_typed(
    session: Session, mailer: FakeMailer
) -> None:
    mail = send(session, mailer, email="Zoë.Straße@example.com")

    assert mail["To"] == "Zoë.Straße@example.com"


def test_a_confirmation_shows_the_sums_of_the_order(session: Session, mailer: FakeMailer) -> None:
    text = send(session, mailer).get_content().split()

    sums = [text[text.index(name) + 1] for name in ("Goods", "Shipping", "Tax", "Total")]
    assert sums == ["£19.99", "£3.95", "£4.79", "£28.73"]


def test_a_confirmation_leads_to_the_order(session: Session, mailer: FakeMailer) -> None:
    assert LINK in send(session, mailer).get_content()


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Müller-Łukasz",
        "王小明",
        "שרה כהן",
        "🦊",
        "{order.payment.card_token}",
        "e\u0301\u200b",
        "x" * 100,
    ],
)
def test_a_name_arrives_as_it_was_typed(session: Session, mailer: FakeMailer, name: str) -> None:
    mail = send(session, mailer, name=name)

    assert mail.get_content().startswith(f"Hello {name},")


@pytest.mark.parametrize(
    "email", ["jürgen@example.com", '"a\\"b"@example.com', "a+b'c@example.com"]
)
def test_an_unusual_address_is_still_one_recipient(
    session: Session, mailer: FakeMailer, email: str
) -> None:
    send(session, mailer, email=email)

    assert [each.addr_spec for each in mailer.sent[0]["To"].addresses] == [email]


def test_a_dispatch_names_the_parcel_and_where_it_goes(
    session: Session, mailer: FakeMailer
) -> None:
    order = OrderFactory.create(number="BB-7K3MQ-9XT2W")
    order.shipment = Shipment(tracking_number="LP-42", booked_at=START)
    session.commit()

    send_dispatch(session, mailer, order.number, lambda _number: LINK, START)

    mail = message_from_bytes(mailer.sent[0].as_bytes(), policy=policy.default)
    text = mail.get_content()
    assert mail["Message-ID"] == "<BB-7K3MQ-9XT2W.dispatch@brindle.example>"
    assert [each in text for each in ("LP-42", "12 St James's Square", LINK)] == [True] * 3
