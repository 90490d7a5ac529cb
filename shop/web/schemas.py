"""The shapes of what a shopper may send."""

import re
import unicodedata
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from shop.domain.email_address import fold_email
from shop.domain.money import Money
from shop.queries.catalog import SORTS, CatalogQuery
from shop.services.cart import MAX_QUANTITY
from shop.services.checkout import CheckoutForm, Delivery

_LARGEST_TOTAL = 10**9


class Text(fields.String):
    """One line of text: trimmed, composed (NFC), without control characters, not empty."""

    default_error_messages = {  # noqa: RUF012
        "required": "Please fill this in.",
        "control": "This holds a character that cannot be printed.",
    }

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest, self.shortest = longest, shortest

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, *args, **kwargs)).strip()
        # Cc are control characters and Cs lone surrogates, which no database stores.
        if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
            raise self.make_error("control")
        return self._fit(text)

    def _fit(self, text: str) -> str:
        # A text of zero-width characters looks as empty as it is.
        if len(text) < self.shortest or (self.shortest and not any(map(str.isprintable, text))):
            raise self.make_error("required")
        if len(text) > self.longest:
            raise ValidationError(f"At most {self.longest} characters, please.")
        return text


class Email(Text):
    """An email address as it was typed, which also fits when it is folded."""

    def __init__(self) -> None:
        super().__init__(254, required=True)
        self._is_email = validate.Email(error="This is not an email address.")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        address = self._is_email(super()._deserialize(value, *args, **kwargs))
        # Folding lengthens some letters: ß becomes ss.
        self._fit(fold_email(address))
        return address


class CardNumber(Text):
    """A card's number, typed with or without spaces."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        number = re.sub("[ -]", "", super()._deserialize(value, *args, **kwargs))
        if not re.fullmatch("[0-9]{12,19}", number):
            raise ValidationError("A card number has 12 to 19 digits.")
        return number


class Number(fields.Integer):
    """A whole number within a range, as JSON has it; 1.9 is refused, not rounded."""

    def __init__(self, lowest: int, highest: int) -> None:
        message = f"A whole number from {lowest} to {highest}, please."
        is_within = validate.Range(lowest, highest, error=message)
        messages: dict[str, Any] = {"invalid": message, "required": message, "null": message}
        super().__init__(strict=True, required=True, validate=is_within, error_messages=messages)


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


class CheckoutSchema(Schema):
    """The checkout form."""

    email = Email()
    name = Text(100, required=True)
    address = Text(200, required=True)
    city = Text(100, required=True)
    postcode = Text(20, required=True)
    country_code = Text(2, shortest=2, required=True)
    shipping_method = Text(20, required=True)
    card_number = CardNumber(23, required=True)
    checkout_token = Text(40, required=True)
    total_shown = TypedNumber(0, _LARGEST_TOTAL)

    @post_load
    def make_form(self, data: dict[str, Any], **_: Any) -> CheckoutForm:
        card, token = data.pop("card_number"), data.pop("checkout_token")
        total = Money(data.pop("total_shown"))
        return CheckoutForm(Delivery(**data), card, token, total)


class FindOrderSchema(Schema):
    """The form with which a guest finds an order."""

    number = Text(20, required=True)
    email = Email()


class CatalogQuerySchema(Schema):
    """The query of the catalog page; what others have added to the address is passed over."""

    class Meta:
        unknown = EXCLUDE

    q = Text(100, shortest=0)
    category = Text(60, shortest=0)
    sort = fields.String(validate=validate.OneOf(SORTS, error="We cannot sort like that."))
    after = Text(20, shortest=0)

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> CatalogQuery:
        return CatalogQuery(**data)
