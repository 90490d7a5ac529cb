"""What the catalog and product pages show."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from shop.db import get_one
from shop.errors import NotFound
from shop.models import Category, Product, StockMovement
from shop.queries.paging import Page, SortKeys, get_page

PAGE_SIZE = 12
_MOST_WORDS = 5
_MOST_MOVEMENTS = 50
_MOST_BESIDE = 4

# Each order ends with the id, which settles ties.
_ORDERS: dict[str, tuple[SortKeys, bool]] = {
    "newest": ((Product.listed_at, Product.id), True),
    "name": ((Product.search_name, Product.id), False),
    "cheapest": ((Product.price_amount, Product.id), False),
    "dearest": ((Product.price_amount, Product.id), True),
}
SORTS = tuple(_ORDERS)
_WHOLE = select(Product).options(joinedload(Product.category), joinedload(Product.stock))


def list_products(
    session: Session,
    *,
    sort: str,
    after: str,
    q: str = "",
    category: str = "",
    size: int = PAGE_SIZE,
) -> Page[Product]:
    """Return a page of the products whose names hold every word of the search.

    Sorted by price they stand by the regular one: it holds still from page to page, while a sale
    may begin or end between two of them.

    :param after: the SKU of the last product of the page before, if there is one.
    :raises NotFound: when the page starts after a product that is not there.
    """
    statement = _WHOLE
    for word in q.casefold().split()[:_MOST_WORDS]:
        statement = statement.where(Product.search_name.contains(word, autoescape=True))
    if category:
        shelf = select(Category.id).where(Category.slug == category).scalar_subquery()
        statement = statement.where(Product.category_id == shelf)
    keys, descending = _ORDERS[sort]
    edge = select(*keys).where(Product.sku == after)
    last = session.execute(edge).one_or_none() if after else None
    if after and last is None:
        raise NotFound(what="page")
    return get_page(session, statement, keys, size=size, descending=descending, after=last)


def get_product(session: Session, **known: str) -> Product:
    """Return a product with its category and stock, by its `slug` or its `sku`.

    :raises NotFound: when there is none.
    """
    return get_one(session, _WHOLE.filter_by(**known), "product")


def list_beside(session: Session, product: Product, skus: Sequence[str]) -> Sequence[Product]:
    """Return at most four other products: those with these SKUs, in their order.

    Where there are none, it is the newest of the same shelf.
    """
    others = _WHOLE.where(Product.id != product.id)
    if named := session.scalars(others.where(Product.sku.in_(skus))).all():
        return sorted(named, key=lambda other: skus.index(other.sku))[:_MOST_BESIDE]
    shelf = others.where(Product.category_id == product.category_id).limit(_MOST_BESIDE)
    return session.scalars(shelf.order_by(Product.listed_at.desc(), Product.id.desc())).all()


def list_movements(session: Session, product: Product) -> Sequence[StockMovement]:
    """Return the latest movements of a product's stock, the latest first."""
    own = select(StockMovement).where(StockMovement.product_id == product.id)
    return session.scalars(own.order_by(StockMovement.id.desc()).limit(_MOST_MOVEMENTS)).all()


def list_categories(session: Session) -> Sequence[Category]:
    """Return the shelves of the store in their fixed order."""
    return session.scalars(select(Category).order_by(Category.id)).all()
