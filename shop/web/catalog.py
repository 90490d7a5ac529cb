"""Browse the catalog."""

from collections.abc import Hashable, Sequence
from typing import Any

from flask import Blueprint, current_app, render_template, request

from shop.db import get_session
from shop.models import Category
from shop.queries.catalog import get_product, list_categories, list_products
from shop.web.forms import render_form
from shop.web.page_cache import PageCache
from shop.web.schemas import CatalogQuerySchema

pages = Blueprint("catalog", __name__)


@pages.get("/")
def index() -> str:
    query = CatalogQuerySchema().load(request.args.to_dict())
    categories = list_categories(get_session())

    def render_goods() -> str:
        page = list_products(get_session(), **query)
        return render_template("goods.html", query=query, categories=categories, page=page)

    cache: PageCache = current_app.extensions["page_cache"]
    goods = cache.get(_key_of(query, categories), render_goods)
    return render_template("catalog.html", query=query, categories=categories, goods=goods)


@pages.get("/products/<slug>")
def product(slug: str, **form: Any) -> str:
    return render_form("product.html", **form, product=get_product(get_session(), slug=slug))


def _key_of(query: dict[str, str], categories: Sequence[Category]) -> Hashable | None:
    """Return what a list of goods depends on, or None where it is one of endlessly many."""
    is_shelf = query["category"] in {"", *(category.slug for category in categories)}
    if query["q"] or query["after"] or not is_shelf:
        return None
    return request.script_root, query["category"], query["sort"]
