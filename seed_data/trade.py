"""Three years of orders, each with everything that the store would have written about it.

Nothing is under way: every job is done. So an order waits for staff, has arrived, or is over.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from seed_data.bulk import Row
from seed_data.chance import DAY, HOUR, LAST_DAY, Dice, Weights, write_moment
from seed_data.crowd import WORDS, Good, People, Person
from seed_data.shelf import Shelf
from shop.domain.money import CURRENCY, Money, share_of
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.services.orders import FIRST_STATUSES, Status

ORDER_COLUMNS = {
    "orders": (
        *("id", "number", "checkout_token", "status", "payment_status", "fulfillment_status"),
        *("customer_id", "email", "name", "address", "city", "postcode", "folded_email"),
        *("country_code", "shipping_method", "currency", "goods_amount", "discount_amount"),
        *("shipping_amount", "tax_rate", "tax_amount", "total_amount", "gift_card_amount"),
        *("refunded_amount", "placed_at"),
    ),
    "order_line": (
        *("order_id", "product_id", "sku", "name", "unit_amount", "currency", "quantity"),
        "refunded",
    ),
    "payment": ("order_id", "card_token", "card_brand", "card_last4", "provider_id"),
    "refund": ("order_id", "nth", "amount", "currency", "requested_at", "done_at"),
    "shipment": ("order_id", "tracking_number", "booked_at"),
    "order_history": ("order_id", "subject", "status", "at"),
    "stock_movement": ("product_id", "delta", "reason", "note", "at"),
    "review": ("product_id", "customer_id", "stars", "text", "written_at"),
}

_SUBJECTS: dict[type[Status], str] = {
    OrderStatus: "status",
    PaymentStatus: "payment_status",
    FulfillmentStatus: "fulfillment_status",
}
_PAID = (PaymentStatus.AUTHORIZED, PaymentStatus.PAID, OrderStatus.CONFIRMED)
_SENT = (FulfillmentStatus.PACKED, FulfillmentStatus.SHIPPING, FulfillmentStatus.SHIPPED)
_ARRIVED = (*_PAID, *_SENT, FulfillmentStatus.DELIVERED, OrderStatus.COMPLETED)


class Fate:
    """How far an order has come: the statuses that it goes through, and those that it ends with."""

    def __init__(self, *statuses: Status) -> None:
        """Begin with the statuses of every order."""
        steps = (*FIRST_STATUSES, *statuses)
        self.steps = [(_SUBJECTS[type(status)], status.value) for status in steps]
        last = dict(self.steps)
        self.last = tuple(last[subject] for subject in _SUBJECTS.values())


_DECLINED = Fate(PaymentStatus.DECLINED, OrderStatus.CANCELED)
_CANCELED = Fate(*_PAID, OrderStatus.CANCELED, PaymentStatus.REFUNDED)
_CONFIRMED = Fate(*_PAID)
_PACKED = Fate(*_PAID, FulfillmentStatus.PACKED)
_DELIVERED = Fate(*_ARRIVED)
_RETURNED = Fate(*_ARRIVED, PaymentStatus.REFUNDED)
_SHIPPED_AT, _DELIVERED_AT = 8, 9

# By then an order has arrived, and whatever came back has come back.
_ALL_DONE_AFTER = 14 * DAY
_PER_THOUSAND_DECLINED, _PER_THOUSAND_CANCELED = 30, 20
_PER_THOUSAND_RETURNED, _PER_THOUSAND_RETURNED_IN_PART = 10, 10
_PER_THOUSAND_GUESTS, _PER_THOUSAND_EXPRESS = 150, 150
_ORDERS_PER_REVIEW = 5
_LINES = Weights((40, 32, 16, 8, 4))
_QUANTITIES = Weights((75, 15, 5, 3, 1, 1))
_STARS = Weights((5, 6, 12, 32, 45))
_NUMBERS = 1 << 50
_PRIME = 7_919
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]


class Line(NamedTuple):
    """Some units of one product, by its place among the goods; `refunded` of them came back."""

    place: int
    good: Good
    quantity: int
    refunded: int = 0


class Sale(NamedTuple):
    """An order before it is written: `moments` go with the steps of its fate."""

    id: int
    number: str
    account: int | None
    person: Person
    method: str
    lines: list[Line]
    fate: Fate
    moments: list[int]


@dataclass(frozen=True)
class Store:
    """What there is before the first order: `accounts` are in the order of `opened`.

    `rates` tell the price of the carriage and the tax rate, by country and shipping method.
    """

    goods: list[Good]
    shelf: Shelf
    popularity: Weights
    accounts: list[Person]
    opened: list[int]
    first_account: int
    rates: dict[tuple[str, str], tuple[int, int]]


class Trade:
    """Orders in the order in which they were placed, and the reviews that come of them."""

    def __init__(self, store: Store, rows: dict[str, list[Row]], first_id: int, dice: Dice) -> None:
        """Begin; rows are left in `rows`, and the first order gets the id `first_id`."""
        self._store = store
        self._rows = rows
        self._first_id = first_id
        self._dice = dice
        self._guests = People("guests.example", dice)
        self._count = 0
        self._opened = 0
        self._first_number, self._stride = dice.below(_NUMBERS), dice.below(_NUMBERS >> 1) * 2 + 1
        self._reviewed: set[tuple[int, int]] = set()
        self._due: dict[int, list[tuple[int, int, int, int, str]]] = defaultdict(list)

    def write_order(self, placed: int) -> None:
        """Write one more order, placed at this moment, which is not before the last one."""
        order_id = self._first_id + self._count
        number = _write_number(self._first_number + self._count * self._stride)
        self._count += 1
        account, person = self._choose_buyer(placed)
        lines = self._choose_lines()
        method = "express" if self._dice.below(1000) < _PER_THOUSAND_EXPRESS else "standard"
        fate, lines = self._choose_fate(LAST_DAY * DAY + DAY - placed, lines)
        moments = self._choose_moments(fate, placed)
        sale = Sale(order_id, number, account, person, method, lines, fate, moments)
        self._move_stock(sale)
        self._write_sums(sale)
        self._write_steps(sale)
        if account is not None and fate is _DELIVERED:
            self._consider_review(account, lines[0], moments[_DELIVERED_AT])

    def end_day(self, day: int) -> None:
        """Write what happened on a day to orders of earlier days."""
        self._store.shelf.end_day(day)
        for moment, product_id, account, stars, text in sorted(self._due.pop(day, ())):
            review = product_id, account, stars, text, write_moment(moment)
            self._rows["review"].append(review)

    def _choose_buyer(self, placed: int) -> tuple[int | None, Person]:
        """Choose a guest, or somebody who has an account by then: the earlier, the more often."""
        opened = self._store.opened
        while self._opened < len(opened) and opened[self._opened] < placed:
            self._opened += 1
        if not self._opened or self._dice.below(1000) < _PER_THOUSAND_GUESTS:
            return None, self._guests.make()
        place = int(self._opened * self._dice.roll() * self._dice.roll())
        return self._store.first_account + place, self._store.accounts[place]

    def _choose_lines(self) -> list[Line]:
        goods, popularity, dice = self._store.goods, self._store.popularity, self._dice
        # A product that is chosen twice is one line all the same.
        places = {self._place(popularity.pick(dice)) for _ in range(_LINES.pick(dice) + 1)}
        return [Line(each, goods[each], _QUANTITIES.pick(dice) + 1) for each in sorted(places)]

    def _place(self, rank: int) -> int:
        """Spread what is popular over the whole catalog."""
        return rank * _PRIME % len(self._store.goods)

    def _choose_fate(self, age: int, lines: list[Line]) -> tuple[Fate, list[Line]]:
        """Return what becomes of an order, and its lines with the units that came back."""
        chance = self._dice.below(1000)
        if chance < _PER_THOUSAND_DECLINED:
            return _DECLINED, lines
        if age < DAY:
            return _CONFIRMED, lines
        if (chance := chance - _PER_THOUSAND_DECLINED) < _PER_THOUSAND_CANCELED:
            return _CANCELED, [line._replace(refunded=line.quantity) for line in lines]
        if age < _ALL_DONE_AFTER:
            return (_PACKED if chance % 2 and age > 2 * DAY else _CONFIRMED), lines
        if (chance := chance - _PER_THOUSAND_CANCELED) < _PER_THOUSAND_RETURNED:
            return _RETURNED, [line._replace(refunded=line.quantity) for line in lines]
        is_in_part = chance - _PER_THOUSAND_RETURNED < _PER_THOUSAND_RETURNED_IN_PART
        if is_in_part and lines[0].quantity + len(lines) > 2:
            return _DELIVERED, [lines[0]._replace(refunded=1), *lines[1:]]
        return _DELIVERED, lines

    def _choose_moments(self, fate: Fate, placed: int) -> list[int]:
        """Return when each step was taken, and for what came back at last, when it did."""
        below = self._dice.below
        authorized = placed + 1 + below(3)
        if fate is _DECLINED:
            return [placed, placed, placed, authorized, authorized]
        paid = authorized + 1 + below(20)
        begun = [placed, placed, placed, authorized, paid, paid]
        if fate is _CANCELED:
            canceled = paid + below(HOUR)
            return [*begun, canceled, canceled + 2]
        packed = paid + 2 * HOUR + below(28 * HOUR)
        shipping = packed + below(2 * HOUR)
        shipped = shipping + 2 + below(5)
        delivered = shipped + DAY + below(4 * DAY)
        returned = delivered + 2 * DAY + below(4 * DAY)
        past = [*begun, packed, shipping, shipped, delivered, delivered, returned]
        return past if fate in (_DELIVERED, _RETURNED) else past[: len(fate.steps)]

    def _move_stock(self, sale: Sale) -> None:
        shelf, moments = self._store.shelf, sale.moments
        for place, _good, quantity, refunded in sale.lines:
            shelf.allocate(place, quantity, moments[0])
            if sale.fate in (_DECLINED, _CANCELED):
                shelf.release(place, quantity)
            elif sale.fate in (_DELIVERED, _RETURNED):
                shelf.ship(place, quantity, moments[_SHIPPED_AT])
                if refunded:
                    shelf.take_back(place, refunded, moments[-1] - 2)

    def _write_sums(self, sale: Sale) -> None:
        """Write the order, its lines, its payment and what was given back."""
        rows, person = self._rows, sale.person
        shipping, tax_rate = self._store.rates[person.country_code, sale.method]
        goods = sum(line.good.price * line.quantity for line in sale.lines)
        tax = share_of(Money(goods + shipping), tax_rate).amount
        total, refunded = goods + shipping + tax, 0
        back = sum(line.good.price * line.refunded for line in sale.lines)
        if back:
            is_whole = sale.fate is not _DELIVERED
            refunded = total if is_whole else back + share_of(Money(back), tax_rate).amount
            at = write_moment(sale.moments[-1] - 2), write_moment(sale.moments[-1])
            rows["refund"].append((sale.id, 1, refunded, CURRENCY, *at))
        token = f"made-up-order-{sale.id:09}"
        rows["orders"].append(
            (
                *(sale.id, sale.number, token, *sale.fate.last, sale.account, *person),
                *(sale.method, CURRENCY, goods, 0, shipping, tax_rate, tax, total, 0, refunded),
                write_moment(sale.moments[0]),
            )
        )
        for _place, good, quantity, returned in sale.lines:
            sold = good.id, good.sku, good.name, good.price, CURRENCY, quantity, returned
            rows["order_line"].append((sale.id, *sold))
        provider_id = f"pay_made_up_{sale.number.lower()}"
        rows["payment"].append((sale.id, "tok_made_up", "visa", "4242", provider_id))

    def _write_steps(self, sale: Sale) -> None:
        """Write the order's history and its parcel."""
        self._rows["order_history"].extend(
            (sale.id, subject, status, write_moment(moment))
            for (subject, status), moment in zip(sale.fate.steps, sale.moments, strict=False)
        )
        if sale.fate in (_DELIVERED, _RETURNED):
            booked_at = write_moment(sale.moments[_SHIPPED_AT])
            self._rows["shipment"].append((sale.id, f"LP{sale.id:010}", booked_at))

    def _consider_review(self, account: int, line: Line, delivered: int) -> None:
        """Have the product reviewed, if reviews are behind and this customer has written none."""
        behind = len(self._reviewed) * _ORDERS_PER_REVIEW < self._count
        pair = line.good.id, account
        if not behind or pair in self._reviewed or self._dice.below(2):
            return
        self._reviewed.add(pair)
        stars = _STARS.pick(self._dice) + 1
        text = self._dice.pick(WORDS["reviews"][str(stars)])
        written = delivered + HOUR + self._dice.below(5 * DAY)
        self._due[written // DAY].append((written, *pair, stars, text))


def _write_number(number: int) -> str:
    """Return an order's number, like those of the store."""
    number %= _NUMBERS
    pairs = [_PAIRS[number >> shift & 1023] for shift in (40, 30, 20, 10, 0)]
    signs = "".join(pairs)
    return f"BB-{signs[:5]}-{signs[5:]}"
