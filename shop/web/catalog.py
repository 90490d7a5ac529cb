"""Browse the catalog."""

from typing import Any

from flask import Blueprint, render_template, request

from shop.clock import now
from shop.db import get_session
from shop.queries.catalog import get_product, list_categories, list_products
from shop.web.forms import render_form
from shop.web.schemas import CatalogQuerySchema

pages = Blueprint("catalog", __name__)


@pages.get("/")
def index() -> str:
    query = CatalogQuerySchema().load(request.args.to_dict())
    return render_template(
        "catalog.html",
        query=query,
        page=list_products(get_session(), **query),
        categories=list_categories(get_session()),
        now=now(),
    )


@pages.get("/products/<slug>")
def product(slug: str, **form: Any) -> str:
    product = get_product(get_session(), slug=slug)
    return render_form("product.html", **form, product=product, now=now())
