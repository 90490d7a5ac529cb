"""What the browser tests share: one running store, one browser, and a watch over both."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.browser.chromium import DESK, PHONE, Troubles, find_browser, start_browser
from tests.browser.running_store import RunningStore, run_store
from tests.browser.shopper import Shopper
from tests.databases import not_run

OpenPage = Callable[..., Page]
StoreUnder = Callable[..., RunningStore]

everywhere = pytest.mark.parametrize(
    ("store", "size"),
    [("", PHONE), ("", DESK), ("/class/ada/store", PHONE)],
    ids=["phone", "desk", "prefix"],
    indirect=True,
)
at_both_paths = pytest.mark.parametrize(
    "store", ["", "/class/ada/store"], ids=["root", "prefix"], indirect=True
)


# Both end with this folder's tests: Playwright's event loop would be in the way of other tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        not_run("no Chrome or Chromium on this machine")
    else:
        with start_browser(path) as browser:
            yield browser


@pytest.fixture(scope="package")
def stores(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreUnder]:
    """The stores by the path that they run under, each started when it is first asked for."""
    running: dict[tuple[str, bool], RunningStore] = {}
    with ExitStack() as ending:

        def under(prefix: str, *, is_seeded: bool = True) -> RunningStore:
            key = prefix, is_seeded
            if key not in running:
                folder = tmp_path_factory.mktemp("store")
                running[key] = ending.enter_context(run_store(folder, *key))
            return running[key]

        yield under


@pytest.fixture
def store(request: pytest.FixtureRequest, stores: StoreUnder) -> RunningStore:
    """The store at `/`, or under the path that `at_both_paths` gives."""
    return stores(getattr(request, "param", ""))


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    size: tuple[int, int] = request.param
    return size


@pytest.fixture
def troubles() -> Troubles:
    return Troubles()


@pytest.fixture
def open_page(browser: Browser, troubles: Troubles) -> Iterator[OpenPage]:
    """Open pages in browser contexts of their own, and look afterward whether anything failed."""
    contexts: list[BrowserContext] = []

    def open_one(size: tuple[int, int] = DESK, *, javascript: bool = True) -> Page:
        viewport = ViewportSize(width=size[0], height=size[1])
        context = browser.new_context(viewport=viewport, java_script_enabled=javascript)
        contexts.append(context)
        troubles.watch(context)
        return context.new_page()

    yield open_one
    found = troubles.listing()
    for context in contexts:
        context.close()
    assert found == []


@pytest.fixture
def shopper(open_page: OpenPage, store: RunningStore) -> Shopper:
    return Shopper(open_page(), store)
