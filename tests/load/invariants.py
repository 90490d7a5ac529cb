"""What must hold after a run, whatever was killed in between; each check yields its violations."""

from collections import Counter
from collections.abc import Iterator, Sequence

from shop.domain.money import share_of
from shop.domain.pricing import sum_lines
from shop.models import Job, Order
from tests.load.books import Books
from tests.load.shopper import DECLINED
from tests.load.shopping import NOT_THE_STORES, Receipt

_FIRST = [
    ("status", "placed"),
    ("payment_status", "pending"),
    ("fulfillment_status", "unfulfilled"),
]
_PAID = {"placed", "confirmed", "completed"}
_ENDS = {True: ("completed", "paid", "delivered"), False: ("canceled", "declined", "unfulfilled")}


def find_violations(books: Books, receipts: Sequence[Receipt], on_hand: int) -> Iterator[str]:
    """Yield a sentence for everything that is not as it must be.

    :param on_hand: how many units of every product were on the shelf at the start.
    """
    yield from _check_receipts(books, receipts)
    wanted = {receipt.number: receipt.card != DECLINED for receipt in receipts}
    for order in books.orders:
        is_paid = wanted.get(order.number, order.payment_status == "paid")
        yield from _check_whole(books, order)
        if order.payment is None:
            yield f"{order.number} has no payment."
            continue
        yield from check_sums(order)
        if order.refunds or order.refunded_amount:
            yield f"{order.number} owes {order.refunded}, unasked."
        yield from _check_end(order, is_paid)
        yield from _check_money(books, order, is_paid)
        yield from _check_goods(books, order, is_paid)
    yield from _check_strangers(books)
    for job in books.jobs:
        yield from check_job(job)
    yield from _check_shelf(books, on_hand)


def count_lost(books: Books, receipts: Sequence[Receipt]) -> int:
    """Count the orders that a shopper was shown and nobody has."""
    return len({each.number for each in receipts if each.number} - {o.number for o in books.orders})


def count_twice(books: Books) -> int:
    """Count the orders with more than one payment or parcel outside."""
    several = (*books.payments.items(), *books.parcels.items())
    return len({number for number, rows in several if len(rows) > 1})


def count_stuck(books: Books) -> int:
    """Count the orders that have not come to an end, neither good nor bad."""
    ends = _ENDS.values()
    found = [(each.status, each.payment_status, each.fulfillment_status) for each in books.orders]
    return sum(each not in ends for each in found)


def _check_receipts(books: Books, receipts: Sequence[Receipt]) -> Iterator[str]:
    numbers = Counter(receipt.number for receipt in receipts if receipt.number)
    placed = {order.number for order in books.orders}
    yield from (
        f"{number} was shown to a shopper and is lost." for number in numbers.keys() - placed
    )
    yield from (
        f"{number} was placed, and its shopper never saw it." for number in placed - numbers.keys()
    )
    yield from (f"{number} was shown to {n} shoppers." for number, n in numbers.items() if n > 1)
    yield from (f"A shopper was refused: {each.notice}" for each in receipts if not each.number)
    for each in receipts:
        yield from (f"A shopper read {page}." for page in each.failures if NOT_THE_STORES in page)


def _check_whole(books: Books, order: Order) -> Iterator[str]:
    if len(order.lines) != 2:
        yield f"{order.number} has {len(order.lines)} lines, not 2."
    steps = [(entry.subject, entry.status) for entry in order.history]
    if steps[:3] != _FIRST:
        yield f"{order.number} begins its history with {steps[:3]}."
    yield from (
        f"{order.number} was {step} {n} times." for step, n in Counter(steps).items() if n > 1
    )
    if not any(job.key == f"{order.number}:authorize_payment:1" for job in books.jobs):
        yield f"{order.number} was placed without its job."


