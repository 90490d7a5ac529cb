import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import PHONE, Troubles
from tests.browser.conftest import OpenPage, at_both_paths
from tests.browser.running_store import RunningStore, wait_until
from tests.browser.shopper import ADDRESS, DECLINED_CARD, GOOD_CARD, SLOW_CARD, Shopper

pytestmark = pytest.mark.xdist_group("browser")


@at_both_paths
def test_a_guest_finds_a_product_buys_it_and_sees_it_paid(
    open_page: OpenPage, store: RunningStore, size: tuple[int, int]
) -> None:
    shopper = Shopper(open_page(size), store)
    shopper.open("/")
    _choose_a_pencil(shopper.page)
    shopper.page.get_by_role("link", name="Check out").click()
    shopper.fill_checkout()
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    [payment] = store.payments_for(number)
    assert (payment["status"], payment["captured_amount"]) == ("captured", 528)
    wait_until(lambda: bool(store.mails_for(number)))
    assert [mail["times_received"] for mail in store.mails_for(number)] == [1]


@at_both_paths
def test_the_page_of_an_order_says_that_it_is_paid_without_being_reloaded(shopper: Shopper) -> None:
    shopper.order(SLOW_CARD)
    shopper.page.evaluate("window.notReloaded = true")
    shopper.wait_for("Paid. Thank you!")

    expect(shopper.page.get_by_role("status")).to_have_text("Paid. Thank you!")
    assert shopper.page.evaluate("window.notReloaded")


@at_both_paths
def test_a_purchase_works_without_javascript(open_page: OpenPage, store: RunningStore) -> None:
    shopper = Shopper(open_page(PHONE, javascript=False), store)
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.page.get_by_label("Express").check()
    shopper.page.get_by_role("button", name="Update the total").click()
    expect(shopper.page.locator(".total")).to_have_text("Total £12.48", use_inner_text=True)
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    [payment] = store.payments_for(number)
    assert payment["captured_amount"] == 1248


@at_both_paths
@pytest.mark.parametrize(
    ("country", "method", "tax", "total"),
    [("Ireland", "Express", "£4.69", "£25.09"), ("United States", "Standard", "£0.00", "£13.40")],
)
def test_the_total_follows_country_and_shipping(
    shopper: Shopper, country: str, method: str, tax: str, total: str
) -> None:
    shopper.go_to_checkout()
    shopper.page.get_by_label("Country").select_option(label=country)
    shopper.page.get_by_label(method).check()

    expect(shopper.page.locator("#summary")).to_contain_text(tax)
    expect(shopper.page.locator("#summary .total dd")).to_have_text(total)
    expect(shopper.page.get_by_role("status")).to_have_text(f"Total {total}")


def test_the_ways_of_shipping_follow_the_country_even_for_fast_hands(shopper: Shopper) -> None:
    shopper.go_to_checkout()
    # Both changes come before the store can have answered the first.
    shopper.page.evaluate(
        """() => {
            const form = document.querySelector("form.columns");
            const country = form.elements.country_code;
            country.value = "IE";
            country.dispatchEvent(new Event("change", { bubbles: true }));
            form.querySelector("[value=express]").click();
        }"""
    )

    expect(shopper.page.locator("#summary .total dd")).to_have_text("£25.09")
    expect(shopper.page.locator(".choice-price")).to_have_text(["£6.95", "£19.95"])
    expect(shopper.page.get_by_label("Express")).to_be_checked()


def test_the_total_that_was_shown_is_the_total_that_is_charged(
    shopper: Shopper, store: RunningStore
) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.page.get_by_label("Country").select_option(label="Sweden")
    total = shopper.page.locator("#summary .total dd")
    expect(total).to_have_text("£11.75")
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    [payment] = store.payments_for(number)
    assert payment["captured_amount"] == 1175


@pytest.mark.parametrize("javascript", [True, False])
def test_what_a_gift_card_pays_is_asked_of_no_card(
    open_page: OpenPage, store: RunningStore, javascript: bool
) -> None:
    shopper = Shopper(open_page(PHONE, javascript=javascript), store)
    shopper.go_to_checkout()
    shopper.fill_checkout(card="")
    shopper.page.get_by_label("Gift card").fill("7k3m-9xt2-w4hq-6rvd")
    shopper.page.get_by_role("button", name="Apply").click()
    expect(shopper.page.locator("#summary .total dd")).to_have_text(["£5.28", "£0.00"])
    expect(shopper.page.get_by_label("Card number")).to_be_hidden()
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    assert store.payments_for(number) == []
    wait_until(lambda: bool(store.mails_for(number)))


