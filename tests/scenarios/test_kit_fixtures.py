"""What a check may put in the place of a fixture of the kit."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from scenarios.kit.actors import Shopper
from scenarios.kit.clock import START, FixedClock
from scenarios.kit.failures import Failing
from scenarios.kit.rows import add_delivery, add_product
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import FakeMailer
from shop.worker.loop import Worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return {**settings, "SHOP_BASE_URL": "http://elsewhere.test/shop"}


@pytest.fixture
def mailer() -> Failing:
    return Failing(FakeMailer(), "send", calls=[1])


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START.replace(year=2027))


def test_the_store_is_built_with_what_the_check_has_replaced(
    app: Flask, session: Session, worker: Worker, mailer: Failing, clock: FixedClock
) -> None:
    add_delivery(session)
    add_product(session)
    shopper = Shopper(app)
    shopper.add("lmp-001")
    shopper.order()

    run_due_jobs(worker)
    before = len(mailer.sent)
    clock.advance(60)
    run_due_jobs(worker)

    assert (before, len(mailer.sent), len(mailer.asked)) == (0, 1, 2)
    assert mailer.sent[0]["Date"].datetime.year == 2027
    assert "http://elsewhere.test/shop/orders/" in mailer.sent[0].get_content()
