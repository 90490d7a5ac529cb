"""Customers: they sign in, buy, read their orders, change their minds and say what they think."""

import re

from locust import task

from tests.load.shopper import read_form
from tests.load.soak.visitors.account import Account
from tests.load.soak.visitors.shopping import TRIPS, Shopping
from tests.load.soak.visitors.visitor import BRIEFING, read_csrf


class Customer(Shopping):
    """Somebody with an account of their own."""

    def on_start(self) -> None:
        self.account = Account(self, *BRIEFING.customers[self.nth % len(BRIEFING.customers)])
        self.order()

    @task(2)
    def browse(self) -> None:
        self.look_around()

    @task(4)
    def order(self) -> None:
        if self.account.is_open():
            number = self.buy(next(TRIPS), self.account.email)
            if number and self.dice.random() < 0.1:
                self.cancel(number)

    @task(3)
    def read_orders(self) -> None:
        if not self.account.is_open():
            return
        for number in self._list_orders()[:2]:
            self.ask("order", "GET", f"/orders/{number}", shows=number)
            self.ask("receipt", "GET", f"/orders/{number}/receipt", shows=number)

    @task(1)
    def regret(self) -> None:
        """Cancel some order of the last ones, which may be too late."""
        numbers = self._list_orders() if self.account.is_open() else []
        if numbers:
            self._cancel_if_offered(self.dice.choice(numbers[:5]))

    @task(2)
    def review(self) -> None:
        """Write a review, write it anew, or remove it."""
        if not self.account.is_open():
            return
        slug = self.dice.choice(BRIEFING.plenty[:6])
        page, action = self.open_product(slug), f"/account/reviews/{slug}"
        removal = re.search(rf'action="({action}/\d+/remove)"', page.text)
        token = {"csrf_token": read_csrf(page.text)}
        if removal and self.dice.random() < 0.4:
            self.ask("remove review", "POST", removal[1], status=303, data=token)
            return
        stars = self.dice.choice(("1", "3", "5", "6"))
        form = token | {"stars": stars, "text": "It does what it says.\nTwice."}
        may = ("form not filled in",) if stars == "6" else ()
        self.ask("review", "POST", action, status=303, may=may, data=form)

    @task(1)
    def leave(self) -> None:
        """Sign out, and mistype the password before the next visit."""
        if not self.account.is_open():
            return
        page = self.ask("account", "GET", "/account/", shows=self.account.email)
        self.account.is_in = False
        token = {"csrf_token": read_csrf(page.text)}
        self.ask("sign out", "POST", "/sign-out", status=303, data=token)
        page = self.ask("sign-in page", "GET", "/sign-in", shows="Sign in")
        form = read_form(page.text, "/sign-in") | {
            "email": self.account.email,
            "password": "mistyped",
        }
        may = ("wrong password", "too many tries")
        self.ask("mistype password", "POST", "/sign-in", status=422, may=may, data=form)

    def _list_orders(self) -> list[str]:
        page = self.ask("my orders", "GET", "/account/orders", shows="My orders")
        return re.findall(r'href="/orders/(BB-[\w-]+)"', page.text)

    def _cancel_if_offered(self, number: str) -> None:
        page = self.ask("order", "GET", f"/orders/{number}", shows=number)
        # Half of them press a button that an old page still shows.
        if "/cancel" in page.text or self.dice.random() < 0.5:
            self.cancel(number)
