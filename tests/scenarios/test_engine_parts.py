"""The parts of the engine that need no process."""

import ast
import json
import os
import socket
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from scenarios.engine.judging import made_databases
from scenarios.engine.keys import load_keys
from scenarios.engine.ports import check_prefix, listen
from scenarios.engine.programs import Addresses, without_password
from scenarios.engine.progress import note_event, read_progress
from scenarios.engine.refusal import AlreadyRunningError, RefusedError
from scenarios.engine.running import held
from scenarios.engine.sandbox import Sandbox, find_sandbox
from scenarios.engine.screen import as_read
from scenarios.engine.snapshot import MOST_SNAPSHOTS, SEEDS, snapshot_of, stamp_of
from scenarios.engine.supervisor import in_words
from tests.ports import unused_port


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "cartwreck"\n', encoding="utf-8")
    made = Sandbox(tmp_path)
    made.make_folders()
    return made


def test_a_sandbox_is_found_from_any_folder_in_it(sandbox: Sandbox) -> None:
    deep = sandbox.root / "shop" / "web"
    deep.mkdir(parents=True)

    assert find_sandbox(deep).root == sandbox.root


@pytest.mark.parametrize("content", ["", "[project]\nname = 'other'\n", "not toml at all ["])
def test_other_projects_are_not_taken_for_cartwreck(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content, encoding="utf-8")

    with pytest.raises(RefusedError, match="not inside a checkout"):
        find_sandbox(tmp_path)


def test_a_sandbox_is_held_by_one_command_at_a_time(sandbox: Sandbox) -> None:
    with held(sandbox), pytest.raises(AlreadyRunningError, match="wait until it is done"):
        held(sandbox, seconds=0.1).__enter__()

    with held(sandbox):
        assert (sandbox.state / "up.lock").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"store_secret_key": 1}', '"\\ud800"'])
def test_damaged_secrets_are_told_and_not_replaced(sandbox: Sandbox, content: str) -> None:
    path = sandbox.state / "secrets.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(RefusedError, match="is damaged: delete it"):
        load_keys(sandbox)

    assert path.read_text("utf-8") == content


def test_an_event_that_was_cut_off_spoils_no_other(sandbox: Sandbox) -> None:
    note_event(sandbox, "dear", "started")
    with (sandbox.state / "events.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"at": "2026-11-')
    note_event(sandbox, "dear", "hint", rung=2)

    own = read_progress(sandbox)["dear"]

    assert (own.started_at != "", own.hints) == (True, 2)


def test_what_was_done_can_be_read_by_slug_in_one_file(sandbox: Sandbox) -> None:
    note_event(sandbox, "dear", "started")
    note_event(sandbox, "scarce", "found", right=False, place="shop/shelf.py:2")
    note_event(sandbox, "dear", "fixed", right=True, verdict="solved")

    every = json.loads((sandbox.state / "progress.json").read_text("utf-8"))

    assert {slug: each["tries"] for slug, each in every.items()} == {
        "dear": {"fixed": 1},
        "scarce": {"found": 1},
    }
    assert list(every["dear"]["steps"]) == ["fixed"]


def write_file(sandbox: Sandbox, name: str, content: str) -> None:
    path = sandbox.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        *("seed_data/things.txt", "shop/models/order.py", "shop/migrations/versions/0001.py"),
        *("shop/domain/pricing.py", "shop/services/checkout.py", "shop/db.py"),
    ],
)
def test_the_stamp_follows_the_content_of_what_makes_the_seeds(sandbox: Sandbox, name: str) -> None:
    stamps = {stamp_of(sandbox.root, SEEDS)}
    for content in ("lamp", "pen", "lamp"):
        write_file(sandbox, name, content)
        stamps.add(stamp_of(sandbox.root, SEEDS))

    assert len(stamps) == 3


def test_the_stamp_ignores_pages_and_what_python_caches(sandbox: Sandbox) -> None:
    before = stamp_of(sandbox.root, SEEDS)
    write_file(sandbox, "shop/models/__pycache__/order.pyc", "cached")
    write_file(sandbox, "shop/web/cart.py", "page")

    assert stamp_of(sandbox.root, SEEDS) == before


