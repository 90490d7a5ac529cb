"""What each kind of job does: one call of one service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shop.gateways import Gateways
from shop.services import confirmation, fulfillment, payments

OrderLink = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Run:
    """What a job works with; `nth` tells repeated work for one order apart."""

    session: Session
    outside: Gateways
    link: OrderLink
    number: str
    nth: int
    now: datetime


HANDLERS: Mapping[str, Callable[[Run], None]] = {
    "authorize_payment": lambda run: payments.authorize_payment(
        run.session, run.outside.payments, run.number, run.now
    ),
    "capture_payment": lambda run: payments.capture_payment(
        run.session, run.outside.payments, run.number, run.nth, run.now
    ),
    "check_payment": lambda run: payments.check_payment(
        run.session, run.outside.payments, run.number, run.nth, run.now
    ),
    "send_confirmation": lambda run: confirmation.send_confirmation(
        run.session, run.outside.mailer, run.number, run.link(run.number), run.now
    ),
    "book_parcel": lambda run: fulfillment.book_parcel(
        run.session, run.outside.carrier, run.number, run.now
    ),
    "track_parcel": lambda run: fulfillment.track_parcel(
        run.session, run.outside.carrier, run.number, run.now
    ),
}
