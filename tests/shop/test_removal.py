from collections.abc import Callable, Iterator
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from scenarios.kit.actors import Shopper
from scenarios.kit.clock import START
from scenarios.kit.interleaving import Race, interleave
from scenarios.kit.meters import measure
from scenarios.kit.statements import is_write
from shop.db import Model
from shop.errors import NotFound, ProductOrdered
from shop.models import OrderLine, Product
from shop.services.cart import add_to_cart, fill_cart, join_cart, set_quantity
from shop.services.products import remove_product
from shop.services.reviews import write_review
from shop.services.stock import adjust_stock
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    CustomerFactory,
    OrderFactory,
    PictureFactory,
    ProductFactory,
    ReviewFactory,
    ShippingRateFactory,
)

PARTS = [t for t in Model.metadata.sorted_tables if "product_id" in t.c and t.name != "order_line"]
Act = Callable[[], object]


@pytest.fixture
def saw(session: Session) -> Product:
    """A product that lies in a cart, has a review and a picture, and that nobody has ordered."""
    saw: Product = ProductFactory.create(sku="SAW-001", slug="saw", name="Saw", on_hand=0)
    CartLineFactory.create(cart_id=CartFactory.create(token="other").id, product=saw)
    ReviewFactory.create(product_id=saw.id)
    PictureFactory.create(product_id=saw.id)
    adjust_stock(session, "SAW-001", 5, "received", "", START)
    session.rollback()
    return saw


def rows_of(session: Session, product_id: int) -> dict[str, int]:
    """Count the rows that each table has about a product."""
    session.rollback()
    return {
        table.name: session.scalar(
            select(func.count()).select_from(table).where(table.c.product_id == product_id)
        )
        or 0
        for table in PARTS
    }


def test_a_product_goes_with_all_that_belongs_to_it_and_others_stay(
    session: Session, saw: Product
) -> None:
    saw_id, other = saw.id, ProductFactory.create()
    CartLineFactory.create(cart_id=CartFactory.create().id, product=other)
    before = rows_of(session, saw_id), rows_of(session, other.id)

    remove_product(session, "SAW-001")

    assert len(PARTS) == 5
    assert set(before[0].values()) == {1}
    assert set(rows_of(session, saw_id).values()) == {0}
    assert rows_of(session, other.id) == before[1]
    assert session.scalars(select(Product.sku)).all() == [other.sku]


def test_a_product_that_was_ordered_stays_as_it_was(session: Session, saw: Product) -> None:
    OrderFactory.create(product=saw)
    before = rows_of(session, saw.id)

    with pytest.raises(ProductOrdered, match="has been ordered, so it stays"):
        remove_product(session, "SAW-001")

    assert rows_of(session, saw.id) == before
    assert session.scalar(select(Product.name)) == "Saw"


def test_a_removal_takes_its_locks_in_the_order_of_a_checkout(
    engine: Engine, session: Session, saw: Product
) -> None:
    with measure(engine) as cost:
        remove_product(session, "SAW-001")

    changed = [s.sql.split()[2] for s in cost.statements if is_write(s.sql)]
    assert changed == ["cart_line", "stock_item", "product"]


def test_a_product_that_is_not_there_cannot_be_removed(session: Session) -> None:
    with pytest.raises(NotFound, match="no such product"):
        remove_product(session, "NO-SUCH")


@pytest.fixture
def staff(app: Flask, session: Session) -> Shopper:
    """Somebody who is signed in as staff."""
    CartFactory.create(customer_id=CustomerFactory.create(email="s@example.com", is_staff=True).id)
    shopper = Shopper(app)
    shopper.sign_in("s@example.com")
    return shopper


def test_staff_remove_a_product_and_are_told(staff: Shopper, saw: Product) -> None:
    answer = staff.ask("POST", "/staff/products/SAW-001/remove")

    assert (answer.status_code, answer.location) == (303, "/staff/products")
    assert "SAW-001 is removed." in staff.look("/staff/products")
    assert staff.ask("GET", "/products/saw").status_code == 404


def test_staff_read_on_its_page_why_an_ordered_product_stays(staff: Shopper, saw: Product) -> None:
    OrderFactory.create(product=saw)

    answer = staff.ask("POST", "/staff/products/SAW-001/remove")

    assert (answer.status_code, "has been ordered, so it stays" in answer.text) == (409, True)


