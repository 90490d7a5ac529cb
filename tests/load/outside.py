"""The outside world as a run sees it: what it has in its ledgers, and how it is told to behave.

It may be killed at any moment, so everything is asked again until it answers; asking twice does no
harm.
"""

from typing import Any

import httpx

from tests.load.programs import poll

SECONDS_TO_COME_BACK = 60.0
CONTROL_TOKEN = "control token of the load tests"
Row = dict[str, Any]


class Outside:
    """The control API of a running outside world."""

    def __init__(self, url: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        self._client = httpx.Client(
            base_url=f"{url}/control", headers=headers, trust_env=False, timeout=60
        )

    def set_conditions(self, service: str, **conditions: object) -> None:
        """Change how a service behaves."""
        self._ask("PATCH", f"/conditions/{service}", conditions)

    def behave_well(self, service: str) -> None:
        """Put all conditions of a service back."""
        self._ask("DELETE", f"/conditions/{service}")

    def list_rows(self, service: str, name: str) -> list[Row]:
        """Return one list of a service's ledger, oldest first."""
        rows: list[Row] = self._ask("GET", f"/ledgers/{service}").json()[name]
        return rows

    def count_waiting_webhooks(self) -> int:
        """Count the deliveries that the store has not taken yet."""
        deliveries = self.list_rows("payments", "deliveries")
        return sum(each["state"] in ("held", "pending") for each in deliveries)

    def count_captured(self) -> int:
        """Count the payments that were taken in full."""
        payments = self.list_rows("payments", "payments")
        return sum(each["captured_amount"] == each["amount"] for each in payments)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        problem: Exception | None = None
        for _ in poll(SECONDS_TO_COME_BACK):
            try:
                return self._client.request(method, path, json=body).raise_for_status()
            except httpx.TransportError as error:
                problem = error
        raise TimeoutError("The outside world did not come back.") from problem
