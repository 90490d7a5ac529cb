"""All that a store has written, as of one moment, and what the outside world has seen of it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.domain.email_address import fold_email
from shop.models import (
    Allowance,
    Coupon,
    Customer,
    GiftCard,
    Job,
    Order,
    OrderLine,
    Product,
    Review,
    StockItem,
    StockMovement,
)
from tests.load.books import WHOLE_ORDERS
from tests.load.database import session_on
from tests.load.outside import Outside, Row

OPEN = ("placed", "confirmed")
IN_THE_BUILDING = ("unfulfilled", "packed", "shipping")


@dataclass(frozen=True)
class StoreRecord:
    """What stands in the database; `ledger` adds up the movements of each product."""

    orders: list[Order]
    jobs: list[Job]
    shelf: list[StockItem]
    ledger: Counter[int]
    products: list[Product]
    reviews: list[Review]
    coupons: list[Coupon]
    gift_cards: list[GiftCard]
    allowances: list[Allowance]
    accounts: dict[int, str]

    def buyer_of(self, order: Order) -> str:
        """Return whom an order is counted for: an account, or a guest's address."""
        return self.accounts.get(order.customer_id or 0, fold_email(order.email))

    @cached_property
    def used(self) -> Counter[tuple[str, str, int]]:
        """How much is counted of a subject for a buyer in a period."""
        return Counter({(a.subject, a.buyer, a.period): a.used for a in self.allowances})

    @cached_property
    def limited(self) -> Sequence[tuple[Order, OrderLine]]:
        """The lines that count against a limit, with their orders."""
        found = [(order, line) for order in self.orders for line in order.lines]
        return [(order, line) for order, line in found if line.limit_window is not None]

    @cached_property
    def by_number(self) -> dict[str, Order]:
        """The orders by their numbers."""
        return {order.number: order for order in self.orders}

    @cached_property
    def runs(self) -> dict[str, int]:
        """How often each job has run, by its key."""
        return {job.key: job.attempts for job in self.jobs}


@dataclass(frozen=True)
class Record:
    """The same with the ledgers outside, and the numbers that visitors were shown."""

    store: StoreRecord
    payments: list[Row] = field(default_factory=list)
    parcels: list[Row] = field(default_factory=list)
    mails: list[Row] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    @cached_property
    def payments_by_number(self) -> dict[str, list[Row]]:
        """The provider's payments by the number of their order."""
        return _by_reference(self.payments)

    @cached_property
    def parcels_by_number(self) -> dict[str, list[Row]]:
        """The carrier's parcels by the number of their order."""
        return _by_reference(self.parcels)

    @cached_property
    def copies(self) -> Counter[str]:
        """How often each mail was taken in, by its Message-ID."""
        return Counter(mail["message_id"] for mail in self.mails)


def read_record(database_url: str, outside: Outside, numbers: Sequence[str]) -> Record:
    """Read everything, once nothing changes any more."""
    return Record(
        read_store(database_url),
        outside.list_rows("payments", "payments"),
        outside.list_rows("carrier", "parcels"),
        outside.list_rows("mail", "mails"),
        outside.list_rows("payments", "deliveries"),
        list(numbers),
    )


def read_store(database_url: str) -> StoreRecord:
    """Read the database as it is at one moment, while others may go on writing."""
    with session_on(database_url) as session:
        _begin_snapshot(session)
        return read_tables(session)


def read_tables(session: Session) -> StoreRecord:
    """Read what the rules look at."""
    ledger: Counter[int] = Counter()
    for product_id, delta in session.execute(select(StockMovement.product_id, StockMovement.delta)):
        ledger[product_id] += delta
    return StoreRecord(
        list(session.scalars(WHOLE_ORDERS.order_by(Order.id))),
        list(session.scalars(select(Job))),
        list(session.scalars(select(StockItem))),
        ledger,
        list(session.scalars(select(Product))),
        list(session.scalars(select(Review))),
        list(session.scalars(select(Coupon))),
        list(session.scalars(select(GiftCard))),
        list(session.scalars(select(Allowance))),
        dict(session.execute(select(Customer.id, Customer.folded_email)).all()),
    )


def _begin_snapshot(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    else:
        session.execute(text("BEGIN"))


def _by_reference(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["reference"]].append(row)
    return dict(found)
