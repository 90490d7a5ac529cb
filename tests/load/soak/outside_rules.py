"""What holds once a store has settled: its books and those of the world around it say the same."""

from collections.abc import Iterator

from shop.models import Job, Order
from tests.load.invariants import check_job
from tests.load.outside import Row
from tests.load.soak.record import Record
from tests.load.soak.rules import Rules

OUTSIDE_RULES: Rules[Record] = Rules()
_PAID = ("paid", "refunded")
_GIVEN_UP = ("declined", "voided", "refunded")
_HOME = ("unfulfilled", "packed")


@OUTSIDE_RULES.about(lambda record: record.numbers)
def no_order_is_lost(record: Record, number: str) -> Iterator[str]:
    if number not in record.store.by_number:
        yield f"{number} was shown to a shopper and is lost."


@OUTSIDE_RULES.about(lambda record: record.store.jobs)
def no_job_is_left(_: Record, job: Job) -> Iterator[str]:
    yield from check_job(job)


@OUTSIDE_RULES.about(lambda record: record.store.orders)
def every_order_has_come_to_an_end(_: Record, order: Order) -> Iterator[str]:
    is_delivered = order.fulfillment_status == "delivered" and order.payment_status in _PAID
    is_over = order.fulfillment_status in _HOME and order.payment_status in _GIVEN_UP
    ends = {"completed": is_delivered, "canceled": is_over}
    if not ends.get(order.status):
        end = f"{order.status}, {order.payment_status}, {order.fulfillment_status}"
        yield f"{order.number} is stuck: {end}."


@OUTSIDE_RULES.about(lambda record: record.store.orders)
def no_order_is_paid_twice_or_wrongly(record: Record, order: Order) -> Iterator[str]:
    found = record.payments_by_number.get(order.number, [])
    charge = order.totals.charge.amount
    if len(found) != bool(charge):
        yield f"{order.number} has {len(found)} payments at the provider."
    due = charge if order.payment_status in _PAID else 0
    for payment in found:
        if (payment["amount"], payment["currency"]) != (charge, order.currency):
            yield f"{order.number} was authorized over {payment['amount']} {payment['currency']}."
        if payment["captured_amount"] != due:
            yield f"{order.number}: {payment['captured_amount']} was captured, not {due}."
        if order.payment is None or payment["id"] != order.payment.provider_id:
            yield f"{order.number} does not know its payment {payment['id']}."


@OUTSIDE_RULES.about(lambda record: record.payments)
def the_provider_gave_back_what_the_store_owes(record: Record, payment: Row) -> Iterator[str]:
    order = record.store.by_number.get(payment["reference"])
    refunds = order.refunds if order else []
    owed = sum(refund.amount for refund in refunds)
    if payment["refunded_amount"] != owed:
        yield f"{payment['reference']}: {payment['refunded_amount']} was given back, not {owed}."
    if not all(refund.done_at for refund in refunds):
        yield f"{payment['reference']} has a refund that is not done."


@OUTSIDE_RULES.about(lambda record: [o for o in record.store.orders if o.status == "canceled"])
def a_canceled_order_gives_everything_back(_: Record, order: Order) -> Iterator[str]:
    owed = order.total_amount if order.payment_status in _PAID else order.gift_card_amount
    if order.refunded_amount != owed:
        yield f"{order.number} is canceled and gave {order.refunded_amount} back, not {owed}."


@OUTSIDE_RULES.about(lambda record: record.store.orders)
def every_parcel_is_booked_once(record: Record, order: Order) -> Iterator[str]:
    parcels = record.parcels_by_number.get(order.number, [])
    booked = [parcel["tracking_number"] for parcel in parcels]
    known = [order.shipment.tracking_number] if order.shipment else []
    if booked != known or len(known) != (order.status == "completed"):
        yield f"{order.number} has the parcels {booked} and knows {known}."


@OUTSIDE_RULES.about(lambda record: record.store.orders)
def a_confirmed_order_gets_one_confirmation(record: Record, order: Order) -> Iterator[str]:
    is_confirmed = any(entry.status == "confirmed" for entry in order.history)
    yield from _check_mail(record, order, "confirmation", is_wanted=is_confirmed)


@OUTSIDE_RULES.about(lambda record: record.store.orders)
def a_parcel_gets_one_dispatch_mail(record: Record, order: Order) -> Iterator[str]:
    yield from _check_mail(record, order, "dispatch", is_wanted=order.shipment is not None)


@OUTSIDE_RULES.about(lambda record: [*record.payments, *record.parcels])
def nobody_outside_knows_a_stranger(record: Record, row: Row) -> Iterator[str]:
    if row["reference"] not in record.store.by_number:
        yield f"{row['reference']} is no order."


@OUTSIDE_RULES.about(lambda record: record.mails)
def every_mail_is_about_an_order(record: Record, mail: Row) -> Iterator[str]:
    number, _, text = mail["message_id"].strip("<>").partition("@")[0].partition(".")
    order = record.store.by_number.get(number)
    if order is None or text not in ("confirmation", "dispatch"):
        yield f"The mail {mail['message_id']} is about no order."
    elif mail["recipients"] != [order.email]:
        yield f"The mail {mail['message_id']} went to {mail['recipients']}, not to {order.email}."


@OUTSIDE_RULES.about(lambda record: record.deliveries)
def every_webhook_has_arrived(_: Record, delivery: Row) -> Iterator[str]:
    if delivery["state"] != "delivered":
        yield f"The event {delivery['event_id']} is {delivery['state']}, {delivery['tries']} tries."


def _check_mail(record: Record, order: Order, text: str, *, is_wanted: bool) -> Iterator[str]:
    """A mail that is sent again, as its job ran again, has the Message-ID of the first."""
    copies = record.copies[f"<{order.number}.{text}@brindle.example>"]
    runs = record.store.runs.get(f"{order.number}:send_{text}:1", 0)
    if bool(copies) != is_wanted:
        yield f"{order.number} has {'no' if is_wanted else 'a'} mail of {text}."
    elif copies > runs:
        yield f"{order.number} has {copies} mails of {text}, from {runs} runs of its job."
