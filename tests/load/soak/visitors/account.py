"""An account, and the browser that is signed in with it or not."""

import time

from tests.load.shopper import read_form
from tests.load.soak.visitors.visitor import Visitor

# The store counts how often one address of the network tries to sign in, and all visitors share
# one: whoever was sent away comes back once others are through.
_SECONDS_TO_STAY_AWAY = (20.0, 60.0)


class Account:
    """What one visitor signs in with."""

    def __init__(self, visitor: Visitor, email: str, password: str) -> None:
        self.email = email
        self.is_in = False
        self._password = password
        self._visitor = visitor
        self._not_before = 0.0

    def is_open(self) -> bool:
        """Sign in unless that is done; tell whether the visitor is in."""
        if not self.is_in and time.monotonic() >= self._not_before:
            self.is_in = self._sign_in()
            self._not_before = time.monotonic() + self._visitor.dice.uniform(*_SECONDS_TO_STAY_AWAY)
        return self.is_in

    def _sign_in(self) -> bool:
        visitor = self._visitor
        page = visitor.ask("sign-in page", "GET", "/sign-in", shows="Sign in")
        typed = {"email": self.email, "password": self._password}
        form, may = read_form(page.text, "/sign-in") | typed, ("too many tries",)
        return not visitor.ask(
            "sign in", "POST", "/sign-in", status=303, may=may, data=form
        ).refusal
