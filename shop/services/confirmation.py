"""Tell the customer that the order is paid."""

from datetime import datetime
from email.message import EmailMessage

from sqlalchemy.orm import Session

from shop.db import end_read
from shop.gateways.mailer import Mailer
from shop.models import Order
from shop.services.orders import get_order

_TEXT = """Hello {order.name},

thank you. Your payment has arrived and we are packing your order {order.number}.

{lines}

  Goods    {totals.goods!s:>12}
  Shipping {totals.shipping!s:>12}
  Tax      {totals.tax!s:>12}
  Total    {totals.total!s:>12}

It goes to {order.name}, {order.address}, {order.postcode} {order.city}, {order.country.name}.

Follow it here: {link}
If the page asks who you are, give it the number above and this email address.

Brindle & Bolt
"""


def send_confirmation(
    session: Session, mailer: Mailer, number: str, link: str, now: datetime
) -> None:
    """Send the confirmation of a paid order."""
    mail = compose_confirmation(get_order(session, number), link, now)
    end_read(session)
    mailer.send(mail)


def compose_confirmation(order: Order, link: str, now: datetime) -> EmailMessage:
    """Write the mail, with lines, sums and address as they were when the order was placed.

    Its Message-ID is made from the order's number: a mail that a crash sends twice is one mail.
    """
    lines = [line.priced for line in order.lines]
    mail = EmailMessage()
    mail["Message-ID"] = f"<{order.number}.confirmation@brindle.example>"
    mail["Date"] = now
    mail["To"] = order.email
    mail["Subject"] = f"Your order {order.number} at Brindle & Bolt"
    goods = "\n".join(f"  {line.quantity:>2} x {line.name}: {line.total}" for line in lines)
    mail.set_content(_TEXT.format(order=order, totals=order.totals, link=link, lines=goods))
    return mail
