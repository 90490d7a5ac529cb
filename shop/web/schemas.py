"""The shapes of what a shopper may send."""

import re
import unicodedata
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from shop.domain.email_address import fold_email
from shop.domain.money import Money
from shop.errors import DestinationNotServed
from shop.queries.catalog import SORTS
from shop.queries.orders import SHELVES
from shop.services.accounts import Profile
from shop.services.cart import MAX_QUANTITY
from shop.services.checkout import CheckoutForm, Delivery
from shop.services.promotions import Codes
from shop.web.local_time import LocalTime

_LARGEST_TOTAL = 10**9
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
# The same rules as patterns of JSON Schema: no control character, and one that can be seen.
_LINE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_TEXT = (
    _LINE[:-1] + r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060"
    r"\u3000\ufeff]" + _LINE[1:]
)
_CARD_NUMBER = "^(([0-9][ -]?){12,19})?$"


class Text(fields.String):
    """One line of text: trimmed, composed (NFC), without control characters, not empty.

    What JSON Schema can say of it stands in the API's document.
    """

    default_error_messages = {  # noqa: RUF012
        "required": "Please fill this in.",
        "control": "This holds a character that cannot be printed.",
    }

    allowed_signs = ""

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        shape = {
            "minLength": shortest,
            "maxLength": longest,
            "pattern": _TEXT if shortest else _LINE,
        }
        super().__init__(metadata=shape | kwargs.pop("metadata", {}), **kwargs)
        self.longest, self.shortest = longest, shortest

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, *args, **kwargs))
        # Cc are control characters and Cs lone surrogates, which no database stores.
        signs = set(text) - set(self.allowed_signs)
        if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in signs):
            raise self.make_error("control")
        return self._fit(text.strip())

    def _fit(self, text: str) -> str:
        # A text of zero-width characters looks as empty as it is.
        if self.shortest and not "".join(text.split()).strip(_ZERO_WIDTH):
            raise self.make_error("required")
        if len(text) > self.longest:
            raise ValidationError(f"At most {self.longest} characters, please.")
        return text


class Line(Text):
    """A line of text that may be empty or missing."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(longest, shortest=0, load_default="", **kwargs)


class Paragraphs(Line):
    """Several lines of text, which may be empty."""

    allowed_signs = "\r\n"

    def _fit(self, text: str) -> str:
        # A browser sends two characters for the end of a line, and counts it as one.
        return super()._fit("\n".join(text.splitlines()))


class Password(fields.String):
    """A password exactly as it was typed; NIST SP 800-63B asks for length and nothing else."""

    def __init__(self, shortest: int = 1) -> None:
        message = f"A password has {shortest} to 200 characters."
        fits = validate.Length(shortest, 200, error=message)
        super().__init__(required=True, validate=fits, error_messages={"required": message})


class Email(Text):
    """An email address as it was typed, which also fits when it is folded."""

    def __init__(self) -> None:
        shape = {"format": "email", "example": "mira@brindle.example"}
        super().__init__(254, required=True, metadata=shape)
        self._is_email = validate.Email(error="This is not an email address.")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        address = self._is_email(super()._deserialize(value, *args, **kwargs))
        # Folding lengthens some letters: ß becomes ss.
        self._fit(fold_email(address))
        return address


class CountryCode(Text):
    """Two capitals, as ISO 3166-1 has them."""

    def __init__(self) -> None:
        super().__init__(2, required=True, metadata={"pattern": "^[A-Z]{2}$", "example": "GB"})

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        code = super()._deserialize(value, *args, **kwargs)
        if not re.fullmatch("[A-Z]{2}", code):
            raise ValidationError(DestinationNotServed.sentence)
        return code


class Code(Line):
    """The code of a coupon or gift card in its one spelling: capitals, without the `left_out`."""

    def __init__(self, left_out: str = "") -> None:
        super().__init__(40, metadata={"example": ""})
        self.left_out = left_out

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        code = re.sub(self.left_out, "", super()._deserialize(value, *args, **kwargs))
        return code.upper() if code.isascii() else code


class CardNumber(Line):
    """A card's number, typed with or without spaces, or nothing."""

    def __init__(self) -> None:
        shape = {"pattern": _CARD_NUMBER, "example": "4242424242424242"}
        super().__init__(40, metadata=shape)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        number = re.sub("[ -]", "", super()._deserialize(value, *args, **kwargs))
        if not re.fullmatch("([0-9]{12,19})?", number):
            raise ValidationError("A card number has 12 to 19 digits.")
        return number


class Number(fields.Integer):
    """A whole number within a range, as JSON has it; 1.9 is refused, not rounded."""

    def __init__(self, lowest: int, highest: int, required: bool = True, **metadata: Any) -> None:
        message = f"A whole number from {lowest} to {highest}, please."
        is_within = validate.Range(lowest, highest, error=message)
        messages: dict[str, Any] = {"invalid": message, "required": message, "null": message}
        rules: dict[str, Any] = {"validate": is_within, "error_messages": messages}
        super().__init__(strict=True, required=required, metadata=metadata, **rules)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # To Python, true is the number 1.
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs)


class TypedNumber(Number):
    """A whole number within a range, as someone types it into a form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        is_digits = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip())
        return super()._deserialize(int(value) if is_digits else value, *args, **kwargs)


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


class ProductSchema(Schema):
    """The form in which staff edit a product; folded, the name fits into its column of 240.

    A product has no sale when the three fields of it are empty, and no limit without a number.
    """

    name = Text(80, required=True)
    summary = Line(200)
    description = Paragraphs(5_000)
    price_amount = TypedNumber(1, 10_000_000)
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
    reason = fields.String(
        required=True, validate=validate.OneOf(("received", "counted", "damaged", "returned"))
    )
    note = Line(200)


class QuerySchema(Schema):
    """The query of a page; what others have added to the address is passed over."""

    class Meta:
        unknown = EXCLUDE


class CatalogQuerySchema(QuerySchema):
    """What the catalog shows."""

    q = Line(100)
    category = Line(60)
    sort = fields.String(
        validate=validate.OneOf(SORTS, error="We cannot sort like that."), load_default="newest"
    )
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
