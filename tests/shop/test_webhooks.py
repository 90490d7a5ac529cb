import json
from itertools import permutations
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.settings import WEBHOOK_SECRET
from shop.domain.webhook_signature import sign
from shop.models import HistoryEntry, Job, Order, WebhookEvent
from tests.factories import OrderFactory

Event = dict[str, Any]
NOT_A_VALUE = [
    None, "", " ", "a\x00b", "\ud800", "x" * 81, True, 1.9, -1, 10**30, float("nan"),
    float("inf"), [], ["x"], {}, {"a": 1},
]  # fmt: skip


@pytest.fixture
def event(session: Session) -> Event:
    """The news that the payment of an order was captured."""
    order = OrderFactory.create()
    return {
        "id": "evt_1",
        "type": "payment.captured",
        "created_at": "2026-03-02T09:00:00.123456+00:00",
        "data": {
            "payment_id": "pay_1",
            "reference": order.number,
            "amount": order.total_amount,
            "currency": "GBP",
            "captured_amount": order.total_amount,
            "refunded_amount": 0,
        },
    }


def send(client: FlaskClient, body: bytes, header: str | None = None) -> TestResponse:
    seconds = int(START.timestamp())
    signature = f"t={seconds},v1={sign(body, WEBHOOK_SECRET, seconds)}"
    return client.post(
        "/webhooks/payments",
        data=body,
        content_type="application/json",
        headers={"Tillpost-Signature": signature if header is None else header},
    )


def tell(client: FlaskClient, event: Event) -> int:
    return send(client, json.dumps(event).encode()).status_code


def statuses(session: Session) -> tuple[str, str]:
    session.rollback()
    row = session.execute(select(Order.status, Order.payment_status)).one()
    return row.status, row.payment_status


def traces(session: Session) -> int:
    """Count what a refused event must not leave: events, history and jobs."""
    session.rollback()
    return sum(
        len(session.scalars(select(table)).all()) for table in (WebhookEvent, HistoryEntry, Job)
    )


def assert_refused(client: FlaskClient, session: Session, answer: TestResponse) -> None:
    assert (answer.status_code, bool(answer.get_json()["error"]["message"])) == (400, True)
    assert (statuses(session), traces(session)) == (("placed", "pending"), 0)


def test_signed_news_is_taken_in(client: FlaskClient, session: Session, event: Event) -> None:
    answer = send(client, json.dumps(event).encode())

    assert (answer.status_code, answer.get_json()) == (200, {"received": True})
    assert statuses(session) == ("confirmed", "paid")


def test_the_bytes_are_signed_and_not_what_they_mean(
    client: FlaskClient, session: Session, event: Event
) -> None:
    answer = send(client, json.dumps(event, indent=4, sort_keys=True).encode())

    assert (answer.status_code, statuses(session)) == (200, ("confirmed", "paid"))


def test_news_delivered_twice_is_taken_in_once(
    client: FlaskClient, session: Session, event: Event
) -> None:
    assert tell(client, event) == 200
    before = traces(session)

    assert (tell(client, event), traces(session)) == (200, before)


def test_another_event_that_says_the_same_has_no_second_effect(
    client: FlaskClient, session: Session, event: Event
) -> None:
    tell(client, event)

    tell(client, {**event, "id": "evt_2"})

    session.rollback()
    kinds = session.scalars(select(Job.kind).order_by(Job.id)).all()
    assert kinds == ["send_confirmation"]


@pytest.mark.parametrize("late", ["authorized", "failed", "declined"])
def test_late_news_does_not_take_a_payment_back(
    client: FlaskClient, session: Session, event: Event, late: str
) -> None:
    tell(client, event)

    tell(client, {**event, "id": "evt_2", "type": f"payment.{late}"})

    assert statuses(session) == ("confirmed", "paid")


@pytest.mark.parametrize("order", list(permutations(["authorized", "failed", "captured"])))
def test_news_in_any_order_ends_the_same(
    client: FlaskClient, session: Session, event: Event, order: tuple[str, ...]
) -> None:
    for kind in order:
        tell(client, {**event, "id": f"evt_{kind}", "type": f"payment.{kind}"})

    assert statuses(session) == ("confirmed", "paid")


