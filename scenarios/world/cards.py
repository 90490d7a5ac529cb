"""The test cards of the payment provider, and the tokens that stand for them.

A number is looked at once, to find the card, and kept nowhere.
"""

import secrets
import sqlite3
from dataclasses import dataclass

from scenarios.world.refusals import Refusal

SLOW_SECONDS = 3.0


@dataclass(frozen=True)
class Card:
    """A test card: what it looks like and how the provider behaves when it is used."""

    brand: str
    last4: str
    behavior: str
    meaning: str


TEST_CARDS = {
    "4242424242424242": Card("visa", "4242", "approves", "approves"),
    "4000000000000002": Card("visa", "0002", "declines", "is declined: insufficient funds"),
    "4000000000000119": Card("visa", "0119", "errs", "makes the provider answer 500, every time"),
    "4000000000000259": Card("visa", "0259", "is_slow", "approves, but takes 3 seconds"),
    "4000000000000341": Card(
        "visa", "0341", "fails_capture", "authorizes, but every capture fails"
    ),
}


def make_token(db: sqlite3.Connection, number: str) -> tuple[str, Card]:
    """Return a new token for the test card with this number; spaces and hyphens do not count.

    :raises Refusal: when it is not the number of a test card.
    """
    card = TEST_CARDS.get(number.replace(" ", "").replace("-", ""))
    if card is None:
        raise Refusal(
            422, "invalid_card", "The card was refused: only the known test cards are accepted."
        )
    token = f"tok_{secrets.token_hex(12)}"
    db.execute(
        "INSERT INTO tokens (token, brand, last4, behavior) VALUES (?, ?, ?, ?)",
        (token, card.brand, card.last4, card.behavior),
    )
    return token, card


def get_card(db: sqlite3.Connection, token: str) -> Card:
    """Return the card that a token stands for.

    :raises Refusal: when the token is unknown.
    """
    row = db.execute(
        "SELECT brand, last4, behavior FROM tokens WHERE token = ?", (token,)
    ).fetchone()
    if row is None:
        raise Refusal(422, "invalid_token", "There is no such token.")
    return Card(row["brand"], row["last4"], row["behavior"], "")
