import os
import random
import threading
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.work import run_due_jobs
from shop.cli import make_worker
from shop.db import transaction
from shop.domain.money import Money
from shop.gateways.fakes import UNANSWERED, FakeCarrier, FakeMailer, FakePaymentProvider
from shop.models import Heartbeat, HistoryEntry, Job, Payment, Product, StockItem, StockMovement
from shop.services.accounts import request_password_reset
from shop.services.fulfillment import pack_order, ship_order
from shop.services.jobs import MAX_ATTEMPTS, claim_job, enqueue, record_heartbeat
from shop.services.products import ProductRow, ProductTexts, import_products
from shop.services.refunds import refund_order
from shop.worker.handlers import HANDLERS, handle
from shop.worker.loop import Worker
from tests.factories import CustomerFactory, OrderFactory
from tests.shop.order_books import statuses


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order whose first job is due."""
    number = str(OrderFactory.create().number)
    queue(session, number)
    return number


def queue(session: Session, number: str, kind: str = "authorize_payment") -> None:
    with transaction(session):
        enqueue(session, kind, START, number=number)


def refuse_the_card(session: Session) -> None:
    """Let the provider fail at every attempt to authorize the order."""
    session.scalars(select(Payment)).one().card_token = f"tok_{UNANSWERED}"
    session.commit()


def job(session: Session) -> Job:
    session.rollback()
    return session.scalars(select(Job).order_by(Job.id)).first() or Job()


def test_an_order_runs_from_placed_to_paid_and_once_staff_ship_it_to_delivered(
    session: Session, worker: Worker, number: str
) -> None:
    run_due_jobs(worker)
    assert statuses(session) == ("confirmed", "paid", "unfulfilled")

    pack_order(session, number, START)
    ship_order(session, number, START)
    run_due_jobs(worker)

    assert statuses(session) == ("completed", "paid", "delivered")


def test_a_failing_job_does_not_stop_the_one_behind_it(session: Session, worker: Worker) -> None:
    broken = Job(key="it", kind="book_parcel", payload={}, created_at=START, due_at=START)
    session.add(broken)
    session.commit()
    queue(session, OrderFactory.create().number)

    run_due_jobs(worker)

    assert statuses(session) == ("confirmed", "paid", "unfulfilled")
    assert (job(session).done_at, job(session).attempts) == (None, 1)


def test_a_refused_job_is_set_aside_at_once(session: Session, worker: Worker) -> None:
    queue(session, "BB-00000-00000")

    run_due_jobs(worker)

    assert (job(session).set_aside_at, job(session).attempts) == (START, 1)
    assert "We have no such order" in (job(session).last_error or "")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_wait_after_a_failure_doubles_within_its_jitter(
    session: Session, worker: Worker, clock: FixedClock, number: str
) -> None:
    refuse_the_card(session)
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        worker.run_one()
        waits.append((job(session).due_at - clock()).total_seconds())
        clock.moment = job(session).due_at

    bounds = [(2**nth / 2, 2**nth) for nth in range(MAX_ATTEMPTS - 1)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True)), waits


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_workers_do_not_come_back_in_step(session: Session, worker: Worker, number: str) -> None:
    refuse_the_card(session)
    dues = set()
    for seed in range(5):
        replace(worker, dice=random.Random(seed)).run_one()
        dues.add(job(session).due_at)
        first = job(session)
        first.due_at, first.attempts = START, 0
        session.commit()

    assert len(dues) == 5


def test_a_job_is_set_aside_after_its_last_attempt(
    session: Session, worker: Worker, clock: FixedClock, number: str
) -> None:
    refuse_the_card(session)
    attempts = 0
    while worker.run_one():
        attempts += 1
        clock.moment = job(session).due_at

    assert attempts == MAX_ATTEMPTS
    assert job(session).set_aside_at is not None
    assert "answers nothing to this card" in (job(session).last_error or "")


def test_a_job_whose_worker_died_is_taken_over_after_its_lease(
    session: Session, worker: Worker, clock: FixedClock, number: str
) -> None:
    claim_job(session, worker.lease, clock())
    assert not worker.run_one()

    clock.advance(60)
    run_due_jobs(worker)

    assert statuses(session) == ("confirmed", "paid", "unfulfilled")


def test_a_job_that_kills_every_worker_is_set_aside(
    session: Session, worker: Worker, clock: FixedClock, number: str
) -> None:
    for _ in range(MAX_ATTEMPTS):
        claim_job(session, worker.lease, clock())
        clock.advance(60)

    worker.run_one()

    assert "8 workers have died" in (job(session).last_error or "")
    assert statuses(session) == ("placed", "pending", "unfulfilled")


def test_waiting_for_the_outside_world_spends_no_attempt(
    session: Session, worker: Worker, clock: FixedClock, carrier: FakeCarrier
) -> None:
    number = OrderFactory.create(status="confirmed", fulfillment_status="shipping").number
    queue(session, number, kind="book_parcel")
    worker.run_one()
    carrier.parcels.clear()

    for _ in range(MAX_ATTEMPTS + 1):
        worker.run_one()
        clock.advance(60)

    session.rollback()
    tracking = session.scalars(select(Job).where(Job.kind == "track_parcel")).one()
    assert (tracking.attempts, tracking.set_aside_at) == (0, None)


def test_a_worker_stops_when_told(session: Session, worker: Worker, number: str) -> None:
    stop = threading.Event()

    class LastMail(FakeMailer):
        def send(self, mail: object) -> None:
            stop.set()

    replace(worker, outside={**worker.outside, "mailer": LastMail()}).run_until(stop)

    session.rollback()
    mail = session.scalars(select(Job).where(Job.kind == "send_confirmation")).one()
    assert (mail.done_at, statuses(session)[0]) == (START, "confirmed")


def beats(session: Session) -> dict[str, float]:
    """Return how many seconds after the start each worker has last given a sign of life."""
    session.rollback()
    rows = session.execute(select(Heartbeat.worker, Heartbeat.beat_at))
    return {row.worker: (row.beat_at - START).total_seconds() for row in rows}


def run_for(worker: Worker, clock: FixedClock, seconds: int) -> None:
    """Let a worker without any job look at the clock once a second, and stop it then."""
    until = clock() + timedelta(seconds=seconds)

    class Ticking(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.advance(1)
            if clock() > until:
                self.set()
            return self.is_set()

    worker.run_until(Ticking())


def test_an_idle_worker_gives_a_sign_of_life_every_ten_seconds(
    session: Session, worker: Worker, clock: FixedClock
) -> None:
    seen = []
    for _ in range(3):
        run_for(replace(worker, name="host:1"), clock, 14)
        seen.append(beats(session))
        clock.moment -= timedelta(seconds=1)

    assert seen == [{"host:1": 10}, {"host:1": 24}, {"host:1": 38}]


def test_a_sign_of_life_does_not_wait_for_the_queue_to_be_empty(
    session: Session, worker: Worker, clock: FixedClock
) -> None:
    stop = threading.Event()

    class SlowMail(FakeMailer):
        def send(self, mail: object) -> None:
            clock.advance(11)
            if clock() > START + timedelta(seconds=40):
                stop.set()

    for _ in range(4):
        queue(session, OrderFactory.create().number, kind="send_confirmation")
    busy = replace(worker, name="host:1", outside={**worker.outside, "mailer": SlowMail()})

    busy.run_until(stop)

    assert beats(session) == {"host:1": 33}


def test_workers_do_not_overwrite_each_others_signs_of_life(
    session: Session, worker: Worker, clock: FixedClock
) -> None:
    run_for(replace(worker, name="host:1"), clock, 0)
    clock.moment = START + timedelta(seconds=5)
    run_for(replace(worker, name="host:2"), clock, 0)

    assert beats(session) == {"host:1": 0, "host:2": 5}


def test_a_worker_that_is_gone_for_more_than_a_day_is_forgotten(
    session: Session, worker: Worker
) -> None:
    day = timedelta(days=1)
    record_heartbeat(session, "yesterday", START - day)
    record_heartbeat(session, "before", START - day - timedelta(seconds=1))

    record_heartbeat(session, "today", START)

    assert set(beats(session)) == {"yesterday", "today"}


def test_each_worker_is_named_for_its_host_and_process(app: Flask) -> None:
    assert make_worker(app).name.endswith(f":{os.getpid()}")
    assert 0 < len(make_worker(app).name) <= 100


def run_each_job_twice(app: Flask) -> None:
    """Run every job that falls due, and each handler once more right after."""
    outside = make_worker(app).outside
    with app.extensions["sessions"]() as session:
        while claim := claim_job(session, timedelta(seconds=60), START + timedelta(seconds=60)):
            for _ in range(2):
                handle(claim.kind, {**outside, **claim.payload, "session": session, "now": START})


def run_every_kind_twice(app: Flask, number: str) -> None:
    """Take an order all the way to delivered and back again, and every job twice."""
    run_each_job_twice(app)
    with app.extensions["sessions"]() as session:
        pack_order(session, number, START)
        ship_order(session, number, START)
        run_each_job_twice(app)
        refund_order(session, number, START)
        request_password_reset(session, CustomerFactory.create().email, START)
        import_products(
            session, [row_of(session.scalars(select(Product)).one())], START, with_pictures=True
        )
    run_each_job_twice(app)


def row_of(product: Product) -> ProductRow:
    """Return the row of a file that leaves a product as it is, and has a picture for it."""
    texts = {each.name: getattr(product, each.name) for each in fields(ProductTexts)}
    return ProductRow(
        **texts,
        sku=product.sku,
        category=product.category.slug,
        on_hand=0,
        picture_url="https://pictures.example/1.png",
        picture_alt="From above",
    )


def mail_ids(mailer: FakeMailer) -> set[str]:
    return {mail["Message-ID"] for mail in mailer.sent}


def test_every_job_run_twice_has_one_effect_inside(
    app: Flask, session: Session, number: str
) -> None:
    run_every_kind_twice(app, number)

    session.rollback()
    history = session.scalars(select(HistoryEntry.status).order_by(HistoryEntry.id)).all()
    assert history == [
        *("authorized", "paid", "confirmed", "packed", "shipping", "shipped"),
        *("delivered", "completed", "refunded"),
    ]
    assert session.execute(select(StockItem.on_hand, StockItem.allocated)).all() == [(10, 0)]
    assert session.scalars(select(StockMovement.delta)).all() == [-1, 1]


def test_every_job_run_twice_has_one_effect_outside(
    app: Flask, provider: FakePaymentProvider, carrier: FakeCarrier, mailer: FakeMailer, number: str
) -> None:
    run_every_kind_twice(app, number)

    assert [payment.status for payment in provider.payments.values()] == ["refunded"]
    assert (len(provider.captures), len(carrier.parcels)) == (1, 1)
    assert provider.refunds == {f"{number}:refund:1": Money(2873)}
    # A link is made anew each time, so that only the last mail's works.
    assert len(mail_ids(mailer)) == 2 + 2


def test_every_kind_of_job_is_run_by_that_test(app: Flask, session: Session, number: str) -> None:
    run_every_kind_twice(app, number)

    session.rollback()
    assert set(session.scalars(select(Job.kind))) == set(HANDLERS)


def test_a_declined_payment_recorded_twice_frees_its_stock_once(
    app: Flask, session: Session
) -> None:
    order = OrderFactory.create()
    order.payment.card_token = "tok_4000000000000002"
    session.commit()
    queue(session, order.number)

    run_each_job_twice(app)

    session.rollback()
    assert session.scalars(select(StockItem.allocated)).all() == [0]
