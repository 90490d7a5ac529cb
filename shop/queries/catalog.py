"""What the catalog and product pages show."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, defer, joinedload, raiseload, selectinload, undefer

from shop.db import get_one
from shop.domain.picture import PICTURE_TYPES
from shop.errors import NotFound
from shop.models import Category, Customer, Picture, Product, Review, StockMovement
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
_STOCKED = select(Product).options(joinedload(Product.stock))
_WHOLE = _STOCKED.options(joinedload(Product.category))
_PICTURED = _WHOLE.options(selectinload(Product.more_pictures))
# What a card shows; descriptions are long, and no list reads them for nothing.
_CARDS = _STOCKED.options(defer(Product.description, raiseload=True), raiseload(Product.category))
_SHELVES = select(Category).order_by(Category.id)


def list_products(
    session: Session,
    *,
    sort: str,
    after: str,
    q: str = "",
    category: str = "",
    size: int = PAGE_SIZE,
    in_full: bool = False,
) -> Page[Product]:
    """Return a page of the products whose names hold every word of the search.

    Sorted by price they stand by the regular one: it holds still from page to page, while a sale
    may begin or end between two of them.

    :param after: the SKU of the last product of the page before, if there is one.
    :param in_full: whether the descriptions are shown, which are too long to be read for nothing.
    :raises NotFound: when the page starts after a product that is not there.
    """
    statement = _WHOLE if in_full else _CARDS
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


def get_product(session: Session, *, with_pictures: bool = False, **known: str) -> Product:
    """Return a product with its category and stock, by its `slug` or its `sku`.

    Of its further pictures the bytes stay where they are.

    :raises NotFound: when there is none.
    """
    return get_one(session, (_PICTURED if with_pictures else _WHOLE).filter_by(**known), "product")


def list_beside(session: Session, product: Product, skus: Sequence[str]) -> Sequence[Product]:
    """Return at most four other products: those with these SKUs, in their order.

    Where there are none, it is the newest of the same shelf.
    """
    others = _CARDS.where(Product.id != product.id)
    if skus and (named := session.scalars(others.where(Product.sku.in_(skus))).all()):
        return sorted(named, key=lambda other: skus.index(other.sku))[:_MOST_BESIDE]
    shelf = others.where(Product.category_id == product.category_id).limit(_MOST_BESIDE)
    return session.scalars(shelf.order_by(Product.listed_at.desc(), Product.id.desc())).all()


def get_imported_picture(session: Session, picture_id: int) -> Picture:
    """Return a picture that was imported, with its bytes.

    :raises NotFound: when there is none, or when it could be something else than a picture.
    """
    imported = Picture.id == picture_id, Picture.content_type.in_(PICTURE_TYPES)
    whole = select(Picture).where(*imported).options(undefer(Picture.content))
    return get_one(session, whole, "picture")


def list_reviews(session: Session, product: Product, after: int | None) -> Page[Review]:
    """Return a page of a product's reviews, the latest first, and of each author only the name.

    :param after: the id of the last review of the page before, which may be gone by now.
    """
    author = joinedload(Review.customer).load_only(Customer.name, raiseload=True)
    own = select(Review).where(Review.product_id == product.id).options(author)
    edge = [after] if after else None
    return get_page(session, own, [Review.id], size=PAGE_SIZE, descending=True, after=edge)


def find_own_review(session: Session, product: Product, customer_id: int | None) -> Review | None:
    """Return what a customer has written of a product; nobody has the id None."""
    own = select(Review).where(Review.product_id == product.id, Review.customer_id == customer_id)
    return session.scalar(own) if customer_id else None


def list_movements(session: Session, product: Product) -> Sequence[StockMovement]:
    """Return the latest movements of a product's stock, the latest first."""
    own = select(StockMovement).where(StockMovement.product_id == product.id)
    return session.scalars(own.order_by(StockMovement.id.desc()).limit(_MOST_MOVEMENTS)).all()


def list_categories(session: Session) -> Sequence[Category]:
    """Return the shelves of the store in their fixed order."""
    return session.scalars(_SHELVES).all()
