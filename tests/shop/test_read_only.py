from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.db import make_engine
from shop.models import Heartbeat
from shop.services.jobs import record_heartbeat


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
