"""A small book that every rule of a soak holds for, to be broken by tests.

One order was delivered, and one of its two units came back; the card of the other was declined.
"""

from collections import Counter
from datetime import UTC, datetime

from shop.models import (
    Allowance,
    Coupon,
    GiftCard,
    HistoryEntry,
    Job,
    Order,
    OrderLine,
    Payment,
    Product,
    Refund,
    Review,
    Shipment,
    StockItem,
)
from tests.load.outside import Row
from tests.load.soak.record import Record, StoreRecord

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DELIVERED, DECLINED = "BB-00000-DELIV", "BB-00000-DECLI"
BUYER = "ada@example.com"
_WINDOW = 2970
_DELIVERED_STEPS = (
    *(("status", "placed"), ("payment_status", "pending")),
    *(("fulfillment_status", "unfulfilled"), ("payment_status", "paid"), ("status", "confirmed")),
    *(("fulfillment_status", "delivered"), ("status", "completed")),
)
_DECLINED_STEPS = (*_DELIVERED_STEPS[:3], *(("payment_status", "declined"), ("status", "canceled")))


def sound_record() -> Record:
    """Return a record that is as it must be."""
    charge = 2134
    return Record(
        _sound_store(),
        payments=[
            _payment(DELIVERED, charge, captured=charge, refunded=1080),
            _payment(DECLINED, charge, captured=0, refunded=0),
        ],
        parcels=[{"reference": DELIVERED, "tracking_number": "LP1"}],
        mails=[
            {"message_id": f"<{DELIVERED}.{text}@brindle.example>", "recipients": [BUYER]}
            for text in ("confirmation", "dispatch")
        ],
        deliveries=[{"event_id": "evt_1", "state": "delivered", "tries": 1}],
        numbers=[DELIVERED, DECLINED],
    )


def _sound_store() -> StoreRecord:
    delivered = _order(DELIVERED, ("completed", "paid", "delivered"), _DELIVERED_STEPS)
    delivered.id, delivered.refunded_amount = 1, 1080
    delivered.lines[0].refunded = 1
    delivered.refunds = [Refund(nth=1, amount=1080, currency="GBP", done_at=NOW)]
    delivered.shipment = Shipment(tracking_number="LP1", booked_at=NOW)
    declined = _order(DECLINED, ("canceled", "declined", "unfulfilled"), _DECLINED_STEPS)
    declined.id, declined.refunded_amount = 2, 500
    return StoreRecord(
        orders=[delivered, declined],
        jobs=[_job("send_confirmation"), _job("send_dispatch")],
        shelf=[StockItem(product_id=1, on_hand=9, allocated=0)],
        ledger=Counter({1: 9}),
        products=[Product(id=1, sku="LMP-001", most_per_buyer=2, review_count=1, stars_total=4)],
        reviews=[Review(product_id=1, customer_id=1, stars=4)],
        coupons=[Coupon(code="TENTH", rate=1000, most_uses=1, most_per_buyer=1, used=1)],
        gift_cards=[GiftCard(code="GIFT", amount=600, balance=100)],
        allowances=[
            Allowance(subject="coupon:TENTH", buyer=BUYER, period=0, used=1),
            Allowance(subject="product:LMP-001", buyer=BUYER, period=_WINDOW, used=2),
        ],
        accounts={},
    )


def _order(number: str, ends: tuple[str, str, str], steps: tuple[tuple[str, str], ...]) -> Order:
    """Two units at £10.00, a tenth off, £3.95 for carriage, a fifth of tax, £5.00 by gift card."""
    status, payment_status, fulfillment_status = ends
    line = OrderLine(sku="LMP-001", unit_amount=1000, currency="GBP", quantity=2, refunded=0)
    line.product_id, line.limit_window, line.name = 1, _WINDOW, "Lamp"
    return Order(
        number=number,
        status=status,
        payment_status=payment_status,
        fulfillment_status=fulfillment_status,
        email=BUYER,
        currency="GBP",
        goods_amount=2000,
        coupon_code="TENTH",
        discount_amount=200,
        shipping_amount=395,
        tax_rate=2000,
        tax_amount=439,
        total_amount=2634,
        gift_card_code="GIFT",
        gift_card_amount=500,
        lines=[line],
        payment=Payment(provider_id=f"pay_{number}"),
        history=[HistoryEntry(subject=subject, status=to, at=NOW) for subject, to in steps],
    )


def _job(kind: str) -> Job:
    key = f"{DELIVERED}:{kind}:1"
    return Job(key=key, kind=kind, payload={"number": DELIVERED}, attempts=1, done_at=NOW)


def _payment(number: str, amount: int, *, captured: int, refunded: int) -> Row:
    row: Row = {"id": f"pay_{number}", "reference": number, "amount": amount, "currency": "GBP"}
    return row | {"captured_amount": captured, "refunded_amount": refunded}
