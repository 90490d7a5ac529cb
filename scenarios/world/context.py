"""What every part of the outside world shares: settings, ledger, clock and pauses."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from flask import current_app

from scenarios.world.clock import Clock, system_clock
from scenarios.world.ledger import Ledger
from scenarios.world.refusals import Refusal

SLOW_CALLS_AT_MOST = 24


@dataclass(frozen=True)
class Settings:
    """Keys, addresses and the folder of the ledgers, as given at the start."""

    payments_api_key: str
    webhook_secret: str
    control_token: str
    webhook_url: str
    data_dir: Path


@dataclass
class World:
    """The running outside world."""

    settings: Settings
    ledger: Ledger
    clock: Clock = system_clock
    stopping: threading.Event = field(default_factory=threading.Event)
    sleepers: list[threading.Event] = field(default_factory=list)
    pauses: dict[str, threading.Event] = field(default_factory=dict)
    slow_calls: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(SLOW_CALLS_AT_MOST)
    )

    def wake(self) -> None:
        """Let the background threads look for work now; call it after the commit."""
        for sleeper in self.sleepers:
            sleeper.set()

    def pause(self, reason: str, seconds: float) -> None:
        """Keep a call waiting, until the time is over or `end_pauses` is called for the reason.

        :raises Refusal: when so many calls wait that control would find no free thread.
        """
        if seconds <= 0:
            return
        if not self.slow_calls.acquire(blocking=False):
            raise Refusal(503, "overloaded", "Too many calls are waiting; try again later.")
        try:
            end = self.pauses.setdefault(reason, threading.Event())
            # `stop` sets the flag before it ends the pauses, so one of the two is always seen.
            if not self.stopping.is_set():
                end.wait(seconds)
        finally:
            self.slow_calls.release()

    def end_pauses(self, reason: str) -> None:
        """Let the calls go on that wait for a reason, such as a service that is slow no more."""
        end = self.pauses.pop(reason, None)
        if end is not None:
            end.set()

    def stop(self) -> None:
        """Let every call and thread come to its end."""
        self.stopping.set()
        for reason in list(self.pauses):
            self.end_pauses(reason)
        self.wake()


def current_world() -> World:
    """Return the world that the call under way belongs to."""
    return cast(World, current_app.extensions["world"])
