"""What checkout and the pages of orders show, to customers and to staff."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, TextClause, select
from sqlalchemy.orm import Session, joinedload, selectinload

from shop.db import end_read, get_one
from shop.domain.email_address import fold_email
from shop.domain.order_status import FulfillmentStatus, OrderStatus
from shop.models import Country, Job, Order, ShippingRate
from shop.models.order import ON_THE_WAY
from shop.queries.paging import Page, get_page

PAGE_SIZE = 25
_MOST_JOBS = 100
_CHUNK_SIZE = 500
EXPORTED = (
    *(Order.number, Order.placed_at, Order.status, Order.payment_status, Order.fulfillment_status),
    *(Order.email, Order.name, Order.country_code, Order.goods_amount, Order.discount_amount),
    *(Order.shipping_amount, Order.tax_amount, Order.total_amount, Order.gift_card_amount),
    *(Order.refunded_amount, Order.currency),
)

_Filters = Iterable[ColumnElement[bool] | TextClause]
_IS_OPEN = Order.status == OrderStatus.CONFIRMED
# What staff look for; an index keeps each shelf in order.
SHELVES: Mapping[str, _Filters] = {
    "to-pack": (_IS_OPEN, Order.fulfillment_status == FulfillmentStatus.UNFULFILLED),
    "to-ship": (_IS_OPEN, Order.fulfillment_status == FulfillmentStatus.PACKED),
    "on-the-way": (ON_THE_WAY,),
    "unpaid": (Order.status == OrderStatus.PLACED,),
    "completed": (Order.status == OrderStatus.COMPLETED,),
    "canceled": (Order.status == OrderStatus.CANCELED,),
    "all": (),
}


def get_order(session: Session, number: str) -> Order:
    """Return an order with its lines, payment, refunds, shipment and history.

    :raises NotFound: when there is none.
    """
    joined = map(joinedload, (Order.country, Order.payment, Order.shipment))
    listed = map(selectinload, (Order.lines, Order.refunds, Order.history))
    whole = select(Order).options(*joined, *listed)
    return get_one(session, whole.where(Order.number == number), "order")


def get_guest_order_number(session: Session, number: str, email: str) -> str:
    """Return the order's number to a guest who knows both it and the email address.

    :raises NotFound: when the two do not belong together; which of them is wrong is not told.
    """
    known = Order.number == number.upper(), Order.folded_email == fold_email(email)
    return get_one(session, select(Order.number).where(*known), "order with this number and email")


def is_customers_order(session: Session, number: str, customer_id: int) -> bool:
    """Tell whether the order was placed by this customer."""
    own = select(Order.id).where(Order.number == number, Order.customer_id == customer_id)
    return session.scalar(own) is not None


def list_own_orders(session: Session, customer_id: int, after: str) -> Page[Order]:
    """Return a page of a customer's orders, the latest first.

    :raises NotFound: when the page starts after an order that is not there.
    """
    return _list_orders(session, [Order.customer_id == customer_id], after)


def list_orders(session: Session, q: str, show: str, after: str) -> Page[Order]:
    """Return a page of the orders that staff look for, the latest first.

    :param q: an order's number or an email address, which is then looked for on all shelves.
    :param show: the name of a shelf.
    :raises NotFound: when the page starts after an order that is not there.
    """
    by_email, by_number = Order.folded_email == fold_email(q), Order.number == q.upper()
    where = [by_email if "@" in q else by_number] if q else SHELVES[show]
    return _list_orders(session, where, after)


def read_all_orders(session: Session) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield every order as the values of `EXPORTED`, some rows at a time, the first placed first.

    The connection is given back before each yield: who takes the rows may be slow, or gone.
    """
    chunk = select(Order.id, *EXPORTED).order_by(Order.id).limit(_CHUNK_SIZE)
    last_id = 0
    while rows := session.execute(chunk.where(Order.id > last_id)).all():
        end_read(session)
        yield [row[1:] for row in rows]
        last_id = rows[-1].id


def list_set_aside(session: Session) -> Sequence[Job]:
    """Return the jobs that were given up, the latest first."""
    jobs = select(Job).where(Job.set_aside_at.is_not(None))
    latest = jobs.order_by(Job.set_aside_at.desc(), Job.id.desc())
    return session.scalars(latest.limit(_MOST_JOBS)).all()


def list_countries(session: Session) -> Sequence[Country]:
    """Return the countries that the store ships to, by name."""
    return session.scalars(select(Country).order_by(Country.name)).all()


def list_rates(session: Session, country_code: str) -> Sequence[ShippingRate]:
    """Return the shipping methods to a country, the cheapest first."""
    rates = select(ShippingRate).where(ShippingRate.country_code == country_code)
    return session.scalars(rates.order_by(ShippingRate.amount, ShippingRate.method)).all()


def _list_orders(session: Session, where: _Filters, after: str) -> Page[Order]:
    last = select(Order.id).where(Order.number == after)
    edge = [get_one(session, last, "page")] if after else None
    orders = select(Order).where(*where).options(selectinload(Order.lines))
    return get_page(session, orders, [Order.id], size=PAGE_SIZE, descending=True, after=edge)
