import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Troubles
from tests.browser.conftest import OpenPage
from tests.browser.running_store import RunningStore
from tests.browser.shopper import ADDRESS, Shopper

pytestmark = pytest.mark.xdist_group("browser")


def test_a_mistake_comes_back_with_its_message_and_everything_else_filled_in(
    shopper: Shopper, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(422)
    shopper.go_to_checkout()
    shopper.fill_checkout(card="4242 4242")
    shopper.page.get_by_label("Country").select_option(label="Ireland")
    shopper.press_place_order()

    card = shopper.page.get_by_label("Card number")
    expect(card).to_be_focused()
    expect(card).to_have_accessible_description(
        "Only test cards are taken. 4242 4242 4242 4242 is approved, 4000 0000 0000 0002 is "
        "declined. A card number has 12 to 19 digits."
    )
    for label, value in ADDRESS.items():
        expect(shopper.page.get_by_label(label, exact=True)).to_have_value(value)
    expect(shopper.page.get_by_label("Country")).to_have_value("IE")


def test_a_card_that_the_provider_does_not_know_is_told_beside_its_field(
    shopper: Shopper, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(409)
    shopper.go_to_checkout()
    shopper.fill_checkout(card="4111 1111 1111 1111")
    shopper.press_place_order()

    beside = shopper.page.locator("#card_number-error")
    expect(beside).to_have_text("The payment provider does not accept this card number.")
    expect(shopper.page.get_by_label("Card number")).to_be_focused()


def test_the_browser_asks_for_an_empty_field_before_anything_is_sent(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.page.get_by_label("City").fill("")
    shopper.press_place_order()

    expect(shopper.heading).to_have_text("Checkout")
    expect(shopper.page.get_by_label("City")).to_be_focused()


def test_the_cart_takes_another_quantity_and_gives_a_line_up(shopper: Shopper) -> None:
    shopper.add("plain-cedar-pencil", 2)
    shopper.page.get_by_label("Quantity of Plain Cedar Pencil").fill("5")
    shopper.page.get_by_role("button", name="Update Plain Cedar Pencil").click()
    expect(shopper.page.locator(".line-total")).to_have_text("£2.25")
    expect(shopper.page.get_by_role("link", name="Cart 5 items")).to_be_visible()
    shopper.page.get_by_role("button", name="Remove Plain Cedar Pencil").click()

    expect(shopper.page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()


def test_no_more_than_there_is_goes_into_the_cart(shopper: Shopper, troubles: Troubles) -> None:
    troubles.expected_statuses.add(409)
    shopper.open("/products/kestrel-kettle")
    shopper.page.get_by_label("Quantity").fill("3")
    shopper.page.get_by_role("button", name="Add to cart").click()

    expect(shopper.page.get_by_role("alert")).to_have_text("Only 2 of Kestrel Kettle left.")
    expect(shopper.page.get_by_label("Quantity")).to_have_value("3")


def test_whoever_pays_first_gets_the_last_one(
    shopper: Shopper, open_page: OpenPage, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(409)
    faster = Shopper(open_page(), shopper.store)
    for each in (shopper, faster):
        each.add("brass-chamberstick")
        each.page.get_by_role("link", name="Check out").click()
        each.fill_checkout()
    faster.press_place_order()
    faster.order_number()
    shopper.press_place_order()

    expect(shopper.page.get_by_role("alert")).to_have_text("Brass Chamberstick is sold out.")
    shopper.open("/cart")
    expect(shopper.page.get_by_text("Sold out since you added it.")).to_be_visible()


def test_an_order_is_found_from_another_browser_by_number_and_email(
    shopper: Shopper, open_page: OpenPage, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(404)
    number = shopper.order()
    elsewhere = Shopper(open_page(), shopper.store)
    elsewhere.open(f"/orders/{number}")
    expect(elsewhere.heading).to_have_text("Find an order")
    elsewhere.page.get_by_label("Email").fill(ADDRESS["Email"].upper())
    elsewhere.page.get_by_role("button", name="Find it").click()

    assert elsewhere.order_number() == number


def test_an_order_is_not_shown_for_another_email(
    shopper: Shopper, open_page: OpenPage, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(404)
    number = shopper.order()
    elsewhere = Shopper(open_page(), shopper.store)
    elsewhere.open("/orders/find")
    elsewhere.page.get_by_label("Order number").fill(number)
    elsewhere.page.get_by_label("Email").fill("someone.else@brindle.example")
    elsewhere.page.get_by_role("button", name="Find it").click()

    message = "We have no such order with this number and email."
    expect(elsewhere.page.get_by_role("alert")).to_have_text(message)


def test_choosing_another_order_sorts_the_goods(open_page: OpenPage, store: RunningStore) -> None:
    page = open_page()
    Shopper(page, store).open("/?category=desk")
    page.get_by_label("Sort by").select_option("cheapest")

    expect(page.get_by_role("heading", level=2).first).to_have_text("Plain Cedar Pencil")
    assert _prices(page) == sorted(_prices(page))


def _prices(page: Page) -> list[float]:
    return [float(text.lstrip("£")) for text in page.locator(".price").all_inner_texts()]
