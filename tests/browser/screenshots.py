"""Write the pictures of the documentation: `python -m tests.browser.screenshots`."""

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import DESK, PHONE, find_browser, start_browser
from tests.browser.every_page import JOURNEYS
from tests.browser.running_store import REPOSITORY, RunningStore, run_store
from tests.browser.shopper import Shopper

# The names of the pictures, and the pages that they show.
_PICTURES = {
    "catalog": "catalog",
    "product": "product",
    "cart": "cart",
    "checkout": "checkout",
    "order": "order-paid",
    "receipt": "receipt",
    "sign-in": "sign-in",
    "my-orders": "my-orders",
    "staff-orders": "staff-orders",
    "staff-order": "staff-order-packed",
    "staff-product": "staff-product",
    "api": "api",
}
_EVERYTHING = {name: name for name in JOURNEYS}


def main() -> int:
    """Start a store of its own, visit its pages and write a PNG of each at both widths."""
    arguments = _read_arguments()
    path = find_browser()
    if path is None:
        sys.stderr.write("No Chrome or Chromium was found: install one.\n")
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        run_store(Path(folder)) as store,
        start_browser(path) as browser,
    ):
        wanted = _EVERYTHING if arguments.everything else _PICTURES
        for (name, page), size in product(wanted.items(), (PHONE, DESK)):
            picture = arguments.folder / f"{name}-{size[0]}.png"
            _take(browser, store, page, size, picture, whole=arguments.everything)
            sys.stdout.write(f"{picture}\n")
    return 0


def _take(
    browser: Browser,
    store: RunningStore,
    name: str,
    size: tuple[int, int],
    picture: Path,
    *,
    whole: bool,
) -> None:
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        JOURNEYS[name](Shopper(page, store))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=picture, full_page=whole)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--everything", action="store_true", help="every page, and all of it")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
