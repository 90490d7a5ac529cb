"""Delivering events to the store, signed, one after the other.

A delivery is taken from the ledger, sent, and its outcome written: a process killed in
between sends it again after its restart. So every event arrives at least once.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from sqlite3 import Row
from urllib.parse import urlsplit

from scenarios.world.context import World
from scenarios.world.refusals import CannotStart
from scenarios.world.webhook_queue import find_due, find_next_moment, record_try, release_held

log = logging.getLogger("world")

# Sends a body with its headers to the store and returns the status of the answer.
# It raises OSError when there is none.
Post = Callable[[bytes, Mapping[str, str]], int]


def check_url(url: str) -> str:
    """Return a webhook URL that leads to this machine.

    :raises CannotStart: when it leads elsewhere or is not an http URL.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme == "http" and _is_loopback(parts.hostname or "")
        is_good = is_good and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise CannotStart(
            f"Webhooks go only to this machine: {url!r} is not an http URL of 127.0.0.1."
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sign(secret: str, body: bytes, now: datetime) -> str:
    """Return the Tillpost-Signature of a body sent now."""
    moment = str(int(now.timestamp()))
    signed = moment.encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def deliver_due(world: World, post: Post) -> str | None:
    """Deliver all that is due; return the moment of the next delivery, if any waits."""
    while not world.stopping.is_set():
        now = world.clock()
        with world.ledger.transaction() as db:
            release_held(db, now)
            delivery = find_due(db, now)
            if delivery is None:
                return find_next_moment(db)
        _try(world, post, delivery)
    return None


def _try(world: World, post: Post, delivery: Row) -> None:
    body = delivery["body"].encode()
    headers = {
        "Content-Type": "application/json",
        "Tillpost-Signature": sign(world.settings.webhook_secret, body, world.clock()),
    }
    started = time.perf_counter()
    status, problem = _status_of(post, body, headers)
    ms = round((time.perf_counter() - started) * 1000, 1)
    with world.ledger.transaction() as db:
        state = record_try(db, delivery, world.clock(), status, problem, ms)
    log.info(
        "webhook %s %s copy %s try %s: %s %s ms, %s",
        *(delivery["type"], delivery["event_id"], delivery["copy"], delivery["tries"] + 1),
        *(status or problem, ms, state),
    )


def _status_of(
    post: Post, body: bytes, headers: Mapping[str, str]
) -> tuple[int | None, str | None]:
    try:
        return post(body, headers), None
    except OSError as error:
        return None, str(error)[:200] or type(error).__name__
