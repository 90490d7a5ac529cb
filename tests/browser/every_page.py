"""Every page of the store, and how a shopper comes to it."""

from collections.abc import Callable, Mapping

from playwright.sync_api import expect

from tests.browser.shopper import DECLINED_CARD, SLOW_CARD, Shopper

Journey = Callable[[Shopper], object]


def _delivered(shopper: Shopper) -> None:
    shopper.order()
    shopper.wait_for("Delivered")


def _declined(shopper: Shopper) -> None:
    shopper.order(DECLINED_CARD)
    shopper.wait_for("Your card was declined")


def _long_names(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.page.get_by_label("Email").fill(f"{'m' * 60}@{'brindle-' * 7}x.example")
    shopper.page.get_by_label("Full name").fill("Wolfeschlegelsteinhausen" * 4)
    shopper.page.get_by_label("Street and number").fill("Ø" * 200)
    shopper.press_place_order()
    shopper.order_number()


def _full_cart(shopper: Shopper) -> None:
    for slug, quantity in (("harbor-desk-lamp", 1), ("oak-and-anvil-cordless-drill", 2)):
        shopper.add(slug, quantity)


def _checkout_with_errors(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout(card="not a card")
    # The browser would refuse it first; a program or an old browser sends it all the same.
    shopper.page.get_by_label("Email").evaluate("field => field.type = 'text'")
    shopper.page.get_by_label("Email").fill("mira at brindle.example")
    shopper.press_place_order()
    expect(shopper.page.get_by_role("alert")).to_be_visible()


JOURNEYS: Mapping[str, Journey] = {
    "catalog": lambda shopper: shopper.open("/"),
    "category": lambda shopper: shopper.open("/?category=workshop&sort=cheapest"),
    "search": lambda shopper: shopper.open("/?q=oak"),
    "search-empty": lambda shopper: shopper.open("/?q=zeppelin"),
    "search-long": lambda shopper: shopper.open(f"/?q={'w' * 100}"),
    "product": lambda shopper: shopper.open("/products/kestrel-kettle"),
    "product-sold-out": lambda shopper: shopper.open("/products/tenon-saw"),
    "cart": _full_cart,
    "cart-empty": lambda shopper: shopper.open("/cart"),
    "checkout": lambda shopper: shopper.go_to_checkout(),
    "checkout-errors": _checkout_with_errors,
    "order-in-progress": lambda shopper: shopper.order(SLOW_CARD),
    "order-delivered": _delivered,
    "order-declined": _declined,
    "order-long-names": _long_names,
    "find-order": lambda shopper: shopper.open("/orders/find"),
    "not-found": lambda shopper: shopper.open("/products/zeppelin"),
}
# These pages come with a status that says no.
STATUSES = {"checkout-errors": 422, "not-found": 404}
