"""One HTTP call to an outside service, with a deadline and two kinds of failure."""

import logging
from typing import Any

import httpx

from shop.errors import GatewayRefused, GatewayUnavailable

log = logging.getLogger(__name__)

# Longer than the slowest good answer that the provider promises, short enough for a shopper who
# waits, and well under the lease of a job.
_TIMEOUT_SECONDS = 8.0
_WORTH_REPEATING = ("in_progress", "overloaded", "too_many_requests")


class HttpService:
    """A JSON service at an address; one client is shared by all threads, and no proxy is used."""

    def __init__(self, name: str, url: str, api_key: str = "") -> None:
        self.name = name
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Send a request, with an idempotency key if it has an effect, and return the answer.

        :raises GatewayRefused: when the service answers 4xx: asking again will not help.
        :raises GatewayUnavailable: when it does not answer in time, is still busy with the same
            request, answers 5xx, or answers something that is not a JSON object.
        """
        headers = {"Idempotency-Key": key} if key else {}
        try:
            response = self._client.request(method, path, json=body, headers=headers)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
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


def _read_code(answer: Any) -> str:
    try:
        return str(answer["error"]["code"])
    except (KeyError, TypeError):
        return ""
