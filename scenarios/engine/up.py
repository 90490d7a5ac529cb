"""`cartwreck up`: prepare the sandbox, run its programs, and do what other commands ask for."""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from scenarios.engine.calls import reset_world, set_conditions, status_of
from scenarios.engine.databases import StoreDatabase, flask_runner, open_database
from scenarios.engine.git import GitFailedError
from scenarios.engine.keys import Keys, load_keys
from scenarios.engine.ports import check_host, check_prefix, free_port, is_loopback
from scenarios.engine.programs import LOOPBACK, RENEWED, Addresses, all_programs, store_settings
from scenarios.engine.refusal import RefusedError
from scenarios.engine.requests import answer, asked, forget_requests
from scenarios.engine.running import Note, end_leftovers, held, remove_note, write_note
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.screen import Screen
from scenarios.engine.snapshot import MIGRATIONS, stamp_of
from scenarios.engine.supervisor import Supervisor
from scenarios.engine.switching import conditions_of, deploy, enabled, ensure_workspace, seed_of
from scenarios.engine.watch import Watch

SECONDS_TO_ANSWER = 60.0


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
    keys: Keys
    addresses: Addresses
    database: StoreDatabase
    supervisor: Supervisor
    screen: Screen
    watch: Watch
    # What the database's tables were made by last; a scenario or a learner may change it.
    migrations: list[str]

    def renew(self) -> str | None:
        """Run the code as it is now; return the sentence of what prevented it.

        The store and the worker that ran before have then been replaced, or go on.
        """
        self.watch.take()
        stamp = stamp_of(self.sandbox.workspace, MIGRATIONS)
        try:
            if stamp not in self.migrations[-1:]:
                run = flask_runner(self.sandbox)
                self.database.prepare(run, self.screen.say)
                self.migrations.append(stamp)
        except RefusedError as refused:
            _tell(self.screen, refused)
            return refused.sentence
        return self.supervisor.renew()


def run_up(sandbox: Sandbox, wishes: Wishes, screen: Screen) -> None:
    """Run the sandbox until somebody stops it.

    :raises RefusedError: when it cannot start or cannot go on.
    """
    check_host(wishes.host)
    check_prefix(wishes.prefix)
    sandbox.make_folders()
    with held(sandbox):
        if left := end_leftovers(sandbox):
            screen.say(f"Ended what an earlier `up` had left running: {', '.join(left)}.")
        forget_requests(sandbox)
        keys = load_keys(sandbox)
        addresses = _choose_addresses(wishes, screen)
        must_reset = _deploy(sandbox, wishes)
        watch = Watch(sandbox.workspace, screen.say)
        migrations = [stamp_of(sandbox.workspace, MIGRATIONS)]
        database = open_database(sandbox, wishes.database_url, seed_of(enabled(sandbox)))
        settings = store_settings(keys, addresses, database.url)
        _keep_settings(sandbox, settings)
        fill = database.restore if must_reset else database.prepare
        fill(flask_runner(sandbox), screen.say)
        programs = all_programs(sandbox, keys, addresses, settings)
        note = partial(_leave_note, sandbox, addresses)
        try:
            with Supervisor(programs, sandbox, screen, note) as supervisor:
                _stop_on_signals(supervisor)
                own = (sandbox, keys, addresses, database)
                _serve(Running(*own, supervisor, screen, watch, migrations))
                screen.say("Stopping everything.")
        finally:
            remove_note(sandbox)
    screen.say("Everything is stopped.")


def _serve(running: Running) -> None:
    _warn_of_strangers(running)
    running.supervisor.start_all()
    # A store that does not start is told of, and by the store's own address too.
    running.supervisor.renew()
    if _wait_for_world(running):
        _set_conditions(running, ())
        running.supervisor.start(["nursery"])
        _show_addresses(running)
        running.supervisor.watch(lambda: _attend(running))


def _wait_for_world(running: Running) -> bool:
    """Wait until the outside world answers; tell whether nobody asked to stop meanwhile."""
    address = f"{running.addresses.world}/health"
    if running.supervisor.watch(lambda: status_of(address) == 200, SECONDS_TO_ANSWER):
        return True
    if running.supervisor.is_over:
        return False
    raise RefusedError(
        f"The outside world does not answer at {address} after {SECONDS_TO_ANSWER:.0f} seconds. "
        f"Its log is {running.sandbox.logs / 'world.log'}.",
        running.supervisor.last_lines("world"),
    )


