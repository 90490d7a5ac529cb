"""Partners: their programs read the feed and order over the API, and repeat what got no answer."""

import re
import secrets
from typing import Any

from locust import task

from tests.load.shopper import APPROVED, DECLINED
from tests.load.soak.visitors.visitor import BRIEFING, NOTES, Page, Visitor

_ORDERS = "/api/v1/orders"
_TO = {
    "email": "desk@partner.example",
    "name": "Partner Ltd",
    "address": "8 Dock Road",
    "city": "Bristol",
    "postcode": "BS1 6TT",
    "country_code": "GB",
    "shipping_method": "standard",
}


class Partner(Visitor):
    """A program with the token of an account."""

    def on_start(self) -> None:
        token = BRIEFING.partners[self.nth % len(BRIEFING.partners)]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.skus: list[str] = []
        self.numbers: list[str] = []
        self.read_feed()
        self.order()

    @task(2)
    def read_feed(self) -> None:
        """Follow the feed to its end; every product stands in it once."""
        skus: list[str] = []
        after = ""
        while after is not None:
            page = self.ask("api: feed", "GET", f"/api/v1/feed?after={after}", shows='"next"').json
            skus += [product["sku"] for product in page["products"]]
            after = page["next"]
        if len(skus) != len(set(skus)) or (self.skus and set(skus) != set(self.skus)):
            raise AssertionError(f"The feed has {len(skus)} products, before {len(self.skus)}.")
        self.skus = skus

    @task(2)
    def look_up(self) -> None:
        self.ask("api: products", "GET", "/api/v1/products?q=lamp", shows="LMP-001")
        sku = self.dice.choice(self.skus)
        self.ask("api: product", "GET", f"/api/v1/products/{sku}", shows=sku)
        self.ask("api: no product", "GET", "/api/v1/products/NO-SUCH", status=404)

    @task(4)
    def order(self) -> None:
        """Ask what an order would cost, place it, and repeat that under the same key."""
        key = {"Idempotency-Key": secrets.token_hex(8)}
        body = self._make_order()
        page = self._place(key, body)
        if page.refusal == "total changed":
            pounds, pence = re.findall(r"is now £([\d,]+)\.(\d\d)", page.json["error"]["message"])[
                0
            ]
            body["total_amount"] = int(pounds.replace(",", "") + pence)
            page = self._place(key, body)
        if page.refusal:
            return
        number = page.json["number"]
        NOTES.numbers.append(number)
        self.numbers.append(number)
        self._place(key, body, shows=number)

    @task(2)
    def read_orders(self) -> None:
        if self.numbers:
            number = self.numbers[-1]
            self.ask("api: orders", "GET", _ORDERS, headers=self.headers, shows=number)
            path = f"{_ORDERS}/{number}"
            self.ask("api: order", "GET", path, headers=self.headers, shows=number)
            self.ask("api: no token", "GET", path, status=401)
        another = f"{_ORDERS}/BB-00000-00000"
        self.ask("api: no order", "GET", another, status=404, headers=self.headers)

    def _make_order(self) -> dict[str, Any]:
        lines = [{"sku": sku, "quantity": 1} for sku in self.dice.sample(self.skus, 2)]
        card = self.dice.choice((APPROVED, APPROVED, APPROVED, DECLINED))
        coupon = self.dice.choice(("", "", *BRIEFING.coupons[:2]))
        codes = {"coupon_code": coupon, "gift_card_code": ""}
        return _TO | codes | {"card_number": card, "total_amount": 1, "lines": lines}

    def _place(self, key: dict[str, str], body: dict[str, Any], shows: str = "") -> Page:
        may = ("sold out", "limit reached", "total changed", "coupon refused", "provider silent")
        return self.ask(
            *("api: place order", "POST", _ORDERS),
            status=201,
            shows=shows or '"number"',
            may=may if not shows else (),
            json=body,
            headers=self.headers | key,
        )


def _read_total(sentence: str) -> int:
    """Return in pence what a refusal says that the total is now."""
    [total] = re.findall(r"is now £([\d,.]+\d)", sentence)
    return int(re.sub(r"\D", "", total))
