"""The HTTP client that carries webhooks to the store."""

from collections.abc import Mapping

import httpx

from scenarios.world.webhooks import Post

TIMEOUT_SECONDS = 5.0


def post_to(url: str) -> Post:
    """Return a function that posts to this URL, keeping its connection open in between."""
    # Redirects are not followed and proxies are not used: nothing may leave this machine.
    client = httpx.Client(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS)

    def post(body: bytes, headers: Mapping[str, str]) -> int:
        try:
            return client.post(url, content=body, headers=dict(headers)).status_code
        except httpx.HTTPError as error:
            raise OSError(str(error) or type(error).__name__) from error

    return post
