"""The mails that customers get; their texts lie in `mail_texts/`."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy.orm import Session

from shop.db import end_read
from shop.gateways.mailer import Mailer
from shop.services.orders import get_order

# Makes the address of a page from an order's number, or from a token.
Link = Callable[[str], str]

_TEXTS = Path(__file__).with_name("mail_texts")


def send_confirmation(
    session: Session, mailer: Mailer, number: str, order_link: Link, now: datetime
) -> None:
    """Send the confirmation of a paid order, with lines, sums and address as they were placed.

    Its Message-ID is made from the order's number: a mail that a crash sends twice is one mail.
    """
    order = get_order(session, number)
    lines = [line.priced for line in order.lines]
    goods = "\n".join(f"  {line.quantity:>2} x {line.name}: {line.total}" for line in lines)
    totals, link = order.totals, order_link(number)
    discount = f"\n  Discount  {totals.discount * -1!s:>12}" if totals.discount.amount else ""
    by_card = f"\n  Gift card {totals.gift_card * -1!s:>12}\n  By card   {totals.charge!s:>12}"
    facts = {"lines": goods, "discount": discount, "link": link, "order": order, "totals": totals}
    facts["gift_card"] = by_card if totals.gift_card.amount else ""
    mail = write_mail("confirmation", order.email, number, now, **facts)
    mail["Subject"] = f"Your order {number} at Brindle & Bolt"
    end_read(session)
    mailer.send(mail)


def send_dispatch(
    session: Session, mailer: Mailer, number: str, order_link: Link, now: datetime
) -> None:
    """Tell the customer that the parcel is on its way, and by which number the carrier knows it."""
    order = get_order(session, number)
    facts = {"order": order, "parcel": order.shipment, "link": order_link(number)}
    mail = write_mail("dispatch", order.email, number, now, **facts)
    mail["Subject"] = f"Your order {number} is on its way"
    end_read(session)
    mailer.send(mail)


def write_mail(text: str, to: str, key: str, now: datetime, **facts: object) -> EmailMessage:
    """Set the facts into a text; the same text for the same key has the same Message-ID."""
    mail = EmailMessage()
    mail["Message-ID"] = f"<{key}.{text}@brindle.example>"
    mail["Date"] = now
    mail["To"] = to
    mail.set_content((_TEXTS / f"{text}.txt").read_text("utf-8").format(**facts))
    return mail
