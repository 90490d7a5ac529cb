"""Scenarios are switched while `up` runs: the new store answers, and nobody was refused."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.scenarios.engine_checkout import Checkout
from tests.scenarios.small_checkout import add_scenario, write

SHOP = "shop/__init__.py"
SLOW = "[conditions.payments]\nlatency_seconds = 2\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "My Stores café ☕ 100%")
    add_scenario(made.root, "french", '"hello"', '"bonjour"', SHOP)
    add_scenario(made.root, "german", '"hello"', '"guten Tag"', SHOP, SLOW)
    add_scenario(made.root, "odd", '"hello"', '"hej"', SHOP, SLOW.replace("2", "-1"))
    add_scenario(made.root, "broken", 'GREETING = "hello"', "GREETING = hello", SHOP)
    add_scenario(made.root, "other-cast", "lamp", "drill", "seed_data/things.txt")
    yield made
    made.end()


def test_a_switch_has_reached_the_store_when_the_command_ends(checkout: Checkout) -> None:
    checkout.up()

    switched = checkout.run("enable", "french")

    assert (switched.returncode, switched.stdout) == (0, "On: french\n")
    assert checkout.greeting() == "bonjour"


def test_switching_off_is_reverting(checkout: Checkout) -> None:
    checkout.up("--scenario", "french")
    before = checkout.greeting()

    checkout.run("disable", "--all")

    assert (before, checkout.greeting()) == ("bonjour", "hello")


def test_the_environment_may_name_scenarios(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARTWRECK_SCENARIOS", "french, other-cast")

    checkout.up()

    assert checkout.greeting() == "bonjour"
    assert checkout.get()["things"] == ["drill", "pen"]


def test_what_was_on_stays_on_at_the_next_start(checkout: Checkout) -> None:
    checkout.up("--scenario", "french").send(signal.SIGTERM)

    checkout.up()

    assert checkout.greeting() == "bonjour"


def test_nobody_is_refused_while_scenarios_are_switched(checkout: Checkout) -> None:
    checkout.up()
    address, ends, is_over = checkout.note()["store"], set[object](), threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                ends.add(httpx.get(f"{address}/", trust_env=False, timeout=30).status_code)
            except httpx.TransportError as error:
                ends.add(repr(error))

    shopper = threading.Thread(target=ask)
    shopper.start()
    for words in (
        ("enable", "french"),
        ("disable", "french"),
        ("start", "german"),
        ("disable", "--all"),
    ):
        assert checkout.run(*words).returncode == 0
    is_over.set()
    shopper.join()

    assert ends == {200}


def test_a_pair_that_cannot_go_together_is_refused_and_changes_nothing(checkout: Checkout) -> None:
    checkout.up("--scenario", "french")
    pid = checkout.get()["pid"]

    refused = checkout.run("enable", "german")

    assert (refused.returncode, checkout.get()["pid"]) == (1, pid)
    assert "german cannot go together with french" in refused.stderr
    assert checkout.run("flags").stdout == "On: french\n"


def test_work_in_the_workspace_is_not_thrown_away(checkout: Checkout) -> None:
    checkout.up()
    write(checkout.workspace / "shop" / "notes.txt", "mine")

    refused = checkout.run("enable", "french")

    assert (refused.returncode, "cartwreck reset" in refused.stderr) == (1, True)
    assert (checkout.workspace / "shop" / "notes.txt").read_text("utf-8") == "mine"


def test_a_reset_saves_work_and_the_store_runs_as_deployed_again(checkout: Checkout) -> None:
    checkout.up("--scenario", "french")
    checkout.save('"bonjour"', '"salut"')

    told = checkout.run("reset", "--yes")

    assert "What you had changed is saved as" in told.stdout
    assert checkout.greeting() == "bonjour"
    [saved] = (checkout.root / ".cartwreck" / "saved").iterdir()
    assert '+GREETING = "salut"' in saved.read_text("utf-8")


def test_conditions_come_and_go_with_their_scenario(checkout: Checkout) -> None:
    checkout.up()
    ledger = checkout.root / ".cartwreck" / "world" / "world.sqlite3"

    checkout.run("enable", "german")
    during = ledger.read_text("utf-8")
    checkout.run("disable", "german")

    assert during == 'payments {"latency_seconds": 2}\n'
    assert ledger.read_text("utf-8") == "payments well\n"


def test_conditions_that_are_refused_leave_everything_as_it_was(checkout: Checkout) -> None:
    checkout.up()
    pid = checkout.get()["pid"]

    refused = checkout.run("enable", "odd")

    assert (refused.returncode, "answers 422 to PATCH conditions/payments" in refused.stderr) == (
        1,
        True,
    )
    assert checkout.run("flags").stdout.startswith("On: nothing")
    assert (checkout.greeting(), checkout.get()["pid"]) == ("hello", pid)
    ledger = checkout.root / ".cartwreck" / "world" / "world.sqlite3"
    assert ledger.read_text("utf-8") == "payments well\n"


def test_another_cast_starts_the_database_over(checkout: Checkout) -> None:
    checkout.up()
    checkout.post("/buy")

    checkout.run("enable", "other-cast")

    assert checkout.get()["things"] == ["drill", "pen"]


def test_a_bad_commit_that_does_not_start_is_told(checkout: Checkout) -> None:
    checkout.up()

    told = checkout.run("enable", "broken")

    assert (told.returncode, "The store does not start: NameError" in told.stderr) == (1, True)
    assert checkout.greeting() == "hello"
    assert "NameError" in checkout.run("status").stdout


def test_switches_at_rest_reach_the_next_start(checkout: Checkout) -> None:
    first = checkout.run("enable", "french")

    checkout.up()

    assert (first.returncode, checkout.greeting()) == (0, "bonjour")
