"""A stand-in for the store: it counts the rows of one table, and fails when told to."""

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import click
from flask import Flask

# The checkout, whether this is its own shop or that of the workspace in it.
ROOT = next(each for each in Path(__file__).parents if (each / ".cartwreck").is_dir())
GREETING = "hello"


def create_app() -> Flask:
    """Build the application with the commands that the engine calls."""
    if (ROOT / "broken-store").exists():
        raise RuntimeError("the shelf fell down")
    if (ROOT / "dying-store").exists():
        threading.Timer(0.1, os._exit, [7]).start()
    app = Flask(__name__)
    app.add_url_rule("/", view_func=show)
    app.add_url_rule("/buy", view_func=buy, methods=["POST"])
    app.add_url_rule("/print", view_func=print_odd_lines, methods=["POST"])
    app.add_url_rule("/slow", view_func=wait_for_go)
    app.add_url_rule("/die", view_func=die, methods=["POST"])
    for command in (migrate, seed, worker):
        app.cli.add_command(command)
    return app


def database() -> sqlite3.Connection:
    """Open the database of the settings, with a write-ahead log as the real store does."""
    path = os.environ["SHOP_DATABASE_URL"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def show() -> dict[str, Any]:
    """Answer with what there is."""
    rows = database().execute("SELECT name FROM thing ORDER BY rowid").fetchall()
    settings = {name: value for name, value in os.environ.items() if name.startswith("SHOP_")}
    own = {"pid": os.getpid(), "file": __file__, "greeting": GREETING}
    return {"things": [name for (name,) in rows], "settings": settings, **own}


def wait_for_go() -> str:
    """Answer when a file says so."""
    (ROOT / "asked").touch()
    while not (ROOT / "go").exists():
        time.sleep(0.01)
    return GREETING


def buy() -> str:
    """Add a row."""
    database().execute("INSERT INTO thing VALUES ('bought')")
    return "bought"


def print_odd_lines() -> str:
    """Print what terminals and decoders dislike."""
    os.write(1, b"bytes \xff\xfe that are not UTF-8\n")
    os.write(1, b"\x1b]0;renamed window\x07 and [bold]markup[/bold] :smile:\n")
    os.write(1, b"long " + b"x" * 5000 + b" end\n")
    return "printed"


def die() -> str:
    """End at once."""
    os._exit(7)


@click.command()
def migrate() -> None:
    """Create the table."""
    if (ROOT / "broken-migration").exists():
        raise click.ClickException("there are two heads")
    database().execute("CREATE TABLE IF NOT EXISTS thing (name TEXT)")


@click.command()
def seed() -> None:
    """Load the rows of the seed file."""
    if database().execute("SELECT count(*) FROM thing").fetchone() != (0,):
        raise click.ClickException("there are things already")
    for name in Path("seed_data/things.txt").read_text(encoding="utf-8").split():
        database().execute("INSERT INTO thing VALUES (?)", (name,))


@click.command()
def worker() -> None:
    """Wait until told to stop, or for ever when the file `stubborn` is there."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: None if (ROOT / "stubborn").exists() else stop.set())
    click.echo("worker is up")
    while not stop.wait(0.05):
        pass
