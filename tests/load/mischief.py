"""What goes wrong during a run: processes are killed, answers get lost, webhooks come twice.

Everything is drawn from one seed. What the machine does in between is not, so a seed repeats the
intervals and the victims, not the very instruction at which a process dies.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from tests.load.outside import Outside
from tests.load.programs import Program, poll

SECONDS_TO_LIVE = (0.05, 1.5)
# One kill in five comes whether or not the victim has finished starting.
PATIENT_KILLS = 0.8
SECONDS_TO_START = 30.0
SECONDS_BETWEEN_CHANGES = (0.2, 1.5)
Change = tuple[str, dict[str, object]]
_CHANGES: Sequence[Change] = (
    ("payments", {"drop_response_next": 1}),
    ("payments", {"drop_response_next": 2}),
    ("payments", {"webhook_copies": 2, "webhook_order": "reversed"}),
    ("payments", {"webhook_copies": 1, "webhook_order": "as_made"}),
    ("payments", {"webhook_copies": 3, "webhook_delay_seconds": 0.4}),
    ("payments", {"webhook_delay_seconds": 0}),
    ("payments", {"latency_seconds": 0.1}),
    ("payments", {"latency_seconds": 0}),
    ("mail", {"drop_after_accept_next": 1}),
)
# Whoever runs for minutes meets every partner at its worst, and each for a moment only: a job that
# failed eight times in a row would rightly be set aside.
EVERY_CHANGE: Sequence[Change] = (
    *_CHANGES,
    ("payments", {"fail_next": 2}),
    ("payments", {"latency_seconds": 0.2}),
    ("payments", {"webhooks": False}),
    ("payments", {"webhooks": True}),
    ("carrier", {"fail_next": 2}),
    ("carrier", {"latency_seconds": 0.2}),
    ("carrier", {"latency_seconds": 0}),
    ("carrier", {"quote_amount": -5}),
    ("carrier", {"quote_amount": 777}),
    ("carrier", {"quote_amount": None}),
    ("suggestions", {"failing": True}),
    ("suggestions", {"failing": False, "latency_seconds": 0.2}),
    ("suggestions", {"latency_seconds": 0}),
    ("mail", {"fail_next": 2}),
    ("mail", {"latency_seconds": 0.2}),
    ("mail", {"latency_seconds": 0, "refuse": False}),
    ("mail", {"refuse": True}),
)
# A loss that waited for the next call would, once few jobs are left, hit every try of one.
_NO_LOSS: Sequence[Change] = (
    ("payments", {"drop_response_next": 0, "fail_next": 0}),
    ("carrier", {"fail_next": 0}),
    ("mail", {"drop_after_accept_next": 0, "fail_next": 0, "refuse": False}),
)


def kill_now_and_then(
    victims: Sequence[Program], dice: random.Random, is_over: Callable[[], bool], most: int
) -> None:
    """Kill a victim and start it again at once, at random moments, until it is over.

    :param most: how often to kill at most, so that a run ends even where nothing gets done.
    """
    for _ in range(most):
        victim = dice.choice(victims)
        if dice.random() < PATIENT_KILLS:
            _wait_until_ready(victim, is_over)
        _wait_until(is_over, dice.uniform(*SECONDS_TO_LIVE))
        if is_over():
            return
        victim.kill()
        victim.start()


def _wait_until_ready(victim: Program, is_over: Callable[[], bool]) -> None:
    _wait_until(lambda: victim.is_ready or is_over(), SECONDS_TO_START)


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    for _ in poll(seconds):
        if condition():
            return


def change_conditions(
    outside: Outside,
    dice: random.Random,
    is_over: threading.Event,
    changes: Sequence[Change] = _CHANGES,
) -> Counter[str]:
    """Change how the outside world behaves at random moments; let it behave well at the end.

    Returns how often each change was made.
    """
    made: Counter[str] = Counter()
    while not is_over.wait(dice.uniform(*SECONDS_BETWEEN_CHANGES)):
        for service, conditions in _NO_LOSS:
            outside.set_conditions(service, **conditions)
        service, conditions = dice.choice(changes)
        outside.set_conditions(service, **conditions)
        made[f"{service}: {', '.join(f'{k} {v}' for k, v in conditions.items())}"] += 1
    for service in {service for service, _ in changes}:
        # How long a parcel travels is the run's own choice and no mischief.
        if service == "carrier":
            outside.set_conditions(service, fail_next=0, latency_seconds=0, quote_amount=None)
        else:
            outside.behave_well(service)
    return made
