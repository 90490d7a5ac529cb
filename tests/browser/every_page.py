"""Every page of the store, and how a shopper comes to it."""

from collections.abc import Callable, Mapping
from itertools import count
from urllib.parse import quote, urlsplit

from playwright.sync_api import expect
from sqlalchemy import update

from shop.models import Customer
from tests.browser.product_file import product_file
from tests.browser.running_store import wait_until
from tests.browser.shopper import (
    BINOCULARS,
    COUPON,
    DECLINED_CARD,
    GIFT_CARD,
    JONAS,
    LANTERN,
    MIRA,
    NOOR,
    SLOW_CARD,
    Shopper,
)

Journey = Callable[[Shopper], object]

# Everybody has a coupon once, and an account.
_guests = count(1)


def _on_the_first_day(shopper: Shopper) -> None:
    """Come to the dashboard of a store that has sold nothing yet."""
    shopper.open("/register")
    email = f"owner-{next(_guests)}@brindle.example"
    account = {"Email": email, "Full name": "Ida Park", "Password": "three old spoons"}
    for label, text in account.items():
        shopper.page.get_by_label(label, exact=True).fill(text)
    shopper.page.get_by_role("button", name="Open an account").click()
    expect(shopper.heading).to_have_text("Well-made things")
    shopper.store.write(update(Customer).values(is_staff=True))
    shopper.open("/staff/dashboard")


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


def _remove_what_was_ordered(shopper: Shopper) -> None:
    _sign_in(shopper, JONAS, "/staff/products/PCL-001")
    shopper.page.get_by_text("Remove this product").click()
    shopper.page.get_by_role("button", name="Remove PCL-001 for good").click()
    expect(shopper.page.get_by_text("This product has been ordered")).to_be_visible()
    shopper.page.get_by_text("Remove this product").click()


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


def _refused_review(shopper: Shopper) -> None:
    _sign_in(shopper, MIRA, "/products/claw-hammer")
    # The browser would ask for the stars; a program or an old browser sends the form without.
    shopper.page.locator(".reviews form").evaluate("form => form.noValidate = true")
    shopper.page.get_by_label("What should others know?").fill("It hits what I aim at.")
    shopper.page.get_by_role("button", name="Send").click()
    expect(shopper.page.get_by_role("alert")).to_be_visible()


def _cart_over_a_limit(shopper: Shopper) -> None:
    shopper.add(BINOCULARS, 4)


