from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.attacks.conftest import as_new
from tests.attacks.filled_in import (
    EVENT,
    ORDER,
    ROW,
    get_page,
    post_event,
    post_file,
    post_form,
    post_order,
)
from tests.attacks.injections import INJECTIONS, JSON_INJECTIONS
from tests.attacks.walk import all_forms, all_queries, harmful, with_each

Answers = Iterator[tuple[Any, TestResponse]]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_no_injection_into_any_field_of_any_form_does_harm(
    app: Flask, insider: FlaskClient
) -> None:
    def answers() -> Answers:
        for path, form in all_forms(app).items():
            sender = as_new(app, insider)
            for told, changed in with_each(form, INJECTIONS):
                yield (path, told), post_form(sender, path, changed)

    assert harmful(answers()) == {}


def test_no_injection_into_any_field_of_any_query_does_harm(
    app: Flask, insider: FlaskClient
) -> None:
    def answers() -> Answers:
        for path, names in all_queries(app, insider).items():
            for name in names:
                for told, query in with_each({name: ""}, INJECTIONS):
                    yield (path, told, name), get_page(insider, path, query)

    assert harmful(answers()) == {}


def test_no_injection_into_a_file_of_products_does_harm(insider: FlaskClient) -> None:
    def answers() -> Answers:
        for nth, (told, row) in enumerate(with_each(ROW, INJECTIONS)):
            # Each product is a new one: of one that is known the stock is passed over.
            own = {"sku": f"KTL-{nth}"} if row["sku"] == ROW["sku"] else {}
            yield told, post_file(insider, {**row, **own})

    assert harmful(answers()) == {}


def test_no_injection_into_the_json_of_an_order_does_harm(insider: FlaskClient) -> None:
    bodies = with_each(ORDER, JSON_INJECTIONS)

    assert harmful((told, post_order(insider, body)) for told, body in bodies) == {}


def test_no_injection_into_the_key_of_an_order_does_harm(insider: FlaskClient) -> None:
    # A header holds neither a line end nor most of Unicode; servers and clients see to that.
    keys = {kind: text for kind, text in INJECTIONS.items() if text.isascii() and "\n" not in text}

    assert harmful((kind, post_order(insider, ORDER, key)) for kind, key in keys.items()) == {}


def test_no_injection_into_the_json_of_a_signed_event_does_harm(insider: FlaskClient) -> None:
    bodies = with_each(EVENT, JSON_INJECTIONS)

    assert harmful((told, post_event(insider, body)) for told, body in bodies) == {}
