"""The HTTP calls of the engine: is the store there, and start the outside world over.

The standard library's client is used because it loads in no time and never asks a proxy.
"""

import http.client
import json
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from scenarios.engine.refusal import RefusedError


def status_of(
    address: str, method: str = "GET", token: str = "", body: object = None
) -> int | None:
    """Return the status that an address answers with, or nothing when nobody answers.

    :param body: is sent as JSON.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        connection.request(method, parts.path or "/", sent, headers)
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


def set_conditions(
    world: str, token: str, taken_back: Iterable[str], wanted: Mapping[str, Mapping[str, object]]
) -> None:
    """Let some services of the outside world behave well again, and others as they are asked to.

    :raises RefusedError: when it does not do it.
    """
    calls = [("DELETE", service, None) for service in taken_back]
    for method, service, body in (*calls, *(("PATCH", s, values) for s, values in wanted.items())):
        status = status_of(f"{world}/control/conditions/{service}", method, token, body)
        if status is None or status >= 300:
            raise RefusedError(
                f"The outside world at {world} does not take the conditions for {service} "
                f"({status or 'no answer'})."
            )
