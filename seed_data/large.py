"""Load a store as it is after years of trade: the standard store, and made-up orders around it.

The same number of orders and the same seed make the same rows on every machine and database.
"""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from seed_data.bulk import Bulk, loading, update_statistics, without_indexes
from seed_data.chance import DAY, LAST_DAY, OPENING_DAY, Dice, Weights, spread_moments, write_moment
from seed_data.crowd import PRODUCT_COLUMNS, Good, People, Person, make_products
from seed_data.progress import Tell
from seed_data.shelf import Shelf
from seed_data.standard import refuse_second_load, write_standard_store
from seed_data.trade import ORDER_COLUMNS, Store, Trade
from shop.db import transaction
from shop.models import Country, Product, Review, ShippingRate
from shop.services.accounts import hasher

PASSWORD = "forty-two-oak-pegs"
# A salt of its own would make other rows each time; the password is no secret.
_SALT = b"Brindle and Bolt"

_MOST_PRODUCTS, _FEWEST_PRODUCTS = 100_000, 20
_AT_ONCE = 5_000
_COLUMNS = {
    "product": PRODUCT_COLUMNS,
    "customer": (
        *("id", "email", "name", "address", "city", "postcode", "folded_email", "country_code"),
        *("password_hash", "is_staff", "created_at"),
    ),
    "cart": ("token", "checkout_token", "customer_id", "created_at"),
    **ORDER_COLUMNS,
    "stock_item": ("product_id", "on_hand", "allocated"),
}


def load_large_store(session: Session, orders: int, seed: int, tell: Tell) -> None:
    """Write the standard store and `orders` more orders with all that belongs to them.

    It is one transaction: whatever stops it, nothing is then written.

    :raises AlreadySeededError: when there are products already.
    """
    refuse_second_load(session)
    with loading(session), transaction(session):
        write_standard_store(session)
        session.flush()
        connection = session.connection()
        with without_indexes(connection):
            bulk, dice = Bulk(connection, _COLUMNS), Dice(seed)
            _trade(bulk, _open_store(session, bulk, orders, dice, tell), orders, dice, tell)
            _count_reviews(session)
        tell("indexes and statistics", 1, 2)
        bulk.move_sequences()
        update_statistics(connection)
        tell("indexes and statistics", 2, 2)


def _open_store(session: Session, bulk: Bulk, orders: int, dice: Dice, tell: Tell) -> Store:
    """Write goods and customers, and return what orders need to know of them."""
    count = min(_MOST_PRODUCTS, max(_FEWEST_PRODUCTS, orders // 10))
    goods, shelf = _write_goods(session, bulk, count, dice)
    tell("products", count, count)
    first_account = bulk.next_id("customer")
    opened, accounts = _write_accounts(bulk, orders // 5, first_account, dice)
    tell("customers", len(accounts), len(accounts))
    rates = _find_rates(session)
    return Store(goods, shelf, weigh_ranks(count), accounts, opened, first_account, rates)


def weigh_ranks(count: int) -> Weights:
    """Return how often products are sold, by rank: it falls as in real stores, by Zipf's law."""
    return Weights(1_000_000_000 // (rank + 10) for rank in range(count))


def _trade(bulk: Bulk, store: Store, orders: int, dice: Dice, tell: Tell) -> None:
    """Write the orders, day by day."""
    trade, today = Trade(store, bulk.rows, bulk.next_id("orders"), dice), OPENING_DAY
    for nth, placed in enumerate(spread_moments(orders, dice), 1):
        while today < placed // DAY:
            trade.end_day(today)
            today += 1
        trade.write_order(placed)
        if nth % _AT_ONCE == 0:
            bulk.flush()
            tell("orders", nth, orders)
    for day in range(today, LAST_DAY + 1):
        trade.end_day(day)
    bulk.rows["stock_item"].extend(store.shelf.rows())
    bulk.flush()
    tell("orders", orders, orders)


def _write_goods(session: Session, bulk: Bulk, count: int, dice: Dice) -> tuple[list[Good], Shelf]:
    models = session.scalars(select(Product).order_by(Product.id)).all()
    first_id = bulk.next_id("product")
    shelf, goods = Shelf(first_id, bulk.rows["stock_movement"]), []
    for good, row in make_products(first_id, count, models, dice):
        goods.append(good)
        bulk.rows["product"].append(row)
        shelf.stock(dice.below(40) + 1, 24 + dice.below(80), str(row[-5]))
        if good.id % _AT_ONCE == 0:
            bulk.flush()
    bulk.flush()
    return goods, shelf


def _write_accounts(
    bulk: Bulk, count: int, first_id: int, dice: Dice
) -> tuple[list[int], list[Person]]:
    """Write customers, each with a cart, and return when they came and who they are."""
    people, password_hash = People("letters.example", dice), hasher.hash(PASSWORD, salt=_SALT)
    opened, accounts = list(spread_moments(count, dice)), []
    for customer_id, moment in enumerate(opened, first_id):
        person, at = people.make(), write_moment(moment)
        accounts.append(person)
        bulk.rows["customer"].append((customer_id, *person, password_hash, 0, at))
        tokens = f"made-up-cart-{customer_id:09}", f"made-up-checkout-{customer_id:09}"
        bulk.rows["cart"].append((*tokens, customer_id, at))
        if customer_id % _AT_ONCE == 0:
            bulk.flush()
    bulk.flush()
    return opened, accounts


def _find_rates(session: Session) -> dict[tuple[str, str], tuple[int, int]]:
    rates = select(ShippingRate, Country.tax_rate).join(
        Country, Country.code == ShippingRate.country_code
    )
    return {
        (rate.country_code, rate.method): (rate.amount, tax_rate)
        for rate, tax_rate in session.execute(rates)
    }


def _count_reviews(session: Session) -> None:
    """Give products what the store keeps of their reviews, so that no page adds them up."""
    sums = func.count().label("count"), func.sum(Review.stars).label("total")
    found = select(Review.product_id, *sums).group_by(Review.product_id).subquery()
    counted = update(Product).where(Product.id == found.c.product_id)
    session.execute(
        counted.values(review_count=found.c.count, stars_total=found.c.total),
        execution_options={"synchronize_session": False},
    )
