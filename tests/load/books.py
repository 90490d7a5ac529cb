"""Everything that a run has written: in the store's database and in the ledgers outside."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from shop.models import Job, Order, StockItem, StockMovement
from tests.load.database import session_on
from tests.load.outside import Outside, Row

# All that an order has, read with it.
WHOLE_ORDERS = select(Order).options(
    joinedload(Order.payment),
    joinedload(Order.shipment),
    selectinload(Order.lines),
    selectinload(Order.refunds),
    selectinload(Order.history),
)


@dataclass(frozen=True)
class Books:
    """Payments and parcels are by the order's number, mails are counted by their Message-ID.

    `ledger` has the sum of the movements of each product's stock.
    """

    orders: list[Order]
    jobs: list[Job]
    shelf: list[StockItem]
    ledger: Counter[int]
    payments: dict[str, list[Row]]
    parcels: dict[str, list[Row]]
    mails: Counter[str]
    calls: list[Row]
    webhook_tries: list[Row]

    @property
    def paid(self) -> list[Order]:
        """Return the orders whose money has arrived."""
        return [order for order in self.orders if order.payment_status == "paid"]


def read_books(database_url: str, outside: Outside) -> Books:
    """Read everything, once nothing changes any more."""
    with session_on(database_url) as session:
        orders = list(session.scalars(WHOLE_ORDERS.order_by(Order.id)))
        jobs = list(session.scalars(select(Job).order_by(Job.id)))
        shelf = list(session.scalars(select(StockItem)))
        ledger: Counter[int] = Counter()
        for movement in session.scalars(select(StockMovement)):
            ledger[movement.product_id] += movement.delta
    return Books(
        orders,
        jobs,
        shelf,
        ledger,
        payments=_by_reference(outside.list_rows("payments", "payments")),
        parcels=_by_reference(outside.list_rows("carrier", "parcels")),
        mails=Counter(mail["message_id"] for mail in outside.list_rows("mail", "mails")),
        calls=[*outside.list_rows("payments", "calls"), *outside.list_rows("carrier", "calls")],
        webhook_tries=outside.list_rows("payments", "tries"),
    )


def _by_reference(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["reference"]].append(row)
    return dict(found)
