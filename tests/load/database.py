"""A fresh, seeded database for one run, and what a run sets or reads in it by itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from sqlalchemy import create_engine, delete, make_url, select, text, update
from sqlalchemy.orm import Session

from scenarios.kit.databases import create_database
from seed_data.standard import load_standard_store
from shop.cli import upgrade
from shop.db import make_engine
from shop.models import (
    Allowance,
    Coupon,
    GiftCard,
    HistoryEntry,
    Job,
    Order,
    OrderLine,
    Payment,
    Product,
    Shipment,
    StockItem,
    StockMovement,
)

# Alembic keeps the migration that is running in a global, so there can be one at a time.
_ALEMBIC = threading.Lock()


@contextmanager
def fresh_database(server: str | None, folder: Path) -> Iterator[str]:
    """Yield the URL of a migrated and seeded database; `server` is as for `empty_database`."""
    with empty_database(server, folder) as url:
        _fill(url)
        yield url


@contextmanager
def empty_database(server: str | None, folder: Path) -> Iterator[str]:
    """Yield the URL of a database without tables.

    :param server: a PostgreSQL URL, on whose server a database is created and dropped again;
        without it the database is a file in the folder.
    """
    if server is None:
        yield f"sqlite:///{folder / 'store.sqlite3'}"
        return
    own = make_url(server).set(database=f"{make_url(server).database}_load_{token_hex(4)}")
    create_database(make_url(server), str(own.database))
    try:
        yield own.render_as_string(hide_password=False)
    finally:
        _drop(server, str(own.database))


def _fill(url: str) -> None:
    with _ALEMBIC:
        upgrade(url)
    with session_on(url) as session:
        load_standard_store(session)
        _forget_the_past(session)


def _forget_the_past(session: Session) -> None:
    """Delete the orders that the seeds bring along, so that a run counts only its own."""
    for table in (HistoryEntry, OrderLine, Payment, Shipment, Order, StockMovement, Allowance):
        session.execute(delete(table))
    session.execute(update(Coupon).values(used=0))
    session.execute(update(GiftCard).values(balance=GiftCard.amount))
    for item in session.scalars(select(StockItem)):
        item.allocated = 0
        session.add(_movement(item, item.on_hand))
    session.commit()


def _drop(server: str, name: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    engine.dispose()


@contextmanager
def session_on(url: str) -> Iterator[Session]:
    """Yield a session on a database, with every connection closed afterwards."""
    engine = make_engine(url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def stock_up(url: str, on_hand: int, slug: str | None = None) -> None:
    """Put so many units of one product, or of every product, on the shelf."""
    items = select(StockItem).join(Product)
    if slug is not None:
        items = items.where(Product.slug == slug)
    with session_on(url) as session, session.begin():
        for item in session.scalars(items):
            session.add(_movement(item, on_hand - item.on_hand))
            item.on_hand = on_hand


def _movement(item: StockItem, delta: int) -> StockMovement:
    now = datetime.now(UTC)
    return StockMovement(product_id=item.product_id, delta=delta, reason="counted", at=now)


def list_slugs(url: str) -> list[str]:
    """Return the slugs of all products."""
    with session_on(url) as session:
        return list(session.scalars(select(Product.slug).order_by(Product.id)))


def list_open_jobs(session: Session) -> list[Job]:
    """Return the jobs that are neither done nor set aside."""
    is_open = Job.done_at.is_(None) & Job.set_aside_at.is_(None)
    return list(session.scalars(select(Job).where(is_open)))


def bring_checks_forward(session: Session) -> None:
    """Let the later checks of captures be due now, so that nobody waits half a minute for them."""
    is_check = (Job.kind == "check_payment") & Job.done_at.is_(None) & Job.leased_until.is_(None)
    session.execute(update(Job).where(is_check).values(due_at=datetime.now(UTC)))
    session.commit()
