"""Browse the catalog."""

from collections.abc import Hashable, Sequence
from typing import Any

from flask import Blueprint, current_app, render_template, request
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import end_read, get_session
from shop.models import Category
from shop.queries import catalog
from shop.web.forms import render_form
from shop.web.page_cache import PageCache
from shop.web.schemas import CatalogQuerySchema, ReviewQuerySchema
from shop.web.shopper import customer_id

pages = Blueprint("catalog", __name__)
_CATALOG, _REVIEWS = CatalogQuerySchema(), ReviewQuerySchema()


@pages.get("/")
def index() -> str:
    query, session = _CATALOG.load(request.args.to_dict()), get_session()
    context = {"query": query, "categories": catalog.list_categories(session)}

    def render_goods() -> str:
        page = catalog.list_products(session, **query)
        return render_template("goods.html", **context, page=page, now=now())

    cache: PageCache = current_app.extensions["page_cache"]
    goods = cache.get(_key_of(query, context["categories"]), render_goods)
    return render_template("catalog.html", **context, goods=goods)


@pages.get("/products/<slug>")
def product(slug: str, **form: Any) -> str:
    query, session = _REVIEWS.load(request.args.to_dict()), get_session()
    sku = catalog.get_product(session, slug=slug).sku
    end_read(session)
    form["skus"] = current_app.extensions["gateways"].suggestions.also_bought(sku)
    product = catalog.get_product(session, slug=slug, with_pictures=True)
    form["beside"] = catalog.list_beside(session, product, form["skus"])
    form["reviews"] = catalog.list_reviews(session, product, **query)
    form["own"] = catalog.find_own_review(session, product, customer_id())
    return render_form("product.html", **form, product=product, query=query, now=now())


@pages.get("/pictures/<int(max=2147483647):picture_id>")
def picture(picture_id: int) -> Response:
    found = catalog.get_imported_picture(get_session(), picture_id)
    kept = {"Cache-Control": "max-age=86400"}
    response = Response(found.content, headers=kept, content_type=found.content_type)
    response.add_etag()
    return response.make_conditional(request)


def _key_of(query: dict[str, str], categories: Sequence[Category]) -> Hashable | None:
    """Return what a list of goods depends on, or None where it is one of endlessly many."""
    is_shelf = query["category"] in {"", *(category.slug for category in categories)}
    if query["q"] or query["after"] or not is_shelf:
        return None
    return request.script_root, query["category"], query["sort"]
