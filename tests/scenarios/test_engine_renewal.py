"""The store follows its code while `up` runs: new processes, no outage, and the last good one."""

import os
import py_compile
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from scenarios.engine.keys import Keys
from scenarios.engine.programs import Addresses, store_settings
from scenarios.engine.watch import Watch
from tests.scenarios.engine_checkout import Checkout, expect_soon, is_alive, parent_of

HELLO, BONJOUR = 'GREETING = "hello"', 'GREETING = "bonjour"'
BROKEN = 'GREETING = shelf["hello"]'


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "My Stores café ☕ 100%")
    yield made
    (made.root / "go").touch()
    made.end()


@pytest.fixture(params=["fork", "fresh process"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARTWRECK_FORK", "1" if request.param == "fork" else "0")


@pytest.mark.usefixtures("each_way")
def test_a_saved_file_reaches_the_store(checkout: Checkout) -> None:
    checkout.up()
    assert checkout.greeting() == "hello"

    checkout.save(HELLO, BONJOUR)

    expect_soon(lambda: checkout.greeting() == "bonjour")


@pytest.mark.usefixtures("each_way")
def test_a_saved_file_reaches_the_worker(checkout: Checkout) -> None:
    up = checkout.up()
    up.expect("worker | worker is up")
    before = checkout.note()["children"]["worker"]

    checkout.save("worker is up", "worker is new")

    up.expect("worker | worker is new")
    expect_soon(lambda: not is_alive(before))


@pytest.mark.usefixtures("each_way")
def test_the_store_runs_from_the_workspace(checkout: Checkout) -> None:
    checkout.up()

    assert checkout.get()["file"] == str(checkout.workspace / "shop" / "__init__.py")


def test_a_seed_file_and_a_template_count_and_what_editors_leave_does_not(
    checkout: Checkout,
) -> None:
    up = checkout.up()
    for name in ("shop/.cart.py.swp", "shop/cart.py~", "shop/#cart.py#", "shop/style.css"):
        (checkout.workspace / name).touch()
    before = checkout.get()["pid"]

    for name in ("seed_data/cast.toml", "shop/cart.html"):
        (checkout.workspace / name).touch()
        expect_soon(lambda before=before: checkout.get()["pid"] != before)  # type: ignore[misc]
        before = checkout.get()["pid"]

    up.send(signal.SIGTERM)
    assert up.output.count("A file was saved") == 2


@pytest.mark.usefixtures("each_way")
def test_no_visitor_meets_an_error_while_the_store_is_renewed(checkout: Checkout) -> None:
    checkout.up()
    address, errors, seen, is_over = f"{checkout.note()['store']}/", [], set(), threading.Event()

    def visit(keeps_connection: bool) -> None:
        with httpx.Client(trust_env=False, timeout=30) as kept:
            while not is_over.is_set():
                try:
                    get = kept.get if keeps_connection else httpx.get
                    seen.add(get(address).raise_for_status().json()["greeting"])
                except httpx.HTTPError as error:
                    errors.append(error)

    visitors = [threading.Thread(target=visit, args=(keeps,)) for keeps in (True, False)]
    for visitor in visitors:
        visitor.start()
    words = ["hello", "one", "two", "three", "four", "five"]
    expect_soon(lambda: "hello" in seen)
    for old, new in pairwise(words):
        checkout.save(f'GREETING = "{old}"', f'GREETING = "{new}"')
        expect_soon(lambda new=new: new in seen)  # type: ignore[misc]
    is_over.set()
    for visitor in visitors:
        visitor.join()

    assert (errors, seen) == ([], set(words))


@pytest.mark.usefixtures("each_way")
def test_what_is_being_answered_is_answered_by_the_old_store(checkout: Checkout) -> None:
    checkout.up()
    answers: list[str] = []
    address = f"{checkout.note()['store']}/slow"
    visitor = threading.Thread(target=lambda: answers.append(httpx.get(address, timeout=30).text))
    visitor.start()
    expect_soon((checkout.root / "asked").exists)

    checkout.save(HELLO, BONJOUR)
    expect_soon(lambda: checkout.greeting() == "bonjour")
    (checkout.root / "go").touch()
    visitor.join()

    assert answers == ["hello"]


@pytest.mark.usefixtures("each_way")
def test_the_last_good_store_goes_on_until_a_broken_file_is_repaired(checkout: Checkout) -> None:
    up = checkout.up()
    not_started = checkout.root / ".cartwreck" / "not-started.txt"
    before = checkout.pids()

    checkout.save(HELLO, BROKEN)

    line = 1 + (checkout.workspace / "shop/__init__.py").read_text().split(BROKEN)[0].count("\n")
    why = f"NameError: name 'shelf' is not defined (shop/__init__.py:{line})"
    up.expect(f"The store does not start: {why}")
    assert not_started.read_text("utf-8").startswith("Traceback")
    assert checkout.greeting() == "hello"
    expect_soon(lambda: checkout.pids() == before)

    checkout.save(BROKEN, BONJOUR)
    expect_soon(lambda: checkout.greeting() == "bonjour")
    expect_soon(lambda: not not_started.exists())


def test_a_syntax_error_is_told_with_its_place(checkout: Checkout) -> None:
    up = checkout.up()

    checkout.save(HELLO, "GREETING = (")

    up.expect("SyntaxError: '(' was never closed (shop/__init__.py:")
    assert checkout.greeting() == "hello"


@pytest.mark.usefixtures("each_way")
def test_a_store_that_never_started_says_why_until_it_is_repaired(checkout: Checkout) -> None:
    checkout.up().send(signal.SIGTERM)
    checkout.save(HELLO, BROKEN)

    up = checkout.up()

    page = httpx.get(f"{checkout.note()['store']}/cart", trust_env=False)
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert "The store does not start." in page.text
    assert "NameError: name 'shelf' is not defined (shop/__init__.py:" in page.text
    checkout.save(BROKEN, BONJOUR)
    expect_soon(lambda: checkout.greeting() == "bonjour")
    up.expect("worker is up")
    assert up.send(signal.SIGTERM) == 0


def test_a_failing_migration_keeps_the_last_good_store(checkout: Checkout) -> None:
    up = checkout.up()
    (checkout.root / "broken-migration").touch()
    versions = checkout.workspace / "shop" / "migrations" / "versions"
    versions.mkdir(parents=True)

    (versions / "0001_purchase.py").write_text('revision = "0001"\n', encoding="utf-8")

    up.expect("`flask --app shop migrate` failed")
    assert "    Error: there are two heads\n" in up.output
    assert checkout.greeting() == "hello"
    (checkout.root / "broken-migration").unlink()
    checkout.save(HELLO, BONJOUR)
    expect_soon(lambda: checkout.greeting() == "bonjour")


@pytest.mark.usefixtures("each_way")
def test_cached_code_of_the_same_second_and_size_is_not_run(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    checkout.up().send(signal.SIGTERM)
    source = checkout.workspace / "shop" / "__init__.py"
    second = int(source.stat().st_mtime)
    os.utime(source, (second, second))
    cached = Path(py_compile.compile(str(source), doraise=True) or "")
    checkout.save(HELLO, 'GREETING = "salut"')
    os.utime(source, (second, second))

    checkout.up()

    assert cached.exists()
    assert checkout.greeting() == "salut"


@pytest.mark.parametrize("name", ["store", "worker"])
def test_no_connection_is_refused_after_a_program_was_killed(checkout: Checkout, name: str) -> None:
    up = checkout.up()
    before = checkout.note()["children"][name]

    os.kill(before, signal.SIGKILL)

    up.expect(f"The {name} ended (signal SIGKILL): starting it again, attempt 1.")
    assert checkout.greeting() == "hello"
    expect_soon(lambda: checkout.note()["children"].get(name, before) != before)


def test_a_warm_parent_that_was_killed_comes_back_with_its_children(checkout: Checkout) -> None:
    up = checkout.up()
    before = checkout.note()["children"]

    os.kill(parent_of(before["store"]), signal.SIGKILL)

    up.expect("The store ended (exit status 255): starting it again, attempt 1.")
    expect_soon(lambda: not set(before.values()) & set(checkout.pids()))
    expect_soon(lambda: checkout.note()["children"].keys() == before.keys())
    expect_soon(lambda: checkout.greeting() == "hello")
    assert [name for name in before if is_alive(before[name])] == []


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_up_however_it_ends(checkout: Checkout, number: signal.Signals) -> None:
    up = checkout.up()
    checkout.save(HELLO, BONJOUR)
    expect_soon(lambda: checkout.greeting() == "bonjour")
    children = checkout.note()["children"]

    up.send(number)

    assert {"store", "worker", "world"} <= set(children)
    expect_soon(lambda: not any(is_alive(pid) for pid in children.values()))


def test_the_warm_parent_has_one_thread(checkout: Checkout) -> None:
    checkout.up()

    tasks = Path(f"/proc/{parent_of(checkout.note()['children']['store'])}/task")

    assert len(list(tasks.iterdir())) == 1


def test_the_warm_parent_has_imported_what_the_store_needs_and_nothing_of_it(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, scenarios.engine.warm; before = {*sys.modules};"
        "from shop import create_app; create_app();"
        "print({name.partition('.')[0] for name in {*sys.modules} - before})"
    )
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    settings = store_settings(Keys(*["x" * 40] * 4), Addresses(), url)

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=settings,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "{'shop'}\n"


def test_what_was_seen_before_it_is_told_of_is_no_reason_to_renew(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    watch = Watch(tmp_path, lambda *_: None)

    (shop / "cart.py").write_text("GREETING = 1\n", encoding="utf-8")
    watch.look()
    time.sleep(0.5)
    was_changed = watch.take()
    (shop / "cart.py").write_text("GREETING = 22\n", encoding="utf-8")

    assert was_changed is False
    expect_soon(watch.take)
