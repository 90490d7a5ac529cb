"""A file of products, as staff send one to the store."""

import csv
import io

from playwright.sync_api import FilePayload

_PRODUCT = {
    "sku": "BEL-001",
    "name": "Brass Desk Bell",
    "summary": "A bell that is heard in the next room.",
    "description": "Cast brass on a beech foot.",
    "category": "desk",
    "price_amount": "1850",
    "on_hand": "12",
    "picture_url": "",
    "picture_alt": "",
}


def product_file(*rows: dict[str, str]) -> FilePayload:
    """Return a CSV file with a product for each row, which says in what it differs from a bell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _PRODUCT)
    writer.writeheader()
    writer.writerows({**_PRODUCT, **row} for row in rows)
    return FilePayload(name="products.csv", mimeType="text/csv", buffer=text.getvalue().encode())
