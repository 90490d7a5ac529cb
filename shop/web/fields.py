"""The kinds of text and number that may be sent, and moments by the clock on the store's wall."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from marshmallow import ValidationError, fields, validate

from shop.domain.email_address import fold_email
from shop.errors import DestinationNotServed

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
# The same rules as patterns of JSON Schema: no control character, and one that can be seen.
_LINE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_TEXT = (
    _LINE[:-1] + r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060"
    r"\u3000\ufeff]" + _LINE[1:]
)
_EMPTY, _UNPRINTABLE = "Please fill this in.", "This holds a character that cannot be printed."
# In a mail's head an encoded word means another mailbox, and an empty quote none.
_EMAIL, _NO_EMAIL = r'^(?!.*(=\?|""))' + _TEXT[1:], "This is not an email address."
_CARD_NUMBER = "^(([0-9][ -]?){12,19})?$"


class Text(fields.String):
    """One line of text: trimmed, composed (NFC), without control characters, not empty.

    What JSON Schema can say of it stands in the API's document.
    """

    default_error_messages = {"required": _EMPTY, "control": _UNPRINTABLE}  # noqa: RUF012

    allowed_signs = ""

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        pattern = _TEXT if shortest else _LINE
        shape = {"minLength": shortest, "maxLength": longest, "pattern": pattern}
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
        shape = {"format": "email", "pattern": _EMAIL, "example": "mira@brindle.example"}
        super().__init__(254, required=True, metadata=shape)
        self._is_email = validate.Email(error=_NO_EMAIL)
        self._is_plain = validate.Regexp(_EMAIL, error=_NO_EMAIL)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        address = self._is_plain(self._is_email(super()._deserialize(value, *args, **kwargs)))
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


def to_local(at: datetime) -> datetime:
    """Return the same moment in the time zone of the store."""
    return at.astimezone(_get_zone())


class LocalTime(fields.NaiveDateTime):
    """A moment by the clock of the store, as a browser's `datetime-local` sends it, made UTC.

    Where the clock is put back, a time that comes twice is the first of the two. Where it is put
    forward, one that never comes is as much later as the clock skips: 01:30 becomes 02:30. Both
    are what PEP 495 lets a time without a fold mean.
    """

    _SAID = "A day and a time, please, from 2000 to 2999."
    default_error_messages = {"invalid": _SAID, "invalid_awareness": _SAID}  # noqa: RUF012

    def _deserialize(self, *args: Any, **kwargs: Any) -> datetime:
        local = super()._deserialize(*args, **kwargs)
        # Near the first and the last year there is, other time zones have no such moment.
        if not 2000 <= local.year < 3000:
            raise self.make_error("invalid")
        return local.replace(tzinfo=_get_zone()).astimezone(UTC)


def _get_zone() -> ZoneInfo:
    zone: ZoneInfo = current_app.extensions["settings"].time_zone
    return zone
