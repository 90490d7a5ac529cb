"""`cartwreck up`: prepare the sandbox, run its programs, and do what other commands ask for."""

import os
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from ipaddress import ip_address
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from scenarios.engine.asking import Inbox
from scenarios.engine.calls import control
from scenarios.engine.databases import StoreDatabase, open_database
from scenarios.engine.forking import warm_up
from scenarios.engine.git import GitFailedError
from scenarios.engine.keys import load_keys
from scenarios.engine.ports import LOOPBACK, check_prefix, listen
from scenarios.engine.programs import RENEWED, Addresses, all_programs, store_settings
from scenarios.engine.refusal import RefusedError
from scenarios.engine.running import Note, find_up, held
from scenarios.engine.sandbox import Sandbox, write_facts, write_whole
from scenarios.engine.screen import Screen
from scenarios.engine.supervisor import Supervisor
from scenarios.engine.switching import conditions_of, deploy, enabled, ensure_workspace, seed_of
from scenarios.engine.watch import Watch


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line."""

    host: str
    port: int
    world_port: int
    smtp_port: int
    database_url: str | None
    prefix: str = ""
    # Exactly these scenarios; without any, those that were on before.
    scenarios: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """Everything that belongs to one `up`."""

    sandbox: Sandbox
    addresses: Addresses
    # Has the outside world do something, see `calls.py`.
    control: Callable[..., None]
    database: StoreDatabase
    screen: Screen
    watch: Watch
    inbox: Inbox
    supervisor: Supervisor

    def renew(self) -> str | None:
        """Run the code as it is now; return the sentence of what prevented it.

        The store and the worker that ran before have then been replaced, or go on.

        :raises RefusedError: when the database cannot be migrated.
        """
        self.watch.look()
        self.database.prepare()
        return self.supervisor.renew()


def run_up(sandbox: Sandbox, wishes: Wishes, screen: Screen) -> None:
    """Run the sandbox until somebody stops it.

    :raises RefusedError: when it cannot start or cannot go on.
    """
    check_prefix(wishes.prefix)
    sandbox.make_folders()
    warm_up()
    if sandbox.note.exists() and not find_up(sandbox):
        screen.say("Waiting for what an earlier `up` had left running.")
    with held(sandbox) as lock:
        sandbox.note.unlink(missing_ok=True)
        keys = load_keys(sandbox)
        addresses, sockets = _choose_addresses(wishes, screen)
        must_reset = bool(wishes.scenarios) and deploy(sandbox, wishes.scenarios)
        ensure_workspace(sandbox)
        watch = Watch(sandbox.workspace, screen.say)
        seed = seed_of(enabled(sandbox))
        database = open_database(sandbox, wishes.database_url, seed, screen.say)
        settings = store_settings(keys, addresses, database.url)
        _keep_settings(sandbox, settings)
        database.restore() if must_reset else database.prepare()
        own = Connection(os.dup(lock.fileno()))
        programs = all_programs(sandbox, keys, addresses, settings, sockets, own)
        inbox = Inbox()

        def leave_note(children: dict[str, int]) -> None:
            note = Note(os.getpid(), addresses.store, addresses.world, inbox.address, children)
            write_facts(sandbox.note, asdict(note))

        try:
            with closing(Supervisor(programs, sandbox, screen, leave_note)) as supervisor:
                _stop_on_signals(supervisor)
                world = partial(control, addresses.world, keys.control_token)
                parts = (sandbox, addresses, world, database, screen, watch, inbox)
                _serve(Running(*parts, supervisor))
                screen.say("Stopping everything.")
        finally:
            sandbox.note.unlink(missing_ok=True)
    screen.say("Everything is stopped.")


def _serve(running: Running) -> None:
    running.supervisor.start("world")
    # A store that does not start is told of, and by the store's own address too.
    running.supervisor.renew()
    if running.supervisor.watch(lambda: _listens(running.addresses)):
        _set_conditions(running, ())
        _show_addresses(running)
        running.supervisor.watch(lambda: _attend(running))


def _listens(addresses: Addresses) -> bool:
    """Tell whether the outside world takes connections; one that ends again and again is told."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, addresses.world_port)) == 0


def _attend(running: Running) -> bool:
    """Do what is asked for by a command, or by saving a file."""
    if asked := running.inbox.take():
        slugs, line = asked
        problem = _try(running, _reset if slugs is None else partial(_switch, slugs=slugs))
        with suppress(OSError):  # Who has asked may be gone.
            line.send(problem)
    elif running.watch.take():
        running.screen.say("A file was saved: the store and the worker are renewed.")
        if not _try(running, Running.renew):
            running.screen.say("The store runs the code as it is now.")
    return False


