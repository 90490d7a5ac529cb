"""Staff: they pack, ship, refund, cancel, count the shelves, and look at the numbers.

Several of them work on the same orders, so each has to expect that another was faster.
"""

import re

from locust import task

from tests.load.soak.visitors.account import Account
from tests.load.soak.visitors.visitor import BRIEFING, Visitor, read_csrf

_OTHERS_WERE_FASTER = ("too late or too early", "changed meanwhile")


class Staff(Visitor):
    """Somebody at the packing table."""

    def on_start(self) -> None:
        self.account = Account(self, *BRIEFING.staff)
        self.look()

    @task(6)
    def pack(self) -> None:
        self._do("pack", "to-pack", most=8)

    @task(6)
    def ship(self) -> None:
        self._do("ship", "to-ship", most=8)

    @task(1)
    def cancel(self) -> None:
        self._do("cancel", self.dice.choice(("to-pack", "to-ship", "unpaid")), most=1)

    @task(1)
    def refund(self) -> None:
        self._do("refund", self.dice.choice(("completed", "to-pack", "on-the-way")), most=1)

    @task(3)
    def refund_units(self) -> None:
        """Give back the money for some units, now and then for more than were sold."""
        for number in self._list(self.dice.choice(("completed", "to-pack")))[:1]:
            path = f"/staff/orders/{number}"
            page = self.ask("staff: order", "GET", path, shows=number)
            skus = re.findall(r'href="/staff/products/([\w-]+)"', page.text)
            quantity = self.dice.choice(("1", "1", "1", "99"))
            form = {"sku": self.dice.choice(skus), "quantity": quantity}
            self.ask(
                *("staff: refund units", "POST", f"{path}/units"),
                status=303,
                may=(*_OTHERS_WERE_FASTER, "too many units"),
                data=form | {"csrf_token": read_csrf(page.text)},
            )

    @task(2)
    def count_stock(self) -> None:
        """Book units of a scarce product in or out, sometimes more than can be spared."""
        if not self.account.is_open():
            return
        path = f"/staff/products/{self.dice.choice(BRIEFING.restocked)}"
        page = self.ask("staff: product", "GET", path, shows="On hand")
        delta, reason = self.dice.choice(
            (("3", "received"), ("2", "returned"), ("-1", "damaged"), ("-9999", "counted"))
        )
        form = {"delta": delta, "reason": reason, "note": "", "csrf_token": read_csrf(page.text)}
        may = ("stock too low",)
        self.ask("staff: stock", "POST", f"{path}/stock", status=303, may=may, data=form)

    @task(2)
    def look(self) -> None:
        """Look at the numbers, and take all orders home."""
        if not self.account.is_open():
            return
        self.ask("staff: dashboard", "GET", "/staff/dashboard", shows="Orders today")
        self.ask("staff: export", "GET", "/staff/orders.csv", shows="number,")
        self.ask("staff: products", "GET", "/staff/products", shows="Products")
        self.ask("staff: jobs", "GET", "/staff/jobs", shows="<h1>")
        self.ask("staff: customers", "GET", "/staff/customers?q=soak", shows="<h1>")

    def _do(self, verb: str, shelf: str, most: int) -> None:
        for number in self._list(shelf)[:most]:
            path = f"/staff/orders/{number}"
            page = self.ask("staff: order", "GET", path, shows=number)
            form = {"csrf_token": read_csrf(page.text)}
            may = _OTHERS_WERE_FASTER
            name = f"staff: {verb}"
            self.ask(name, "POST", f"{path}/{verb}", status=303, may=may, data=form)

    def _list(self, shelf: str) -> list[str]:
        """Return the numbers on a shelf in no order, as several people take from it."""
        if not self.account.is_open():
            return []
        page = self.ask("staff: orders", "GET", f"/staff/?show={shelf}", shows="<h1>Orders</h1>")
        numbers = re.findall(r'href="/staff/orders/(BB-[\w-]+)"', page.text)
        return self.dice.sample(numbers, len(numbers))
