"""Every address that takes a form, with the fields that its schema reads.

Whatever is added to the store is found here without being named: routes are taken from the map of
addresses, fields from the marshmallow schemas.
"""

import inspect
import re
from collections.abc import Iterator

from flask import Flask
from marshmallow import Schema

from shop.web import schemas, spreadsheets

# What stands in an address where a route has a part that varies.
_PARTS = {"slug": "lamp", "sku": "LMP-001", "number": "BB-7K3MQ-9XT2W", "verb": "pack"}


def form_addresses(app: Flask) -> list[str]:
    """Return the address of every form of the store's pages; whoever sends it stays signed in."""
    return sorted(_addresses(app, "POST").keys() - {"/sign-out"})


def page_addresses(app: Flask) -> list[str]:
    """Return the address of every page of the store, and of everything that programs may read."""
    return sorted(_addresses(app, "GET").keys())


def form_readers(app: Flask) -> dict[str, Schema | None]:
    """Return the schema that reads each form, by its address; None where the view has none."""
    endpoints = _addresses(app, "POST")
    return {path: _reader_of(app, endpoints[path]) for path in form_addresses(app)}


def form_fields() -> list[str]:
    """Return the name of every field that any form of the store has, and of its guard."""
    own = {name for schema in _all_schemas(Schema) for name in schema().fields}
    return sorted(own | {"csrf_token"})


def all_form_schemas() -> list[type[Schema]]:
    """Return every schema of the store's pages, also those that only others are made from."""
    return [*_all_schemas(Schema)]


def _addresses(app: Flask, method: str) -> dict[str, str]:
    """Return the endpoint of each address that answers this method, except to programs' posts."""
    rules = (rule for rule in app.url_map.iter_rules() if method in (rule.methods or ()))
    own = {re.sub("<(?:[^<>]*:)?([^<>:]+)>", _fill, rule.rule): rule.endpoint for rule in rules}
    for_programs = ("/api/", "/webhooks/") if method == "POST" else ()
    return {path: endpoint for path, endpoint in own.items() if not path.startswith(for_programs)}


def _reader_of(app: Flask, endpoint: str) -> Schema | None:
    """Return the schema that `takes_form` has wrapped around the view, under other decorators."""
    view = app.view_functions.get(endpoint)
    while view is not None:
        reader = inspect.getclosurevars(view).nonlocals.get("reader")
        if isinstance(reader, Schema):
            return reader
        view = getattr(view, "__wrapped__", None)
    return None


def _all_schemas(kind: type[Schema]) -> Iterator[type[Schema]]:
    for schema in kind.__subclasses__():
        if schema.__module__ in (schemas.__name__, spreadsheets.__name__):
            yield schema
        yield from _all_schemas(schema)


def _fill(part: re.Match[str]) -> str:
    return _PARTS.get(part[1], "1")
