"""One line in the log for each request, under an id that an error page shows too."""

import logging
import secrets
import sys
import time

from flask import Flask, Response, g, request

log = logging.getLogger("shop.requests")


def init_app(app: Flask) -> None:
    """Log to standard output, and number the requests."""
    own = logging.getLogger("shop")
    if not own.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        own.addHandler(handler)
        own.setLevel(logging.INFO)
        # The server has a log of its own, in which each line would stand a second time.
        own.propagate = False
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.request_id = secrets.token_hex(4)
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    # The path is logged without its query, which may hold what a shopper has typed.
    milliseconds = (time.perf_counter() - g.started) * 1000
    log.info(
        "%s %s %s %d %.0f ms",
        g.request_id,
        request.method,
        ascii(request.path)[1:-1],
        response.status_code,
        milliseconds,
    )
    return response
