"""The shapes of what a shopper may send."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from shop.domain.money import Money
from shop.queries.catalog import SORTS
from shop.queries.orders import SHELVES
from shop.services.accounts import Profile
from shop.services.cart import MAX_QUANTITY
from shop.services.checkout import CheckoutForm, Delivery
from shop.services.promotions import Codes
from shop.web.fields import (
    CardNumber,
    Code,
    CountryCode,
    Email,
    Line,
    LocalTime,
    Paragraphs,
    Password,
    Text,
    TypedNumber,
)

_LARGEST_TOTAL = 10**9
_NO_SORT = "We cannot sort like that."
_REASONS = ("received", "counted", "damaged", "returned")


class AddToCartSchema(Schema):
    """The form on a product page."""

    quantity = TypedNumber(1, MAX_QUANTITY)


class SetQuantitySchema(Schema):
    """The form beside a line of the cart."""

    quantity = TypedNumber(0, MAX_QUANTITY)


class CodesSchema(Schema):
    """What makes an order cheaper."""

    coupon_code = Code()
    gift_card_code = Code(left_out="[ -]")


class DeliverySchema(CodesSchema):
    """To whom and how an order goes, and the card that pays for it, if any is needed."""

    email = Email()
    name = Text(100, required=True, metadata={"example": "Mira Lindqvist"})
    address = Text(200, required=True, metadata={"example": "3 Tallow Lane"})
    city = Text(100, required=True, metadata={"example": "Brindleford"})
    postcode = Text(20, required=True, metadata={"example": "BR1 2ND"})
    country_code = CountryCode()
    shipping_method = Text(20, required=True, metadata={"example": "standard"})
    card_number = CardNumber()


class CheckoutSchema(DeliverySchema):
    """The checkout form."""

    checkout_token = Text(40, required=True)
    total_shown = TypedNumber(0, _LARGEST_TOTAL)

    @post_load
    def make_form(self, data: dict[str, Any], **_: Any) -> CheckoutForm:
        card, token = data.pop("card_number"), data.pop("checkout_token")
        total = Money(data.pop("total_shown"))
        codes = Codes(data.pop("coupon_code"), data.pop("gift_card_code"))
        return CheckoutForm(Delivery(**data), card, token, total, codes=codes)


class ReviewSchema(Schema):
    """The form in which a customer reviews a product."""

    stars = TypedNumber(1, 5)
    text = Paragraphs(2_000)


class FindOrderSchema(Schema):
    """The form with which a guest finds an order."""

    number = Text(20, required=True)
    email = Email()


class SignInSchema(Schema):
    """The form that lets somebody in; `next` is where they wanted to go."""

    email = Email()
    password = Password()
    next = Line(2_000)


class RegisterSchema(SignInSchema):
    """The form that opens an account."""

    name = Text(100, required=True)
    password = Password(10)


class ForgotPasswordSchema(Schema):
    """The form that asks for a link."""

    email = Email()


class ResetPasswordSchema(Schema):
    """The form that the link leads to."""

    token = Text(40, required=True)
    password = Password(10)


class ChangePasswordSchema(Schema):
    """The form that changes a password."""

    current_password = Password()
    new_password = Password(10)


class ProfileSchema(Schema):
    """What customers may change about themselves."""

    name = Text(100, required=True)
    address = Line(200)
    city = Line(100)
    postcode = Line(20)
    country_code = Line(2)

    @post_load
    def make_profile(self, data: dict[str, Any], **_: Any) -> Profile:
        return Profile(**data)


class NothingSchema(Schema):
    """A form of one button."""


class RefundSchema(Schema):
    """Units of one product whose money goes back."""

    sku = Text(20, required=True)
    quantity = TypedNumber(1, MAX_QUANTITY)


class ProductTextsSchema(Schema):
    """What every product has; folded, the name fits into its column of 240."""

    name = Text(80, required=True)
    summary = Line(200)
    description = Paragraphs(5_000)
    price_amount = TypedNumber(1, 10_000_000)


class ProductSchema(ProductTextsSchema):
    """The form in which staff edit a product.

    A product has no sale when the three fields of it are empty, and no limit without a number.
    """

    sale_amount = TypedNumber(1, 10_000_000, required=False)
    sale_starts_at = LocalTime()
    sale_ends_at = LocalTime()
    most_per_buyer = TypedNumber(1, MAX_QUANTITY, required=False)
    limit_days = TypedNumber(1, 365, required=False)
    version = TypedNumber(1, _LARGEST_TOTAL)

    @pre_load
    def drop_empty(self, data: dict[str, str], **_: Any) -> dict[str, str]:
        return {name: text for name, text in data.items() if text}

    @post_load
    def check_sale(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        missing = {"sale_amount", "sale_starts_at", "sale_ends_at"} - data.keys()
        if 0 < len(missing) < 3:
            raise ValidationError({name: ["A sale needs this too."] for name in missing})
        if not missing and data["sale_starts_at"] >= data["sale_ends_at"]:
            raise ValidationError("A sale ends after it has started.", "sale_ends_at")
        return data


class StockSchema(Schema):
    """Units that came or went."""

    delta = TypedNumber(-10_000, 10_000)
    reason = fields.String(required=True, validate=validate.OneOf(_REASONS))
    note = Line(200)


class QuerySchema(Schema):
    """The query of a page; what others have added to the address is passed over."""

    class Meta:
        unknown = EXCLUDE


class CatalogQuerySchema(QuerySchema):
    """What the catalog shows."""

    q = Line(100)
    category = Line(60)
    sort = fields.String(validate=validate.OneOf(SORTS, error=_NO_SORT), load_default="newest")
    after = Line(20)


class ReviewQuerySchema(QuerySchema):
    """Which reviews a product's page shows: those behind the one with the id `after`."""

    after = fields.Integer(load_default=None, validate=validate.Range(1, 2**31 - 1))


class PageQuerySchema(QuerySchema):
    """What a list shows: `after` names the last row of the page before."""

    q = Line(254)
    after = Line(254)


class StaffQuerySchema(PageQuerySchema):
    """What the list of orders shows to staff."""

    show = fields.String(validate=validate.OneOf(SHELVES), load_default="to-pack")
