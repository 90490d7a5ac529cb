import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import DESK, PHONE, Troubles
from tests.browser.conftest import OpenPage, StoreUnder
from tests.browser.every_page import FIRST_DAY, JOURNEYS, STATUSES
from tests.browser.shopper import Shopper

pytestmark = pytest.mark.xdist_group("pages")

_MISSING_WIDTH = "document.documentElement.scrollWidth - window.innerWidth"
# A finger needs 44 pixels; a link inside a sentence is as high as its line.
_SMALL_TARGETS = """() => [...document.querySelectorAll("a, button, input, select")]
    .filter(each => !each.closest("p:not(.crumbs), li.good, label.choice, .skip"))
    .filter(each => !each.matches("[type=hidden], .skip") && each.checkVisibility())
    .filter(each => each.getBoundingClientRect().height < 43.5)
    .map(each => each.outerHTML)"""


@pytest.fixture
def page(
    request: pytest.FixtureRequest, open_page: OpenPage, stores: StoreUnder, troubles: Troubles
) -> Page:
    """Every page of the store in turn, at a desk."""
    name: str = request.param
    if name in STATUSES:
        troubles.expected_statuses.add(STATUSES[name])
    page = open_page(DESK)
    store = stores("", is_seeded=name not in FIRST_DAY)
    JOURNEYS[name](Shopper(page, store))
    page.wait_for_load_state()
    return page


@pytest.mark.parametrize("page", JOURNEYS, indirect=True)
def test_a_page_is_accessible_and_fits_every_window(page: Page) -> None:
    for width, height in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], [n["html"] for n in each["nodes"]]) for each in violations] == []
        assert page.evaluate(_MISSING_WIDTH) == 0

    page.set_viewport_size({"width": 320, "height": 568})
    assert page.evaluate(_MISSING_WIDTH) == 0
    assert page.evaluate(_SMALL_TARGETS) == []
