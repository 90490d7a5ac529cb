"""`cartwreck watch` checks after each save, and `cartwreck debug` runs the store in a terminal."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scenarios.engine.sandbox import Sandbox
from scenarios.engine.switching import deploy
from tests.ports import unused_port
from tests.scenarios.engine_checkout import Checkout, expect_soon
from tests.scenarios.real_checkout import copy_checkout
from tests.scenarios.small_checkout import write

SLUG = "order-history-crawl"
# On a store with the fault it waits until it is let go, in the folder that it runs in.
CHECK = """
import time
from pathlib import Path


def test_lines_are_read_with_the_orders():
    is_right = "selectinload(Order.lines)" in Path("shop/queries/orders.py").read_text()
    while not is_right and not Path("go").exists():
        time.sleep(0.01)
    assert is_right
"""
PASSES = "def test_it():\n    assert True\n"
SECONDS = 120.0


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = copy_checkout(tmp_path / "checkout", SLUG)
    write(sandbox.catalogue / SLUG / "check.py", CHECK)
    tests = sandbox.root / "tests"
    for folder in ("smoke", "shop"):
        shutil.rmtree(tests / folder)
        write(tests / folder / f"test_{folder}.py", PASSES)
    deploy(sandbox, [SLUG])
    return sandbox


def test_a_save_during_a_check_is_checked_after_it(sandbox: Sandbox) -> None:
    orders = Path("shop", "queries", "orders.py")
    judging = sandbox.state / "judging"
    command = [sys.executable, "-m", "scenarios.engine", "watch"]
    watch = subprocess.Popen(command, cwd=sandbox.root, stdout=subprocess.PIPE, text=True)
    try:
        # The store has been copied for the check once the check has a folder of its own.
        expect_soon(lambda: list(judging.glob("*/check")) != [])
        room = next(judging.glob("*/check")).parent

        write(sandbox.workspace / orders, (sandbox.root / orders).read_text("utf-8"))
        (room / "store" / "go").touch()

        said, _ = watch.communicate(timeout=SECONDS)
    finally:
        watch.kill()
        watch.wait()

    assert watch.returncode == 0, said
    told = [said.find(text) for text in ("still there", "Saved: checking again.", "Solved.")]
    assert -1 < told[0] < told[1] < told[2], said


class Terminal:
    """A terminal of its own with a command in it."""

    def __init__(self, checkout: Checkout, *words: str) -> None:
        command = checkout.command(*words)
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            # Who runs the tests in the background may have it ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(checkout.root)
            os.execve(command[0], command, checkout.environment | {"SHOP_MINE": "1"})  # noqa: S606
        self.output = ""

    def expect(self, text: str) -> None:
        seen = len(self.output)
        while text not in self.output[seen:]:
            piece = self._read()
            assert piece, self.output
            self.output += piece

    def send(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait(self) -> int:
        while piece := self._read():
            self.output += piece
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 65536).decode()
        except OSError:
            # Linux reports the end of a terminal as an input/output error.
            return ""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "My Stores café ☕ 100%")
    made.up()
    yield made
    made.end()


def test_a_debugged_store_is_the_workspaces_beside_the_one_that_runs(checkout: Checkout) -> None:
    port = unused_port()
    terminal = Terminal(checkout, "debug", "--port", str(port))
    terminal.expect("CTRL+C")

    answer = httpx.get(f"http://127.0.0.1:{port}/", timeout=SECONDS, trust_env=False).json()

    terminal.send("\x03")
    assert (terminal.wait(), "Traceback" in terminal.output) == (0, False)
    assert answer["file"] == str(checkout.workspace / "shop" / "__init__.py")
    assert answer["things"] == ["lamp", "pen"]
    assert answer["settings"] == checkout.get()["settings"]


def test_a_breakpoint_stops_in_the_terminal_and_ctrl_c_ends_it_there(checkout: Checkout) -> None:
    checkout.end()
    checkout.save('    return {"things"', '    breakpoint()\n    return {"things"')
    port = unused_port()
    terminal = Terminal(checkout, "debug", "--port", str(port))
    terminal.expect("CTRL+C")
    asking = f"import httpx; httpx.get('http://127.0.0.1:{port}/', timeout={SECONDS})"
    browser = subprocess.Popen([sys.executable, "-c", asking], stderr=subprocess.DEVNULL)

    terminal.expect("(Pdb)")
    terminal.send("p 'rows: ' + str(len(rows))\n")
    terminal.expect("rows: 2")
    terminal.send("\x03")

    assert (terminal.wait(), browser.wait(SECONDS)) == (0, 1)


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_that_is_none_is_refused(checkout: Checkout, port: str) -> None:
    done = checkout.run("debug", "--port", port)

    assert (done.returncode, "--port" in done.stderr) == (2, True)


def test_a_store_that_has_never_run_cannot_be_debugged(tmp_path: Path) -> None:
    done = Checkout(tmp_path / "checkout").run("debug")

    assert (done.returncode, "`cartwreck up` first" in done.stderr) == (1, True)
