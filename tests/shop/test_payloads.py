import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from shop.domain.money import Money
from shop.domain.provider_payment import ProviderPayment
from shop.gateways.carrier import Parcel
from shop.gateways.fakes import FakeCarrier, FakePaymentProvider
from shop.models import Job, Order, Refund, Shipment
from shop.services.jobs import MAX_ATTEMPTS, PAYLOAD_VERSION
from shop.worker.handlers import HANDLERS
from shop.worker.loop import Worker
from tests.factories import CustomerFactory, OrderFactory, ProductFactory
from tests.shop.test_log import lines
from tests.shop.test_log import log as log
from tests.shop.test_worker import number as number
from tests.shop.test_worker import run_every_kind_twice

NUMBER, CUSTOMER_ID = "BB-7K3MQ-9XT2W", 7
# What each release has written into the job table, in files that no release may change.
RECORDED: dict[int, dict[str, dict[str, Any]]] = {
    int(path.stem.removeprefix("v")): json.loads(path.read_text("utf-8"))
    for path in sorted(Path(__file__).with_name("payloads").glob("v*.json"))
}


@pytest.fixture
def order(session: Session, provider: FakePaymentProvider, carrier: FakeCarrier) -> Order:
    """An order, a customer and a product that have come as far as each kind of job needs."""
    CustomerFactory.create(id=CUSTOMER_ID)
    ProductFactory.create(sku="LMP-001")
    order: Order = OrderFactory.create(number=NUMBER)
    assert order.payment is not None
    order.payment.provider_id = f"pay_{NUMBER}"
    order.refunds = [Refund(nth=1, amount=100, currency="GBP", requested_at=START)]
    order.shipment = Shipment(tracking_number=f"LP-{NUMBER}", booked_at=START)
    paid = ProviderPayment(f"pay_{NUMBER}", NUMBER, "authorized", Money(order.total_amount))
    provider.payments[paid.id] = paid
    carrier.parcels[f"LP-{NUMBER}"] = Parcel(
        NUMBER, "Ada", "12 St James's Square", "GB", "standard"
    )
    session.commit()
    return order


def put(session: Session, kind: str, payload: dict[str, Any]) -> None:
    """Write a job as some release did, without asking how this one does it."""
    session.add(Job(key="it", kind=kind, payload=payload, created_at=START, due_at=START))
    session.commit()


def found(session: Session) -> Job:
    session.rollback()
    return session.scalars(select(Job).where(Job.key == "it")).one()


def test_the_payloads_of_every_release_are_on_record() -> None:
    assert sorted(RECORDED) == list(range(1, PAYLOAD_VERSION + 1))
    assert set(RECORDED[PAYLOAD_VERSION]) == set(HANDLERS)


def test_what_this_release_writes_is_what_is_on_record(
    app: Flask, session: Session, number: str
) -> None:
    run_every_kind_twice(app, number)

    session.rollback()
    written = {job.kind: set(job.payload) for job in session.scalars(select(Job))}
    assert written == {kind: set(known) for kind, known in RECORDED[PAYLOAD_VERSION].items()}
    assert {job.payload["version"] for job in session.scalars(select(Job))} == {PAYLOAD_VERSION}


@pytest.mark.parametrize(("version", "kind"), [(v, k) for v, ks in RECORDED.items() for k in ks])
def test_a_job_of_every_release_is_done(
    session: Session, worker: Worker, order: Order, version: int, kind: str
) -> None:
    put(session, kind, RECORDED[version][kind])

    worker.run_one()

    job = found(session)
    assert (job.done_at, job.attempts, job.last_error) == (START, 1, None)


def test_a_fact_that_the_service_does_not_name_is_passed_over(
    session: Session, worker: Worker, order: Order
) -> None:
    put(session, "send_confirmation", {**RECORDED[2]["send_confirmation"], "priority": "high"})

    worker.run_one()

    assert found(session).done_at == START


@pytest.mark.parametrize(
    ("kind", "version"), [("send_confirmation", PAYLOAD_VERSION + 1), ("send_review_request", 1)]
)
def test_a_job_of_a_later_release_is_left_for_its_workers(
    session: Session,
    worker: Worker,
    clock: FixedClock,
    order: Order,
    log: io.StringIO,
    kind: str,
    version: int,
) -> None:
    put(session, kind, {"number": NUMBER, "nth": 1, "version": version})

    for _ in range(MAX_ATTEMPTS + 1):
        worker.run_one()
        clock.advance(worker.poll_every.total_seconds())

    job = found(session)
    assert (job.done_at, job.set_aside_at, job.attempts, job.due_at) == (None, None, 0, clock())
    said = {(line["level"], line["event"]) for line in lines(log)}
    assert said == {("warning", "it: left for the worker of a later release")}
