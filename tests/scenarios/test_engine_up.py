"""`cartwreck up`, run as a process over stand-ins for the store and the outside world."""

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.ports import unused_port
from tests.scenarios.engine_checkout import Checkout, expect_soon, is_alive


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "My Stores café ☕ 100%")
    yield made
    made.end()


def test_a_first_start_seeds_the_store_and_shows_its_address(checkout: Checkout) -> None:
    up = checkout.up()

    assert f"{checkout.note()['store']}/" in up.output
    assert checkout.get()["things"] == ["lamp", "pen"]


def test_a_second_start_keeps_what_was_bought(checkout: Checkout) -> None:
    checkout.up().send(signal.SIGTERM)
    checkout.buy()

    up = checkout.up()

    assert checkout.get()["things"] == ["lamp", "pen", "bought"]
    assert "eeding" not in up.output


def test_the_store_gets_its_settings_and_none_of_the_shell(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_BASE_URL", "http://elsewhere.example")

    checkout.up()

    settings, note = checkout.get()["settings"], checkout.note()
    secrets = json.loads((checkout.root / ".cartwreck" / "secrets.json").read_text("utf-8"))
    assert settings["SHOP_BASE_URL"] == note["store"]
    assert settings["SHOP_PAYMENTS_URL"] == f"{note['world']}/payments"
    assert settings["SHOP_PAYMENTS_WEBHOOK_SECRET"] == secrets["webhook_secret"]
    assert settings["SHOP_DATABASE_URL"] == f"sqlite:///{checkout.database}"


def test_a_store_under_a_path_is_told_watched_and_called_under_it(checkout: Checkout) -> None:
    up = checkout.up("--prefix", "/class/ada/store")

    address = checkout.note()["store"]
    assert address.endswith("/class/ada/store")
    assert f"{address}/" in up.output
    assert checkout.get()["settings"]["SHOP_BASE_URL"] == address
    world = (checkout.root / ".cartwreck" / "world" / "world.sqlite3").read_text("utf-8")
    assert f"--webhook-url={address}/webhooks/payments" in world


def test_secrets_are_for_their_owner_only_and_stay_the_same(checkout: Checkout) -> None:
    path = checkout.root / ".cartwreck" / "secrets.json"
    checkout.up().send(signal.SIGTERM)
    first = path.read_text("utf-8")

    checkout.up()

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8") == first


def test_a_long_path_of_the_folder_for_temporary_files_is_no_hindrance(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary files" / ("of somebody with a long name " * 3)
    folder.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder))

    checkout.up()

    assert checkout.run("reset", "--yes").returncode == 0
    assert checkout.get()["things"] == ["lamp", "pen"]


def test_only_its_user_can_ask_up(checkout: Checkout) -> None:
    checkout.up()

    folder = Path(checkout.note()["address"]).parent

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_up_names_the_first_and_changes_nothing(checkout: Checkout) -> None:
    checkout.up()

    second = checkout.run("up")

    assert second.returncode == 1
    assert checkout.note()["store"] in second.stderr
    assert second.stderr.count("\n") == 1
    assert checkout.get()["things"] == ["lamp", "pen"]


