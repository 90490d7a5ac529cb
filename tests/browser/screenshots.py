"""Write the pictures of the documentation: `python -m tests.browser.screenshots`."""

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import DESK, PHONE, find_browser, start_browser
from tests.browser.every_page import FIRST_DAY, JOURNEYS
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
    "dashboard": "staff-dashboard",
    "import": "staff-import",
    "api": "api",
}


def main() -> int:
    """Start stores of its own, visit its pages and write a PNG of each at both widths."""
    arguments = _read_arguments()
    path = find_browser()
    if path is None:
        sys.stderr.write("No Chrome or Chromium was found: install one.\n")
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        run_store(Path(folder, "store")) as store,
        run_store(Path(folder, "first-day"), is_seeded=False) as empty_store,
        start_browser(path) as browser,
    ):
        in_full = bool(arguments.pages or arguments.everything)
        names = arguments.pages or (JOURNEYS if arguments.everything else _PICTURES)
        for name, size in product(names, (PHONE, DESK)):
            page = name if in_full else _PICTURES[name]
            where = empty_store if page in FIRST_DAY else store
            picture = arguments.folder / f"{name}-{size[0]}.png"
            _take(browser, where, page, size, picture, in_full=in_full)
            sys.stdout.write(f"{picture}\n")
    return 0


def _take(
    browser: Browser,
    store: RunningStore,
    name: str,
    size: tuple[int, int],
    picture: Path,
    *,
    in_full: bool,
) -> None:
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        JOURNEYS[name](Shopper(page, store))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=picture, full_page=in_full)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--everything", action="store_true", help="every page, in full")
    parser.add_argument("--pages", nargs="+", choices=JOURNEYS, help="these pages, in full")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
