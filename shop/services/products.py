"""Edit what the store sells."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, get_one, transaction
from shop.errors import ChangedMeanwhile
from shop.models import Product
from shop.models.catalog import fold_name


@dataclass(frozen=True, slots=True)
class ProductEdit:
    """What staff want a product to have; prices are in minor units."""

    name: str
    summary: str
    description: str
    price_amount: int
    sale_amount: int | None = None
    sale_starts_at: datetime | None = None
    sale_ends_at: datetime | None = None
    most_per_buyer: int | None = None
    limit_days: int = 1


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
