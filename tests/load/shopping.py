"""Shoppers who buy one order after the other, and press the button again when it did not work."""

import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from tests.load.programs import poll
from tests.load.shopper import PATIENCE, Shopper, read_notice

# Some press the button again before the store has had time to answer, which is the surest way to
# lose an answer between the commit and the page.
IMPATIENT = 0.3
SECONDS_OF_IMPATIENCE = (0.005, 0.1)
SHOPPERS = 4
NOT_THE_STORES = "a page that is not the store's"
_ERROR_PAGE = re.compile(r"<h1>That (?:did not work|was not possible)</h1>\s*<p>(.+?)</p>")
_REFERENCE = re.compile(r"[0-9a-f]{8}")
T = TypeVar("T")


@dataclass(frozen=True)
class Receipt:
    """What a shopper saw: `number` is empty when the store refused, and `notice` says why.

    `lost` counts the answers to the checkout form that never came, and `pressed_at` is when the
    form was sent for the last time. `failures` has the status and the sentence of each error page.
    """

    number: str
    card: str
    lost: int
    pressed_at: datetime
    notice: str = ""
    failures: Sequence[str] = ()


def shop_together(url: str, cards: Sequence[str], slugs: Sequence[str], seed: str) -> list[Receipt]:
    """Let a few shoppers buy an order with each card between them."""
    with ThreadPoolExecutor(SHOPPERS) as shoppers:
        trips = [
            shoppers.submit(go_shopping, url, cards[nth::SHOPPERS], slugs, f"{seed}.{nth}")
            for nth in range(SHOPPERS)
        ]
        return [receipt for trip in trips for receipt in trip.result()]


def go_shopping(url: str, cards: Sequence[str], slugs: Sequence[str], seed: str) -> list[Receipt]:
    """Buy an order with each card, one after the other."""
    dice = random.Random(seed)
    return [
        _buy(url, f"{seed}.{nth}@brindle.example", card, dice.sample(slugs, 2), dice)
        for nth, card in enumerate(cards)
    ]


def _buy(url: str, email: str, card: str, slugs: Sequence[str], dice: random.Random) -> Receipt:
    failures: list[str] = []
    shopper = Shopper(url, email, card, partial(_note_failure, failures))
    try:
        for slug in slugs:
            _insist(partial(shopper.put_in_cart, slug, dice.randint(1, 3)))
        form, _ = _insist(shopper.fill_in_checkout)
        return replace(_order(shopper, form, dice), failures=failures)
    finally:
        shopper.close()


def _note_failure(failures: list[str], page: httpx.Response) -> None:
    if page.is_server_error:
        page.read()
        failures.append(_what_it_says(page))
        page.raise_for_status()


def _what_it_says(page: httpx.Response) -> str:
    found = _ERROR_PAGE.search(page.text)
    sentence = read_notice(page.text) or (found[1] if found else NOT_THE_STORES)
    return f"{page.status_code}: {_REFERENCE.sub('...', sentence)}"


def _order(shopper: Shopper, form: dict[str, str], dice: random.Random) -> Receipt:
    patience = dice.uniform(*SECONDS_OF_IMPATIENCE) if dice.random() < IMPATIENT else PATIENCE

    def press() -> tuple[httpx.Response, datetime]:
        nonlocal patience
        allowed, patience = patience, PATIENCE
        pressed_at = datetime.now(UTC)
        return shopper.press_order(form, allowed), pressed_at

    (page, pressed_at), lost = _insist(press)
    if page.status_code != 303:
        return Receipt("", shopper.card, lost, pressed_at, _what_it_says(page))
    number = urlsplit(page.headers["Location"]).path.rpartition("/")[2]
    return Receipt(number, shopper.card, lost, pressed_at)


def _insist(act: Callable[[], T]) -> tuple[T, int]:
    """Do it again until it works; return the answer and how many got lost."""
    lost = 0
    problem: Exception | None = None
    for _ in poll(PATIENCE, every=0.1):
        try:
            return act(), lost
        except httpx.TransportError as error:
            problem = error
            lost += 1
        except httpx.HTTPStatusError as error:
            # Its page was noted, and tells the shopper to try again.
            problem = error
    raise TimeoutError(f"It did not work for {PATIENCE:.0f} seconds.") from problem