def check_sums(order: Order) -> Iterator[str]:
    """Yield what of an order's lines, tax and total does not add up."""
    totals = order.totals
    if sum_lines(line.priced for line in order.lines) != totals.goods:
        yield f"{order.number}: its lines do not add up to {totals.goods}."
    if share_of(totals.goods - totals.discount + totals.shipping, order.tax_rate) != totals.tax:
        yield f"{order.number}: its tax is {totals.tax}."
    if order.total_amount != totals.total.amount:
        yield f"{order.number}: {totals.total} is not what is to be paid."


def _check_end(order: Order, is_paid: bool) -> Iterator[str]:
    end = (order.status, order.payment_status, order.fulfillment_status)
    if end != _ENDS[is_paid]:
        yield f"{order.number} is stuck: {', '.join(end)}."
    if {entry.status for entry in order.history if entry.subject == "status"} != (
        _PAID if is_paid else {"placed", "canceled"}
    ):
        yield f"{order.number} has an incomplete history."


def _check_money(books: Books, order: Order, is_paid: bool) -> Iterator[str]:
    found = books.payments.get(order.number, [])
    if len(found) != 1:
        yield f"{order.number} has {len(found)} payments at the provider."
    charge = order.totals.charge.amount
    due = charge if is_paid else 0
    for payment in found:
        if (payment["amount"], payment["currency"]) != (charge, order.currency):
            yield f"{order.number} was authorized over {payment['amount']} {payment['currency']}."
        if payment["captured_amount"] != due:
            yield f"{order.number}: {payment['captured_amount']} was captured, not {due}."
        if payment["refunded_amount"]:
            yield f"{order.number}: {payment['refunded_amount']} was given back, unasked."
        if order.payment and payment["id"] != order.payment.provider_id:
            yield f"{order.number} does not know its payment {payment['id']}."


def _check_goods(books: Books, order: Order, is_paid: bool) -> Iterator[str]:
    parcels = [parcel["tracking_number"] for parcel in books.parcels.get(order.number, [])]
    known = [order.shipment.tracking_number] if order.shipment else []
    if parcels != known or len(parcels) != is_paid:
        yield f"{order.number} has the parcels {parcels} and knows {known}."
    for text in ("confirmation", "dispatch"):
        if (_message_id(order, text) in books.mails) != is_paid:
            yield f"{order.number} has {'no' if is_paid else 'a'} mail of {text}."


def _check_strangers(books: Books) -> Iterator[str]:
    numbers = {order.number for order in books.orders}
    texts = ("confirmation", "dispatch")
    mails = {_message_id(order, text) for order in books.orders for text in texts}
    yield from (
        f"A payment for {each}, which is no order." for each in books.payments.keys() - numbers
    )
    yield from (
        f"A parcel for {each}, which is no order." for each in books.parcels.keys() - numbers
    )
    yield from (f"A mail {each!r}, which is about no order." for each in books.mails.keys() - mails)
    for job in books.jobs:
        if job.payload["number"] not in numbers:
            yield f"The job {job.key} is for no order."


def check_job(job: Job) -> Iterator[str]:
    """Yield why a job is not done."""
    if job.set_aside_at:
        yield f"The job {job.key} was set aside after {job.attempts} tries: {job.last_error}"
    elif not job.done_at:
        yield f"The job {job.key} is still open after {job.attempts} tries: {job.last_error}"


def _check_shelf(books: Books, on_hand: int) -> Iterator[str]:
    shipped: Counter[int] = Counter()
    for order in books.orders:
        if order.shipment:
            shipped.update({line.product_id: line.quantity for line in order.lines})
    for item in books.shelf:
        gone = shipped[item.product_id]
        if item.on_hand + gone != on_hand or item.allocated:
            yield (
                f"Product {item.product_id}: {item.on_hand} on hand, {item.allocated} allocated, "
                f"{gone} shipped, of {on_hand}."
            )
        if item.on_hand != books.ledger[item.product_id]:
            yield f"Product {item.product_id}: the ledger says {books.ledger[item.product_id]}."


def _message_id(order: Order, text: str) -> str:
    return f"<{order.number}.{text}@brindle.example>"
