import itertools
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from scenarios.kit.clock import START
from shop.db import make_engine, transaction
from shop.models import Heartbeat
from shop.services.jobs import record_heartbeat
from shop.worker.loop import Worker


@pytest.fixture
def engine(database_url: str) -> Engine:
    """An engine whose first connection is opened while nothing can be written."""
    engine = make_engine(database_url)
    is_sqlite = engine.dialect.name == "sqlite"
    read_only = "PRAGMA query_only = on" if is_sqlite else "SET default_transaction_read_only = on"

    def forbid(connection: Any, _record: object) -> None:
        connection.execute(read_only)
        connection.commit()

    event.listen(engine, "connect", forbid, once=True)
    return engine


def test_a_connection_that_cannot_write_is_replaced_by_one_that_can(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(DBAPIError):
        record_heartbeat(session, "host:1", START)

    with Session(engine) as session:
        record_heartbeat(session, "host:1", START)
        names = list(session.scalars(select(Heartbeat.worker)))
    engine.dispose()

    assert names == ["host:1"]


def test_a_worker_goes_on_when_the_database_takes_writes_again(
    engine: Engine, worker: Worker
) -> None:
    stop = threading.Event()
    seconds = itertools.count()

    def clock() -> Any:
        # A loop that gets nowhere comes to an end as well.
        if (second := next(seconds)) == 100:
            stop.set()
        return START + timedelta(seconds=second)

    event.listen(engine, "commit", lambda _connection: stop.set())
    replace(worker, sessions=sessionmaker(engine), clock=clock).run_until(stop)
    with Session(engine) as session, transaction(session):
        beats = list(session.scalars(select(Heartbeat.worker)))
    engine.dispose()

    assert beats == [worker.name]