def _express(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    shopper.page.get_by_label("Express").check()
    expect(shopper.page.get_by_role("status")).to_have_text("Total £12.48")


def _codes(coupon: str = "", gift_card: str = "") -> Journey:
    def go(shopper: Shopper) -> None:
        shopper.go_to_checkout(LANTERN)
        shopper.page.get_by_label("Email").fill(f"guest-{next(_guests)}@quayside.example")
        shopper.apply(coupon, gift_card)

    return go


def _bought_with_codes(shopper: Shopper) -> str:
    """Buy with a coupon and a gift card that covers a part; return the order's number."""
    shopper.go_to_checkout(LANTERN)
    shopper.fill_checkout()
    shopper.page.get_by_label("Email").fill(f"guest-{next(_guests)}@quayside.example")
    shopper.apply(COUPON, shopper.store.new_gift_card(1_000))
    expect(shopper.page.locator("#summary")).to_contain_text("-£10.00")
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")
    return number


def _receipt_with_codes(shopper: Shopper) -> None:
    shopper.open(f"/orders/{_bought_with_codes(shopper)}/receipt")


def _staff_order_with_codes(shopper: Shopper) -> None:
    _sign_in(shopper, JONAS, f"/staff/orders/{_bought_with_codes(shopper)}")


def _free(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.apply(gift_card=shopper.store.new_gift_card(1_000))
    shopper.press_place_order()
    shopper.wait_for("Paid. Thank you!")


def _import(*rows: dict[str, str]) -> Journey:
    def go(shopper: Shopper) -> None:
        _sign_in(shopper, JONAS, "/staff/import")
        shopper.page.get_by_label("A file of products").set_input_files(product_file(*rows))
        shopper.page.get_by_role("button", name="Import it").click()
        expect(shopper.page.get_by_role("main").locator(".notice")).to_be_visible()

    return go


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
    "first-day-catalog": lambda shopper: shopper.open("/"),
    "first-day-dashboard": _on_the_first_day,
    "catalog": lambda shopper: shopper.open("/"),
    "category-rated": lambda shopper: shopper.open("/?category=desk"),
    "category": lambda shopper: shopper.open("/?category=workshop&sort=cheapest"),
    "search": lambda shopper: shopper.open("/?q=oak"),
    "search-empty": lambda shopper: shopper.open("/?q=zeppelin"),
    "search-long": lambda shopper: shopper.open(f"/?q={'w' * 100}"),
    "product": lambda shopper: shopper.open("/products/kestrel-kettle"),
    "product-on-sale": lambda shopper: shopper.open(f"/products/{LANTERN}"),
    "product-with-limit": lambda shopper: shopper.open(f"/products/{BINOCULARS}"),
    "product-with-pictures": lambda shopper: shopper.open("/products/three-legged-stool"),
    "product-without-reviews": lambda shopper: shopper.open("/products/claw-hammer"),
    "product-with-reviews": lambda shopper: shopper.open("/products/ledger-notebook"),
    # The latest three reviews of the notebook were the 17th, the 13th and the 5th of all.
    "product-older-reviews": lambda shopper: shopper.open("/products/ledger-notebook?after=13"),
    "product-with-own-review": _as(MIRA, "/products/ledger-notebook"),
    "product-with-refused-review": _refused_review,
    "product-for-staff": _as(JONAS, "/products/ledger-notebook"),
    "product-beside-its-shelf": lambda shopper: shopper.open("/products/harvest-trug"),
    "product-sold-out": lambda shopper: shopper.open("/products/tenon-saw"),
    "cart": _full_cart,
    "cart-over-a-limit": _cart_over_a_limit,
    "cart-empty": lambda shopper: shopper.open("/cart"),
    "checkout": lambda shopper: shopper.go_to_checkout(),
    "checkout-errors": _checkout_with_errors,
    "checkout-express": _express,
    "checkout-coupon": _codes(COUPON),
    "checkout-coupon-refused": _codes("MAYDAY20"),
    "checkout-gift-card": _codes(gift_card="B2N8 YJ5C PZ0E 1GSF"),
    "checkout-free": _codes(gift_card=GIFT_CARD),
    "order-in-progress": lambda shopper: shopper.order(SLOW_CARD),
    "order-paid": _paid,
    "order-delivered": _delivered,
    "order-canceled": _canceled,
    "order-with-codes": _bought_with_codes,
    "order-free": _free,
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
    "receipt-with-codes": _receipt_with_codes,
    "receipt-with-coupon": _as(NOOR, "/orders/BB-9C3WX-6M0RE/receipt"),
    "not-for-customers": _as(MIRA, "/staff/"),
    "staff-orders": _as(JONAS, "/staff/?show=all"),
    "staff-order": _as(JONAS, "/staff/orders/BB-8R1VE-7K5MW"),
    "staff-order-packed": _as(JONAS, "/staff/orders/BB-2J9HT-4C6ZP"),
    "staff-order-with-codes": _staff_order_with_codes,
    "staff-dashboard": _as(JONAS, "/staff/dashboard"),
    "staff-products": _as(JONAS, "/staff/products"),
    "staff-product": _as(JONAS, "/staff/products/LMP-001"),
    "staff-product-on-sale": _as(JONAS, "/staff/products/LNT-001"),
    "staff-product-with-limit": _as(JONAS, "/staff/products/BIN-001"),
    "staff-product-edited-by-two": _edited_by_two,
    "staff-product-ordered": _remove_what_was_ordered,
    "staff-import": _as(JONAS, "/staff/import"),
    "staff-import-refused": _import(
        {"sku": "bell 1", "category": "attic"}, {"price_amount": "12.50", "on_hand": "-1"}
    ),
    "staff-import-done": _import({"sku": "BEL-001", "name": "Brass Desk Bell"}),
    "staff-jobs": _as(JONAS, "/staff/jobs"),
    "staff-job-set-aside": _job_set_aside,
    "staff-customers": _as(JONAS, "/staff/customers"),
    "api": lambda shopper: shopper.open("/api/"),
}
# These are the pages of a store that has just been opened, with nothing in it.
FIRST_DAY = {"first-day-catalog", "first-day-dashboard"}
# These pages come with a status that says no.
STATUSES = {
    "staff-product-edited-by-two": 409,
    "staff-product-ordered": 409,
    "checkout-errors": 422,
    "product-with-refused-review": 422,
    "staff-import-refused": 422,
    "not-found": 404,
    "sign-in-refused": 422,
    "not-for-customers": 403,
}