def test_a_code_that_is_refused_is_told_beside_its_field_until_it_is_mended(
    shopper: Shopper,
) -> None:
    shopper.go_to_checkout()
    coupon = shopper.page.get_by_label("Coupon")
    coupon.fill("THANK-YOU")
    coupon.blur()
    told = "We cannot take this coupon: we do not know it."
    expect(shopper.page.get_by_role("status")).to_have_text(told)
    expect(coupon).to_have_accessible_description(told)
    coupon.fill("thankyou-mira")
    coupon.blur()

    expect(shopper.page.locator("#summary .total dd")).to_have_text("£4.74")
    expect(coupon).to_have_accessible_description("")
    expect(coupon).to_have_attribute("aria-invalid", "false")


def test_back_and_pay_again_shows_the_same_order(shopper: Shopper, store: RunningStore) -> None:
    number = shopper.order()
    # A page that the browser has kept is shown at once; it does not load again.
    shopper.page.go_back(wait_until="commit")
    expect(shopper.heading).to_have_text("Checkout")
    shopper.press_place_order()

    assert shopper.order_number() == number
    shopper.wait_for("Paid. Thank you!")
    assert len(store.payments_for(number)) == 1


def test_a_double_click_places_one_order(shopper: Shopper, store: RunningStore) -> None:
    shopper.go_to_checkout()
    shopper.fill_checkout()
    shopper.page.get_by_role("button", name="Place order").dblclick()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    assert len(store.payments_for(number)) == 1
    assert len(store.mails_for(number)) == 1


def test_a_double_click_without_javascript_places_one_order(
    open_page: OpenPage, store: RunningStore
) -> None:
    shopper = Shopper(open_page(javascript=False), store)
    shopper.go_to_checkout()
    shopper.fill_checkout()
    before = store.count_payments()
    shopper.page.get_by_role("button", name="Place order").dblclick()
    shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    assert store.count_payments() == before + 1


def test_a_declined_card_is_told_and_charged_nothing(shopper: Shopper, store: RunningStore) -> None:
    number = shopper.order(DECLINED_CARD)
    shopper.wait_for("Your card was declined")

    expect(shopper.page.get_by_text("Nothing was charged")).to_be_visible()
    assert [payment["captured_amount"] for payment in store.payments_for(number)] == [0]
    assert store.mails_for(number) == []


def test_an_outage_of_the_provider_loses_nothing_that_was_typed(
    shopper: Shopper, store: RunningStore, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(503)
    shopper.go_to_checkout()
    shopper.fill_checkout()
    with store.outage("payments"):
        shopper.press_place_order()
        expect(shopper.page.get_by_role("alert")).to_contain_text("Nothing was charged.")
    shopper.press_place_order()

    shopper.wait_for("Paid. Thank you!")


def test_an_order_is_printed_with_its_sums_and_without_the_buttons_of_the_store(
    shopper: Shopper,
) -> None:
    shopper.order()
    shopper.page.emulate_media(media="print")

    expect(shopper.page.get_by_text("Brindle & Bolt").first).to_be_visible()
    expect(shopper.page.locator(".sums .total dd")).to_have_text("£5.28")
    expect(shopper.page.get_by_role("button")).to_have_count(0)


def test_a_slow_provider_keeps_nobody_waiting(shopper: Shopper) -> None:
    shopper.order(SLOW_CARD)

    expect(shopper.heading).to_have_text("Thank you. We are taking the payment")
    shopper.wait_for("Paid. Thank you!")


@at_both_paths
def test_a_purchase_works_with_the_keyboard_alone(shopper: Shopper) -> None:
    page = shopper.page
    shopper.open("/?q=pencil")
    _tab_to(page, "Plain Cedar Pencil")
    page.keyboard.press("Enter")
    expect(shopper.heading).to_have_text("Plain Cedar Pencil")
    _tab_to(page, "Add to cart")
    page.keyboard.press("Space")
    expect(shopper.heading).to_have_text("Your cart")
    _tab_to(page, "Check out")
    page.keyboard.press("Enter")
    expect(shopper.heading).to_have_text("Checkout")
    for label, value in ADDRESS.items():
        _tab_to(page, label)
        page.keyboard.type(value)
    _tab_to(page, "Standard 2-3 days £3.95")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#summary .total dd")).to_have_text("£12.48")
    _tab_to(page, "Card number")
    page.keyboard.type(GOOD_CARD)
    _tab_to(page, "Place order")
    page.keyboard.press("Enter")

    shopper.wait_for("Paid. Thank you!")


def _choose_a_pencil(page: Page) -> None:
    page.get_by_role("link", name="Desk", exact=True).click()
    page.get_by_role("link", name="Plain Cedar Pencil").click()
    page.get_by_role("button", name="Add to cart").click()


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until whatever has this label or text is focused."""
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => [...(document.activeElement.labels ?? []), document.activeElement]"
            ".map(each => each.innerText?.replace(/\\s+/g, ' ').trim()).find(text => text)"
        )
        if focused == name:
            return
        names.append(focused)
    raise AssertionError(f"Tab never came to {name!r}, only to {names}.")