def test_the_stamp_covers_all_that_the_seeds_import() -> None:
    root = Path(__file__).parents[2]
    trees = [ast.parse(path.read_text("utf-8")) for path in (root / "seed_data").glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {node.module.replace(".", "/") for node in nodes if node.module}

    used = {name for name in modules if name.startswith("shop/")}
    assert "shop/domain/pricing" in used
    assert [name for name in used if not f"{name}.py".startswith(SEEDS)] == []


def test_the_snapshots_that_were_used_last_are_kept(sandbox: Sandbox) -> None:
    sandbox.make_folders()
    seeds = [f"{n}k" for n in range(MOST_SNAPSHOTS + 1)]
    for age, seed in enumerate(seeds[:-1]):
        os.utime(take_snapshot(sandbox, seed), ns=(age, age))
    take_snapshot(sandbox, seeds[0])

    take_snapshot(sandbox, seeds[-1])

    kept = {path.name.split("-")[1] for path in sandbox.snapshots.iterdir()}
    assert kept == {*seeds} - {seeds[1]}


def take_snapshot(sandbox: Sandbox, seed: str) -> Path:
    def run(_command: str, url: str) -> None:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS thing (name)")

    return snapshot_of(sandbox, seed, run, lambda _: None)


def test_a_check_gets_no_database_that_a_changed_workspace_would_make(sandbox: Sandbox) -> None:
    room = sandbox.state / "room"
    for store in ("", ".cartwreck/room/store/"):
        write_file(sandbox, f"{store}shop/models/order.py", "clean")
    write_file(sandbox, ".cartwreck/workspace/shop/models/order.py", "changed")

    assert made_databases(sandbox, room) == {}


def test_a_port_that_is_listened_on_is_not_given_again() -> None:
    told = list[str]()
    with ExitStack() as opened:
        first = opened.enter_context(listen("store", unused_port(), told.append)[0])
        wanted = first.getsockname()[1]
        second = opened.enter_context(listen("mail server", wanted, told.append)[0])
        port = second.getsockname()[1]

        assert port > wanted
        assert told == [f"Port {wanted} is taken: the mail server uses {port}."]


def test_ports_end_where_they_end() -> None:
    taken = ExitStack()
    with suppress(OSError):  # Another program may have it.
        taken.enter_context(socket.create_server(("127.0.0.1", 65535)))

    with taken, pytest.raises(RefusedError, match="65535 to 65535 are all taken"):
        listen("store", 65535, print)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", ["127.0.0.1"]),
        ("0.0.0.0", ["0.0.0.0"]),  # noqa: S104
        ("127.0.0.2", ["127.0.0.1", "127.0.0.2"]),
    ],
)
def test_the_store_always_listens_on_this_machine(host: str, expected: list[str]) -> None:
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(each) for each in listen("store", unused_port(), print, host)
        ]

        assert [each.getsockname()[0] for each in sockets] == expected
        assert len({each.getsockname()[1] for each in sockets}) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit status 0"), (-9, "signal SIGKILL"), (-64, "signal SIGRTMAX")]
)
def test_endings_are_told_in_words(status: int, words: str) -> None:
    assert in_words(status) == words


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cret@127.0.0.1/shop", "postgresql://u:***@127.0.0.1/shop"),
        ("postgresql://u@127.0.0.1/shop", "postgresql://u@127.0.0.1/shop"),
        ("nonsense", "nonsense"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize("prefix", ["", "/class", "/class/ada/store", "/~ada/b-2_x.y"])
def test_a_path_before_every_address_is_taken(prefix: str) -> None:
    check_prefix(prefix)

    assert Addresses("127.0.0.1", 5000, 5002, 5025, prefix).store.endswith(f":5000{prefix}")


@pytest.mark.parametrize(
    "prefix",
    [
        "class",
        "/",
        "/class/",
        "//class",
        "/a//b",
        "/a b",
        "/a?b",
        "/a#b",
        "/ä",
        "/a%20b",
        "/..",
        "/a/./b",
    ],
)
def test_a_path_that_no_address_can_begin_with_is_refused(prefix: str) -> None:
    with pytest.raises(RefusedError, match="give a path such as /class/ada"):
        check_prefix(prefix)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Worker started.", "Worker started."),
        ("{broken", "{broken"),
        ("[1, 2]", "[1, 2]"),
        ('{"no": "event"}', '{"no": "event"}'),
        ("[" * 100_000, "[" * 100_000),
        ('{"event": null, "level": 5}', "5 None"),
        (
            '{"event": "request", "request_id": "8dab", "level": "info", "status": 200}',
            "request status=200",
        ),
        (
            '{"event": "it broke", "level": "error", "exception": "Traceback\\n  a\\nOSError: no"}',
            "ERROR it broke | OSError: no",
        ),
    ],
)
def test_a_line_of_a_log_is_shown_as_people_read_it(line: str, read: str) -> None:
    assert as_read(line) == read
