import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Troubles
from tests.browser.conftest import OpenPage, at_both_paths, everywhere
from tests.browser.running_store import RunningStore, wait_until
from tests.browser.shopper import ADDRESS, GOOD_CARD, MIRA, SLOW_CARD, Shopper

pytestmark = pytest.mark.xdist_group("people")

RESET = "A new password for Brindle & Bolt"


def register(shopper: Shopper, email: str, password: str) -> None:
    shopper.open("/")
    shopper.choose("Sign in")
    shopper.page.get_by_role("link", name="Open an account").click()
    for label, text in {"Email": email, "Full name": "Ida Park", "Password": password}.items():
        shopper.page.get_by_label(label, exact=True).fill(text)
    shopper.page.get_by_role("button", name="Open an account").click()
    expect(shopper.heading).to_have_text("Well-made things")


def buy(shopper: Shopper, card: str = GOOD_CARD) -> str:
    """Buy a pencil with what the profile does not know yet, and return the order's number."""
    shopper.go_to_checkout()
    fill_in_the_rest(shopper, card)
    shopper.press_place_order()
    return shopper.order_number()


def fill_in_the_rest(shopper: Shopper, card: str = GOOD_CARD) -> None:
    for label, value in ADDRESS.items():
        field = shopper.page.get_by_label(label, exact=True)
        if not field.input_value():
            field.fill(value)
    shopper.page.get_by_label("Card number").fill(card)


def cancel(shopper: Shopper) -> None:
    shopper.page.get_by_text("Cancel the order").click()
    shopper.page.get_by_role("button", name="Yes, cancel it").click()
    shopper.wait_for("This order was canceled")


@everywhere
def test_a_customer_registers_buys_cancels_buys_again_and_gets_back_in(
    open_page: OpenPage, store: RunningStore, size: tuple[int, int], troubles: Troubles
) -> None:
    troubles.expected_statuses.add(422)
    shopper = Shopper(open_page(size), store)
    email = f"ida.{size[0]}@brindle.example"
    register(shopper, email, "three old spoons")

    first = buy(shopper)
    shopper.wait_for("Paid. Thank you!")
    shopper.choose("My orders")
    expect(shopper.heading).to_have_text("My orders")
    shopper.page.get_by_role("link", name=first).click()
    cancel(shopper)
    wait_until(lambda: store.payments_for(first)[0]["refunded_amount"] == 528)

    second = buy(shopper)
    shopper.wait_for("Paid. Thank you!")
    shopper.choose("My orders")
    expect(shopper.page.get_by_role("link", name="BB-")).to_have_text([second, first])
    shopper.choose("Sign out", role="button")

    shopper.choose("Sign in")
    shopper.page.get_by_role("link", name="I forgot my password").click()
    shopper.page.get_by_label("Email").fill(email.upper())
    shopper.page.get_by_role("button", name="Send the link").click()
    expect(shopper.heading).to_have_text("Look into your mail")
    wait_until(lambda: bool(store.mails_to(email, RESET)))
    [link] = re.findall(r"http://\S+", store.mails_to(email, RESET)[0]["text"])
    shopper.page.goto(link)
    shopper.page.get_by_label("New password").fill("four new forks")
    shopper.page.get_by_role("button", name="Save the password").click()

    shopper.sign_in(email, "three old spoons")
    expect(shopper.page.get_by_role("alert")).to_contain_text("do not belong together")
    shopper.sign_in(email, "four new forks")
    shopper.choose("My orders")
    expect(shopper.page.get_by_role("link", name=first)).to_be_visible()


def test_an_order_canceled_while_the_money_is_taken_is_never_charged(
    shopper: Shopper, store: RunningStore
) -> None:
    number = buy(shopper, SLOW_CARD)
    cancel(shopper)

    wait_until(lambda: [each["status"] for each in store.payments_for(number)] == ["voided"])
    assert store.payments_for(number)[0]["captured_amount"] == 0


def test_what_lay_in_the_cart_is_still_there_after_signing_in(
    open_page: OpenPage, store: RunningStore
) -> None:
    elsewhere = Shopper(open_page(), store)
    elsewhere.open("/sign-in")
    elsewhere.sign_in(*MIRA)
    elsewhere.add("jute-twine", 2)

    shopper = Shopper(open_page(), store)
    shopper.add("jute-twine", 3)
    shopper.choose("Sign in")
    shopper.sign_in(*MIRA)
    shopper.open("/cart")

    quantity = shopper.page.get_by_label("Quantity of Jute Twine")
    expect(quantity).to_have_value("5")
    shopper.page.get_by_role("button", name="Remove Jute Twine").click()
    expect(shopper.page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()


@at_both_paths
def test_whoever_must_sign_in_first_gets_where_they_wanted_to_go(shopper: Shopper) -> None:
    shopper.open("/account/orders")
    shopper.sign_in(*MIRA)

    expect(shopper.page.get_by_role("link", name="BB-8R1VE-7K5MW")).to_be_visible()
    assert shopper.page.url == shopper.store.url("/account/orders")


def test_the_profile_fills_in_the_checkout_form(shopper: Shopper) -> None:
    shopper.open("/sign-in")
    shopper.sign_in(*MIRA)
    shopper.go_to_checkout()

    for label, value in ADDRESS.items():
        expect(shopper.page.get_by_label(label, exact=True)).to_have_value(value)
