import re
from collections.abc import Callable
from typing import Any

import pytest

from seed_data.standard import load_standard_store
from tests.load.database import session_on
from tests.load.programs import REPOSITORY
from tests.load.soak.outside_rules import OUTSIDE_RULES
from tests.load.soak.record import Record, read_store
from tests.load.soak.rules import Finding
from tests.load.soak.store_rules import STORE_RULES
from tests.load.sound_books import DECLINED, DELIVERED, sound_record

Break = Callable[[Record], Any]


def change(row: object, **values: object) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def order_of(record: Record, number: str = DELIVERED) -> Any:
    return record.store.by_number[number]


def hold(record: Record) -> list[Finding]:
    return [*STORE_RULES.check(record.store), *OUTSIDE_RULES.check(record)]


def find_red(record: Record) -> set[str]:
    return {finding.name for finding in hold(record) if finding.violations}


# Each rule with the ways to break it, and what it then has to be red for.
BREAKS: list[tuple[str, Break]] = [
    ("nothing is oversold", lambda r: change(r.store.shelf[0], allocated=10)),
    ("nothing is oversold", lambda r: change(r.store.shelf[0], allocated=-1)),
    ("what is promised is in open orders", lambda r: change(r.store.shelf[0], allocated=1)),
    (
        "what is promised is in open orders",
        lambda r: change(order_of(r), status="confirmed", fulfillment_status="packed"),
    ),
    ("the ledger adds up to the shelf", lambda r: r.store.ledger.update({1: 1})),
    ("totals add up", lambda r: change(order_of(r), goods_amount=1999)),
    ("totals add up", lambda r: change(order_of(r), discount_amount=199)),
    ("totals add up", lambda r: change(order_of(r), tax_amount=438)),
    ("totals add up", lambda r: change(order_of(r), total_amount=2633)),
    ("refunds stay within what was paid", lambda r: change(order_of(r), refunded_amount=1581)),
    ("refunds stay within what was paid", lambda r: change(order_of(r), refunded_amount=1079)),
    ("refunds stay within what was paid", lambda r: change(order_of(r).refunds[0], amount=2135)),
    ("the history ends where the order is", lambda r: change(order_of(r), status="confirmed")),
    (
        "the history ends where the order is",
        lambda r: change(order_of(r).history[1], subject="status", status="completed"),
    ),
    ("coupons are used as often as they may", lambda r: change(r.store.coupons[0], used=0)),
    ("coupons are used as often as they may", lambda r: change(r.store.coupons[0], most_uses=0)),
    ("no buyer uses a coupon too often", lambda r: change(r.store.allowances[0], used=2)),
    ("no buyer uses a coupon too often", lambda r: r.store.allowances.pop(0)),
    ("no buyer uses a coupon too often", lambda r: change(r.store.coupons[0], most_per_buyer=0)),
    ("gift cards pay what was paid for them", lambda r: change(r.store.gift_cards[0], balance=99)),
    (
        "gift cards pay what was paid for them",
        lambda r: change(r.store.gift_cards[0], amount=499, balance=-1),
    ),
    ("no buyer gets more than the limit", lambda r: change(r.store.allowances[1], used=3)),
    ("no buyer gets more than the limit", lambda r: r.store.allowances.pop(1)),
    ("no buyer gets more than the limit", lambda r: change(r.store.products[0], most_per_buyer=1)),
    ("stars are those of the reviews", lambda r: change(r.store.products[0], stars_total=5)),
    ("stars are those of the reviews", lambda r: change(r.store.products[0], review_count=2)),
    ("no order is lost", lambda r: r.numbers.append("BB-00000-GONE")),
    ("no job is left", lambda r: change(r.store.jobs[0], done_at=None)),
    ("no job is left", lambda r: change(r.store.jobs[0], done_at=None, set_aside_at=1)),
    ("every order has come to an end", lambda r: change(order_of(r), status="confirmed")),
    (
        "every order has come to an end",
        lambda r: change(order_of(r, DECLINED), payment_status="authorized"),
    ),
    ("no order is paid twice or wrongly", lambda r: r.payments.append(r.payments[0])),
    ("no order is paid twice or wrongly", lambda r: r.payments.pop(0)),
    ("no order is paid twice or wrongly", lambda r: r.payments[0].update(captured_amount=0)),
    ("no order is paid twice or wrongly", lambda r: r.payments[0].update(amount=1)),
    ("no order is paid twice or wrongly", lambda r: r.payments[0].update(id="pay_other")),
    ("no order is paid twice or wrongly", lambda r: r.payments[1].update(captured_amount=2134)),
    (
        "the provider gave back what the store owes",
        lambda r: r.payments[0].update(refunded_amount=0),
    ),
    (
        "the provider gave back what the store owes",
        lambda r: change(order_of(r).refunds[0], done_at=None),
    ),
    (
        "a canceled order gives everything back",
        lambda r: change(order_of(r, DECLINED), refunded_amount=0),
    ),
    ("every parcel is booked once", lambda r: r.parcels.append(r.parcels[0])),
    ("every parcel is booked once", lambda r: r.parcels[0].update(tracking_number="LP2")),
    ("every parcel is booked once", lambda r: change(order_of(r), shipment=None)),
    ("a confirmed order gets one confirmation", lambda r: r.mails.pop(0)),
    ("a confirmed order gets one confirmation", lambda r: r.mails.append(r.mails[0])),
    (
        "a confirmed order gets one confirmation",
        lambda r: r.mails[0].update(message_id=f"<{DECLINED}.confirmation@brindle.example>"),
    ),
    ("a parcel gets one dispatch mail", lambda r: r.mails.pop(1)),
    ("a parcel gets one dispatch mail", lambda r: r.mails.append(r.mails[1])),
    ("nobody outside knows a stranger", lambda r: r.payments[0].update(reference="BB-00000-GONE")),
    ("nobody outside knows a stranger", lambda r: r.parcels[0].update(reference="BB-00000-GONE")),
    ("every mail is about an order", lambda r: r.mails[0].update(message_id="<other@example>")),
    ("every mail is about an order", lambda r: r.mails[0].update(recipients=["bob@example.com"])),
    ("every webhook has arrived", lambda r: r.deliveries[0].update(state="given_up")),
]


