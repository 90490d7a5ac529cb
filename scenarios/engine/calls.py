"""The HTTP calls of the engine: is the store there, and start the outside world over.

The standard library's client is used because it loads in no time and never asks a proxy.
"""

import http.client
from urllib.parse import urlsplit

from scenarios.engine.refusal import RefusedError


def status_of(address: str, method: str = "GET", token: str = "") -> int | None:
    """Return the status that an address answers with, or nothing when nobody answers."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, parts.path or "/", headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def reset_world(world: str, token: str) -> None:
    """Empty the ledgers and the mail of a running outside world, and its conditions.

    :raises RefusedError: when it does not answer or does not do it.
    """
    status = status_of(f"{world}/control/reset", "POST", token)
    if status is None or status >= 300:
        said = f"answers {status}" if status else "does not answer"
        raise RefusedError(f"The outside world at {world} {said}, so nothing was reset: try again.")
