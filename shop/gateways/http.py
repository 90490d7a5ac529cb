"""One HTTP call to an outside service, with a deadline and two kinds of failure.

What the store cannot do without is called. What it can do without is asked for: no answer is then
an empty one, and a service that fails several times in a row is left alone for a while.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any

import httpx

from shop.errors import GatewayRefused, GatewayUnavailable

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# Longer than the slowest good answer that the provider promises, short enough for a shopper who
# waits, and well under the lease of a job.
_SECONDS = 8.0
# All clients share one list of authorities, which takes 0.8 MB, and use no proxy.
_AUTHORITIES = httpx.create_ssl_context(trust_env=False)
open_client = partial(httpx.Client, trust_env=False, verify=_AUTHORITIES)
_LARGEST_ANSWER = 1_000_000
_WORTH_REPEATING = ("in_progress", "overloaded", "too_many_requests")
_MOST_FAILURES = 5
_PAUSE = timedelta(seconds=30)


class HttpService:
    """A JSON service at an address; one client is shared by all threads, and no proxy is used."""

    def __init__(
        self, name: str, url: str, clock: Clock, api_key: str = "", seconds: float = _SECONDS
    ) -> None:
        self.name = name
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = open_client(base_url=url, headers=headers, timeout=seconds)
        self._clock, self._patience = clock, timedelta(seconds=seconds)
        self._lock, self._failures, self._resumes_at = Lock(), 0, clock()

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Send a request, with an idempotency key if it has an effect, and return the answer.

        :raises GatewayRefused: when the service answers 4xx: asking again will not help.
        :raises GatewayUnavailable: when it does not answer in time, is still busy with the same
            request, answers 5xx, or answers something that is not a JSON object.
        """
        headers = {"Idempotency-Key": key} if key else {}
        until = self._clock() + self._patience
        try:
            with self._client.stream(method, path, json=body, headers=headers) as response:
                answer = json.loads(self._read(response, until))
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            log.warning("%s: %s %s: %r", self.name, method, path, error)
            raise GatewayUnavailable(self.name, repr(error)) from error
        if response.is_success and isinstance(answer, dict):
            return answer
        code = _read_code(answer)
        # The service's sentence is left out, as it may repeat what it was sent.
        why = f"{method} {path} answered {response.status_code} {code}"
        log.warning("%s: %s", self.name, why)
        if response.is_client_error and code not in _WORTH_REPEATING:
            raise GatewayRefused(f"{self.name}: {why}", code)
        raise GatewayUnavailable(self.name, why)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return the answer to a request without effect, or an empty one.

        After five failures in a row nothing is sent for half a minute. Then one try is let through,
        which ends the pause or begins the next.
        """
        with self._lock:
            now = self._clock()
            if self._failures >= _MOST_FAILURES and now < self._resumes_at:
                return {}
            self._resumes_at = now + _PAUSE
        try:
            answer = self.call(method, path, body)
            self._failures = 0
        except (GatewayRefused, GatewayUnavailable):
            answer = {}
            self._failures += 1
        return answer

    def _read(self, response: httpx.Response, until: datetime) -> bytes:
        # The timeout of the client begins anew with each part, so a service that sends a byte now
        # and then would never run into it. Nobody watches the head of an answer like that.
        content = b""
        for part in response.iter_bytes():
            content += part
            if self._clock() > until or len(content) > _LARGEST_ANSWER:
                raise ValueError("its answer does not come to an end")
        return content


def _read_code(answer: Any) -> str:
    try:
        return str(answer["error"]["code"])
    except (KeyError, TypeError):
        return ""
