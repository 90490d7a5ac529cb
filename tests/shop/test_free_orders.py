import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.pages import beside, sentence
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import UNANSWERED, FakeMailer, FakePaymentProvider
from shop.models import (
    Allowance,
    Coupon,
    GiftCard,
    HistoryEntry,
    Job,
    Payment,
    Product,
    ShippingRate,
    StockItem,
)
from shop.services.fulfillment import pack_order, ship_order
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.worker.loop import Worker
from tests.factories import CouponFactory, GiftCardFactory
from tests.shop.leftovers import left
from tests.shop.order_books import find_faults, statuses

Form = dict[str, str]


@pytest.fixture
def free(session: Session, typed: Form) -> Form:
    """A checkout form whose gift card pays for everything, without the number of a card."""
    GiftCardFactory.create(amount=5000)
    del typed["card_number"]
    return {**typed, "gift_card_code": "GIFT0000GIFT0000", "total_shown": "0"}


def place(client: FlaskClient, form: Form) -> str:
    placed = client.post("/checkout", data=form)
    assert placed.status_code == 303, sentence(placed)
    return placed.location.rpartition("/")[2]


def balance(session: Session) -> int:
    session.rollback()
    return session.scalars(select(GiftCard.balance)).one()


def give_everything_away(session: Session) -> None:
    """Let a coupon pay for all goods, and carriage cost nothing."""
    CouponFactory.create(rate=10_000)
    session.execute(update(ShippingRate).values(amount=0))
    session.commit()


def test_an_order_with_nothing_to_charge_is_placed_paid_and_confirmed_at_once(
    client: FlaskClient, session: Session, free: Form
) -> None:
    number = place(client, free)

    history = session.execute(select(HistoryEntry.subject, HistoryEntry.status)).all()
    assert statuses(session) == ("confirmed", "paid", "unfulfilled")
    assert history == [
        ("status", "placed"),
        ("payment_status", "pending"),
        ("fulfillment_status", "unfulfilled"),
        ("payment_status", "paid"),
        ("status", "confirmed"),
    ]
    assert session.scalars(select(Job.key)).all() == [f"{number}:send_confirmation:1"]


@pytest.mark.parametrize("card", ["", UNANSWERED])
def test_the_provider_never_hears_of_an_order_with_nothing_to_charge(
    client: FlaskClient,
    session: Session,
    worker: Worker,
    provider: FakePaymentProvider,
    mailer: FakeMailer,
    free: Form,
    card: str,
) -> None:
    place(client, {**free, "card_number": card})
    run_due_jobs(worker)

    assert (provider.payments, session.scalars(select(Payment)).all()) == ({}, [])
    assert [mail["To"] for mail in mailer.sent] == ["ada@example.com"]


@pytest.mark.parametrize(("total", "status"), [("0", 303), ("1", 409), ("-1", 422)])
def test_of_a_coupon_for_everything_only_the_right_total_is_taken(
    client: FlaskClient, session: Session, typed: Form, total: str, status: int
) -> None:
    give_everything_away(session)

    page = client.post("/checkout", data={**typed, "coupon_code": "TENTH", "total_shown": total})

    assert (page.status_code, left(session)[0]) == (status, status == 303)


def test_a_penny_is_charged_to_a_card(
    client: FlaskClient,
    session: Session,
    worker: Worker,
    provider: FakePaymentProvider,
    typed: Form,
) -> None:
    GiftCardFactory.create(amount=2872)

    place(client, {**typed, "gift_card_code": "GIFT0000GIFT0000", "total_shown": "1"})
    run_due_jobs(worker)

    assert [payment.amount.amount for payment in provider.payments.values()] == [1]
    assert statuses(session) == ("confirmed", "paid", "unfulfilled")


@pytest.mark.parametrize("page", ["/orders/{}", "/orders/{}/receipt"])
def test_the_pages_of_an_order_without_a_card_name_none(
    client: FlaskClient, free: Form, page: str
) -> None:
    number = place(client, free)

    text = client.get(page.format(number)).text

    assert ("Ending in 0000" in text, "GIFT0000" in text) == (True, False)
    assert ("<dt>Card</dt>" in text, "£28.73" in text) == (False, True)


def test_a_checkout_with_nothing_to_charge_asks_for_no_card(
    client: FlaskClient, free: Form
) -> None:
    page = client.post("/checkout/quote", data=free).text

    assert '<fieldset id="payment" hidden disabled>' in page
    assert 'name="total_shown" value="0"' in page


def test_a_card_is_asked_for_beside_its_field_where_there_is_something_to_charge(
    client: FlaskClient, session: Session, free: Form
) -> None:
    page = client.post("/checkout", data={**free, "gift_card_code": "", "total_shown": "2873"})

    told = "There is £28.73 left to pay, so we need a card number."
    assert (page.status_code, beside(page, "card_number")) == (422, told)
    assert ("hidden disabled" in page.text, left(session)) == (False, (0, 0, 1))


def test_a_canceled_order_without_a_card_is_refunded_at_once(
    client: FlaskClient, session: Session, free: Form
) -> None:
    number = place(client, free)
    assert balance(session) == 5000 - 2873

    cancel_order(session, number, START)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert (balance(session), find_faults(session, 10)) == (5000, [])


def test_a_canceled_order_that_cost_nothing_gives_its_coupon_back(
    client: FlaskClient, session: Session, typed: Form
) -> None:
    give_everything_away(session)
    form = {**typed, "coupon_code": "TENTH", "total_shown": "0", "card_number": ""}
    number = place(client, form)

    client.post(f"/orders/{number}/cancel")

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert session.scalars(select(Coupon.used)).all() == [0]
    assert session.scalars(select(Allowance.used)).all() == [0]
    assert find_faults(session, 10) == []


def test_a_delivered_order_without_a_card_is_refunded_at_once(
    client: FlaskClient, session: Session, worker: Worker, free: Form
) -> None:
    number = place(client, free)
    pack_order(session, number, START)
    ship_order(session, number, START)
    run_due_jobs(worker)

    refund_order(session, number, START)

    assert statuses(session) == ("completed", "refunded", "delivered")
    assert (balance(session), find_faults(session, 10)) == (5000, [])


def test_units_that_cost_nothing_come_back_one_by_one_and_no_more(
    client: FlaskClient, session: Session, lamp: Product, typed: Form
) -> None:
    give_everything_away(session)
    client.post("/products/lamp/add", data={"quantity": "1"})
    form = {**typed, "coupon_code": "TENTH", "total_shown": "0", "card_number": ""}
    number = place(client, form)

    refund_units(session, number, "LMP-001", 1, START)
    after_one = statuses(session)
    refund_units(session, number, "LMP-001", 1, START)

    assert after_one == ("confirmed", "paid", "unfulfilled")
    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert session.scalars(select(StockItem.allocated)).all() == [0]
    assert find_faults(session, 10) == []
