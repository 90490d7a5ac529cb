import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.errors import AmountMismatch
from shop.gateways.fakes import DECLINED, FakePaymentProvider
from shop.models import Allowance, Coupon, GiftCard, Order, Payment, Refund, StockItem
from shop.services.allowances import use_allowance
from shop.services.fulfillment import pack_order
from shop.services.payments import apply_payment_event, authorize_payment
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.worker.loop import Worker
from tests.factories import CouponFactory, GiftCardFactory, OrderFactory, ProductFactory
from tests.shop.order_books import find_faults, statuses

SKU, UNITS, ISSUED = "TST-SAW", 3, 5000
# Three saws at 10.00 less a tenth, and carriage: 27.00 + 3.95 + 6.19, of which a gift card pays 25.
TOTAL, GIFT_CARD, CHARGE = 3714, 2500, 1214
ONE_BACK = 1080


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order that was just placed with a coupon, a gift card and a card."""
    CouponFactory.create(used=1)
    GiftCardFactory.create(amount=ISSUED, balance=ISSUED - GIFT_CARD)
    product = ProductFactory.create(sku=SKU, price_amount=1000, allocated=UNITS)
    order = OrderFactory.create(
        product=product,
        quantity=UNITS,
        coupon_code="TENTH",
        discount_amount=300,
        gift_card_code="GIFT0000GIFT0000",
        gift_card_amount=GIFT_CARD,
    )
    with transaction(session):
        use_allowance(session, "coupon:TENTH", "ada@example.com", 0, 1, 1)
    return str(order.number)


@pytest.fixture
def authorized(session: Session, provider: FakePaymentProvider, number: str) -> str:
    authorize_payment(session, provider, number, START)
    return number


@pytest.fixture
def paid(session: Session, worker: Worker, authorized: str) -> str:
    run_due_jobs(worker)
    return authorized


def money_back(session: Session) -> tuple[list[int], int]:
    """Return the refunds to the card, and what the gift card has got back."""
    session.rollback()
    refunds = session.scalars(select(Refund.amount).order_by(Refund.nth)).all()
    return list(refunds), session.scalars(select(GiftCard.balance)).one() - ISSUED + GIFT_CARD


def coupon_uses(session: Session) -> tuple[int, int]:
    session.rollback()
    return (
        session.scalars(select(Coupon.used)).one(),
        session.scalars(select(Allowance.used)).one(),
    )


def test_the_provider_is_asked_for_what_the_card_pays(
    session: Session, provider: FakePaymentProvider, paid: str
) -> None:
    assert [payment.amount.amount for payment in provider.payments.values()] == [CHARGE]
    assert statuses(session) == ("confirmed", "paid", "unfulfilled")


def test_news_of_the_whole_total_is_not_news_of_the_charge(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    payment = provider.get(f"pay_{authorized}")
    wrong = type(payment)(payment.id, authorized, "captured", payment.amount * 2)

    with pytest.raises(AmountMismatch, match=r"is over £12\.14, not £24\.28"):
        apply_payment_event(session, "evt_1", wrong, START)


def test_a_declined_card_gives_gift_card_and_coupon_back(
    session: Session, provider: FakePaymentProvider, number: str
) -> None:
    session.scalars(select(Payment)).one().card_token = f"tok_{DECLINED}"
    session.commit()

    authorize_payment(session, provider, number, START)

    assert statuses(session) == ("canceled", "declined", "unfulfilled")
    assert (money_back(session), coupon_uses(session)) == (([], GIFT_CARD), (0, 0))
    assert find_faults(session, 10) == []


def test_an_unpaid_order_that_is_canceled_gives_gift_card_and_coupon_back_once(
    session: Session, worker: Worker, authorized: str
) -> None:
    cancel_order(session, authorized, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "voided", "unfulfilled")
    assert (money_back(session), coupon_uses(session)) == (([], GIFT_CARD), (0, 0))
    assert find_faults(session, 10) == []


def test_money_that_comes_in_for_a_canceled_order_goes_back_to_the_card_alone(
    session: Session, worker: Worker, provider: FakePaymentProvider, authorized: str
) -> None:
    payment = provider.capture(f"pay_{authorized}", f"{authorized}:capture:1")
    cancel_order(session, authorized, START)

    apply_payment_event(session, "evt_1", payment, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert (money_back(session), find_faults(session, 10)) == (([CHARGE], GIFT_CARD), [])


def test_a_paid_order_that_is_canceled_goes_back_the_way_it_came(
    session: Session, worker: Worker, paid: str
) -> None:
    cancel_order(session, paid, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert (money_back(session), coupon_uses(session)) == (([CHARGE], GIFT_CARD), (0, 0))
    assert find_faults(session, 10) == []


def test_a_part_goes_back_to_the_card_first_and_keeps_the_coupon_used(
    session: Session, worker: Worker, paid: str
) -> None:
    refund_units(session, paid, SKU, 1, START)
    run_due_jobs(worker)

    assert statuses(session) == ("confirmed", "paid", "unfulfilled")
    assert (money_back(session), coupon_uses(session)) == (([ONE_BACK], 0), (1, 1))


def test_what_the_card_was_not_charged_goes_back_to_the_gift_card(
    session: Session, delivered: str
) -> None:
    refund_units(session, delivered, SKU, 2, START)

    assert money_back(session) == ([CHARGE], 2 * ONE_BACK - CHARGE)
    assert find_faults(session, 10) == []


def test_an_order_whose_card_has_its_money_back_is_still_paid_and_can_be_packed(
    session: Session, worker: Worker, provider: FakePaymentProvider, paid: str
) -> None:
    refund_units(session, paid, SKU, 2, START)
    run_due_jobs(worker)

    pack_order(session, paid, START)

    assert provider.get(f"pay_{paid}").status == "refunded"
    assert statuses(session) == ("confirmed", "paid", "packed")


def test_the_last_units_after_the_card_make_the_payment_refunded_at_once(
    session: Session, worker: Worker, delivered: str
) -> None:
    refund_units(session, delivered, SKU, 2, START)
    run_due_jobs(worker)

    refund_units(session, delivered, SKU, 1, START)

    assert statuses(session) == ("completed", "refunded", "delivered")
    assert (money_back(session), find_faults(session, 10)) == (([CHARGE], GIFT_CARD), [])


def test_the_coupon_of_a_delivered_order_stays_used(
    session: Session, worker: Worker, delivered: str
) -> None:
    refund_order(session, delivered, START)
    run_due_jobs(worker)

    assert statuses(session) == ("completed", "refunded", "delivered")
    assert (coupon_uses(session), find_faults(session, 10)) == ((1, 1), [])


def test_units_taken_back_one_by_one_add_up_to_the_total(
    session: Session, worker: Worker, delivered: str
) -> None:
    for _ in range(UNITS):
        refund_units(session, delivered, SKU, 1, START)
    run_due_jobs(worker)

    to_card, to_gift_card = money_back(session)
    assert (sum(to_card), to_gift_card) == (CHARGE, GIFT_CARD)
    assert session.scalars(select(Order.refunded_amount)).all() == [TOTAL]
    assert session.scalars(select(StockItem.on_hand)).all() == [10]
