"""Starting and stopping the outside world: two ports, two kinds of threads, one ledger."""

import errno
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

# waitress has no types.
from waitress import create_server, wasyncore  # type: ignore[import-untyped]

from scenarios.world.app import create_app
from scenarios.world.background import Background, start_background
from scenarios.world.context import Settings, World
from scenarios.world.ledger import Ledger
from scenarios.world.mail_server import MailServer
from scenarios.world.refusals import CannotStart
from scenarios.world.webhooks import check_url

log = logging.getLogger("world")

LOOPBACK = "127.0.0.1"
HTTP_THREADS = 32


class HttpServer:
    """waitress on a socket that is already bound, in a thread of its own."""

    def __init__(self, world: World, bound: socket.socket) -> None:
        # A queue of calls is a matter for the conditions, not for a warning on the terminal.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._server = create_server(create_app(world), sockets=[bound], threads=HTTP_THREADS)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the calls under way, at most 5 seconds, and close every connection."""
        self._server.task_dispatcher.shutdown()
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(timeout=5)


@dataclass
class RunningWorld:
    """A started world: where it listens, and how to stop it."""

    world: World
    http_port: int
    smtp_port: int
    http: HttpServer
    mail: MailServer
    background: list[Background]

    @property
    def url(self) -> str:
        """The address of everything but mail."""
        return f"http://{LOOPBACK}:{self.http_port}"

    def stop(self) -> None:
        """End the calls under way, then the threads, and close the ledgers."""
        self.world.stop()
        self.http.stop()
        self.mail.stop()
        for thread in self.background:
            thread.join(timeout=6)
        self.world.ledger.close()


def start_world(
    settings: Settings, port: int, smtp_port: int, host: str = LOOPBACK
) -> RunningWorld:
    """Start the outside world on two ports of 127.0.0.1; port 0 means any free one.

    :param host: where HTTP listens instead; mail stays on 127.0.0.1, and the names are checked.
    :raises CannotStart: when a port is taken, or the folder or the webhook URL is no good.
    """
    check_url(settings.webhook_url)
    with ExitStack() as taken:
        http_socket = taken.enter_context(bind(port, host))
        smtp_socket = taken.enter_context(bind(smtp_port))
        world = World(settings, Ledger(settings.data_dir))
        taken.pop_all()
    http, mail = HttpServer(world, http_socket), MailServer(world, smtp_socket)
    ports = (http_socket.getsockname()[1], smtp_socket.getsockname()[1])
    # Both ports take connections from now on. A webhook that waited could be logged at once,
    # and whoever started this reads the ports from the first line.
    log.info(
        "The outside world is at http://127.0.0.1:%s, and its mail at smtp://127.0.0.1:%s", *ports
    )
    mail.start()
    http.start()
    return RunningWorld(world, *ports, http, mail, start_background(world))


@contextmanager
def running_world(settings: Settings) -> Iterator[RunningWorld]:
    """Run the outside world on free ports for as long as a test needs it."""
    running = start_world(settings, 0, 0)
    try:
        yield running
    finally:
        running.stop()


def bind(port: int, host: str = LOOPBACK) -> socket.socket:
    """Take a port of 127.0.0.1, or of another address.

    :raises CannotStart: when it is taken or cannot be had.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        # Elsewhere this option would let two programs share the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"Port {port} is taken: stop the program that uses it, or choose another."
            ) from error
        raise CannotStart(f"Cannot listen on port {port}: {error.strerror}.") from error
    return bound
