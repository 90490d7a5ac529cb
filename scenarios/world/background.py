"""Threads that do what is due: end captures, and deliver webhooks."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from scenarios.world.context import World
from scenarios.world.payment_book import settle_captures
from scenarios.world.webhook_client import post_to
from scenarios.world.webhooks import deliver_due

log = logging.getLogger("world")

# Does what is due and returns the moment at which there is more to do, if that is known.
Step = Callable[[], str | None]

PAUSE_AFTER_ERROR = 1.0


class Background(threading.Thread):
    """Takes a step whenever something is due or the world is woken."""

    def __init__(self, name: str, world: World, step: Step) -> None:
        super().__init__(name=name, daemon=True)
        self._world = world
        self._step = step
        self._woken = threading.Event()
        world.sleepers.append(self._woken)

    def run(self) -> None:
        """Take steps until the world is stopped."""
        while not self._world.stopping.is_set():
            self._woken.clear()
            wait = self._seconds_after_step()
            self._woken.wait(wait)

    def _seconds_after_step(self) -> float | None:
        try:
            moment = self._step()
        except Exception:
            # The rows are still there: a fault in one step must not stop all later ones.
            log.exception("%s failed; it goes on in a second", self.name)
            return PAUSE_AFTER_ERROR
        if moment is None:
            return None
        wait = datetime.fromisoformat(moment) - self._world.clock()
        return max(wait.total_seconds(), 0.0)


def start_background(world: World) -> list[Background]:
    """Start the threads of the payment provider."""

    def settle() -> str | None:
        with world.ledger.transaction() as db:
            settled, following = settle_captures(db, world.clock())
        if settled:
            world.wake()
        return following

    post = post_to(world.settings.webhook_url)
    threads = [
        Background("captures", world, settle),
        Background("webhooks", world, lambda: deliver_due(world, post)),
    ]
    for thread in threads:
        thread.start()
    return threads
