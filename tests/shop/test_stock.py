import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.db import transaction
from shop.domain.pricing import PricedLine
from shop.errors import OutOfStock, StockTooLow
from shop.models import Product, StockItem, StockMovement
from shop.services.stock import (
    adjust_stock,
    allocate_stock,
    release_stock,
    return_stock,
    ship_stock,
)
from tests.factories import ProductFactory


def line_of(product: Product, quantity: int) -> PricedLine:
    return PricedLine(product.id, product.sku, product.name, product.price, quantity)


def stock(session: Session) -> list[tuple[int, int]]:
    """Return what is on hand and what is allocated of each product."""
    rows = select(StockItem.on_hand, StockItem.allocated).order_by(StockItem.product_id)
    return [(on_hand, allocated) for on_hand, allocated in session.execute(rows)]


def movements(session: Session) -> list[tuple[int, str]]:
    rows = select(StockMovement.delta, StockMovement.reason).order_by(StockMovement.id)
    return [(delta, reason) for delta, reason in session.execute(rows)]


def test_allocating_promises_the_last_units(session: Session) -> None:
    line = line_of(ProductFactory.create(on_hand=5, allocated=3), 2)

    with transaction(session):
        allocate_stock(session, [line])

    assert stock(session) == [(5, 5)]


def test_a_shortage_names_every_product_and_promises_none(session: Session) -> None:
    lines = [
        line_of(ProductFactory.create(name="Lamp", on_hand=10), 1),
        line_of(ProductFactory.create(name="Saw", on_hand=3, allocated=3), 1),
        line_of(ProductFactory.create(name="Clock", on_hand=3), 4),
    ]

    with (
        pytest.raises(OutOfStock, match=r"Saw is sold out\. Only 3 of Clock left\."),
        transaction(session),
    ):
        allocate_stock(session, lines)

    assert stock(session) == [(10, 0), (3, 3), (3, 0)]


def test_released_units_can_be_sold_again(session: Session) -> None:
    line = line_of(ProductFactory.create(on_hand=5, allocated=5), 2)

    with transaction(session):
        release_stock(session, [line])

    assert stock(session) == [(5, 3)]


def test_shipped_units_leave_the_shelf_and_the_promise(session: Session) -> None:
    line = line_of(ProductFactory.create(on_hand=5, allocated=3), 2)

    with transaction(session):
        ship_stock(session, [line], START)

    assert stock(session) == [(3, 1)]
    assert movements(session) == [(-2, "shipped")]


def test_returned_units_are_back_on_the_shelf(session: Session) -> None:
    line = line_of(ProductFactory.create(on_hand=5, allocated=3), 2)

    with transaction(session):
        return_stock(session, [line], START)

    assert stock(session) == [(7, 3)]
    assert movements(session) == [(2, "returned")]


@pytest.mark.parametrize(("delta", "left"), [(4, 9), (-2, 3)])
def test_an_adjustment_is_a_movement_in_the_ledger(session: Session, delta: int, left: int) -> None:
    sku = ProductFactory.create(on_hand=5, allocated=3).sku

    adjust_stock(session, sku, delta, "counted", "shelf 3", START)

    assert stock(session) == [(left, 3)]
    assert movements(session) == [(delta, "counted")]


def test_an_adjustment_below_what_is_promised_is_refused(session: Session) -> None:
    sku = ProductFactory.create(on_hand=5, allocated=3).sku

    with pytest.raises(StockTooLow, match="fewer units than the 3 that open orders wait for"):
        adjust_stock(session, sku, -3, "damaged", "", START)

    assert (stock(session), movements(session)) == ([(5, 3)], [])