class Scene:
    """A store in which each race has a product, carts and a customer of its own."""

    def __init__(self, app: Flask, session: Session) -> None:
        CountryFactory.create()
        ShippingRateFactory.create()
        self.app, self.session, self.sessions = app, session, app.extensions["sessions"]

    def add_product(self, nth: int) -> str:
        product = ProductFactory.create(sku=f"SAW-{nth}", slug=f"saw-{nth}")
        customer = CustomerFactory.create(id=nth)
        CartFactory.create(customer_id=customer.id, token=f"own-{nth}")
        for name in ("guest", "full"):
            cart = CartFactory.create(token=f"{name}-{nth}")
            if name == "full":
                CartLineFactory.create(cart_id=cart.id, product=product)
        self.session.rollback()
        return str(product.sku)

    def call(self, service: Callable[..., object], *arguments: object) -> Act:
        def act() -> object:
            with self.sessions() as own:
                return service(own, *arguments)

        return act

    def checkout(self, nth: int) -> Act:
        shopper = Shopper(self.app)
        shopper.add(f"saw-{nth}")
        typed = shopper.fill_in()
        return lambda: shopper.send(typed)

    def orphans(self) -> list[str]:
        """Name the tables with rows about a product that is not there."""
        self.session.rollback()
        return [
            table.name
            for table in (*PARTS, Model.metadata.tables["order_line"])
            if self.session.execute(
                select(table).where(table.c.product_id.not_in(select(Product.id)))
            ).first()
        ]


@pytest.fixture
def scene(app: Flask, session: Session) -> Scene:
    return Scene(app, session)


def races(
    scene: Scene, arrange: Callable[[int], tuple[Act, Act]]
) -> Iterator[Race[object, object]]:
    """Yield a race for each statement that A sends, and one in which B comes after A."""
    for nth in count(1):
        scene.add_product(nth)
        a, b = arrange(nth)
        sent: list[str] = []

        def is_any(sql: str, sent: list[str] = sent) -> bool:
            sent.append(sql)
            return True

        yield interleave(a, b, is_any, nth, or_after=True, may_wait=True)
        if len(sent) < nth:
            return


def remover(scene: Scene, nth: int) -> Act:
    return scene.call(remove_product, f"SAW-{nth}")


# What somebody may be doing with a product while it is removed.
OTHERS: dict[str, Callable[[Scene, int], Act]] = {
    "add": lambda scene, nth: scene.call(add_to_cart, f"guest-{nth}", f"SAW-{nth}", 1),
    "add more": lambda scene, nth: scene.call(add_to_cart, f"full-{nth}", f"SAW-{nth}", 1),
    "change": lambda scene, nth: scene.call(set_quantity, f"full-{nth}", f"SAW-{nth}", 2),
    "join": lambda scene, nth: scene.call(join_cart, nth, f"full-{nth}"),
    "fill": lambda scene, nth: scene.call(fill_cart, f"key-{nth}", {f"SAW-{nth}": 1}, START),
    "review": lambda scene, nth: scene.call(write_review, nth, f"saw-{nth}", 4, "Good.", START),
    "stock": lambda scene, nth: scene.call(adjust_stock, f"SAW-{nth}", 1, "counted", "", START),
    "remove": remover,
}


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("other", OTHERS)
def test_whatever_somebody_does_with_it_a_removed_product_leaves_nothing_behind(
    scene: Scene, other: str, first: bool
) -> None:
    def arrange(nth: int) -> tuple[Act, Act]:
        pair = remover(scene, nth), OTHERS[other](scene, nth)
        return pair if first else pair[::-1]

    ended = list(races(scene, arrange))

    refusals = {type(end.refusal) for race in ended for end in (race.a, race.b)}
    assert refusals <= {type(None), NotFound}
    assert (scene.orphans(), scene.session.scalars(select(Product.sku)).all()) == ([], [])


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_product_that_is_ordered_while_it_is_removed_is_one_of_the_two(
    scene: Scene, first: bool
) -> None:
    def arrange(nth: int) -> tuple[Act, Act]:
        pair = remover(scene, nth), scene.checkout(nth)
        return pair if first else pair[::-1]

    ended = list(races(scene, arrange))

    assert len(ended) > 4
    assert {race.a.is_refused + race.b.is_refused for race in ended} == {1}
    assert scene.orphans() == []
    left = set(scene.session.scalars(select(Product.sku)))
    assert left == set(scene.session.scalars(select(OrderLine.sku)))
