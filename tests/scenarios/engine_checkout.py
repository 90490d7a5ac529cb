"""A checkout with the real engine and small stand-ins for the store and the outside world."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.ports import unused_port

REPOSITORY = Path(__file__).parents[2]
STANDINS = Path(__file__).parent / "engine_standins"
PATIENCE = 30.0


class Up:
    """A running `cartwreck up`, with everything that it has printed."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return self._output.decode("utf-8")

    def expect(self, text: str) -> None:
        expect_soon(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            while piece := os.read(output.fileno(), 65536):
                self._output += piece


class Checkout:
    """A folder in which the `cartwreck` command works."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = root / ".cartwreck" / "workspace"
        self.database = root / ".cartwreck" / "store.sqlite3"
        self._ups: list[Up] = []
        shutil.copytree(STANDINS, root)
        for name in ("author", "engine", "kit"):
            shutil.copytree(REPOSITORY / "scenarios" / name, root / "scenarios" / name)
        (root / "scenarios" / "__init__.py").touch()
        (root / "pyproject.toml").write_text('[project]\nname = "cartwreck"\n', encoding="utf-8")
        (root / "seed_data").mkdir()
        self.write_seeds("lamp pen")

    def write_seeds(self, names: str) -> None:
        """Write them into the store as delivered, and into the workspace when there is one."""
        for place in (self.root, self.workspace):
            if (place / "seed_data").exists():
                (place / "seed_data" / "things.txt").write_text(names, encoding="utf-8")

    def save(self, old: str, new: str) -> None:
        """Change the code of the running store as an editor would."""
        path = self.workspace / "shop" / "__init__.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        if words[0] == "up":
            ports = ("--port", "--world-port", "--smtp-port")
            words += tuple(f"{option}={unused_port()}" for option in ports if option not in words)
        return [sys.executable, "-m", "scenarios.engine", *words]

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("PYTHONPATH", "NO_COLOR", "FORCE_COLOR")
        return {name: value for name, value in os.environ.items() if name not in dropped}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def begin(self, *options: str) -> Up:
        up = Up(
            subprocess.Popen(
                self.command("up", *options),
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        self._ups.append(up)
        return up

    def up(self, *options: str) -> Up:
        up = self.begin(*options)
        up.expect("Stop ")
        return up

    def end(self) -> None:
        for up in self._ups:
            if up.process.poll() is None:
                up.process.terminate()
            up.wait()

    def note(self) -> dict[str, Any]:
        path = self.root / ".cartwreck" / "running.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def pids(self) -> list[int]:
        return list(self.note()["children"].values())

    def get(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.note()['store']}/", timeout=PATIENCE, trust_env=False)
        found: dict[str, Any] = answer.json()
        return found

    def greeting(self) -> str | None:
        """Return what tells one version of the store's code from another."""
        try:
            return str(self.get()["greeting"])
        except (httpx.TransportError, ValueError):
            return None

    def post(self, path: str) -> None:
        httpx.post(f"{self.note()['store']}{path}", timeout=PATIENCE, trust_env=False)

    def things(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("SELECT name FROM thing ORDER BY rowid").fetchall()
        return [name for (name,) in rows]

    def buy(self) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("INSERT INTO thing VALUES ('bought')")


def expect_soon(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
