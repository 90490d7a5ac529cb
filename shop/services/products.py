"""Edit what the store sells, and import it from a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, get_one, insert, transaction
from shop.errors import ChangedMeanwhile, NotYet, ProductOrdered, RowRefused
from shop.gateways.pictures import PictureSource
from shop.models import CartLine, Category, OrderLine, Picture, Product, StockItem, StockMovement
from shop.models.catalog import fold_name
from shop.services.jobs import enqueue_all

# The first row of a file holds the names of its columns.
FIRST_ROW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductTexts:
    """What every product has; its price is in minor units."""

    name: str
    summary: str
    description: str
    price_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEdit(ProductTexts):
    """What staff want a product to have."""

    sale_amount: int | None = None
    sale_starts_at: datetime | None = None
    sale_ends_at: datetime | None = None
    most_per_buyer: int | None = None
    limit_days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(ProductTexts):
    """A row of a file of products; `category` is the slug of a shelf."""

    sku: str
    category: str
    on_hand: int
    picture_url: str
    picture_alt: str

    @property
    def columns(self) -> dict[str, Any]:
        """What the product's row holds of it, whether it is new or not."""
        texts = {each.name: getattr(self, each.name) for each in fields(ProductTexts)}
        return {**texts, "search_name": fold_name(self.name)}

    @property
    def slug(self) -> str:
        """The address of a new product: two hyphens in a row set off its SKU, which is its own."""
        name = re.sub("[^a-z0-9]+", "-", self.name.casefold()[:50]).strip("-")
        return f"{name}--{self.sku.lower()}"

    @property
    def picture(self) -> dict[str, str]:
        """What the job is told that fetches the picture."""
        return {"sku": self.sku, "url": self.picture_url, "alt": self.picture_alt or self.name}


def edit_product(session: Session, sku: str, version: int, edit: ProductEdit) -> None:
    """Change a product that nobody has changed since `version` of it was read.

    :raises NotFound: when there is no such product.
    :raises ChangedMeanwhile: when somebody was faster; nothing is then changed.
    """
    with transaction(session):
        product_id = get_one(session, select(Product.id).where(Product.sku == sku), "product")
        as_read = update(Product).where(Product.id == product_id, Product.version == version)
        values = {**asdict(edit), "search_name": fold_name(edit.name), "version": version + 1}
        if not changed_rows(session, as_read.values(values)):
            raise ChangedMeanwhile(what="product")


def remove_product(session: Session, sku: str) -> None:
    """Take a product out of the store, and out of every cart, with all that is said of it.

    Carts, stock and product are locked in the order in which a checkout takes them: whoever is in
    the middle of one either has ordered before the last statement looks, or finds no stock.

    :raises NotFound: when there is no such product.
    :raises ProductOrdered: when it stands on an order; nothing is then removed.
    """
    this = select(Product.id).where(Product.sku == sku)
    with transaction(session):
        product_id = get_one(session, this, "product")
        for part in (CartLine, StockItem):
            session.execute(delete(part).where(part.product_id == product_id))
        is_ordered = exists().where(OrderLine.product_id == product_id)
        if not changed_rows(session, delete(Product).where(Product.id == product_id, ~is_ordered)):
            get_one(session, this, "product")
            raise ProductOrdered


def import_products(
    session: Session, rows: Sequence[ProductRow], now: datetime, *, with_pictures: bool
) -> int:
    """Add the products of a file that are new, and give the others its texts and prices.

    Shelf and stock count for new ones only: what is on hand of the others, the ledger tells. With
    pictures, a job fetches each. All in a fixed number of statements; returns how many were new.

    :raises RowRefused: when a SKU stands in the file twice or there is no such shelf.
    """
    with transaction(session):
        shelves = dict(session.execute(select(Category.slug, Category.id)).all())
        _check_rows(rows, shelves)
        new = _store_rows(session, rows, shelves, now)
        came = [(new[row.sku], row.on_hand) for row in rows if row.sku in new]
        if came:
            stock = [{"product_id": number, "on_hand": units} for number, units in came]
            session.execute(insert(session, StockItem), stock)
            facts = {"reason": "received", "at": now}
            moves = [{"product_id": number, "delta": units, **facts} for number, units in came]
            session.execute(insert(session, StockMovement), moves)
        wanted = [row for row in rows if row.picture_url and with_pictures]
        enqueue_all(session, "fetch_picture", now, [row.picture for row in wanted])
    return len(new)


def fetch_picture(session: Session, pictures: PictureSource, sku: str, url: str, alt: str) -> None:
    """Fetch a picture and put it behind the others of its product, unless it is there already.

    :raises PictureRefused: when it must not or cannot be taken.
    :raises NotYet: when another picture has just taken its place.
    """
    picture = pictures.fetch(url)
    with transaction(session):
        product_id = get_one(session, select(Product.id).where(Product.sku == sku), "product")
        own = Picture.product_id == product_id
        if session.scalar(select(Picture.id).where(own, Picture.content == picture.content)):
            return
        last = session.scalar(select(func.max(Picture.position)).where(own)) or 0
        row = {"product_id": product_id, "position": last + 1, "alt": alt, **asdict(picture)}
        added = insert(session, Picture).values(**row)
        if not changed_rows(session, added.on_conflict_do_nothing()):
            raise NotYet


def _check_rows(rows: Sequence[ProductRow], shelves: Mapping[str, int]) -> None:
    seen: set[str] = set()
    for number, row in enumerate(rows, FIRST_ROW):
        if row.sku in seen:
            raise RowRefused(row=number, column="sku", why=f"{row.sku} stands above already")
        if row.category not in shelves:
            raise RowRefused(row=number, column="category", why=f"no shelf is {row.category!r}")
        seen.add(row.sku)


def _store_rows(
    session: Session, rows: Sequence[ProductRow], shelves: Mapping[str, int], now: datetime
) -> dict[str, int]:
    """Write the products in the order of their SKUs; return the ids of the new ones by SKU."""
    products = []
    for row in sorted(rows, key=attrgetter("sku")):
        shelf = {"category_id": shelves[row.category], "listed_at": now}
        products.append({**row.columns, "sku": row.sku, "slug": row.slug, **shelf})
    product = insert(session, Product)
    edit: dict[str, Any] = {name: product.excluded[name] for name in rows[0].columns}
    edit["version"] = Product.version + 1
    stored = product.on_conflict_do_update(index_elements=["sku"], set_=edit).returning(
        Product.sku, Product.id, Product.version
    )
    # The first version of a product is the new one.
    found = session.execute(stored, products)
    return {sku: product_id for sku, product_id, version in found if version == 1}
