"""One HTTP call to an outside service, with a deadline and two kinds of failure."""

from typing import Any

import httpx

from shop.errors import GatewayRefused, GatewayUnavailable

# Longer than the slowest good answer that the provider promises, short enough for a shopper who
# waits, and well under the lease of a job.
_TIMEOUT_SECONDS = 8.0
_WORTH_REPEATING = (408, 429)


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
            raise GatewayUnavailable(self.name, repr(error)) from error
        if response.is_success and isinstance(answer, dict):
            return answer
        why = f"{method} {path} answered {response.status_code}: {response.text[:200]}"
        is_busy = response.status_code in _WORTH_REPEATING or "in_progress" in response.text
        if response.is_client_error and not is_busy:
            raise GatewayRefused(f"{self.name}: {why}")
        raise GatewayUnavailable(self.name, why)
