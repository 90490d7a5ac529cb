"""Guests: they have no account, and a new browser for each visit."""

from typing import ClassVar

from locust import task

from tests.load.shopper import read_form
from tests.load.soak.visitors.shopping import TRIPS, Shopping

# So few addresses that some of them reach the limits of coupons and scarce goods.
_REGULARS = 12


class Guest(Shopping):
    """Somebody who comes by."""

    _known: ClassVar[list[tuple[str, str]]] = []

    def on_start(self) -> None:
        """Begin with an order, so that also a short run has some of each kind."""
        self.order()

    @task(4)
    def browse(self) -> None:
        self.look_around()

    @task(5)
    def order(self) -> None:
        self.client.cookies.clear()
        trip = next(TRIPS)
        is_regular = trip.has_coupon or trip.goods != "plenty"
        nth = self.dice.randrange(_REGULARS if is_regular else 10**6)
        email = f"guest-{nth}@soak.example"
        number = self.buy(trip, email)
        if number:
            self._known.append((number, email))
        if number and self.dice.random() < 0.15:
            self.cancel(number)

    @task(1)
    def find_order(self) -> None:
        """Ask for an order by its number, some with another's address."""
        self.client.cookies.clear()
        if not self._known:
            return
        number, email = self.dice.choice(self._known)
        page = self.ask("find-order page", "GET", "/orders/find", shows="Order number")
        form = read_form(page.text, "/orders/find") | {"number": number, "email": email}
        if self.dice.random() < 0.3:
            form["email"] = "somebody.else@soak.example"
            self.ask("find another's order", "POST", "/orders/find", status=404, data=form)
            self.ask("another's order", "GET", f"/orders/{number}", status=404)
            return
        path = f"/orders/{number}"
        self.ask("find order", "POST", "/orders/find", status=303, leads_to=path, data=form)
        self.ask("receipt", "GET", f"{path}/receipt", shows=number)
