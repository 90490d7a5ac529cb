"""What all tests share: the fixtures of the kit, on both databases."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from scenarios.kit import databases
from tests.databases import POSTGRES_VARIABLE, not_run

pytest_plugins = ("scenarios.kit.fixtures",)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if POSTGRES_VARIABLE not in os.environ:
        not_run(f"{POSTGRES_VARIABLE} names no PostgreSQL")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    url = databases.make_postgres(os.environ[POSTGRES_VARIABLE], worker)
    yield url
    databases.drop_database(make_url(os.environ[POSTGRES_VARIABLE]), str(make_url(url).database))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return databases.copy_sqlite(sqlite_template, tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    databases.empty_postgres(url)
    return url


@pytest.fixture
def session(session: Session) -> Iterator[Session]:
    """A session of the test's own, which the factories write with."""
    # The library of the factories takes a second to load, and the smoke suite uses none.
    from tests.factories import bind_factories

    with bind_factories(session):
        yield session


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason what was not run; a skipped test is not a passed one."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(
        report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({count} tests)", yellow=True)
