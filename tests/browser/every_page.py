"""Every page of the store, and how a shopper comes to it."""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from playwright.sync_api import expect

from tests.browser.running_store import wait_until
from tests.browser.shopper import DECLINED_CARD, JONAS, MIRA, SLOW_CARD, Shopper

Journey = Callable[[Shopper], object]


def _delivered(shopper: Shopper) -> None:
    number = shopper.order()
    shopper.wait_for("Paid. Thank you!")
    _sign_in(shopper, JONAS, f"/staff/orders/{number}")
    for button in ("Mark as packed", "Ship it"):
        shopper.page.get_by_role("button", name=button).click()
    shopper.open(f"/orders/{number}")
    shopper.wait_for("Delivered")


def _sign_in(shopper: Shopper, who: tuple[str, str], path: str) -> None:
    prefix = urlsplit(shopper.store.address).path
    shopper.open(f"/sign-in?next={quote(prefix + path)}")
    shopper.sign_in(*who)
    shopper.page.wait_for_url(lambda address: address.endswith(path))


def _as(who: tuple[str, str], path: str) -> Journey:
    return lambda shopper: _sign_in(shopper, who, path)


def _wrong_password(shopper: Shopper) -> None:
    shopper.open("/sign-in")
    shopper.sign_in("mira@brindle.example", "not her password")
    expect(shopper.page.get_by_role("alert")).to_be_visible()


def _asked_for_a_link(shopper: Shopper) -> None:
    shopper.open("/password/forgot")
    shopper.page.get_by_label("Email").fill("nobody@brindle.example")
    shopper.page.get_by_role("button", name="Send the link").click()
    expect(shopper.heading).to_have_text("Look into your mail")


def _new_token(shopper: Shopper) -> None:
    _sign_in(shopper, MIRA, "/account/")
    shopper.page.get_by_role("button", name="Make a new token").click()
    expect(shopper.page.get_by_text("Your new API token")).to_be_visible()


def _paid(shopper: Shopper) -> None:
    shopper.order()
    shopper.wait_for("Paid. Thank you!")


def _canceled(shopper: Shopper) -> None:
    _paid(shopper)
    shopper.page.get_by_text("Cancel the order").click()
    shopper.page.get_by_role("button", name="Yes, cancel it").click()
    shopper.wait_for("This order was canceled")


def _job_set_aside(shopper: Shopper) -> None:
    _sign_in(shopper, JONAS, "/staff/orders/BB-4H7TN-2Q9KD")
    # The provider has never heard of an order that is older than itself.
    shopper.page.get_by_role("button", name="Refund Plain Cedar Pencil").click()

    def is_listed() -> bool:
        shopper.open("/staff/jobs")
        return shopper.page.get_by_role("button", name="Run it again").is_visible()

    wait_until(is_listed)


def _edited_by_two(shopper: Shopper) -> None:
    _sign_in(shopper, JONAS, "/staff/products/HAM-001")
    shopper.page.get_by_label("Summary").fill("A hammer that somebody else has written about.")
    shopper.page.get_by_role("button", name="Save").click()
    expect(shopper.page.get_by_text("The product is saved.")).to_be_visible()
    shopper.page.get_by_label("Summary").fill("What was typed into the page as it was before.")
    shopper.page.locator("[name=version]").evaluate("field => field.value = 1")
    shopper.page.get_by_role("button", name="Save").click()
    expect(shopper.page.get_by_role("alert")).to_be_visible()


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
    "order-paid": _paid,
    "order-delivered": _delivered,
    "order-canceled": _canceled,
    "order-declined": _declined,
    "order-long-names": _long_names,
    "find-order": lambda shopper: shopper.open("/orders/find"),
    "not-found": lambda shopper: shopper.open("/products/zeppelin"),
    "register": lambda shopper: shopper.open("/register"),
    "sign-in": lambda shopper: shopper.open("/sign-in"),
    "sign-in-refused": _wrong_password,
    "forgot-password": lambda shopper: shopper.open("/password/forgot"),
    "link-sent": _asked_for_a_link,
    "reset-password": lambda shopper: shopper.open("/password/reset?token=none"),
    "account": _as(MIRA, "/account/"),
    "account-with-token": _new_token,
    "my-orders": _as(MIRA, "/account/orders"),
    "receipt": _as(MIRA, "/orders/BB-8R1VE-7K5MW/receipt"),
    "not-for-customers": _as(MIRA, "/staff/"),
    "staff-orders": _as(JONAS, "/staff/?show=all"),
    "staff-order": _as(JONAS, "/staff/orders/BB-8R1VE-7K5MW"),
    "staff-order-packed": _as(JONAS, "/staff/orders/BB-2J9HT-4C6ZP"),
    "staff-products": _as(JONAS, "/staff/products"),
    "staff-product": _as(JONAS, "/staff/products/LMP-001"),
    "staff-product-edited-by-two": _edited_by_two,
    "staff-jobs": _as(JONAS, "/staff/jobs"),
    "staff-job-set-aside": _job_set_aside,
    "staff-customers": _as(JONAS, "/staff/customers"),
    "api": lambda shopper: shopper.open("/api/"),
}
# These pages come with a status that says no.
STATUSES = {
    "staff-product-edited-by-two": 409,
    "checkout-errors": 422,
    "not-found": 404,
    "sign-in-refused": 422,
    "not-for-customers": 403,
}