def test_a_sound_book_keeps_every_rule() -> None:
    assert find_red(sound_record()) == set()


@pytest.mark.parametrize(("rule", "spoil"), BREAKS)
def test_a_rule_is_red_on_a_book_that_breaks_it(rule: str, spoil: Break) -> None:
    record = sound_record()

    spoil(record)

    assert rule in find_red(record)


def test_every_rule_is_broken_by_some_test() -> None:
    assert {rule for rule, _ in BREAKS} == {finding.name for finding in hold(sound_record())}


def test_every_rule_is_documented_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "soak.md").read_text("utf-8")
    rules = page.partition("## The rules")[2].partition("## Add a rule")[0]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", rules, re.MULTILINE)

    assert [row for row in rows if row != "rule"] == [found.name for found in hold(sound_record())]


def test_a_mail_that_its_job_has_sent_again_is_one_mail() -> None:
    record = sound_record()

    record.mails.append(record.mails[0])
    change(record.store.jobs[0], attempts=2)

    assert find_red(record) == set()


def test_a_rule_that_looks_at_nothing_is_broken() -> None:
    store = sound_record().store
    for rows in (value for value in vars(store).values() if isinstance(value, list)):
        rows.clear()

    findings = hold(Record(store))

    assert {finding.rows for finding in findings} == {0}
    assert all(finding.violations for finding in findings)


def test_the_store_is_read_as_it_is_in_the_database(database_url: str) -> None:
    with session_on(database_url) as session:
        load_standard_store(session)

    store = read_store(database_url)

    assert [f.violations for f in STORE_RULES.check(store) if f.rows and f.violations] == []
