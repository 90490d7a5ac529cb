"""Whether the time of an answer tells who has an account.

Each pair of requests comes from an address of its own of this machine, because the brake on
guessing counts by address, and each known account is asked for once, as by somebody with a list.
"""

import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from itertools import chain, count
from math import erfc, sqrt

import httpx
from sqlalchemy import insert

from shop.domain.email_address import fold_email
from shop.models import Customer
from shop.services.accounts import hasher
from tests.attacks.outcomes import CannotRun, Outcome, Wishes
from tests.browser.running_store import RunningStore, run_store

_PAIRS, _REPEATS = 200, 3
# A stranger who measures across a network cannot tell less apart.
_LEAST_SHARE, _LEAST_SECONDS = 0.10, 0.001
_FORMS = {"/sign-in": {"password": "not-the-password"}, "/password/forgot": {}}

Times = tuple[list[float], list[float]]


def compare_times(wishes: Wishes) -> Outcome:
    """Ask for a known and an unknown address in turn, and compare the medians in each repeat.

    :raises CannotRun: where only one address leads to this machine from itself.
    """
    if sys.platform != "linux":
        raise CannotRun("only Linux lets a client use all of 127.0.0.0/8")
    findings, measured, addresses = [], [], _own_addresses()
    with run_store(wishes.folder) as store:
        emails = _open_accounts(store)
        for path, form in _FORMS.items():
            repeats = [_measure(store, path, form, each, addresses) for each in emails]
            lines = [describe(each) for each in repeats]
            measured.append(f"{path} {'; '.join(lines)}")
            if all(map(is_telling, repeats)):
                findings.append(f"{path} tells by its time who has an account")
    return Outcome(len(_FORMS) * _REPEATS * 2 * _PAIRS, tuple(findings), ", ".join(measured))


def is_telling(times: Times) -> bool:
    """Tell whether somebody who measures could tell the two apart."""
    known, unknown = map(statistics.median, times)
    apart = abs(known - unknown)
    return apart > _LEAST_SECONDS and apart > _LEAST_SHARE * min(known, unknown)


def describe(times: Times) -> str:
    """Say the medians, and how probable it is that chance alone sets the two apart like this."""
    known, unknown = (statistics.median(each) * 1000 for each in times)
    return f"known {known:.1f} unknown {unknown:.1f} ms p={chance(times):.3f}"


def chance(times: Times) -> float:
    """Return the two-sided probability of Mann and Whitney's test, in its normal approximation."""
    first, second = times
    larger = sum((a > b) + (a == b) / 2 for a in first for b in second)
    size = len(first) * len(second)
    deviation = sqrt(size * (len(first) + len(second) + 1) / 12)
    return erfc(abs(larger - size / 2) / deviation / sqrt(2))


def _measure(
    store: RunningStore,
    path: str,
    form: dict[str, str],
    known: Sequence[str],
    addresses: Iterator[str],
) -> Times:
    with httpx.Client(trust_env=False) as browser:
        [token, *_] = re.findall(
            'name="csrf_token" value="([^"]+)"', browser.get(store.url(path)).text
        )
        cookies = dict(browser.cookies)
    times: Times = [], []
    for nth, email in enumerate(known):
        emails = email, email.replace("guest", "nobody")
        transport = httpx.HTTPTransport(local_address=next(addresses))
        with httpx.Client(transport=transport, cookies=cookies, trust_env=False) as browser:
            # The first request opens the connection; it is not measured.
            browser.get(store.url("/health/live"))
            for which in (0, 1) if nth % 2 else (1, 0):
                started = time.perf_counter()
                filled = {**form, "email": emails[which], "csrf_token": token}
                answer = browser.post(store.url(path), data=filled)
                times[which].append(time.perf_counter() - started)
                assert answer.status_code in (200, 422), f"{path}: {answer.status_code}"
    return times


def _open_accounts(store: RunningStore) -> list[list[str]]:
    emails = [
        [f"guest-{repeat}-{nth}@brindle.example" for nth in range(_PAIRS)]
        for repeat in range(_REPEATS)
    ]
    account = {
        "name": "Guest",
        "password_hash": hasher.hash("a-password-of-theirs"),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    names = [{"email": each, "folded_email": fold_email(each)} for each in chain(*emails)]
    store.write(insert(Customer).values([{**account, **each} for each in names]))
    return emails


def _own_addresses() -> Iterator[str]:
    return (str(IPv4Address("127.1.0.1") + nth) for nth in count())
