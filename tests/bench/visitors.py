"""Visitors who ask for the same thing again and again, each on a connection of their own."""

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

LOOPBACK = "127.0.0.1"
_FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request and the status of its good answer; with a form it is a POST."""

    path: str
    cookie: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


# Returns what a visitor asks for next, or None where there is nothing more.
Source = Callable[[], Ask | None]


def measure_rate(port: int, visitors: int, seconds: float, source: Source) -> float:
    """Return how many answers a second all visitors together get.

    :raises RuntimeError: when an answer has another status than the good one.
    """
    counts, wrong = [0] * visitors, list[str]()
    start, stop = threading.Barrier(visitors + 1), threading.Event()

    def visit(nth: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
        start.wait()
        while not stop.is_set() and (ask := source()):
            status = _send(connection, ask)
            if status != ask.status:
                wrong.append(f"{ask.path} answered {status}")
                break
            counts[nth] += 1
        connection.close()

    threads = [threading.Thread(target=visit, args=(nth,)) for nth in range(visitors)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds and any(t.is_alive() for t in threads):
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(wrong[0])
    return sum(counts) / (time.perf_counter() - began)


def _send(connection: http.client.HTTPConnection, ask: Ask) -> int:
    headers = {"Cookie": ask.cookie} if ask.cookie else {}
    if ask.form:
        connection.request("POST", ask.path, urlencode(ask.form), headers | _FORM_TYPE)
    else:
        connection.request("GET", ask.path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
