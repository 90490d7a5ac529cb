"""Chrome or Chromium as this machine has it, and a record of everything that goes wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, sync_playwright

PHONE = (390, 844)
DESK = (1280, 800)

_NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """Return the path of the system's browser, if there is one."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    return found or (_ON_MACOS if Path(_ON_MACOS).exists() else None)


@contextmanager
def start_browser(path: str) -> Iterator[Browser]:
    """Run the browser for as long as the block lasts."""
    # Its sandbox does not work for root, who is the user of most containers.
    as_root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[*_FLAGS, *as_root],
            # Shoppers' browsers keep the page that Back leads to; the tests want the same.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


class Troubles:
    """What went wrong in a browser's pages, apart from the refusals that a test expects."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.expected_statuses: set[int] = set()
        self._statuses: list[tuple[int, str]] = []

    def watch(self, context: BrowserContext) -> None:
        """Take note of what happens in all pages of a context."""
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.found.append(f"script: {error.error}"))
        context.on("request", self._check_host)
        context.on("requestfailed", self._note_failure)
        context.on("response", lambda answer: self._statuses.append((answer.status, answer.url)))

    def listing(self) -> list[str]:
        """Return everything that must not have happened."""
        refused = [
            f"{status}: {url}"
            for status, url in self._statuses
            if status >= 400 and status not in self.expected_statuses
        ]
        return self.found + refused

    def _hear(self, message: ConsoleMessage) -> None:
        # What this one says is told by the responses too, with a status that a test may expect.
        is_about_a_response = message.text.startswith("Failed to load resource: the server")
        if message.type in ("error", "warning") and not is_about_a_response:
            self.found.append(f"console: {message.text}")

    def _check_host(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.found.append(f"request to another host: {request.url}")

    def _note_failure(self, request: Request) -> None:
        # A page that is left drops what it was just asking for.
        if request.failure != "net::ERR_ABORTED":
            self.found.append(f"request failed: {request.url} {request.failure}")
