import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.settings import settings_for
from shop import create_app
from shop.gateways.fakes import FakeMailer, make_fakes
from shop.models import Order, Product, StockItem
from shop.services.jobs import enqueue
from tests.factories import OrderFactory

ROOT = Path(__file__).parents[2]


def test_migrate_and_seed_make_a_store_out_of_nothing(tmp_path: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'new' / 'store.sqlite3'}"))
    run = app.test_cli_runner().invoke

    migrated, seeded = run(args=["migrate"]), run(args=["seed"])

    assert (migrated.exit_code, seeded.exit_code) == (0, 0), seeded.output
    assert app.test_client().get("/products/harbor-desk-lamp").status_code == 200
    app.extensions["sessions"].kw["bind"].dispose()


def test_seeding_a_second_time_changes_nothing_and_says_so(app: Flask, session: Session) -> None:
    run = app.test_cli_runner().invoke
    first = run(args=["seed"])
    count = session.scalar(select(func.count(Product.id)))

    again = run(args=["seed"])

    session.rollback()
    assert (first.exit_code, first.output) == (0, f"Seeded {count} products.\n")
    assert (again.exit_code, again.output, session.scalar(select(func.count(Product.id)))) == (
        0,
        "There are products already, so nothing was seeded.\n",
        count,
    )


def test_a_store_with_a_product_of_its_own_is_not_seeded(app: Flask, session: Session) -> None:
    OrderFactory.create()

    app.test_cli_runner().invoke(args=["seed"])

    session.rollback()
    assert len(session.scalars(select(StockItem)).all()) == 1


def test_seeding_a_database_without_tables_says_what_to_do(tmp_path: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'store.sqlite3'}"))

    result = app.test_cli_runner().invoke(args=["seed"])

    app.extensions["sessions"].kw["bind"].dispose()
    assert (result.exit_code, "migrate" in result.output) == (1, True), result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_runs_until_it_is_told_to_stop(
    database_url: str, session: Session, number: signal.Signals
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    class LastMail(FakeMailer):
        def send(self, mail: object) -> None:
            os.kill(os.getpid(), number)

    outside = replace(make_fakes(), mailer=LastMail())
    app = create_app(settings_for(database_url), gateways=outside, clock=lambda: START)
    enqueue(session, "authorize_payment", START, number=OrderFactory.create().number)
    session.commit()

    result = app.test_cli_runner().invoke(args=["worker"])

    signal.signal(signal.SIGTERM, before[0])
    signal.signal(signal.SIGINT, before[1])
    app.extensions["sessions"].kw["bind"].dispose()
    session.rollback()
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "Worker stopped.")
    assert session.scalars(select(Order.status)).one() == "confirmed"


def test_a_store_without_settings_says_so_in_one_sentence() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    command = [sys.executable, "-m", "flask", "--app", "shop", "run"]

    ended = subprocess.run(command, env=bare, cwd=ROOT, capture_output=True, text=True)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("Error: The store needs SHOP_SECRET_KEY, SHOP_DATABASE_URL")
