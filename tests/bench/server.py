"""One server for everything that is compared: the store, pages by hand, and a bare view.

    BENCH_DATABASE_URL=sqlite:////tmp/store.sqlite3 waitress --call tests.bench.server:make_switch

Addresses below /by-hand and /bare are not the store's. The store at /purchase is its checkout, with
the jobs of the order run before the answer ends.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from scenarios.kit.meters import Statement, measure
from scenarios.kit.settings import settings_for
from shop import create_app
from shop.cli import make_worker
from tests.bench.by_hand import CATALOG, HISTORY, PRODUCT, add_pages
from tests.bench.by_hand_orders import Orders, add_checkout
from tests.bench.driver import Driver
from tests.bench.outside import make_outside
from tests.bench.pages import Visitors

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
URL_VARIABLE = "BENCH_DATABASE_URL"
# One for all, since a job that one has queued may be run by another.
_OUTSIDE = make_outside()
_PAGES = {CATALOG: "catalog", PRODUCT: "product", HISTORY: "order history"}


def make_store(database_url: str) -> Flask:
    """Build the store with an outside world that answers at once."""
    return create_app(settings_for(database_url), gateways=_OUTSIDE)


@contextmanager
def without_log() -> Iterator[None]:
    """Keep the store from logging while the block runs: what is written there costs time."""
    log = logging.getLogger("shop")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def make_by_hand(database_url: str, sent: dict[str, list[Statement]]) -> Flask:
    """Build a store with pages by hand beside its own; what runs for each request is the same."""
    app = make_store(database_url)
    app.extensions["driver"] = driver = Driver(database_url)
    add_pages(app, driver, sent)
    add_checkout(app, Orders(driver, _OUTSIDE))
    return app


def make_bare() -> Flask:
    """Build the least that Flask can answer."""
    app = Flask("bare")
    app.add_url_rule("/bare", view_func=lambda: "Hello.")
    return app


def make_switch() -> Application:
    """Build all that is compared as one application of WSGI."""
    database_url = os.environ[URL_VARIABLE]
    store = make_store(database_url)
    by_hand = make_by_hand(database_url, record_pages(store))
    logging.getLogger("shop").setLevel(logging.CRITICAL)
    worker = make_worker(store)
    applications: dict[str, Application] = {"by-hand": by_hand, "bare": make_bare()}

    def switch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        first = environ["PATH_INFO"].split("/")[1]
        if first == "purchase":
            answer = list(store({**environ, "PATH_INFO": "/checkout"}, start_response))
            while worker.run_one():
                pass
            return answer
        return applications.get(first, store)(environ, start_response)

    return switch


def record_pages(store: Flask) -> dict[str, list[Statement]]:
    """Return the statements that the store sends for each page that there is by hand."""
    visitors, sent = Visitors(store), {}
    for page, name in _PAGES.items():
        with measure(visitors.engine) as cost:
            visitors.look(visitors.pages[name])
        sent[page] = cost.statements
    return sent
