"""`cartwreck reset`, at rest and while `up` runs, over stand-ins for store and outside world."""

import os
import pty
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.scenarios.engine_checkout import Checkout, is_alive

SEEDED = ["lamp", "pen"]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "My Stores café ☕ 100%")
    yield made
    made.end()


@pytest.fixture
def used(checkout: Checkout) -> Checkout:
    """A checkout at rest in which somebody has bought something."""
    checkout.up().send(signal.SIGTERM)
    checkout.buy()
    return checkout


def test_a_reset_at_rest_brings_the_seeds_back(used: Checkout) -> None:
    done = used.run("reset", "--yes")

    assert done.returncode == 0, done.stderr
    assert used.things() == SEEDED
    assert not (used.root / ".cartwreck" / "world" / "world.sqlite3").exists()


def test_a_reset_before_the_first_start_makes_the_store(checkout: Checkout) -> None:
    assert checkout.run("reset", "--yes").returncode == 0

    assert checkout.things() == SEEDED


def test_a_reset_while_up_runs_restarts_store_and_worker_only(checkout: Checkout) -> None:
    up = checkout.up()
    checkout.post("/buy")
    before = checkout.note()["children"]

    done = checkout.run("reset", "--yes")

    after = checkout.note()["children"]
    assert done.returncode == 0, done.stderr
    assert checkout.get()["things"] == SEEDED
    assert [name for name in before if before[name] != after[name]] == ["store", "worker"]
    assert "ended (" not in up.output


def test_a_reset_while_up_runs_reaches_the_outside_world(checkout: Checkout) -> None:
    checkout.up()

    checkout.run("reset", "--yes")

    ledger = checkout.root / ".cartwreck" / "world" / "world.sqlite3"
    assert ledger.read_text("utf-8") == "reset\n"


def test_a_reset_while_up_runs_under_a_path_leaves_it_there(checkout: Checkout) -> None:
    checkout.up("--prefix", "/class/ada/store")
    checkout.post("/buy")

    done = checkout.run("reset", "--yes")

    assert done.returncode == 0, done.stderr
    assert checkout.get()["things"] == SEEDED
    assert checkout.note()["store"].endswith("/class/ada/store")


def test_two_resets_at_once_are_both_done(checkout: Checkout) -> None:
    checkout.up()
    checkout.post("/buy")

    both = [_begin_reset(checkout) for _ in range(2)]

    assert [process.wait(30) for process in both] == [0, 0]
    assert checkout.get()["things"] == SEEDED


def test_a_shell_that_is_open_during_a_reset_sees_the_fresh_rows(used: Checkout) -> None:
    with closing(sqlite3.connect(used.database)) as shell:
        assert shell.execute("SELECT count(*) FROM thing").fetchone() == (3,)

        used.run("reset", "--yes")

        assert shell.execute("SELECT count(*) FROM thing").fetchone() == (2,)


def test_a_database_that_another_program_writes_to_is_left_alone(used: Checkout) -> None:
    with closing(sqlite3.connect(used.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")

        refused = used.run("reset", "--yes")

    assert refused.returncode == 1
    assert f"Another program is writing to {used.database}" in refused.stderr
    assert used.things() == [*SEEDED, "bought"]


def test_up_goes_on_when_a_reset_is_prevented(checkout: Checkout) -> None:
    checkout.up()
    checkout.post("/buy")
    with closing(sqlite3.connect(checkout.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")

        refused = checkout.run("reset", "--yes")

    assert refused.returncode == 1
    assert "Another program is writing" in refused.stderr
    assert checkout.get()["things"] == [*SEEDED, "bought"]


@pytest.mark.parametrize("content", [b"", b"this is no database" * 500])
def test_a_damaged_database_is_made_anew(used: Checkout, content: bytes) -> None:
    used.database.write_bytes(content)

    done = used.run("reset", "--yes")

    assert done.returncode == 0, done.stderr
    assert used.things() == SEEDED


def test_changed_seeds_reach_the_store_with_the_next_reset_and_not_before(used: Checkout) -> None:
    used.write_seeds("drill")

    used.up()

    assert used.get()["things"] == [*SEEDED, "bought"]
    assert used.run("reset", "--yes", "--data-only").returncode == 0
    assert used.get()["things"] == ["drill"]


def test_changed_migrations_reach_the_store_with_the_next_start(used: Checkout) -> None:
    versions = used.workspace / "shop" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_purchase.py").write_text('revision = "0001"\n', encoding="utf-8")

    first = used.up()
    first.send(signal.SIGTERM)
    second = used.up()

    said = "Migrating the database: it, or the migrations, are not those of last time."
    assert (said in first.output, said in second.output) == (True, False)


def test_a_damaged_snapshot_is_made_anew(used: Checkout) -> None:
    (snapshot,) = (used.root / ".cartwreck" / "snapshots").glob("*.sqlite3")
    snapshot.write_bytes(b"this is no database" * 500)

    done = used.run("reset", "--yes")

    assert (done.returncode, used.things()) == (0, SEEDED), done.stderr


def test_a_second_reset_takes_the_snapshot(used: Checkout) -> None:
    (used.root / "broken-store").touch()

    done = used.run("reset", "--yes")

    assert (done.returncode, used.things()) == (0, SEEDED), done.stderr
    assert done.stdout == "Reset: the store is as it was when freshly seeded.\n"


def test_a_reset_that_is_killed_leaves_a_whole_database(used: Checkout) -> None:
    outcomes = set()
    for milliseconds in range(60, 300, 15):
        process = _begin_reset(used)
        # Which moment this is differs between machines; the database is whole at every one.
        with suppress(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.kill()
        process.wait()
        outcomes.add(tuple(used.things()))
        used.buy()

    assert {names[:2] for names in outcomes} == {tuple(SEEDED)}
    assert {name for names in outcomes for name in names[2:]} <= {"bought"}


def test_a_reset_after_up_was_killed_ends_its_leftovers_first(checkout: Checkout) -> None:
    (checkout.root / "stubborn").touch()
    up = checkout.up()
    up.expect("worker is up")
    pids = checkout.pids()
    up.send(signal.SIGKILL)

    done = checkout.run("reset", "--yes")

    assert done.returncode == 0, done.stderr
    assert [pid for pid in pids if is_alive(pid)] == []


@pytest.mark.parametrize(("answer", "expected"), [("n", [*SEEDED, "bought"]), ("y", SEEDED)])
def test_a_terminal_is_asked_first(used: Checkout, answer: str, expected: list[str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        used.command("reset"), cwd=used.root, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.write(ours, f"{answer}\n".encode())
    process.wait(30)
    os.close(theirs)
    os.close(ours)

    assert used.things() == expected


def test_a_database_of_another_kind_is_refused(checkout: Checkout) -> None:
    refused = checkout.run("reset", "--yes", "--database-url", "oracle://scott:tiger@host/x")

    assert refused.returncode == 1
    assert "cannot run on 'oracle://scott:***@host/x'" in refused.stderr


def _begin_reset(checkout: Checkout) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        checkout.command("reset", "--yes"),
        cwd=checkout.root,
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
