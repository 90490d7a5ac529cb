"""What happened at Brindle & Bolt before the first page was opened: people, orders, reviews.

Orders are priced by the store's own rules, and leave statuses, stock and ledger as the store's
services leave them. Only the payment provider has never heard of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.domain.pricing import PricedLine, price_order, sum_lines
from shop.models import (
    Cart,
    Country,
    Customer,
    Order,
    OrderLine,
    Payment,
    Product,
    Review,
    Shipment,
    ShippingRate,
    StockItem,
    StockMovement,
)
from shop.services.accounts import hasher
from shop.services.cart import new_token
from shop.services.checkout import CheckoutForm, Delivery, make_order
from shop.services.orders import FIRST_STATUSES, Status, add_history
from shop.services.promotions import Codes, find_balance, find_coupon_rate, use_codes

_PAID = (PaymentStatus.AUTHORIZED, PaymentStatus.PAID, OrderStatus.CONFIRMED)
_SENT = (FulfillmentStatus.PACKED, FulfillmentStatus.SHIPPING, FulfillmentStatus.SHIPPED)
# What an order has gone through after its first statuses, by how far it has come.
_STATES: dict[str, Sequence[Status]] = {
    "confirmed": _PAID,
    "packed": (*_PAID, FulfillmentStatus.PACKED),
    "delivered": (*_PAID, *_SENT, FulfillmentStatus.DELIVERED, OrderStatus.COMPLETED),
    "declined": (PaymentStatus.DECLINED, OrderStatus.CANCELED),
}
_STEP = timedelta(minutes=47)


def write_customer(
    session: Session, row: dict[str, Any], hash_of: Callable[[str], str] = hasher.hash
) -> None:
    """Write an account with its empty cart."""
    password, opened_at = row.pop("password"), row.pop("opened_at")
    customer = Customer(**row, password_hash=hash_of(password), created_at=opened_at)
    session.add(customer)
    session.flush()
    cart = Cart(token=new_token(), checkout_token=new_token(), created_at=opened_at)
    cart.customer_id = customer.id
    session.add(cart)


def write_order(session: Session, row: dict[str, Any]) -> None:
    """Write an order with everything that it has gone through."""
    customer = session.scalars(select(Customer).where(Customer.email == row["email"])).one()
    lines = [_price_line(session, row["placed_at"], *line) for line in row["lines"].items()]
    order = _make_order(session, row, customer, lines)
    session.add(order)
    session.flush()
    steps = [*FIRST_STATUSES, *_STATES[row["state"]]]
    for nth, status in enumerate(steps):
        add_history(session, order.id, status, row["placed_at"] + _STEP * max(0, nth - 2))
    kinds = {type(status): status for status in steps}
    order.status = kinds[OrderStatus]
    order.payment_status = kinds[PaymentStatus]
    order.fulfillment_status = kinds[FulfillmentStatus]
    if order.status == OrderStatus.CONFIRMED:
        for line in order.lines:
            session.get_one(StockItem, line.product_id).allocated += line.quantity
    if order.fulfillment_status == FulfillmentStatus.DELIVERED:
        parcel = f"LP{order.number.replace('-', '')}"
        order.shipment = Shipment(tracking_number=parcel, booked_at=_shipped_at(order))


def write_review(session: Session, row: dict[str, Any]) -> None:
    """Write a review, and count it on its product."""
    product = session.scalars(select(Product).where(Product.sku == row.pop("sku"))).one()
    email = row.pop("email")
    customer = session.scalars(select(Customer).where(Customer.email == email)).one()
    session.add(Review(product_id=product.id, customer_id=customer.id, **row))
    product.review_count += 1
    product.stars_total += row["stars"]


def write_ledger(session: Session) -> None:
    """Write what was received and shipped, so that a product's movements add up to its stock."""
    delivered = Order.fulfillment_status == FulfillmentStatus.DELIVERED
    orders = session.scalars(select(Order).where(delivered).order_by(Order.id)).all()
    shipped: Counter[int] = Counter()
    for order in orders:
        shipped.update({line.product_id: line.quantity for line in order.lines})
    for product in session.scalars(select(Product).order_by(Product.id)).all():
        received = product.stock.on_hand + shipped[product.id]
        session.add(_movement(product.id, received, "received", product.listed_at))
    session.flush()
    for order in orders:
        for line in order.lines:
            moved = _movement(line.product_id, -line.quantity, "shipped", _shipped_at(order))
            session.add(moved)


def _price_line(session: Session, at: datetime, sku: str, quantity: int) -> PricedLine:
    product = session.scalars(select(Product).where(Product.sku == sku)).one()
    return PricedLine(product.id, sku, product.name, product.price_at(at), quantity)


def _make_order(
    session: Session, row: dict[str, Any], customer: Customer, lines: list[PricedLine]
) -> Order:
    code, method = customer.country_code or "GB", row.get("shipping_method", "standard")
    shipping = session.get_one(ShippingRate, (code, method)).price
    shown = row.get("coupon_code", ""), row.get("gift_card_code", "")
    codes, now = Codes(*shown, customer.folded_email), row["placed_at"]
    rate = find_coupon_rate(session, codes, sum_lines(lines), now)
    balance = find_balance(session, codes.gift_card_code, now)
    tax_rate = session.get_one(Country, code).tax_rate
    totals = price_order(lines, shipping, tax_rate, rate, balance)
    use_codes(session, codes, totals.gift_card)
    home = customer.address, customer.city, customer.postcode, code
    delivery = Delivery(customer.email, customer.name, *home, method)
    form = CheckoutForm(delivery, "", row["number"], totals.charge, customer.id, codes)
    order = make_order(form, totals, now)
    order.lines = [OrderLine(**OrderLine.columns_of(line)) for line in lines]
    order.number = row["number"]
    provider_id = f"pay_before_{row['number'].lower()}"
    order.payment = Payment(
        card_token="tok_before", card_brand="visa", card_last4="4242", provider_id=provider_id
    )
    return order


def _shipped_at(order: Order) -> datetime:
    return order.placed_at + _STEP * 6


def _movement(product_id: int, delta: int, reason: str, at: datetime) -> StockMovement:
    return StockMovement(product_id=product_id, delta=delta, reason=reason, at=at)
