"""Commands: `flask --app shop migrate`, `seed`, `worker`, `backup` and `restore`."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
from flask import Flask, current_app, url_for
from flask.cli import with_appcontext
from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from shop.config import Settings
from shop.db import get_session
from shop.errors import BackupRefused
from shop.gateways import Gateways
from shop.services.backup import Sums, check_backup, restore_backup, write_backup
from shop.worker.loop import Worker

_MIGRATIONS = str(Path(__file__).with_name("migrations"))
# How many orders a large store has.
_SCALES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}


def init_app(app: Flask) -> None:
    """Add the commands, and where the store runs alone, what else it then needs."""
    for each in (migrate, seed, worker, backup, restore):
        app.cli.add_command(each)
    settings: Settings = app.extensions["settings"]
    if settings.alone:
        _run_alone(app, settings)


@click.command()
@with_appcontext
def migrate() -> None:
    """Bring the database's tables to this release."""
    settings: Settings = current_app.extensions["settings"]
    upgrade(settings.database_url)


@click.command()
@click.option("--scale", type=click.Choice(_SCALES), help="Add as many made-up orders.")
@click.option("--seed", "chance", type=click.IntRange(0), default=1, help="Draws other orders.")
@with_appcontext
def seed(scale: str | None, chance: int) -> None:
    """Fill an empty database with the standard store; a second time it does nothing."""
    from seed_data.command import seed_store

    click.echo(seed_store(get_session(), _SCALES[scale] if scale else 0, chance))


@click.command()
@with_appcontext
def worker() -> None:
    """Run jobs until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    click.echo("Worker started.")
    make_worker(current_app._get_current_object()).run_until(stop)  # type: ignore[attr-defined]
    click.echo("Worker stopped.")


@click.command()
@click.argument("file", type=Path)
@with_appcontext
def backup(file: Path) -> None:
    """Write the whole database into FILE, which is then read again."""
    with _told_in_a_sentence():
        sums = write_backup(get_session(), file, read_head())
    click.echo(f"Wrote {_count(sums)} to {file}, and read it again: it is whole.")


@click.command()
@click.argument("file", type=Path)
@with_appcontext
def restore(file: Path) -> None:
    """Fill an empty database from FILE, or leave it as it is."""
    settings: Settings = current_app.extensions["settings"]
    with _told_in_a_sentence():
        revision = read_head()
        sums = check_backup(file, revision)
        if not inspect(get_session().get_bind()).get_table_names():
            upgrade(settings.database_url)
        restore_backup(get_session(), file, revision, sums)
    click.echo(f"Restored {_count(sums)} from {file}, and read them again: all is there.")


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    try:
        yield
    except (BackupRefused, SQLAlchemyError) as error:
        # The statement and a link come behind the database's own words.
        raise click.ClickException(str(error).splitlines()[0]) from error


def _count(sums: Sums) -> str:
    return f"{sum(rows for rows, _ in sums.values())} rows of {len(sums)} tables"


def read_head() -> str:
    """Return the revision of this release, that of its last migration."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(_MIGRATIONS).get_current_head())


def upgrade(database_url: str) -> None:
    """Run the migrations that the database has not seen."""
    # Alembic takes a fifth of the store's memory, and only this function needs it.
    from alembic import command
    from alembic.config import Config

    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def make_worker(app: Flask) -> Worker:
    """Wire a worker to the application's database, outside world and clock."""
    settings: Settings = app.extensions["settings"]

    outside: Gateways = app.extensions["gateways"]

    def link(endpoint: str, **values: str) -> str:
        with app.test_request_context(base_url=settings.base_url):
            return url_for(endpoint, _external=True, **values)

    return Worker(
        name=f"{socket.gethostname()[:80]}:{os.getpid()}",
        sessions=app.extensions["sessions"],
        outside={
            "provider": outside.payments,
            "carrier": outside.carrier,
            "mailer": outside.mailer,
            "pictures": outside.pictures,
            "order_link": lambda number: link("orders.show", number=number),
            "reset_link": lambda token: link("account.reset_password", token=token),
        },
        clock=app.extensions["clock"],
        lease=timedelta(seconds=settings.job_lease_seconds),
        poll_every=timedelta(seconds=settings.poll_seconds),
    )


def _run_alone(app: Flask, settings: Settings) -> None:
    """Make a SQLite database if there is none, and run due jobs after each request."""
    app.logger.warning(
        "The store is alone: payment provider, carrier and mail are imitated in this process, "
        "and jobs run after each page. Nothing leaves this machine."
    )
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "/").exists():
        from seed_data.standard import load_standard_store

        upgrade(settings.database_url)
        with app.app_context():
            load_standard_store(get_session())
    jobs = make_worker(app)

    @app.teardown_request
    def run_due_jobs(_error: BaseException | None) -> None:
        while jobs.run_one():
            pass
