"""The outside world as a run sees it: what it has in its ledgers, and how it is told to behave."""

from typing import Any

import httpx

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
        self._client.patch(f"/conditions/{service}", json=conditions).raise_for_status()

    def behave_well(self, service: str) -> None:
        """Put all conditions of a service back."""
        self._client.delete(f"/conditions/{service}").raise_for_status()

    def list_rows(self, service: str, name: str) -> list[Row]:
        """Return one list of a service's ledger, oldest first."""
        ledger = self._client.get(f"/ledgers/{service}").raise_for_status().json()
        rows: list[Row] = ledger[name]
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
