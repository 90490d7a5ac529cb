"""Browse the catalog."""

from typing import Any

from flask import Blueprint, current_app, render_template, request

from shop.clock import now
from shop.db import end_read, get_session
from shop.queries.catalog import get_product, list_beside, list_categories, list_products
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
    sku = get_product(get_session(), slug=slug).sku
    end_read(get_session())
    skus = current_app.extensions["gateways"].suggestions.also_bought(sku)
    product = get_product(get_session(), slug=slug)
    context = {"skus": skus, "beside": list_beside(get_session(), product, skus)}
    return render_form("product.html", **form, **context, product=product, now=now())
