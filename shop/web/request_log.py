"""The log: a JSON object a line, and one line for each request, under an id that it answers with.

Neither forms nor queries, headers nor cookies are ever logged, and tracebacks come without the
values of variables: no card, password or token can get in.
"""

import logging
import secrets
import sys
import time

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level

log = logging.getLogger("shop.requests")


def init_app(app: Flask) -> None:
    """Log to standard output, and number the requests."""
    own = logging.getLogger("shop")
    if not own.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_make_formatter())
        own.addHandler(handler)
        own.setLevel(logging.INFO)
        # The server has a log of its own, in which each line would stand a second time.
        own.propagate = False
    app.before_request(_start)
    app.after_request(_finish)


def _make_formatter() -> logging.Formatter:
    time_stamper = structlog.processors.TimeStamper(fmt="iso")
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, add_log_level, ExtraAdder(), time_stamper],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )


def _start() -> None:
    g.request_id = secrets.token_hex(4)
    g.started = time.perf_counter()
    clear_contextvars()
    bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    # The path is logged without its query, which may hold what a shopper has typed.
    milliseconds = round((time.perf_counter() - g.started) * 1000)
    facts = {"method": request.method, "path": request.path, "status": response.status_code}
    log.info("request", extra={**facts, "milliseconds": milliseconds})
    return response
