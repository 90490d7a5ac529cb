"""Version 1 of the API: products for everybody, orders for the customer whose token is shown."""

from collections import Counter
from typing import Any, NoReturn

from flask import Request, current_app, g, request
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Unauthorized

from shop.api import schemas
from shop.clock import now
from shop.db import get_session
from shop.domain.money import Money
from shop.errors import NotFound
from shop.models import Order, Product
from shop.queries.catalog import get_product, list_products
from shop.queries.customers import find_by_token_hash
from shop.queries.orders import get_order, is_customers_order, list_own_orders
from shop.queries.paging import Page
from shop.services.accounts import hash_token
from shop.services.cart import fill_cart
from shop.services.checkout import CheckoutForm, Delivery, place_order
from shop.services.promotions import Codes
from shop.web.refusals import fields_of

_PAGE_SIZE = 50


class StrictParser(FlaskParser):
    """A parser whose errors are those of the forms."""

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        [messages] = fields_of(error).values()
        raise ValidationError(messages)

    def load_json(self, req: Request, schema: Schema) -> Any:
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError):
            # Python reads no number of more than 4,300 digits.
            raise BadRequest("This JSON is nested too deeply or holds a huge number.") from None


# A parameter that the document does not know is refused; headers are many, and passed over.
Blueprint.ARGUMENTS_PARSER = StrictParser(unknown=None)
goods = Blueprint("goods", __name__, url_prefix="/api/v1", description="What the store sells.")
orders = Blueprint(
    "api-orders", __name__, url_prefix="/api/v1/orders", description="A customer's own orders."
)


@orders.before_request
def require_token() -> None:
    """Let only pass who shows the token of an account."""
    shown = request.authorization
    token = shown.token if shown and shown.type == "bearer" else None
    g.customer = find_by_token_hash(get_session(), hash_token(token or ""))
    if g.customer is None:
        sentence = "Send Authorization: Bearer and the token from your account's page."
        raise Unauthorized(sentence, www_authenticate=WWWAuthenticate("bearer"))


@goods.get("/products")
@goods.arguments(schemas.ProductQuerySchema, location="query")
@goods.response(200, schemas.ProductPageSchema)
@goods.alt_response(404, schema=schemas.ErrorSchema, description="`after` is no product's SKU.")
def show_products(query: dict[str, str]) -> dict[str, Any]:
    """List products."""
    return _as_page(list_products(get_session(), **query, size=_PAGE_SIZE, in_full=True), "sku")


@goods.get("/products/<sku>")
@goods.response(200, schemas.ProductSchema)
@goods.alt_response(404, schema=schemas.ErrorSchema, description="There is no such product.")
def show_product(sku: str) -> Product:
    """Show one product."""
    return get_product(get_session(), sku=sku)


@goods.get("/feed")
@goods.arguments(schemas.PageQuerySchema, location="query")
@goods.response(200, schemas.ProductPageSchema)
@goods.alt_response(404, schema=schemas.ErrorSchema, description="`after` is no product's SKU.")
def show_feed(query: dict[str, str]) -> dict[str, Any]:
    """List all products, for partners.

    They come by name; follow `next` until it is null.
    """
    page = list_products(get_session(), **query, sort="name", size=_PAGE_SIZE, in_full=True)
    return _as_page(page, "sku")


@orders.get("")
@orders.arguments(schemas.PageQuerySchema, location="query")
@orders.response(200, schemas.OrderPageSchema)
@orders.alt_response(401, schema=schemas.ErrorSchema, description="No token, or a wrong one.")
@orders.alt_response(404, schema=schemas.ErrorSchema, description="`after` is no order's number.")
@orders.doc(security=[{"token": []}])
def show_orders(query: dict[str, str]) -> dict[str, Any]:
    """List your orders.

    The latest comes first.
    """
    return _as_page(list_own_orders(get_session(), g.customer.id, query["after"]), "number")


@orders.get("/<number>")
@orders.response(200, schemas.OrderSchema)
@orders.alt_response(401, schema=schemas.ErrorSchema, description="No token, or a wrong one.")
@orders.alt_response(404, schema=schemas.ErrorSchema, description="You have no such order.")
@orders.doc(security=[{"token": []}])
def show_order(number: str) -> Order:
    """Show one of your orders."""
    if not is_customers_order(get_session(), number, g.customer.id):
        raise NotFound(what="order")
    return get_order(get_session(), number)


@orders.post("")
@orders.arguments(schemas.IdempotencySchema, location="headers")
@orders.arguments(schemas.NewOrderSchema)
@orders.response(201, schemas.OrderSchema)
@orders.alt_response(400, schema=schemas.ErrorSchema, description="The body is not JSON.")
@orders.alt_response(401, schema=schemas.ErrorSchema, description="No token, or a wrong one.")
@orders.alt_response(404, schema=schemas.ErrorSchema, description="There is no such product.")
@orders.alt_response(409, schema=schemas.ErrorSchema, description="Sold out, or another total.")
@orders.alt_response(503, schema=schemas.ErrorSchema, description="The provider does not answer.")
@orders.doc(security=[{"token": []}])
def create_order(headers: dict[str, str], body: dict[str, Any]) -> Order:
    """Place an order.

    Sent again with the same Idempotency-Key it is the same order. When the card would pay anything
    else than `total_amount`, the order is refused, and the refusal names what it would pay.
    """
    key = hash_token(f"{g.customer.id} {headers['key']}")[:40]
    lines: Counter[str] = Counter()
    for line in body.pop("lines"):
        lines[line["sku"]] += line["quantity"]
    total, card = Money(body.pop("total_amount")), body.pop("card_number")
    codes = Codes(body.pop("coupon_code"), body.pop("gift_card_code"))
    form = CheckoutForm(Delivery(**body), card, key, total, g.customer.id, codes)
    fill_cart(get_session(), key, lines, now())
    outside = current_app.extensions["gateways"]
    number = place_order(get_session(), outside, key, form, now())
    return get_order(get_session(), number)


def _as_page(page: Page[Any], key: str) -> dict[str, Any]:
    return {"rows": page.rows, "next": getattr(page.rows[-1], key) if page.has_more else None}
