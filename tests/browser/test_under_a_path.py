"""The store under `/class/ada/store`: nothing in it leads outside of that path."""

import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pytest

from tests.browser.conftest import StoreUnder
from tests.browser.running_store import RunningStore
from tests.browser.shopper import JONAS

pytestmark = pytest.mark.xdist_group("people")

PATH = "/class/ada/store"
_MOST_PAGES = 200


@pytest.fixture
def store(stores: StoreUnder) -> RunningStore:
    return stores(PATH)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=30) as client:
        yield client


class _Addresses(HTMLParser):
    """The addresses that a page links to, loads or sends its forms to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action", "data-quote") and value:
                self.found.append((tag, value))


def sign_in(client: httpx.Client, store: RunningStore) -> None:
    page = client.get(store.url("/sign-in")).text
    [token, *_] = re.findall('name="csrf_token" value="([^"]+)"', page)
    form = dict(zip(("email", "password"), JONAS, strict=True))
    answer = client.post(
        store.url("/sign-in"), data={**form, "next": "", "csrf_token": unescape(token)}
    )
    assert "Sign out" in answer.text


def walk(client: httpx.Client, start: str) -> Iterator[tuple[str, str, int]]:
    """Follow every address from page to page: yield each with its page and what it answers.

    Forms are not sent, and have no answer but 200.
    """
    waiting, seen = [start], {start}
    while waiting and len(seen) < _MOST_PAGES:
        page = waiting.pop(0)
        answer = client.get(page)
        yield page, page, answer.status_code
        if "text/html" not in answer.headers["Content-Type"]:
            continue
        for tag, value in _Addresses(answer.text).found:
            address = urldefrag(urljoin(str(answer.url), value)).url
            yield page, address, 200
            if tag != "form" and address not in seen and address.startswith(start):
                seen.add(address)
                waiting.append(address)


@pytest.mark.parametrize("is_staff", [False, True], ids=["guest", "staff"])
def test_every_address_on_every_page_keeps_to_the_path(
    client: httpx.Client, store: RunningStore, is_staff: bool
) -> None:
    if is_staff:
        sign_in(client, store)

    found = list(walk(client, store.url("/")))

    assert [each for each in found if not each[1].startswith(f"{store.address}/")] == []
    assert [each for each in found if each[2] != 200] == []
    wanted = "/staff/customers" if is_staff else "/static/store.css"
    assert store.url(wanted) in {address for _, address, _ in found}


def test_cookies_are_for_the_path_alone(client: httpx.Client, store: RunningStore) -> None:
    client.get(store.url("/sign-in"))

    assert {cookie.path for cookie in client.cookies.jar} == {PATH}


def test_a_redirect_leads_to_the_path(client: httpx.Client, store: RunningStore) -> None:
    answer = client.get(store.url("/staff/?show=all"), follow_redirects=False)

    assert urlsplit(answer.headers["Location"]).path == f"{PATH}/sign-in"
    assert f"next={PATH}/staff/" in answer.headers["Location"]


def test_the_api_says_where_it_is(client: httpx.Client, store: RunningStore) -> None:
    document = json.loads(client.get(store.url("/api/openapi.json")).text)

    [server] = document["servers"]
    assert server["url"] == store.address
    addresses = [server["url"] + path for path in document["paths"]]
    products = store.url("/api/v1/products")
    assert products in addresses
    assert client.get(products).json()["products"]
    assert f"curl {products}" in unescape(client.get(store.url("/api/")).text)
