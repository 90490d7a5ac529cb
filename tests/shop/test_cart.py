import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.errors import CartFull, NotFound, OutOfStock
from shop.models import Cart, CartLine, Product
from shop.services.cart import MAX_LINES, add_to_cart, find_cart, set_quantity, start_cart
from tests.factories import CartFactory, CartLineFactory, CategoryFactory, ProductFactory


@pytest.fixture
def cart(session: Session) -> str:
    """The token of an empty cart."""
    return str(CartFactory.create().token)


def quantities(session: Session) -> list[int]:
    return list(session.scalars(select(CartLine.quantity).order_by(CartLine.id)))


def fill(session: Session, token: str, count: int) -> list[Product]:
    """Put one unit of as many products into the cart, in one transaction."""
    shelf = CategoryFactory.create()
    products: list[Product] = ProductFactory.build_batch(count, category=shelf)
    cart = session.scalars(select(Cart).where(Cart.token == token)).one()
    cart.lines = [CartLine(product=product, quantity=1) for product in products]
    session.commit()
    return products


def test_a_new_cart_is_empty(session: Session) -> None:
    token = start_cart(session, START)

    cart = find_cart(session, token)
    assert cart is not None
    assert cart.lines == []


def test_nobody_has_the_cart_of_an_unknown_token(session: Session, cart: str) -> None:
    assert find_cart(session, "") is None


def test_adding_twice_adds_up_in_one_line(session: Session, cart: str) -> None:
    sku = ProductFactory.create().sku

    add_to_cart(session, cart, sku, 2)
    add_to_cart(session, cart, sku, 3)

    assert quantities(session) == [5]


@pytest.mark.parametrize(("first", "second"), [(0, 11), (4, 7), (10, 1)])
def test_a_cart_takes_no_more_than_is_available(
    session: Session, cart: str, first: int, second: int
) -> None:
    product = ProductFactory.create(on_hand=13, allocated=3)
    if first:
        add_to_cart(session, cart, product.sku, first)

    with pytest.raises(OutOfStock, match=r"Only 10 of Thing \d+ left\."):
        add_to_cart(session, cart, product.sku, second)

    assert sum(quantities(session)) == first


def test_a_product_that_is_sold_out_goes_into_no_cart(session: Session, cart: str) -> None:
    product = ProductFactory.create(name="Tenon Saw", on_hand=2, allocated=2)

    with pytest.raises(OutOfStock, match=r"^Tenon Saw is sold out\.$"):
        add_to_cart(session, cart, product.sku, 1)


def test_a_cart_holds_at_most_99_of_a_product(session: Session, cart: str) -> None:
    product = ProductFactory.create(name="Pencil", on_hand=400)
    add_to_cart(session, cart, product.sku, 99)

    with pytest.raises(CartFull, match="at most 99 of Pencil"):
        add_to_cart(session, cart, product.sku, 1)

    assert quantities(session) == [99]


def test_a_cart_holds_at_most_50_products(session: Session, cart: str) -> None:
    fill(session, cart, MAX_LINES)
    another = ProductFactory.create()

    with pytest.raises(CartFull, match="at most 50 different products"):
        add_to_cart(session, cart, another.sku, 1)

    assert len(quantities(session)) == MAX_LINES


def test_a_full_cart_takes_more_of_what_it_holds(session: Session, cart: str) -> None:
    sku = fill(session, cart, MAX_LINES)[-1].sku

    add_to_cart(session, cart, sku, 1)

    assert quantities(session)[-1] == 2


@pytest.mark.parametrize(("quantity", "left"), [(0, []), (1, [1]), (10, [10])])
def test_a_quantity_is_set_and_none_is_taken_out(
    session: Session, cart: str, quantity: int, left: list[int]
) -> None:
    sku = ProductFactory.create().sku
    add_to_cart(session, cart, sku, 3)

    set_quantity(session, cart, sku, quantity)

    assert quantities(session) == left


def test_a_quantity_above_what_is_available_is_refused(session: Session, cart: str) -> None:
    sku = ProductFactory.create().sku
    add_to_cart(session, cart, sku, 3)

    with pytest.raises(OutOfStock, match="Only 10"):
        set_quantity(session, cart, sku, 11)

    assert quantities(session) == [3]


def test_a_quantity_can_be_lowered_to_what_is_left(session: Session, cart: str) -> None:
    product = ProductFactory.create(on_hand=2)
    line = CartLineFactory.create(
        cart_id=session.scalar(select(Cart.id)), product=product, quantity=9
    )

    set_quantity(session, cart, product.sku, 2)

    assert (line.quantity, quantities(session)) == (2, [2])


@pytest.mark.parametrize("quantity", [0, 1])
def test_what_the_cart_does_not_hold_has_no_quantity(
    session: Session, cart: str, quantity: int
) -> None:
    sku = ProductFactory.create().sku

    with pytest.raises(NotFound, match="We have no such product in your cart"):
        set_quantity(session, cart, sku, quantity)


def test_another_shoppers_cart_stays_as_it_is(session: Session, cart: str) -> None:
    theirs = CartLineFactory.create(cart_id=CartFactory.create().id)
    sku, their_id = theirs.product.sku, theirs.id
    add_to_cart(session, cart, sku, 1)

    set_quantity(session, cart, sku, 5)

    assert session.get_one(CartLine, their_id).quantity == 1


@pytest.mark.parametrize("token", ["nobody's", ""])
def test_an_unknown_cart_takes_nothing(session: Session, token: str) -> None:
    sku = ProductFactory.create().sku

    with pytest.raises(NotFound, match="We have no such cart"):
        add_to_cart(session, token, sku, 1)


def test_an_unknown_product_goes_into_no_cart(session: Session, cart: str) -> None:
    with pytest.raises(NotFound, match="We have no such product"):
        add_to_cart(session, cart, "NOPE", 1)
