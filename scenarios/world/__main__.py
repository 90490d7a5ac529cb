"""Start the outside world: `python -m scenarios.world --help` says how."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from scenarios.world.context import Settings
from scenarios.world.refusals import CannotStart
from scenarios.world.server import LOOPBACK, start_world

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  Only on request, and told in red.
REQUIRED = ("WORLD_CONTROL_TOKEN", "WORLD_PAYMENTS_API_KEY", "WORLD_WEBHOOK_SECRET")


def main() -> int:
    """Run until SIGTERM or SIGINT; return 2 when the world cannot start."""
    arguments = read_arguments()
    write_log_to_stdout()
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = read_settings(os.environ, arguments)
        running = start_world(settings, arguments.port, arguments.smtp_port, arguments.host)
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    if arguments.host == ALL_ADDRESSES:
        warn_of_strangers(running.http_port)
    # Windows delivers signals only between two waits.
    while not stopped.wait(1.0):
        pass
    running.stop()
    return 0


def read_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, or the arguments that are given instead."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.world",
        description="Run the payment provider, the carrier, the suggestions and the mail server.",
        epilog=f"The environment must have {', '.join(REQUIRED)}.",
    )
    parser.add_argument("--port", type=_port, default=5002, help="HTTP port; 0 takes a free one")
    parser.add_argument(
        "--host",
        choices=(LOOPBACK, ALL_ADDRESSES),
        default=LOOPBACK,
        help="where HTTP listens; 0.0.0.0 is for a container with its port published on 127.0.0.1",
    )
    parser.add_argument("--smtp-port", type=_port, default=5025, help="SMTP port; 0 likewise")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the ledgers")
    parser.add_argument("--webhook-url", required=True, help="where the store takes webhooks")
    return parser.parse_args(given)


def read_settings(environment: Mapping[str, str], arguments: argparse.Namespace) -> Settings:
    """Return the settings that environment and command line give.

    :raises CannotStart: when the environment lacks something.
    """
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise CannotStart(f"The environment must have {', '.join(missing)}.")
    return Settings(
        payments_api_key=environment["WORLD_PAYMENTS_API_KEY"],
        webhook_secret=environment["WORLD_WEBHOOK_SECRET"],
        control_token=environment["WORLD_CONTROL_TOKEN"],
        webhook_url=arguments.webhook_url,
        data_dir=arguments.data_dir,
    )


def warn_of_strangers(port: int) -> None:
    """Say on standard error what listening beyond this machine means."""
    click.secho(
        f"The outside world listens on all addresses, port {port}: whoever reaches it can read all "
        "mails and ledgers, and with the keys change them. Out of a container, publish the port "
        "on 127.0.0.1 only.",
        fg="red",
        bold=True,
        err=True,
    )


def write_log_to_stdout() -> None:
    """Send the log of calls and deliveries to standard output, one flushed line each."""
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.getLogger("world").addHandler(lines)
    logging.getLogger("world").setLevel(logging.INFO)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
