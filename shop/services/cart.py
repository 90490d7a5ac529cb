"""Fill a cart and change it. A cart promises nothing: stock is allocated when it is ordered."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session, contains_eager, selectinload

from shop.db import changed_rows, get_one, insert, transaction
from shop.errors import CartFull, NotFound, OutOfStock, Shortage
from shop.models import Cart, CartLine, Product

MAX_QUANTITY = 99
MAX_LINES = 50
_KEY = ["cart_id", "product_id"]
_LINES = selectinload(Cart.lines).joinedload(CartLine.product).joinedload(Product.stock)
_WHOLE = select(Cart).options(_LINES)


def find_cart(session: Session, token: str) -> Cart | None:
    """Return a cart with its lines, their products and what is left of each."""
    return session.scalar(_WHOLE.where(Cart.token == token))


def start_cart(session: Session, now: datetime) -> str:
    """Create an empty cart and return its token."""
    token = new_token()
    with transaction(session):
        session.add(Cart(token=token, checkout_token=new_token(), created_at=now))
    return token


def add_to_cart(session: Session, token: str, sku: str, quantity: int) -> None:
    """Put more of a product into the cart.

    :raises NotFound: when there is no such cart or product.
    :raises OutOfStock: when fewer are available than the cart would then hold.
    :raises CartFull: when the cart would hold more than `MAX_QUANTITY` of it, or `MAX_LINES` lines.
    """
    with transaction(session):
        cart_id, product = _get_cart_id(session, token), _get_product(session, sku)
        others = CartLine.cart_id == cart_id, CartLine.product_id != product.id
        if (session.scalar(select(func.count()).where(*others)) or 0) >= MAX_LINES:
            raise CartFull(limit=MAX_LINES, what="different products")
        limit = min(MAX_QUANTITY, product.stock.available)
        line = insert(session, CartLine).values(
            cart_id=cart_id, product_id=product.id, quantity=quantity
        )
        total = CartLine.quantity + line.excluded.quantity
        upsert = line.on_conflict_do_update(
            index_elements=_KEY, set_={"quantity": total}, where=total <= limit
        )
        if quantity > limit or not changed_rows(session, upsert):
            raise _too_many(product)


def set_quantity(session: Session, token: str, sku: str, quantity: int) -> None:
    """Set how many of a product the cart holds; 0 takes it out.

    :raises NotFound: when the cart does not hold it.
    :raises OutOfStock: when fewer are available.
    """
    with transaction(session):
        cart_id, product = _get_cart_id(session, token), _get_product(session, sku)
        if quantity > min(MAX_QUANTITY, product.stock.available):
            raise _too_many(product)
        line = CartLine.cart_id == cart_id, CartLine.product_id == product.id
        change = update(CartLine).where(*line).values(quantity=quantity)
        if not changed_rows(session, change if quantity else delete(CartLine).where(*line)):
            raise NotFound(what="product in your cart")


def join_cart(session: Session, customer_id: int, token: str) -> str:
    """Move what lies in an anonymous cart into the customer's, and return the customer's token.

    The lines are taken out of the one cart by the statement that reads them, so they arrive once
    however often the cart is joined, and by product, so that no two joins wait for each other. A
    quantity stops at `MAX_QUANTITY`.
    """
    with transaction(session):
        own = session.scalars(select(Cart).where(Cart.customer_id == customer_id)).one()
        other = select(Cart.id).where(Cart.token == token, Cart.customer_id.is_(None))
        taken = delete(CartLine).where(CartLine.cart_id == other.scalar_subquery())
        returned = taken.returning(CartLine.product_id, CartLine.quantity)
        for product_id, quantity in sorted(session.execute(returned).all()):
            line = insert(session, CartLine).values(
                cart_id=own.id, product_id=product_id, quantity=quantity
            )
            total = CartLine.quantity + line.excluded.quantity
            most = case((total > MAX_QUANTITY, MAX_QUANTITY), else_=total)
            upsert = line.on_conflict_do_update(index_elements=_KEY, set_={"quantity": most})
            session.execute(upsert)
        return own.token


def fill_cart(session: Session, key: str, lines: Mapping[str, int], now: datetime) -> None:
    """Lay lines, quantities by SKU, into a cart of their own, which `key` finds and orders once.

    The same key again finds the same cart, and the lines take the place of those in it, unless it
    has been ordered.

    :raises NotFound: when there is no such product.
    :raises CartFull: when there are more than `MAX_QUANTITY` of one.
    """
    if max(lines.values()) > MAX_QUANTITY:
        raise CartFull(limit=MAX_QUANTITY, what="of one product")
    with transaction(session):
        found = session.scalars(select(Product).where(Product.sku.in_(lines))).all()
        cart = insert(session, Cart).values(token=key, checkout_token=key, created_at=now)
        unless_ordered = cart.on_conflict_do_update(
            index_elements=["token"], set_={"created_at": now}, where=Cart.checkout_token == key
        )
        if not (cart_id := session.scalar(unless_ordered.returning(Cart.id))):
            return
        if missing := set(lines) - {product.sku for product in found}:
            raise NotFound(what=f"product {min(missing)}")
        session.execute(delete(CartLine).where(CartLine.cart_id == cart_id))
        facts = [(product.id, lines[product.sku]) for product in found]
        session.add_all(CartLine(cart_id=cart_id, product_id=p, quantity=q) for p, q in facts)


def new_token() -> str:
    """Return 128 random bits that nobody can guess."""
    return secrets.token_urlsafe(16)


def _too_many(product: Product) -> OutOfStock | CartFull:
    if product.stock.available < MAX_QUANTITY:
        return OutOfStock([Shortage(product.name, product.stock.available)])
    return CartFull(limit=MAX_QUANTITY, what=f"of {product.name}")


def _get_cart_id(session: Session, token: str) -> int:
    return get_one(session, select(Cart.id).where(Cart.token == token), "cart")


def _get_product(session: Session, sku: str) -> Product:
    stock = select(Product).join(Product.stock).options(contains_eager(Product.stock))
    return get_one(session, stock.where(Product.sku == sku), "product")
