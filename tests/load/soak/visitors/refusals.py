"""What the store refuses on purpose, and by which sentence one knows it."""

import html
import re
from collections.abc import Collection, Mapping

# The status and what must stand on the page; a 404 says nothing that is worth comparing.
_REFUSALS: Mapping[str, tuple[int, str]] = {
    "sold out": (409, r"is sold out\.|Only \d+ of .+ left\."),
    "limit reached": (409, r"At most \d+ of .+ per customer every"),
    "total changed": (409, r"The total is now .+ check it and order again"),
    "page out of date": (409, r"This page was out of date"),
    "cart empty": (409, r"Your cart is empty\."),
    "cart full": (409, r"A cart holds at most"),
    "coupon refused": (409, r"We cannot take this coupon: "),
    "gift card refused": (409, r"We do not know this gift card"),
    "card refused": (409, r"does not accept this card number"),
    "too late or too early": (409, r"it is too late or too early for this"),
    "changed meanwhile": (409, r"Somebody has changed this order meanwhile"),
    "too many units": (409, r"left to refund"),
    "stock too low": (409, r"That would leave fewer units than"),
    "no card": (422, r"left to pay, so we need a card number"),
    "wrong password": (422, r"do not belong together"),
    "form not filled in": (422, r"."),
    "not there": (404, r"."),
    "too many tries": (429, r"Those were too many tries"),
    # The one answer above 499 that is meant: without the provider no card can be taken.
    "provider silent": (503, r"The payment provider does not answer just now"),
}


def find_refusal(status: int, page: str, allowed: Collection[str]) -> str | None:
    """Return which of the allowed refusals a page is, if it is one."""
    text = html.unescape(page)
    for kind in allowed:
        expected, sentence = _REFUSALS[kind]
        if status == expected and re.search(sentence, text):
            return kind
    return None
