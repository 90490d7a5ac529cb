"""What a shopper and staff do in the store, one click or one form each."""

import re
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

APPROVED, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"
_HEADING = re.compile(r"<h1>\s*(.*?)\s*</h1>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Shopper:
    """A browser that fills in forms; `email` is what it types at checkout."""

    email = "ada@example.com"

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def look(self, path: str) -> str:
        """Open a page that is there, and return its text."""
        page = self.client.get(path)
        assert page.status_code == 200, f"{path} answers {page.status_code}"
        return unescape(page.text)

    def read_heading(self, path: str) -> str:
        """Open a page that is there, and return its heading."""
        found = _HEADING.search(self.look(path))
        assert found, f"{path} has no heading"
        return found.group(1)

    def add(self, slug: str, quantity: int = 1) -> TestResponse:
        return self.client.post(f"/products/{slug}/add", data={"quantity": str(quantity)})

    def change(self, sku: str, quantity: int) -> TestResponse:
        return self.client.post(f"/cart/lines/{sku}", data={"quantity": str(quantity)})

    def fill_in(self, card: str = APPROVED) -> dict[str, str]:
        """Open the checkout page and return its form as it would be sent."""
        hidden = dict(_HIDDEN.findall(self.look("/checkout")))
        return {
            "email": self.email,
            "name": "Ada Lovelace",
            "address": "12 St James's Square",
            "city": "London",
            "postcode": "SW1Y 4JH",
            "country_code": "GB",
            "shipping_method": "standard",
            "card_number": card,
            "checkout_token": hidden["checkout_token"],
            "total_shown": hidden["total_shown"],
        }

    def order(self, card: str = APPROVED) -> str:
        """Order the cart and return the path of the order's page."""
        placed = self.client.post("/checkout", data=self.fill_in(card))
        assert placed.status_code == 303, f"ordering answers {placed.status_code}"
        return placed.location


class Staff:
    """Somebody signed in as staff, who works on one order after the other."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        who = {"email": "jonas@brindle.example", "password": "brass-hinge-77", "next": ""}
        assert client.post("/sign-in", data=who).status_code == 303

    def act(self, number: str, verb: str) -> None:
        """Press a button on the order's page: `pack` or `ship`."""
        answer = self.client.post(f"/staff/orders/{number}/{verb}")
        assert answer.status_code == 303, f"{verb} answers {answer.status_code}"
