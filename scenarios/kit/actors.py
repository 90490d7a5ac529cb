"""People who use the store through its pages, each in a browser of their own.

A verb (`add`, `order`) is for getting somewhere: what does not work then breaks the check. What a
check wants to judge it asks for with `ask` or `send`, which return the answer as it is, a 500 too.
"""

import re
from contextvars import Context
from functools import partial
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from scenarios.kit.outcomes import CheckBroken
from scenarios.kit.pages import tell
from scenarios.kit.rows import DELIVERY, PASSWORD
from shop.gateways.fakes import APPROVED

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Shopper:
    """Somebody with a browser; `email` is what they type at checkout.

    Whoever signs in with a staff account is staff.
    """

    email = "ada@example.com"

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def ask(self, method: str, path: str, **sent: Any) -> TestResponse:
        """Send a request, in a context of its own, and return the answer as it is.

        :param sent: what the test client takes beside it: `data`, `json`, `headers`.
        """
        return Context().run(partial(self._client.open, path, method=method, **sent))

    def look(self, path: str = "/") -> str:
        """Open a page that is there and return its text."""
        return unescape(self._expect(200, "GET", path).text)

    def add(self, slug: str, quantity: int = 1) -> None:
        """Put units of a product into the cart."""
        self._expect(303, "POST", f"/products/{slug}/add", data={"quantity": str(quantity)})

    def fill_in(self, **changes: str) -> dict[str, str]:
        """Open the checkout page and return its form as it would be sent, with some changes.

        As a browser does, it asks for the total again once everything is filled in: a code or
        another country changes that.
        """
        form = {**DELIVERY, "email": self.email, "card_number": APPROVED, **changes}
        self.look("/checkout")
        quoted = self._expect(200, "POST", "/checkout/quote", data=form)
        return {**dict(_HIDDEN.findall(quoted.text)), **form}

    def send(self, form: dict[str, str]) -> TestResponse:
        """Send the checkout form and return the answer as it is."""
        return self.ask("POST", "/checkout", data=form)

    def order(self, **changes: str) -> str:
        """Order what is in the cart and return the order's number."""
        placed = self._expect(303, "POST", "/checkout", data=self.fill_in(**changes))
        return placed.location.rsplit("/", 1)[1]

    def register(self, email: str, password: str = PASSWORD) -> None:
        """Open an account, which signs the browser in."""
        form = {"email": email, "name": "Ada Lovelace", "password": password}
        self._expect(303, "POST", "/register", data=form)

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Sign the browser in."""
        self._expect(303, "POST", "/sign-in", data={"email": email, "password": password})

    def act(self, number: str, verb: str) -> None:
        """Press a button on staff's page of an order: pack, ship, cancel or refund."""
        self._expect(303, "POST", f"/staff/orders/{number}/{verb}")

    def _expect(self, status: int, method: str, path: str, **sent: Any) -> TestResponse:
        answer = self.ask(method, path, **sent)
        if answer.status_code != status:
            said = f"should answer {status}, and answered {tell(answer)}"
            raise CheckBroken(f"{method} {path} {said}")
        return answer
