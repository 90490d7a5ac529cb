"""Somebody with a browser who buys at the store, and does so with what stands on the page."""

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Locator, Page, expect

from tests.browser.running_store import PATIENCE, RunningStore

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
SLOW_CARD = "4000 0000 0000 0259"
PENCIL = "plain-cedar-pencil"
LANTERN = "camp-lantern"
BINOCULARS = "heron-binoculars"
COUPON = "WELCOME10"
GIFT_CARD = "7K3M 9XT2 W4HQ 6RVD"
MIRA = ("mira@brindle.example", "walnut-stool-42")
JONAS = ("jonas@brindle.example", "brass-hinge-77")
NOOR = ("noor@quayside.example", "copper-kettle-19")
ADDRESS = {
    "Email": "mira@brindle.example",
    "Full name": "Mira Lindqvist",
    "Street and number": "3 Tallow Lane",
    "Postcode": "BR1 2ND",
    "City": "Brindleford",
}


@dataclass(frozen=True)
class Shopper:
    """A shopper at a page of the store."""

    page: Page
    store: RunningStore

    def open(self, path: str) -> None:
        self.page.goto(self.store.url(path))

    def add(self, slug: str, quantity: int = 1) -> None:
        self.open(f"/products/{slug}")
        self.page.get_by_label("Quantity").fill(str(quantity))
        self.page.get_by_role("button", name="Add to cart").click()
        expect(self.heading).to_have_text("Your cart")

    def go_to_checkout(self, slug: str = PENCIL) -> None:
        self.add(slug)
        self.page.get_by_role("link", name="Check out").click()
        expect(self.heading).to_have_text("Checkout")
        # The script of a page runs before the page counts as loaded.
        self.page.wait_for_load_state()

    def fill_checkout(self, card: str = GOOD_CARD) -> None:
        for label, value in ADDRESS.items():
            self.page.get_by_label(label, exact=True).fill(value)
        self.page.get_by_label("Card number").fill(card)

    def apply(self, coupon: str = "", gift_card: str = "") -> None:
        """Type codes into the checkout form, and wait for what the store makes of them."""
        self.page.get_by_label("Coupon", exact=True).fill(coupon)
        self.page.get_by_label("Gift card", exact=True).fill(gift_card)
        with self.page.expect_response(lambda answer: answer.url.endswith("/quote")):
            self.page.get_by_role("button", name="Apply").click()

    def press_place_order(self) -> None:
        self.page.get_by_role("button", name="Place order").click()

    def order(self, card: str = GOOD_CARD) -> str:
        """Buy a pencil and return the order's number."""
        self.go_to_checkout()
        self.fill_checkout(card)
        self.press_place_order()
        return self.order_number()

    def order_number(self) -> str:
        """Return the number that the order page names, once it is shown."""
        text = self.page.get_by_text("Order BB-")
        expect(text).to_be_visible()
        return text.inner_text().removeprefix("Order ")

    def sign_in(self, email: str, password: str) -> None:
        """Sign in from wherever the shopper is, and come back there if the store knows where."""
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        with self.page.expect_navigation():
            self.page.locator("form").get_by_role("button", name="Sign in").click()

    def choose(self, name: str, role: Literal["link", "button"] = "link") -> None:
        """Choose from the menu in the head of the page, which a phone folds away."""
        # Until the stylesheet has come, a wide page shows the menu of a narrow one.
        self.page.wait_for_load_state()
        menu = self.page.get_by_role("banner").locator("summary")
        if menu.is_visible():
            menu.click()
        with self.page.expect_navigation():
            self.page.get_by_role("banner").get_by_role(role, name=name).click()

    def wait_for(self, heading: str) -> None:
        """Wait until the page, which follows its order, has another heading."""
        expect(self.heading).to_have_text(heading, timeout=PATIENCE * 1000)

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)
