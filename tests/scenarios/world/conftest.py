"""A world in this process, on a clock that stands still, with nothing in the background."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.world.app import create_app
from scenarios.world.context import World
from scenarios.world.ledger import Ledger
from tests.scenarios.world.world_standins import Caller, StandingClock, Store, settings_for


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def world(tmp_path: Path, clock: StandingClock) -> Iterator[World]:
    ledger = Ledger(tmp_path)
    yield World(settings_for(tmp_path), ledger, clock)
    ledger.close()


@pytest.fixture
def caller(world: World) -> Caller:
    return Caller(world, create_app(world).test_client())


@pytest.fixture
def store() -> Store:
    return Store()