def test_the_next_port_is_used_when_one_is_taken(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        up = checkout.up("--port", str(port))

        assert f"Port {port} is taken" in up.output
        assert checkout.note()["store"] != f"http://127.0.0.1:{port}"
        assert checkout.get()["things"] == ["lamp", "pen"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_programs_and_ends_well(
    checkout: Checkout, number: signal.Signals
) -> None:
    up = checkout.up()
    pids = checkout.pids()

    status = up.send(number)

    assert status == 0
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not (checkout.root / ".cartwreck" / "running.json").exists()


def test_ctrl_c_in_a_terminal_reaches_only_up(checkout: Checkout) -> None:
    output, pid = _in_terminal(checkout, {}, keys=b"\x03")

    assert os.waitstatus_to_exitcode(pid) == 0
    assert b"Everything is stopped." in output
    assert b"KeyboardInterrupt" not in output
    assert b"ended (" not in output
    assert b"\x1b[" in output


def test_no_color_is_respected_in_a_terminal(checkout: Checkout) -> None:
    output, _ = _in_terminal(checkout, {"NO_COLOR": "1"}, keys=b"\x03")

    assert b"\x1b[3" not in output
    assert b"worker | worker is up" in output


def test_no_program_outlives_an_up_that_was_killed(checkout: Checkout) -> None:
    up = checkout.up()
    pids = checkout.pids()

    up.send(signal.SIGKILL)

    expect_soon(lambda: not any(is_alive(pid) for pid in pids))


def test_the_next_up_ends_leftovers_and_takes_their_ports(checkout: Checkout) -> None:
    (checkout.root / "stubborn").touch()
    up = checkout.up()
    up.expect("worker is up")
    before, pids = checkout.note(), checkout.pids()
    up.send(signal.SIGKILL)

    port = before["store"].rpartition(":")[2]
    after = checkout.up("--port", port)

    assert "Waiting for what an earlier `up` had left running." in after.output
    assert checkout.note()["store"] == before["store"]
    assert [pid for pid in pids if is_alive(pid)] == []


def test_the_status_tells_a_store_that_runs_from_one_that_was_killed(checkout: Checkout) -> None:
    up = checkout.up()
    before = checkout.run("status").stdout
    store = checkout.note()["store"]

    up.send(signal.SIGKILL)

    assert f"{store}/" in before
    assert "not running" in checkout.run("status").stdout


def test_a_stale_note_never_ends_another_program(checkout: Checkout) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    state = checkout.root / ".cartwreck"
    state.mkdir()
    note = {"pid": 1, "store": "", "world": "", "children": {"store": other.pid}}
    (state / "running.json").write_text(json.dumps(note), encoding="utf-8")

    checkout.up()

    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_program_that_ends_is_started_again(checkout: Checkout) -> None:
    up = checkout.up()
    before = checkout.get()["pid"]

    with pytest.raises(httpx.TransportError):
        checkout.post("/die")

    up.expect("The store ended (exit status 7): starting it again, attempt 1.")
    # Between the two the note names no store.
    expect_soon(lambda: checkout.note()["children"].get("store", before) != before)
    expect_soon(lambda: _answers(checkout))


def test_a_killed_program_is_reported_with_its_signal(checkout: Checkout) -> None:
    up = checkout.up()

    os.kill(checkout.note()["children"]["worker"], signal.SIGKILL)

    up.expect("The worker ended (signal SIGKILL): starting it again, attempt 1.")


def test_a_store_that_keeps_dying_ends_up(checkout: Checkout) -> None:
    checkout.up().send(signal.SIGTERM)
    (checkout.root / "dying-store").touch()

    up = checkout.begin()

    assert up.wait() == 1
    assert "ended 5 times within 10 seconds of starting (exit status 7)" in up.output
    assert "Everything is stopped" not in up.output


def test_a_failing_migration_is_told_in_one_sentence(checkout: Checkout) -> None:
    (checkout.root / "broken-migration").touch()

    failed = checkout.run("up")

    assert failed.returncode == 1
    assert "there are two heads" in failed.stderr
    assert "`flask --app shop migrate` failed" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_interrupted_first_start_leaves_nothing_half_made(checkout: Checkout) -> None:
    (checkout.root / "seed_data" / "things.txt").unlink()
    assert checkout.run("up").returncode == 1
    checkout.write_seeds("lamp pen")

    checkout.up()

    assert checkout.get()["things"] == ["lamp", "pen"]


def test_every_byte_of_a_log_is_kept_and_no_line_is_split(checkout: Checkout) -> None:
    up = checkout.up()

    checkout.post("/print")

    up.expect(" end\n")
    assert "store  | bytes \\xff\\xfe that are not UTF-8\n" in up.output
    assert "store  | \\x1b]0;renamed window\\x07 and [bold]markup[/bold] :smile:\n" in up.output
    assert "store  | long " + "x" * 5000 + " end\n" in up.output
    log = (checkout.root / ".cartwreck" / "logs" / "store.log").read_bytes()
    assert b"bytes \xff\xfe that are not UTF-8\n" in log


def test_logs_start_empty_with_every_up(checkout: Checkout) -> None:
    checkout.up().send(signal.SIGTERM)
    log = checkout.root / ".cartwreck" / "logs" / "worker.log"
    log.write_text("an old line\n", encoding="utf-8")

    up = checkout.up()

    up.expect("worker is up")
    expect_soon(lambda: log.read_text("utf-8") == "worker is up\n")


def test_up_stops_when_nobody_reads_its_output_any_more(checkout: Checkout) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        checkout.command("up"), cwd=checkout.root, env=checkout.environment, stdout=writing
    )
    os.close(writing)
    expect_soon(lambda: b"Ctrl-C" in os.read(reading, 65536))
    pids = checkout.pids()
    os.close(reading)

    # The store may be stopped before it has answered.
    with suppress(httpx.TransportError):
        checkout.post("/print")

    process.wait(30)
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_program_that_ignores_the_request_to_stop_is_killed(checkout: Checkout) -> None:
    (checkout.root / "stubborn").touch()
    up = checkout.up()
    up.expect("worker is up")
    pids = checkout.pids()

    assert up.send(signal.SIGINT) == 0

    assert "The worker did not stop within 5 seconds and was killed." in up.output
    assert [pid for pid in pids if is_alive(pid)] == []


def test_an_open_address_is_told_with_a_warning(checkout: Checkout) -> None:
    up = checkout.up("--host", "0.0.0.0")  # noqa: S104  That is what it warns of.

    assert "anyone on the network can use it" in up.output
    assert checkout.get()["things"] == ["lamp", "pen"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", "203.0.113.9"], "The store cannot listen on '203.0.113.9'"),
        (["--database-url", "mysql://u:hidden@h/d"], "cannot run on 'mysql://u:***@h/d'"),
        (["--prefix", "class/ada"], "The store cannot live under 'class/ada'"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(
    checkout: Checkout, options: list[str], sentence: str
) -> None:
    refused = checkout.run("up", *options)

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_command_outside_of_a_checkout_says_where_to_go(
    checkout: Checkout, tmp_path: Path
) -> None:
    (checkout.root / "pyproject.toml").write_text('[project]\nname = "other"\n', encoding="utf-8")

    refused = checkout.run("up")

    assert refused.returncode == 1
    assert "is not inside a checkout of Cartwreck" in refused.stderr


def test_a_state_folder_that_cannot_be_made_is_told_in_a_sentence(checkout: Checkout) -> None:
    (checkout.root / ".cartwreck").write_text("", encoding="utf-8")

    refused = checkout.run("up")

    assert refused.returncode == 1
    assert str(checkout.root / ".cartwreck") in refused.stderr
    assert "Traceback" not in refused.stderr


def _answers(checkout: Checkout) -> bool:
    try:
        return bool(checkout.get()["things"] == ["lamp", "pen"])
    except httpx.TransportError:
        return False


def _in_terminal(checkout: Checkout, more: dict[str, str], keys: bytes) -> tuple[bytes, int]:
    """Run `up` in a pseudo-terminal, type the keys when it is ready; return output and status."""
    command = checkout.command("up", "--port", str(unused_port()))
    environment = checkout.environment | {"TERM": "xterm-256color"} | more
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(checkout.root)
        os.execve(command[0], command, environment)  # noqa: S606  Only this gets a terminal.
    output = b""
    while piece := _read_terminal(terminal):
        is_typed = b"Ctrl-C" in output and b"worker is up" in output
        output += piece
        if not is_typed and b"Ctrl-C" in output and b"worker is up" in output:
            os.write(terminal, keys)
    os.close(terminal)
    return output, os.waitpid(pid, 0)[1]


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux reports the end of a terminal as an input/output error.
        return b""