@pytest.mark.parametrize(
    ("kind", "refunded", "known"),
    [
        ("voided", 0, "voided"),
        ("captured", 0, "paid"),
        ("refunded", 1, "paid"),
        ("refunded", 2873, "refunded"),
    ],
)
def test_a_refund_counts_as_one_when_all_of_it_is_given_back(
    client: FlaskClient, session: Session, event: Event, kind: str, refunded: int, known: str
) -> None:
    data = {**event["data"], "refunded_amount": refunded}

    tell(client, {**event, "type": f"payment.{kind}", "data": data})

    assert statuses(session)[1] == known


@pytest.mark.parametrize("kind", ["payment.disputed", "payout.made"])
def test_news_of_no_concern_is_received_and_changes_nothing(
    client: FlaskClient, session: Session, event: Event, kind: str
) -> None:
    status = tell(client, {**event, "type": kind})

    assert (status, statuses(session)) == (200, ("placed", "pending"))


SECONDS = int(START.timestamp())


@pytest.mark.parametrize(
    "header", ["", "nonsense", f"t={SECONDS}", f"t={SECONDS},v1={'0' * 64}", "t=1,v1=" + "é" * 64]
)
def test_news_that_is_not_signed_is_refused(
    client: FlaskClient, session: Session, event: Event, header: str
) -> None:
    assert_refused(client, session, send(client, json.dumps(event).encode(), header))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_stale_news_is_refused(
    client: FlaskClient, session: Session, event: Event, seconds: int
) -> None:
    body, moment = json.dumps(event).encode(), SECONDS + seconds
    header = f"t={moment},v1={sign(body, WEBHOOK_SECRET, moment)}"

    assert_refused(client, session, send(client, body, header))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"1", b'"x"', b"[]", b"{}", b"\xff\xfe", b"[" * 60_000, b"9" * 6_000,
        b'{"a":' * 9_000, b'{"\\ud800": 1}', b"email=ada%40example.com", b"\x00",
    ],
    ids=lambda body: body[:8].hex(),
)  # fmt: skip
def test_a_body_that_is_no_event_is_refused(
    client: FlaskClient, session: Session, event: Event, body: bytes
) -> None:
    assert_refused(client, session, send(client, body))


def test_a_huge_body_is_refused(client: FlaskClient, session: Session, event: Event) -> None:
    answer = send(client, json.dumps({**event, "note": "x" * 70_000}).encode())

    assert (answer.status_code, "error" in answer.get_json()) == (413, True)
    assert traces(session) == 0


@pytest.mark.parametrize("field", ["id", "type", "created_at", "data"])
def test_a_wrong_value_is_refused(
    client: FlaskClient, session: Session, event: Event, field: str
) -> None:
    answers = [tell(client, {**event, field: value}) for value in NOT_A_VALUE]

    assert (answers, traces(session)) == ([400] * len(NOT_A_VALUE), 0)


@pytest.mark.parametrize(
    "field", ["payment_id", "reference", "amount", "currency", "captured_amount", "refunded_amount"]
)
def test_a_wrong_value_of_the_payment_is_refused(
    client: FlaskClient, session: Session, event: Event, field: str
) -> None:
    wrong = [{**event, "data": {**event["data"], field: value}} for value in NOT_A_VALUE]

    answers = [tell(client, each) for each in wrong]

    assert (answers, traces(session)) == ([400] * len(NOT_A_VALUE), 0)


@pytest.mark.parametrize("field", ["id", "type", "created_at", "data"])
def test_a_missing_field_is_refused(
    client: FlaskClient, session: Session, event: Event, field: str
) -> None:
    del event[field]

    assert_refused(client, session, send(client, json.dumps(event).encode()))


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "BB-00000-00000"},
        {"amount": 1},
        {"amount": 0},
        {"currency": "EUR"},
        {"currency": "gbp"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_news_of_another_order_or_sum_is_refused(
    client: FlaskClient, session: Session, event: Event, changes: Event
) -> None:
    event["data"] |= changes

    assert_refused(client, session, send(client, json.dumps(event).encode()))


def test_an_unknown_field_is_refused(client: FlaskClient, session: Session, event: Event) -> None:
    assert_refused(client, session, send(client, json.dumps({**event, "note": "x"}).encode()))
