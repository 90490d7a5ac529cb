"""The calls of the engine to the outside world.

The standard library's client is used because it loads in no time and never asks a proxy.
"""

import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

from scenarios.engine.refusal import RefusedError


def control(world: str, token: str, method: str, path: str, body: object = None) -> None:
    """Have the outside world do something; the body is sent as JSON.

    :raises RefusedError: when it does not answer or does not do it.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body)
    try:
        with closing(http.client.HTTPConnection(urlsplit(world).netloc, timeout=5)) as connection:
            connection.request(method, f"/control/{path}", sent, headers)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise RefusedError(f"The outside world at {world} does not answer: try again.") from error
    if status >= 300:
        raise RefusedError(f"The outside world at {world} answers {status} to {method} {path}.")
