"""The walk over all that strangers can send: each field, of each form, query and JSON body.

What it walks is found from the store itself; what it cannot find has to be named here, and
test_reach.py fails on what is neither found nor named.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema
from werkzeug.test import TestResponse

from shop.web.schemas import CheckoutSchema
from tests.attacks.filled_in import fill_in, get_page
from tests.attacks.forms import form_fields, form_readers, page_addresses
from tests.attacks.injections import INJECTIONS, harm_in

# These views read their form without a schema of their own, or read none.
WITHOUT_SCHEMA: Mapping[str, type[Schema]] = {
    "/checkout/quote": CheckoutSchema,
    "/account/token": Schema,
    "/account/reviews/lamp/1/remove": Schema,
    "/cart/lines/LMP-001/remove": Schema,
}
_LAST = ("/account/password", "/cart/lines/LMP-001/remove")
_PROBE, _UNKNOWN = "x7q\x01", ["Unknown field."]


def all_forms(app: Flask) -> dict[str, dict[str, str]]:
    """Return each form as somebody fills it in who means no harm, by its address.

    Those that take away what others need come last.
    """
    readers = form_readers(app)
    return {
        path: fill_in(readers[path] or WITHOUT_SCHEMA[path]())
        for path in sorted(readers, key=lambda path: (path in _LAST, path))
    }


def all_queries(app: Flask, browser: FlaskClient) -> dict[str, list[str]]:
    """Return the fields of the query that each page reads, of pages that read any."""
    read = {path: _read_fields(browser, path) for path in page_addresses(app)}
    return {path: names for path, names in read.items() if names}


def with_each(body: Mapping[str, Any], injections: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the body once for each place in it, however deep, and each injection."""
    for name, value in body.items():
        for kind, injection in injections.items():
            yield f"{name}: {kind}", {**body, name: injection}
        inner = value[0] if isinstance(value, list) else value
        if isinstance(inner, dict):
            for told, changed in with_each(inner, injections):
                yield f"{name}.{told}", {**body, name: [changed] if inner is not value else changed}
    yield "the names", {**body, **dict.fromkeys(INJECTIONS.values(), "1")}


def harmful(answers: Iterable[tuple[Any, TestResponse]]) -> dict[Any, list[str]]:
    """Return what went wrong, by what was sent; the walk has been one over many."""
    told = {what: harm_in(answer) for what, answer in answers}
    assert len(told) > 20, "The walk has sent next to nothing."
    return {what: harm for what, harm in told.items() if harm}


def _read_fields(browser: FlaskClient, path: str) -> list[str]:
    """Return the fields that this page refuses or shows when their text cannot be printed."""
    names = form_fields()
    answer = get_page(browser, path, dict.fromkeys(names, _PROBE))
    if answer.is_json:
        told = answer.get_json().get("error", {}).get("fields", {})
        return [name for name in names if told.get(name, _UNKNOWN) != _UNKNOWN]
    if not _tells(answer):
        return []
    return [name for name in names if _tells(get_page(browser, path, {name: _PROBE}))]


def _tells(page: TestResponse) -> bool:
    return page.status_code == 422 or _PROBE in page.text
