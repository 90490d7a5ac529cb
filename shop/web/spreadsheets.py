"""Files that staff open with a spreadsheet, and files that they send.

Both are CSV in UTF-8. The store's begin with a byte order mark: without it Excel takes them for the
computer's old code page, while other programs pass over it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from shop.domain.spreadsheet import to_cell
from shop.services.products import FIRST_ROW, ProductRow
from shop.web.fields import Line, Text, TypedNumber
from shop.web.schemas import ProductTextsSchema

_MOST_ROWS = 500
_NO_CSV = "This is no CSV file in UTF-8. Save it from your spreadsheet as “CSV UTF-8”."
_WRONG_SHAPE = "The first row has to name the columns {}, and 1 to 500 products follow."
_SKU = validate.Regexp(
    r"[A-Z0-9]+(-[A-Z0-9]+)*\Z", error="Capitals and digits with hyphens between them, please."
)


def write_csv(header: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[str]:
    """Yield the file piece by piece, one for each chunk of rows."""
    yield f"\ufeff{','.join(header)}\r\n"
    for rows in chunks:
        piece = io.StringIO()
        csv.writer(piece).writerows(map(to_cell, row) for row in rows)
        yield piece.getvalue()


class ProductRowSchema(ProductTextsSchema):
    """A row of a file of products."""

    sku = Text(20, required=True, validate=_SKU)
    category = Text(60, required=True)
    on_hand = TypedNumber(0, 10_000)
    picture_url = Line(500)
    picture_alt = Line(200)

    @post_load
    def make_row(self, data: dict[str, Any], **_: Any) -> ProductRow:
        return ProductRow(**data)


class ProductFile(fields.Field[list[ProductRow]]):
    """A file of products; what is wrong in it is told by row and column."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[ProductRow]:
        schema = ProductRowSchema(many=True)
        try:
            text = io.StringIO(value.read().decode("utf-8-sig"), newline="")
            header, *rows = csv.reader(text, strict=True)
        except (AttributeError, ValueError, csv.Error) as error:
            raise ValidationError(_NO_CSV) from error
        if sorted(header) != sorted(schema.fields) or not 1 <= len(rows) <= _MOST_ROWS:
            raise ValidationError(_WRONG_SHAPE.format(", ".join(schema.fields)))
        try:
            products: list[ProductRow] = schema.load([dict(zip_longest(header, r)) for r in rows])
        except ValidationError as error:
            raise ValidationError(
                [
                    f"Row {int(nth) + FIRST_ROW}, {column or 'surplus'}: {' '.join(sentences)}"
                    for nth, columns in error.messages_dict.items()
                    for column, sentences in columns.items()
                ]
            ) from error
        return products


class ImportSchema(Schema):
    """The form with which staff send a file of products."""

    file = ProductFile(required=True)
