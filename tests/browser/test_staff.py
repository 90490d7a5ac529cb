import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Troubles
from tests.browser.conftest import OpenPage, everywhere
from tests.browser.running_store import RunningStore, wait_until
from tests.browser.shopper import JONAS, Shopper

pytestmark = pytest.mark.xdist_group("people")


def start_the_day(page: Page, store: RunningStore) -> Shopper:
    staff = Shopper(page, store)
    staff.open("/staff/")
    staff.sign_in(*JONAS)
    expect(staff.heading).to_have_text("Orders")
    return staff


def go_to(staff: Shopper, room: str) -> None:
    rooms = staff.page.get_by_role("navigation", name="Staff")
    rooms.get_by_role("link", name=room).click()


def press(staff: Shopper, button: str) -> None:
    staff.page.get_by_role("button", name=button).click()


@everywhere
def test_a_staff_day(open_page: OpenPage, store: RunningStore, size: tuple[int, int]) -> None:
    shopper = Shopper(open_page(), store)
    shopper.go_to_checkout()
    shopper.open("/products/jute-twine")
    shopper.page.get_by_label("Quantity").fill("3")
    press(shopper, "Add to cart")
    shopper.page.get_by_role("link", name="Check out").click()
    shopper.fill_checkout()
    email = f"noor.{size[0]}@quayside.example"
    shopper.page.get_by_label("Email").fill(email)
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")

    staff = start_the_day(open_page(size), store)
    for text in (number.lower(), email.upper()):
        go_to(staff, "Orders")
        staff.page.get_by_label("Number or email").fill(text)
        press(staff, "Search")
        expect(staff.page.get_by_role("link", name="BB-")).to_have_text([number])
    staff.page.get_by_role("link", name=number).click()
    press(staff, "Mark as packed")
    press(staff, "Ship it")
    shopper.wait_for("Delivered")

    staff.page.reload()
    staff.page.get_by_label("Units of Jute Twine to refund").fill("2")
    press(staff, "Refund Jute Twine")
    expect(staff.page.get_by_text("Together £15.60 of £28.68.")).to_be_visible()
    wait_until(lambda: store.payments_for(number)[0]["refunded_amount"] == 1560)
    staff.page.get_by_text("Refund all of it").click()
    press(staff, "Yes, refund all")
    wait_until(lambda: store.payments_for(number)[0]["status"] == "refunded")

    shopper.page.reload()
    expect(shopper.page.get_by_text("£28.68 goes back to your card")).to_be_visible()


def test_staff_receive_stock_and_see_it_in_the_ledger(
    open_page: OpenPage, store: RunningStore, size: tuple[int, int], troubles: Troubles
) -> None:
    troubles.expected_statuses.add(409)
    staff = start_the_day(open_page(size), store)
    go_to(staff, "Products and stock")
    staff.page.get_by_label("Name").fill("cloche")
    press(staff, "Search")
    staff.page.get_by_role("link", name="Bell Cloche").click()
    before = int(staff.page.get_by_text("On hand").locator("xpath=..").locator("dd").inner_text())
    staff.page.get_by_label("Units", exact=True).fill("7")
    staff.page.get_by_label("Note").fill("two crates")
    press(staff, "Book it")

    row = staff.page.get_by_role("row").filter(has_text="two crates").first
    expect(row).to_contain_text("+7")
    staff.page.get_by_label("Units", exact=True).fill(str(-before - 8))
    press(staff, "Book it")
    expect(staff.page.get_by_role("alert")).to_contain_text("That would leave fewer units")
    expect(staff.page.get_by_label("Units", exact=True)).to_have_value(str(-before - 8))


def test_the_second_of_two_editors_is_told_and_loses_nothing(
    open_page: OpenPage, store: RunningStore, troubles: Troubles
) -> None:
    troubles.expected_statuses.add(409)
    first, second = (start_the_day(open_page(), store) for _ in range(2))
    for each in (first, second):
        each.open("/staff/products/TRG-001")
    first.page.get_by_label("Summary").fill("What the first has typed.")
    press(first, "Save")
    expect(first.page.get_by_text("The product is saved.")).to_be_visible()
    second.page.get_by_label("Summary").fill("What the second has typed.")
    press(second, "Save")

    expect(second.page.get_by_role("alert")).to_contain_text("Somebody has changed this product")
    expect(second.page.get_by_label("Summary")).to_have_value("What the second has typed.")
    expect(second.page.get_by_text("What the first has typed.")).to_be_visible()
    press(second, "Save mine all the same")
    expect(second.page.get_by_text("The product is saved.")).to_be_visible()
    expect(second.page.get_by_label("Summary")).to_have_value("What the second has typed.")


def test_a_job_that_was_set_aside_is_run_again(open_page: OpenPage, store: RunningStore) -> None:
    number = "BB-3N6FA-0X4SC"
    staff = start_the_day(open_page(), store)
    staff.open(f"/staff/orders/{number}")
    # The provider has never heard of an order that is older than itself.
    staff.page.get_by_text("Refund all of it").click()
    press(staff, "Yes, refund all")
    about = staff.page.get_by_role("row").filter(has_text=number)

    def is_listed() -> bool:
        go_to(staff, "Jobs set aside")
        return about.count() == 1

    wait_until(is_listed)
    about.get_by_role("button", name="Run it again").click()
    wait_until(is_listed)
    expect(about).to_contain_text("404")