def _try(running: Running, change: Callable[[Running], str | None]) -> str | None:
    """Change something; return the sentence of what prevented it, and tell of it."""
    try:
        return change(running)
    except (RefusedError, GitFailedError, OSError, sqlite3.Error) as error:
        for line in getattr(error, "last_lines", []):
            running.screen.say(f"    {line}", "")
        running.screen.say(str(error), "bold red")
        return str(error)


def _switch(running: Running, slugs: Sequence[str]) -> str | None:
    """Deploy exactly these scenarios; return the sentence of what prevented their start."""
    before = enabled(running.sandbox)
    try:
        must_reset = deploy(running.sandbox, slugs)
        try:
            _set_conditions(running, conditions_of(before))
        except RefusedError:
            refused = conditions_of(enabled(running.sandbox))
            deploy(running.sandbox, [scenario.slug for scenario in before])
            _set_conditions(running, refused)
            raise
    finally:
        running.watch.look()
    running.screen.say(f"Deployed: {', '.join(slugs) or 'the clean store'}.")
    return _reset(running) if must_reset else running.renew()


def _set_conditions(running: Running, taken_back: Iterable[str]) -> None:
    """Let services behave well again, and others as the scenarios that are on ask them to."""
    for service in taken_back:
        running.control("DELETE", f"conditions/{service}")
    for service, values in conditions_of(enabled(running.sandbox)).items():
        running.control("PATCH", f"conditions/{service}", values)


def _reset(running: Running) -> str | None:
    """Start store, jobs, ledgers and mail over; return the sentence of what prevented their start.

    The database could be changed under the running store, but a request or a job that began
    before and ends after would write what it knows of the old content into the new one.
    """
    running.screen.say("Resetting: the store and the worker are stopped for a moment.")
    running.supervisor.stop(RENEWED)
    try:
        running.control("POST", "reset")
        replace(running.database, seed=seed_of(enabled(running.sandbox))).restore()
        _set_conditions(running, ())
    finally:
        problem = running.supervisor.renew()
    if problem is None:
        running.screen.say("Reset: the store is as it was when freshly seeded.")
    return problem


def _keep_settings(sandbox: Sandbox, settings: dict[str, str]) -> None:
    """Leave what the store is told to those who debug it beside `up`."""
    own = {name: value for name, value in settings.items() if name.startswith("SHOP_")}
    write_whole(
        sandbox.state / "store.env", "".join(f"{name}={value}\n" for name, value in own.items())
    )


def _choose_addresses(wishes: Wishes, screen: Screen) -> tuple[Addresses, list[socket.socket]]:
    """Return free addresses, and the sockets on which the store is to listen."""
    store = listen("store", wishes.port, screen.say, wishes.host)
    if not all(ip_address(each.getsockname()[0]).is_loopback for each in store):
        screen.say(
            f"The store listens on {wishes.host}: anyone on the network can use it, and it is "
            "meant to break. Everything in it can be read, changed and misused.",
            "bold red",
        )
    # Taken until all are chosen, so that none is chosen twice.
    [world] = listen("outside world", wishes.world_port, screen.say)
    [smtp] = listen("mail server", wishes.smtp_port, screen.say)
    ports = [each.getsockname()[1] for each in (store[0], world, smtp)]
    for each in (world, smtp):
        each.close()
    return Addresses(wishes.host, ports[0], ports[1], ports[2], wishes.prefix), store


def _show_addresses(running: Running) -> None:
    addresses = running.addresses
    rows = {
        "Store": f"{addresses.store}/",
        "Mail": f"{addresses.world}/mail",
        "Outside world": f"{addresses.world}/",
        "Logs": ".cartwreck/logs/ (store.log, worker.log, world.log)",
        "Second terminal": f"{_command()} list",
        "Stop": "Ctrl-C",
    }
    running.screen.panel("Brindle & Bolt is open", rows)


def _command() -> str:
    """Return what to type for the command, which is no name where the environment is not active."""
    own = Path(sys.executable).with_name("cartwreck")
    is_name = shutil.which("cartwreck") or not own.exists()
    return "cartwreck" if is_name else os.path.relpath(own)


def _stop_on_signals(supervisor: Supervisor) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        supervisor.is_stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Under nohup the end of the terminal is ignored, and it must stay so.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)
