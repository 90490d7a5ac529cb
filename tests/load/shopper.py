"""A shopper with a browser of their own, who fills in the store's real forms."""

from collections.abc import Callable
from html.parser import HTMLParser

import httpx

PATIENCE = 60.0
APPROVED, DECLINED, SLOW = "4242424242424242", "4000000000000002", "4000000000000259"
_HOME = {
    "name": "Zoë Ångström",
    "address": "1 Quay Street",
    "city": "Bristol",
    "postcode": "BS1 4DJ",
}


class Shopper:
    """One browser: a session, a cart and a card."""

    def __init__(
        self, url: str, email: str, card: str, *on_page: Callable[[httpx.Response], None]
    ) -> None:
        """Open the browser; each `on_page` sees every page before anything is done with it."""
        self.card = card
        self._typed = _HOME | {"email": email, "card_number": card}
        self._browser = httpx.Client(
            base_url=url, trust_env=False, timeout=PATIENCE, event_hooks={"response": list(on_page)}
        )

    def put_in_cart(self, slug: str, quantity: int) -> httpx.Response:
        """Open a product's page and put some of it into the cart."""
        page = self._browser.get(f"/products/{slug}")
        action = f"/products/{slug}/add"
        return self._browser.post(
            action, data=read_form(page.text, action) | {"quantity": str(quantity)}
        )

    def fill_in_checkout(self) -> dict[str, str]:
        """Open the checkout and return its form, filled in."""
        page = self._browser.get("/checkout")
        return read_form(page.text, "/checkout") | self._typed

    def press_order(self, form: dict[str, str], patience: float = PATIENCE) -> httpx.Response:
        """Send the checkout form; the same form can be sent again.

        :raises httpx.ReadTimeout: when the store does not answer within `patience` seconds.
        """
        return self._browser.post("/checkout", data=form, timeout=patience)

    def close(self) -> None:
        """Close the browser."""
        self._browser.close()


def read_form(page: str, action: str) -> dict[str, str]:
    """Return the fields of the page's form that goes to this address, as a browser has them.

    :raises LookupError: when the page has no such form.
    """
    reader = _FormReader(action)
    reader.feed(page)
    if not reader.was_seen:
        raise LookupError(f"No form goes to {action}: {read_notice(page) or page[:200]}")
    return reader.fields


def read_notice(page: str) -> str:
    """Return the sentence with which the store refused something, or an empty text."""
    reader = _NoticeReader()
    reader.feed(page)
    return " ".join(reader.words).strip()


class _FormReader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.was_seen = False
        self._action = action
        self._is_inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._is_inside = found.get("action") == self._action
            self.was_seen = self.was_seen or self._is_inside
        elif self._is_inside and tag == "select":
            self._select = found.get("name") or ""
        elif self._is_inside and tag in ("input", "option"):
            self._take(tag, found)

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "form"

    def _take(self, tag: str, found: dict[str, str | None]) -> None:
        value = found.get("value") or ""
        if tag == "option":
            if "selected" in found or self._select not in self.fields:
                self.fields[self._select] = value
        elif found.get("name") and (found.get("type") != "radio" or "checked" in found):
            self.fields[str(found["name"])] = value


class _NoticeReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_inside = self._is_inside or ("role", "alert") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.words.append(data)
