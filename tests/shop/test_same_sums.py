import random
import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.work import run_due_jobs
from shop.domain.money import Money
from shop.gateways.fakes import APPROVED, FakeMailer, FakePaymentProvider
from shop.models import Cart, Order
from shop.worker.loop import Worker
from tests.factories import (
    CountryFactory,
    CouponFactory,
    CustomerFactory,
    GiftCardFactory,
    ProductFactory,
    ShippingRateFactory,
)
from tests.shop.browsers import sign_in_browser

HOME = {
    "email": "ada@example.com",
    "name": "Ada",
    "address": "12 Main St",
    "city": "London",
    "postcode": "SW1",
    "country_code": "GB",
    "shipping_method": "standard",
    "card_number": APPROVED,
}
_LABELS = ("Goods", "Discount", "Shipping", "Tax", "Total", "Gift card", "charge")
_SAME = {"By gift card": "Gift card"}
_CHARGE = ("To pay by card", "By card")
Sums = dict[str, int]


def read_sums(labels_and_sums: list[tuple[str, str]]) -> Sums:
    """Return the sums that stand on a page, in pence and without their signs, by what they are."""
    found = {}
    for label, shown in labels_and_sums:
        name = next(each for each in (*_SAME, *_CHARGE, *_LABELS) if label.startswith(each))
        name = "charge" if name in _CHARGE else _SAME.get(name, name)
        found[name] = int(re.sub("[^0-9]", "", shown))
    found.setdefault("charge", found["Total"])
    return found


def on_page(page: str) -> Sums:
    [sums] = re.findall('<dl class="sums">(.*?)</dl>', page, re.DOTALL)
    return read_sums(re.findall(r"<dt>([^<]+)</dt>\s*<dd>([^<]+)</dd>", unescape(sums)))


def in_mail(text: str) -> Sums:
    return read_sums(re.findall(r"^  (\w[\w ]*?) +(-?£[\d,.]+)$", text, re.MULTILINE))


def pence(totals: dict[str, Money]) -> Sums:
    return {name: money.amount for name, money in totals.items()}


@pytest.mark.parametrize("seed", range(12))
def test_checkout_order_mail_receipt_and_provider_show_the_same_sums(
    app: Flask,
    session: Session,
    worker: Worker,
    provider: FakePaymentProvider,
    mailer: FakeMailer,
    seed: int,
) -> None:
    dice = random.Random(seed)
    CountryFactory.create(tax_rate=dice.choice([0, 500, 2000, 2575]))
    ShippingRateFactory.create(amount=dice.choice([0, 395, 1]))
    staff = CustomerFactory.create(is_staff=True)
    CouponFactory.create(rate=dice.choice([1, 1000, 3333, 10_000]))
    GiftCardFactory.create(amount=dice.choice([1, 999, 4000, 10**6]))
    codes = {"coupon_code": dice.choice(["", "TENTH"])}
    codes["gift_card_code"] = dice.choice(["", "GIFT0000GIFT0000"])
    browser = app.test_client()
    for nth in range(dice.randint(1, 4)):
        slug = ProductFactory.create(price_amount=dice.randint(1, 9999), slug=f"p-{nth}").slug
        browser.post(f"/products/{slug}/add", data={"quantity": str(dice.randint(1, 9))})
    token = session.scalars(select(Cart.checkout_token)).one()
    session.rollback()
    form = {**HOME, **codes, "checkout_token": token}

    checkout = browser.post("/checkout/quote", data=form).text
    quoted = on_page(checkout)
    placed = browser.post("/checkout", data={**form, "total_shown": str(quoted["charge"])})
    run_due_jobs(worker)

    session.rollback()
    order = session.scalars(select(Order)).one()
    totals = order.totals
    sums = {"Goods": totals.goods, "Shipping": totals.shipping, "Tax": totals.tax}
    sums |= {"Discount": totals.discount} if totals.discount.amount else {}
    sums |= {"Total": totals.total, "charge": totals.charge}
    sums |= {"Gift card": totals.gift_card} if totals.gift_card.amount else {}
    desk = sign_in_browser(app, session, staff)
    shown = {
        "checkout": quoted,
        "order": on_page(browser.get(placed.location).text),
        "receipt": on_page(browser.get(f"{placed.location}/receipt").text),
        "staff": on_page(desk.get(f"/staff/orders/{order.number}").text),
        "mail": in_mail(mailer.sent[0].get_content()),
    }
    assert shown == dict.fromkeys(shown, pence(sums))
    charged = [payment.amount for payment in provider.payments.values()]
    assert charged == [totals.charge] * bool(totals.charge.amount)
    assert totals.goods.amount == sum(line.unit_amount * line.quantity for line in order.lines)
    assert order.total_amount == totals.total.amount
