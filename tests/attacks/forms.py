"""Every address that takes a form, with the fields that its schema reads.

Whatever is added to the store is found here without being named: routes are taken from the map of
addresses, fields from the marshmallow schemas.
"""

import re
from collections.abc import Iterator

from flask import Flask
from marshmallow import Schema

from shop.web import schemas, spreadsheets

# What stands in an address where a route has a part that varies.
_PARTS = {"slug": "lamp", "sku": "LMP-001", "number": "BB-7K3MQ-9XT2W", "verb": "pack"}


def form_addresses(app: Flask) -> list[str]:
    """Return the address of every form of the store's pages; whoever sends it stays signed in."""
    takes_form = (
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith(("/api/", "/webhooks/"))
    )
    addresses = {re.sub("<(?:[^<>]*:)?([^<>:]+)>", _fill, rule) for rule in takes_form}
    return sorted(addresses - {"/sign-out"})


def form_fields() -> list[str]:
    """Return the name of every field that any form of the store has, and of its guard."""
    own = {name for schema in _all_schemas(Schema) for name in schema().fields}
    return sorted(own | {"csrf_token"})


def _all_schemas(kind: type[Schema]) -> Iterator[type[Schema]]:
    for schema in kind.__subclasses__():
        if schema.__module__ in (schemas.__name__, spreadsheets.__name__):
            yield schema
        yield from _all_schemas(schema)


def _fill(part: re.Match[str]) -> str:
    return _PARTS.get(part[1], "1")
