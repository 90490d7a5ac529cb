"""The shapes of what the API takes and gives: a published contract, so names and types stay.

Amounts are whole numbers of minor units, pence for GBP, and moments are UTC in ISO 8601.
"""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from shop.clock import now
from shop.queries.catalog import SORTS
from shop.services.cart import MAX_LINES, MAX_QUANTITY
from shop.web.fields import Line, Number, Text
from shop.web.schemas import DeliverySchema

_LARGEST_TOTAL = 10**9


def _example(value: object) -> dict[str, object]:
    return {"example": value}


class ProblemSchema(Schema):
    """Why something was refused: `code` is for programs, `message` for people."""

    code = fields.String(required=True, metadata=_example("out_of_stock"))
    message = fields.String(required=True, metadata=_example("Kestrel Kettle is sold out."))
    fields_ = fields.Dict(required=True, data_key="fields", metadata=_example({}))


class ErrorSchema(Schema):
    """The body of every answer from 400 on."""

    error = fields.Nested(ProblemSchema, required=True)


class CurrentPrice(fields.Integer):
    """What a product costs at this moment, in a sale or outside of one."""

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        return obj.price_at(now()).amount


class ProductSchema(Schema):
    """Something the store sells."""

    sku = fields.String(required=True, metadata=_example("KTL-001"))
    name = fields.String(required=True, metadata=_example("Kestrel Kettle"))
    summary = fields.String(required=True)
    description = fields.String(required=True)
    category = fields.String(required=True, attribute="category.slug")
    price_amount = CurrentPrice(required=True, metadata=_example(5800))
    currency = fields.String(required=True, metadata=_example("GBP"))
    available = fields.Integer(required=True, attribute="stock.available")


class ProductPageSchema(Schema):
    """Some products; `next` is the `after` of the page behind them, or null."""

    products = fields.List(fields.Nested(ProductSchema), attribute="rows", required=True)
    next = fields.String(required=True, allow_none=True)


class OrderLineSchema(Schema):
    """A quantity of one product as it was sold."""

    sku = fields.String(required=True)
    name = fields.String(required=True)
    unit_amount = fields.Integer(required=True)
    quantity = fields.Integer(required=True)
    refunded = fields.Integer(required=True)


class OrderSchema(Schema):
    """An order and how far it has come."""

    number = fields.String(required=True, metadata=_example("BB-7K3MQ-9XT2W"))
    status = fields.String(required=True)
    payment_status = fields.String(required=True)
    fulfillment_status = fields.String(required=True)
    placed_at = fields.AwareDateTime(required=True)
    lines = fields.List(fields.Nested(OrderLineSchema), required=True)
    currency = fields.String(required=True, metadata=_example("GBP"))
    goods_amount = fields.Integer(required=True)
    coupon_code = fields.String(required=True, allow_none=True)
    discount_amount = fields.Integer(required=True)
    shipping_amount = fields.Integer(required=True)
    tax_amount = fields.Integer(required=True)
    total_amount = fields.Integer(required=True)
    gift_card_amount = fields.Integer(required=True)
    charge_amount = fields.Integer(required=True, attribute="totals.charge.amount")
    refunded_amount = fields.Integer(required=True)


class OrderPageSchema(Schema):
    """Some orders; `next` is the `after` of the page behind them, or null."""

    orders = fields.List(fields.Nested(OrderSchema), attribute="rows", required=True)
    next = fields.String(required=True, allow_none=True)


class NewLineSchema(Schema):
    """How many of what is ordered; lines of one product count together."""

    sku = Text(20, required=True, metadata=_example("PCL-001"))
    quantity = Number(1, MAX_QUANTITY, example=2)


class NewOrderSchema(DeliverySchema):
    """An order to be placed; `total_amount` is what the customer has agreed to pay by card."""

    total_amount = Number(0, _LARGEST_TOTAL, example=582)
    lines = fields.List(
        fields.Nested(NewLineSchema), required=True, validate=validate.Length(1, MAX_LINES)
    )


class IdempotencySchema(Schema):
    """The header that makes the same order, sent again, the same order."""

    class Meta:
        unknown = EXCLUDE

    is_visible = validate.Regexp("^[!-~]{1,64}$", error="Up to 64 visible signs, please.")
    key = fields.String(required=True, data_key="Idempotency-Key", validate=is_visible)


class PageQuerySchema(Schema):
    """Where a page begins: behind the SKU or the order number `after`."""

    after = Line(20)


class ProductQuerySchema(PageQuerySchema):
    """Which products are wanted, and in which order."""

    q = Line(100)
    category = Line(60)
    sort = fields.String(validate=validate.OneOf(SORTS), load_default="newest")
