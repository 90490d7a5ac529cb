import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, everywhere
from tests.browser.product_file import product_file
from tests.browser.running_store import RunningStore, wait_until
from tests.browser.shopper import BINOCULARS, COUPON, LANTERN, Shopper
from tests.browser.test_customer import fill_in_the_rest, register
from tests.browser.test_staff import go_to, press, start_the_day
from tests.shop.test_same_sums import in_mail, on_page

pytestmark = pytest.mark.xdist_group("people")

# Two binoculars and a lantern on sale: a tenth off, a fifth of tax on the rest and the shipping.
SUMS = {
    "Goods": 31_400,
    "Discount": 3_140,
    "Shipping": 395,
    "Tax": 5_731,
    "Total": 34_386,
    "Gift card": 5_000,
    "charge": 29_386,
}


@everywhere
def test_codes_reviews_and_sales_from_the_shelf_to_the_spreadsheet(
    open_page: OpenPage, store: RunningStore, size: tuple[int, int]
) -> None:
    staff = start_the_day(open_page(size), store)
    before = sold_today(staff)
    shopper = Shopper(open_page(size), store)
    register(shopper, f"lotte.{size[0]}@brindle.example", "five tin whistles")

    fill_the_cart(shopper)
    number = buy_with_codes(shopper, store.new_gift_card(5_000))
    see_the_same_sums(shopper, number)
    review_and_think_again(shopper)

    assert sold_today(staff) == (before[0] + 1, before[1] + SUMS["Total"])
    row = export(staff)[number]
    assert (row["discount_amount"], row["gift_card_amount"]) == ("31.40", "50.00")
    assert (row["total_amount"], row["payment_status"]) == ("343.86", "paid")
    import_two(staff, f"Quay Bell {size[0]}", f"Tide Bell {size[0]}")
    shopper.open(f"/?q=Tide+Bell+{size[0]}")
    expect(shopper.page.locator(".good .price")).to_have_text("£21.00")


def fill_the_cart(shopper: Shopper) -> None:
    shopper.add(LANTERN)
    shopper.add(BINOCULARS, 4)
    too_many = shopper.page.get_by_text("At most 3 per customer every 7 days.")
    expect(too_many).to_be_visible()
    shopper.page.get_by_label("Quantity of Heron Binoculars").fill("2")
    press(shopper, "Update Heron Binoculars")
    expect(too_many).to_have_count(0)


def buy_with_codes(shopper: Shopper, gift_card: str) -> str:
    shopper.page.get_by_role("link", name="Check out").click()
    expect(shopper.heading).to_have_text("Checkout")
    shopper.page.wait_for_load_state()
    fill_in_the_rest(shopper)
    shopper.apply(COUPON, gift_card)
    expect(shopper.page.locator("#summary .total:last-child dd")).to_have_text("£293.86")
    assert on_page(shopper.page.content()) == SUMS
    shopper.press_place_order()
    number = shopper.order_number()
    shopper.wait_for("Paid. Thank you!")
    return number


def see_the_same_sums(shopper: Shopper, number: str) -> None:
    page, store = shopper.page, shopper.store
    assert on_page(page.content()) == SUMS
    assert [each["captured_amount"] for each in store.payments_for(number)] == [SUMS["charge"]]
    page.get_by_role("link", name="Receipt").click()
    expect(shopper.heading).to_have_text("Receipt")
    assert on_page(page.content()) == SUMS
    wait_until(lambda: bool(store.mails_for(number)))
    page.goto(f"{store.world}/mail")
    page.get_by_role("link", name=number).click()
    assert in_mail(page.locator(".letter").inner_text()) == SUMS


def review_and_think_again(shopper: Shopper) -> None:
    reviews = shopper.page.get_by_role("article").filter(has_text="Ida")
    shopper.open(f"/products/{LANTERN}")
    write_review(shopper, "4", "The moths like it too.", "Send")
    expect(reviews).to_contain_text("The moths like it too.")
    expect(shopper.page.locator(".product .rating")).to_have_text("4.0 of 5 (1 review)")

    write_review(shopper, "5", "The moths have moved on.", "Save")
    expect(reviews).to_contain_text("The moths have moved on.")
    expect(reviews).to_contain_text("edited")
    expect(shopper.page.locator(".product .rating")).to_have_text("5.0 of 5 (1 review)")

    shopper.page.get_by_text("Remove your review").click()
    press(shopper, "Remove it")
    expect(shopper.page.get_by_text("The review is removed.")).to_be_visible()
    expect(reviews).to_have_count(0)
    expect(shopper.page.get_by_role("heading", name="No reviews yet")).to_be_visible()


def write_review(shopper: Shopper, stars: str, text: str, button: str) -> None:
    shopper.page.get_by_role("radio", name=stars).check()
    shopper.page.get_by_label("What should others know?").fill(text)
    press(shopper, button)
    expect(shopper.page.get_by_text("Your review is saved. Thank you.")).to_be_visible()


def sold_today(staff: Shopper) -> tuple[int, int]:
    """Return how many orders the dashboard counts for today, and their total in pence."""
    go_to(staff, "Dashboard")
    expect(staff.heading).to_have_text("Dashboard")
    tiles = staff.page.locator(".tiles dd").all_inner_texts()
    orders, total = (int(re.sub("[^0-9]", "", text)) for text in tiles[:2])
    return orders, total


def export(staff: Shopper) -> dict[str, dict[str, str]]:
    """Return the rows of the file of orders by their numbers."""
    with staff.page.expect_download() as download:
        staff.page.get_by_role("link", name="Download all orders").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def import_two(staff: Shopper, *names: str) -> None:
    rows = [
        {"sku": name.upper().replace(" ", "-"), "name": name, "price_amount": "2100"}
        for name in names
    ]
    go_to(staff, "Products and stock")
    staff.page.get_by_role("link", name="Import from a file").click()
    staff.page.get_by_label("A file of products").set_input_files(product_file(*rows))
    press(staff, "Import it")
    expect(staff.page.get_by_text("New products: 2. Changed: 0.")).to_be_visible()
    for name in names:
        expect(staff.page.get_by_role("link", name=name)).to_be_visible()
