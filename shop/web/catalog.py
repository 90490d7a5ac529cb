"""Browse the catalog."""

from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from shop.db import get_session
from shop.queries import catalog
from shop.web.forms import render_form
from shop.web.schemas import CatalogQuerySchema, ReviewQuerySchema
from shop.web.shopper import customer_id

pages = Blueprint("catalog", __name__)


@pages.get("/")
def index() -> str:
    query, session = CatalogQuerySchema().load(request.args.to_dict()), get_session()
    page, shelves = catalog.list_products(session, **query), catalog.list_categories(session)
    return render_template("catalog.html", query=query, page=page, categories=shelves)


@pages.get("/products/<slug>")
def product(slug: str, **form: Any) -> str:
    query, session = ReviewQuerySchema().load(request.args.to_dict()), get_session()
    product = catalog.get_product(session, slug=slug, with_pictures=True)
    form["reviews"] = catalog.list_reviews(session, product, **query)
    form["own"] = catalog.find_own_review(session, product, customer_id())
    return render_form("product.html", **form, product=product, query=query)


@pages.get("/pictures/<int(max=2147483647):picture_id>")
def picture(picture_id: int) -> Response:
    found = catalog.get_imported_picture(get_session(), picture_id)
    kept = {"Cache-Control": "max-age=86400"}
    response = Response(found.content, headers=kept, content_type=found.content_type)
    response.add_etag()
    return response.make_conditional(request)