def _attend(running: Running) -> bool:
    """Do what is asked for by a command, or by saving a file."""
    if question := asked(running.sandbox):
        is_switch = question.kind == "switch"
        problem = _switch(running, question.slugs) if is_switch else _reset(running)
        answer(running.sandbox, question, problem)
    elif running.watch.take():
        running.screen.say("A file was saved: the store and the worker are renewed.")
        if not running.renew():
            running.screen.say("The store runs the code as it is now.")
    return False


def _switch(running: Running, slugs: Sequence[str]) -> str | None:
    """Deploy exactly these scenarios; return the sentence of what prevented it."""
    before = enabled(running.sandbox)
    try:
        with running.watch.paused():
            must_reset = deploy(running.sandbox, slugs).must_reset
            try:
                _set_conditions(running, conditions_of(before))
            except RefusedError:
                refused = conditions_of(enabled(running.sandbox))
                deploy(running.sandbox, [scenario.slug for scenario in before])
                _set_conditions(running, refused)
                raise
        running.screen.say(f"Deployed: {', '.join(slugs) or 'the clean store'}.")
        problem = _reset(running) if must_reset else running.renew()
    except (RefusedError, GitFailedError, OSError) as error:
        problem = _tell(running.screen, error)
    return problem


def _set_conditions(running: Running, before: Iterable[str]) -> None:
    wanted = conditions_of(enabled(running.sandbox))
    set_conditions(running.addresses.world, running.keys.control_token, before, wanted)


def _reset(running: Running) -> str | None:
    """Start store, jobs, ledgers and mail over; return the sentence of what prevented it.

    The database could be changed under the running store, but a request or a job that began
    before and ends after would write what it knows of the old content into the new one.
    """
    running.screen.say("Resetting: the store and the worker are stopped for a moment.")
    running.supervisor.stop(RENEWED)
    try:
        reset_world(running.addresses.world, running.keys.control_token)
        run = flask_runner(running.sandbox)
        seed = seed_of(enabled(running.sandbox))
        database = open_database(running.sandbox, running.database.url, seed)
        database.restore(run, running.screen.say)
        _set_conditions(running, ())
        problem = None
    except (RefusedError, OSError, sqlite3.Error) as error:
        problem = _tell(running.screen, error)
    problem = running.supervisor.renew() or problem
    if problem is None:
        running.screen.say("Reset: the store is as it was when freshly seeded.")
    return problem


def _tell(screen: Screen, error: Exception) -> str:
    for line in getattr(error, "last_lines", []):
        screen.say(f"    {line}", "")
    screen.say(str(error), "bold red")
    return str(error)


def _deploy(sandbox: Sandbox, wishes: Wishes) -> bool:
    """Bring the workspace to what is wished; tell whether the database has to start over."""
    if wishes.scenarios:
        return deploy(sandbox, wishes.scenarios).must_reset
    ensure_workspace(sandbox)
    return False


def _keep_settings(sandbox: Sandbox, settings: dict[str, str]) -> None:
    """Leave what the store is told to those who debug it beside `up`."""
    own = {name: value for name, value in settings.items() if name.startswith("SHOP_")}
    write_whole(
        sandbox.state / "store.env", "".join(f"{name}={value}\n" for name, value in own.items())
    )


def _choose_addresses(wishes: Wishes, screen: Screen) -> Addresses:
    taken: set[int] = set()
    store_hosts = tuple(dict.fromkeys((LOOPBACK, wishes.host)))
    ports = []
    for name, wanted, hosts in (
        ("store", wishes.port, store_hosts),
        ("outside world", wishes.world_port, (LOOPBACK,)),
        ("mail server", wishes.smtp_port, (LOOPBACK,)),
    ):
        port = free_port(wanted, hosts, taken)
        if port != wanted:
            screen.say(f"Port {wanted} is taken: the {name} uses {port}.")
        ports.append(port)
    store, world, smtp = ports
    return Addresses(wishes.host, store, world, smtp, wishes.prefix)


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
    if shutil.which("cartwreck") or not own.exists():
        return "cartwreck"
    return os.path.relpath(own)


def _warn_of_strangers(running: Running) -> None:
    host = running.addresses.host
    if not is_loopback(host):
        running.screen.say(
            f"The store listens on {host}: anyone on the network can use it, and it is meant to "
            "break. Everything in it can be read, changed and misused.",
            "bold red",
        )


def _leave_note(sandbox: Sandbox, addresses: Addresses, children: dict[str, int]) -> None:
    write_note(sandbox, Note(os.getpid(), addresses.store, addresses.world, children))


def _stop_on_signals(supervisor: Supervisor) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        supervisor.is_stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Under nohup the end of the terminal is ignored, and it must stay so.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)
