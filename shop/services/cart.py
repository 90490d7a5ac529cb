"""Fill a cart and change it. A cart promises nothing: stock is allocated when it is ordered."""

import secrets
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, selectinload

from shop.db import changed_rows, insert, transaction
from shop.errors import CartFull, NotFound, OutOfStock, Shortage
from shop.models import Cart, CartLine, Product

MAX_QUANTITY = 99
MAX_LINES = 50


def find_cart(session: Session, token: str) -> Cart | None:
    """Return a cart with its lines, their products and what is left of each."""
    lines = selectinload(Cart.lines).joinedload(CartLine.product).joinedload(Product.stock)
    return session.scalar(select(Cart).where(Cart.token == token).options(lines))


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
            raise CartFull(MAX_LINES, "different products")
        limit = min(MAX_QUANTITY, product.stock.available)
        line = insert(session, CartLine).values(
            cart_id=cart_id, product_id=product.id, quantity=quantity
        )
        total = CartLine.quantity + line.excluded.quantity
        upsert = line.on_conflict_do_update(
            index_elements=["cart_id", "product_id"], set_={"quantity": total}, where=total <= limit
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
            raise NotFound("product in your cart")


def new_token() -> str:
    """Return 128 random bits that nobody can guess."""
    return secrets.token_urlsafe(16)


def _too_many(product: Product) -> OutOfStock | CartFull:
    if product.stock.available < MAX_QUANTITY:
        return OutOfStock([Shortage(product.name, product.stock.available)])
    return CartFull(MAX_QUANTITY, f"of {product.name}")


def _get_cart_id(session: Session, token: str) -> int:
    cart_id = session.scalar(select(Cart.id).where(Cart.token == token))
    if cart_id is None:
        raise NotFound("cart")
    return cart_id


def _get_product(session: Session, sku: str) -> Product:
    product = session.scalar(select(Product).where(Product.sku == sku))
    if product is None:
        raise NotFound("product")
    return product
