"""Shoppers who buy one order after the other and press the button again when nothing answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
T = TypeVar("T")


@dataclass(frozen=True)
class Receipt:
    """What a shopper saw: `number` is empty when the store refused, and `notice` says why.

    `lost` counts the answers to the checkout form that never came, and `pressed_at` is when the
    form was sent for the last time.
    """

    number: str
    card: str
    lost: int
    pressed_at: datetime
    notice: str = ""


def go_shopping(url: str, cards: Sequence[str], slugs: Sequence[str], seed: str) -> list[Receipt]:
    """Buy an order with each card, one after the other."""
    dice = random.Random(seed)
    return [
        _buy(url, f"{seed}.{nth}@brindle.example", card, dice.sample(slugs, 2), dice)
        for nth, card in enumerate(cards)
    ]


def _buy(url: str, email: str, card: str, slugs: Sequence[str], dice: random.Random) -> Receipt:
    shopper = Shopper(url, email, card)
    try:
        for slug in slugs:
            _insist(partial(shopper.put_in_cart, slug, dice.randint(1, 3)))
        form, _ = _insist(shopper.fill_in_checkout)
        return _order(shopper, form, dice)
    finally:
        shopper.close()


def _order(shopper: Shopper, form: dict[str, str], dice: random.Random) -> Receipt:
    patience = dice.uniform(*SECONDS_OF_IMPATIENCE) if dice.random() < IMPATIENT else PATIENCE

    def press() -> tuple[httpx.Response, datetime]:
        nonlocal patience
        allowed, patience = patience, PATIENCE
        pressed_at = datetime.now(UTC)
        return shopper.press_order(form, allowed), pressed_at

    (page, pressed_at), lost = _insist(press)
    if page.status_code != 303:
        notice = f"{page.status_code} {read_notice(page.text)}"
        return Receipt("", shopper.card, lost, pressed_at, notice)
    number = urlsplit(page.headers["Location"]).path.rpartition("/")[2]
    return Receipt(number, shopper.card, lost, pressed_at)


def _insist(act: Callable[[], T]) -> tuple[T, int]:
    """Do it again until the store answers; return the answer and how many got lost."""
    lost = 0
    for _ in poll(PATIENCE, every=0.1):
        try:
            return act(), lost
        except httpx.TransportError:
            lost += 1
    raise TimeoutError(f"The store did not answer for {PATIENCE:.0f} seconds.")
