import math
import random
import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from shop.models import Category, Customer, Product
from shop.queries.catalog import SORTS
from shop.web.page_cache import PageCache
from tests.factories import CategoryFactory, ProductFactory
from tests.shop.browsers import sign_in

LIFETIME = timedelta(seconds=10)
KEYS = range(50)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Renderer:
    """Renders a part anew each time, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"rendered {self.count}"


@pytest.fixture
def cache(clock: FixedClock) -> PageCache:
    return PageCache(LIFETIME, clock, random.Random(1), longest_wait=0)


def fail() -> str:
    raise ConnectionError("the database is away")


def test_a_part_is_rendered_once_and_then_kept(cache: PageCache, clock: FixedClock) -> None:
    render = Renderer()

    seen = []
    for _ in range(3):
        seen.append(cache.get("shelf", render))
        clock.advance(2.5)

    assert seen == ["rendered 1", "rendered 1", cache.get("shelf", render)]
    assert render.count == 1


def test_a_part_that_has_run_out_is_rendered_again(cache: PageCache, clock: FixedClock) -> None:
    render = Renderer()
    cache.get("shelf", render)

    clock.advance(12)

    assert [cache.get("shelf", render) for _ in range(2)] == ["rendered 2", "rendered 2"]


def test_parts_that_were_rendered_together_do_not_run_out_together(
    cache: PageCache, clock: FixedClock
) -> None:
    for key in KEYS:
        cache.get(key, Renderer())

    lasts = [(part.ends_at - START).total_seconds() for part in cache.parts.values()]
    assert len({round(seconds) for seconds in lasts}) == 5
    assert len(set(lasts)) == len(KEYS)
    assert 8 <= min(lasts) < 9
    assert 11 < max(lasts) <= 12


def test_of_many_parts_that_have_run_out_each_is_rendered_once(
    cache: PageCache, clock: FixedClock
) -> None:
    renderers = {key: Renderer() for key in KEYS}
    for key in KEYS:
        cache.get(key, renderers[key])
    clock.advance(12)
    # Nobody can wait that long: an old part is shown at once, or asking for it is an error.
    cache = replace(cache, longest_wait=math.inf)
    meanwhile: list[str] = []

    def render_while_others_ask(key: int) -> str:
        meanwhile.extend(cache.get(key, renderers[key]) for _ in range(3))
        return renderers[key]()

    anew = [cache.get(key, lambda key=key: render_while_others_ask(key)) for key in KEYS]  # type: ignore[misc]

    assert set(anew) == {"rendered 2"}
    assert meanwhile == ["rendered 1"] * 3 * len(KEYS)
    assert {render.count for render in renderers.values()} == {2}


def test_whoever_has_nothing_to_show_waits_for_the_one_who_renders(clock: FixedClock) -> None:
    render, second_asks, seen = Renderer(), threading.Event(), []

    def tell() -> object:
        if threading.current_thread() is second:
            second_asks.set()
        return clock()

    cache = PageCache(LIFETIME, tell, longest_wait=60)  # type: ignore[arg-type]

    def render_until_the_second_asks() -> str:
        second.start()
        second_asks.wait()
        return render()

    second = threading.Thread(target=lambda: seen.append(cache.get("shelf", render)))
    seen.append(cache.get("shelf", render_until_the_second_asks))
    second.join()

    assert (seen, render.count) == (["rendered 1"] * 2, 1)


def test_whoever_has_waited_too_long_renders_alone(cache: PageCache) -> None:
    render = Renderer()

    html = cache.get("shelf", lambda: f"around {cache.get('shelf', render)}")

    assert (html, cache.get("shelf", render)) == ("around rendered 1", "around rendered 1")


def test_a_rendering_that_fails_leaves_the_old_part_and_lets_others_try(
    cache: PageCache, clock: FixedClock
) -> None:
    render, meanwhile = Renderer(), []
    cache.get("shelf", render)
    clock.advance(12)

    def ask_and_fail() -> str:
        meanwhile.append(cache.get("shelf", render))
        return fail()

    for _ in range(2):
        with pytest.raises(ConnectionError):
            cache.get("shelf", ask_and_fail)

    assert meanwhile == ["rendered 1"] * 2
    assert cache.get("shelf", render) == "rendered 2"


def test_a_first_rendering_that_fails_leaves_nothing(cache: PageCache) -> None:
    with pytest.raises(ConnectionError):
        cache.get("shelf", fail)

    assert cache.get("shelf", Renderer()) == "rendered 1"


def test_nothing_is_kept_without_a_key_or_without_a_lifetime(
    cache: PageCache, clock: FixedClock
) -> None:
    render, off = Renderer(), PageCache(timedelta(), clock)

    seen = [cache.get(None, render), cache.get(None, render)]
    seen += [off.get("shelf", render), off.get("shelf", render)]

    assert (len(set(seen)), cache.parts, off.parts) == (4, {}, {})


@pytest.fixture
def kept(app: Flask, clock: FixedClock) -> PageCache:
    """The cache of the store, switched on."""
    app.extensions["page_cache"] = PageCache(LIFETIME, clock, random.Random(1))
    cache: PageCache = app.extensions["page_cache"]
    return cache


def hers(client: FlaskClient) -> str:
    """Return the catalog as Ada sees it, with a lamp in her cart."""
    sign_in(client)
    client.post("/products/lamp/add", data={"quantity": "1"})
    client.get("/cart")
    page = client.get("/").text
    assert 'class="name">Ada<' in page
    assert 'class="count">1<' in page
    return page


@pytest.mark.parametrize("guest_comes_first", [True, False])
def test_nobody_sees_anything_of_another_shopper(
    app: Flask, kept: PageCache, ada: Customer, lamp: Product, guest_comes_first: bool
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    guest, shopper = app.test_client(), app.test_client()
    before = guest.get("/").text if guest_comes_first else ""

    own = hers(shopper)
    after = guest.get("/").text

    assert "Ada" not in before + after
    assert 'class="count"' not in before + after
    assert "Sign in" in after
    assert "Sign in" not in own
    assert (len(kept.parts), "Lamp" in own, "Lamp" in after) == (1, True, True)


@on_sqlite
def test_nobody_gets_the_form_token_of_another(
    app: Flask, kept: PageCache, ada: Customer, lamp: Product
) -> None:
    first, second = app.test_client(), app.test_client()
    for browser in (first, second):
        sign_in(browser)
    app.config["WTF_CSRF_ENABLED"] = True

    tokens = [
        set(re.findall(r'csrf_token" value="([^"]+)"', b.get("/").text)) for b in (first, second)
    ]

    assert all(tokens)
    assert tokens[0] & tokens[1] == set()
    assert "csrf" not in "".join(part.html for part in kept.parts.values())


@on_sqlite
def test_each_prefix_has_links_of_its_own(
    client: FlaskClient, kept: PageCache, lamp: Product
) -> None:
    pages = {
        prefix: client.get("/", base_url=f"http://store.test{prefix}").text
        for prefix in ("/a", "/b", "")
    }

    links = {prefix: re.findall(r'href="([^"]*)/products/lamp"', p) for prefix, p in pages.items()}
    assert links == {"/a": ["/a"], "/b": ["/b"], "": [""]}
    assert len(kept.parts) == 3


@on_sqlite
def test_each_shelf_and_sort_is_a_list_of_its_own(
    client: FlaskClient, session: Session, kept: PageCache
) -> None:
    shelf = CategoryFactory.create(slug="garden")
    ProductFactory.create(name="Trowel", category=shelf, price_amount=1)
    ProductFactory.create(name="Lamp", price_amount=2)
    asked = ["/", "/?sort=cheapest", "/?sort=dearest", "/?category=garden", "/?sort=newest"]

    lists = [re.findall(">(Trowel|Lamp)</a>", client.get(each).text) for each in asked]

    newest, cheapest, dearest, garden, again = lists
    assert cheapest == ["Trowel", "Lamp"]
    assert dearest == ["Lamp", "Trowel"]
    assert garden == ["Trowel"]
    assert (again, len(kept.parts)) == (newest, 4)


@on_sqlite
def test_no_more_lists_are_kept_than_there_are_shelves_and_sorts(
    client: FlaskClient, session: Session, kept: PageCache, lamp: Product
) -> None:
    shelves = [c.slug for c in session.query(Category)]
    for sort in SORTS:
        for shelf in ["", *shelves, *(f"no-such-shelf-{n}" for n in range(20))]:
            client.get("/", query_string={"category": shelf, "sort": sort})
            client.get("/", query_string={"category": shelf, "sort": sort, "utm_source": shelf})
            client.get("/", query_string={"category": shelf, "sort": sort, "q": "lamp"})
            client.get("/", query_string={"category": shelf, "sort": sort, "after": "LMP-001"})

    assert len(kept.parts) == (1 + len(shelves)) * len(SORTS)


@on_sqlite
def test_a_kept_list_asks_the_database_for_no_product_and_shows_changes_later(
    app: Flask,
    client: FlaskClient,
    session: Session,
    kept: PageCache,
    clock: FixedClock,
    lamp: Product,
) -> None:
    sent: list[str] = []
    client.get("/")
    engine = app.extensions["sessions"].kw["bind"]
    session.execute(update(Product).values(name="Lantern", search_name="lantern"))
    session.commit()
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))

    soon = client.get("/").text
    asked = [statement for statement in sent if "FROM product" in statement]
    clock.advance(12)
    later = client.get("/").text

    assert (asked, "Lantern" in soon, "Lantern" in later) == ([], False, True)
    assert "Lantern" in client.get("/products/lamp").text


@on_sqlite
def test_a_search_is_never_kept(
    client: FlaskClient, session: Session, kept: PageCache, lamp: Product
) -> None:
    client.get("/?q=la")
    session.execute(update(Product).values(name="Lantern", search_name="lantern"))
    session.commit()

    assert "Lantern" in client.get("/?q=la").text


@on_sqlite
def test_only_the_first_page_of_a_list_is_kept(
    client: FlaskClient, kept: PageCache, lamp: Product
) -> None:
    pages = [client.get(path).text for path in ("/", "/?after=LMP-001", "/")]

    assert [">Lamp</a>" in page for page in pages] == [True, False, True]


@on_sqlite
def test_no_cache_on_the_way_may_give_a_page_to_another(
    client: FlaskClient, kept: PageCache, lamp: Product
) -> None:
    pages = [client.get(path) for path in ("/", "/", "/?q=lamp", "/products/lamp", "/cart")]

    assert {page.headers["Cache-Control"] for page in pages} == {"private"}
    assert {page.headers["Vary"] for page in pages} == {"Cookie"}
