from flask import Flask

from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import FakeMailer
from shop.worker.loop import Worker
from tests.smoke.shopper import DECLINED, Shopper, Staff


def test_the_first_page_shows_goods_with_their_prices(shopper: Shopper) -> None:
    page = shopper.look("/?sort=name")

    assert "Café Plunger" in page
    assert "£34.50" in page


def test_a_shelf_shows_only_its_own_goods(shopper: Shopper) -> None:
    page = shopper.look("/?category=kitchen")

    assert ("Kestrel Kettle" in page, "Harbor Desk Lamp" in page) == (True, False)


def test_a_search_finds_a_product_by_words_of_its_name(shopper: Shopper) -> None:
    page = shopper.look("/?q=LAMP desk")

    assert ("Harbor Desk Lamp" in page, "Kestrel Kettle" in page) == (True, False)


def test_the_cheapest_goods_come_first(shopper: Shopper) -> None:
    page = shopper.look("/?sort=cheapest&category=desk")

    assert page.index("Plain Cedar Pencil") < page.index("Harbor Desk Lamp")


def test_the_second_page_shows_other_goods_than_the_first(shopper: Shopper) -> None:
    first = shopper.look("/?sort=name")
    link = first.split('class="next" rel="next" href="')[1].split('"')[0]

    second = shopper.look(link)

    assert ("Café Plunger" in first, "Café Plunger" in second) == (True, False)


def test_a_product_page_tells_what_it_costs_and_how_many_are_left(shopper: Shopper) -> None:
    page = shopper.look("/products/kestrel-kettle")

    assert "£58.00" in page
    assert "Only 2 left" in page


def test_what_is_added_lies_in_the_cart(shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp", 2)

    page = shopper.look("/cart")
    assert "Harbor Desk Lamp" in page
    assert "£128.00" in page


def test_a_quantity_can_be_changed(shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")

    shopper.change("LMP-001", 3)

    assert "£192.00" in shopper.look("/cart")


def test_a_product_can_be_taken_out_again(shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")

    shopper.client.post("/cart/lines/LMP-001/remove")

    assert "Nothing in it yet" in shopper.look("/cart")


def test_a_product_that_is_sold_out_cannot_be_added(shopper: Shopper) -> None:
    answer = shopper.add("tenon-saw")

    assert (answer.status_code, "Tenon Saw is sold out." in answer.text) == (409, True)


def test_the_checkout_page_shows_shipping_tax_and_total(shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")

    page = shopper.look("/checkout")

    assert [sum_ in page for sum_ in ("£64.00", "£3.95", "£13.59", "£81.54")] == [True] * 4


def test_an_order_is_paid_soon_after_it_is_placed(shopper: Shopper, worker: Worker) -> None:
    shopper.add("harbor-desk-lamp")
    path = shopper.order()
    assert shopper.read_heading(path) == "Thank you. We are taking the payment"

    run_due_jobs(worker)

    assert shopper.read_heading(path) == "Paid. Thank you!"


def test_an_order_that_staff_pack_and_ship_is_delivered(
    app: Flask, shopper: Shopper, worker: Worker
) -> None:
    shopper.add("harbor-desk-lamp")
    path = shopper.order()
    run_due_jobs(worker)
    staff = Staff(app.test_client())

    for verb in ("pack", "ship"):
        staff.act(path.removeprefix("/orders/"), verb)
    run_due_jobs(worker)

    assert shopper.read_heading(path) == "Delivered"


def test_an_order_leaves_the_cart_empty(shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")

    shopper.order()

    assert "Nothing in it yet" in shopper.look("/cart")


def test_a_declined_card_is_told_and_nothing_is_kept(shopper: Shopper, worker: Worker) -> None:
    shopper.add("kestrel-kettle", 2)
    path = shopper.order(DECLINED)

    run_due_jobs(worker)

    assert "Your card was declined" in shopper.look(path)
    assert "Only 2 left" in shopper.look("/products/kestrel-kettle")


def test_the_confirmation_goes_to_the_customer(
    shopper: Shopper, worker: Worker, mailer: FakeMailer
) -> None:
    shopper.add("harbor-desk-lamp")
    path = shopper.order()

    run_due_jobs(worker)

    [mail] = mailer.sent
    assert (mail["To"], f"http://store.test{path}" in mail.get_content()) == (shopper.email, True)


def test_a_form_sent_twice_is_one_order(shopper: Shopper, worker: Worker) -> None:
    shopper.add("kestrel-kettle")
    form = shopper.fill_in()

    answers = [shopper.client.post("/checkout", data=form) for _ in range(2)]

    assert answers[0].location == answers[1].location
    assert "Only 1 left" in shopper.look("/products/kestrel-kettle")


def test_an_order_is_found_by_its_number_and_email(app: Flask, shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")
    path = shopper.order()
    at_home = Shopper(app.test_client())

    number = path.removeprefix("/orders/")
    at_home.client.post("/orders/find", data={"number": number, "email": shopper.email})

    assert "Ada Lovelace" in at_home.look(path)


def test_a_stranger_does_not_see_an_order(app: Flask, shopper: Shopper) -> None:
    shopper.add("harbor-desk-lamp")
    path = shopper.order()

    page = app.test_client().get(path)

    assert (page.status_code, "Ada Lovelace" in page.text) == (404, False)
