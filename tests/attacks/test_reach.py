from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields

from shop.api.schemas import NewOrderSchema
from shop.api.webhooks import PaymentEventSchema
from tests.attacks.conftest import as_new
from tests.attacks.filled_in import EVENT, ORDER, ROW, post_event, post_file, post_form, post_order
from tests.attacks.forms import all_form_schemas, form_addresses, form_readers
from tests.attacks.walk import WITHOUT_SCHEMA, all_forms, all_queries

# What stands behind the schema of a form and says no to it.
REFUSED = {
    "/checkout": 409,  # Another total.
    "/register": 409,  # The address has an account.
    "/staff/import": 422,  # A text in place of the file, which test_injections.py sends as one.
    "/staff/jobs/1/retry": 404,
    "/staff/orders/BB-7K3MQ-9XT2W/pack": 409,  # The order was canceled by the form before it.
    "/staff/orders/BB-7K3MQ-9XT2W/units": 409,
    "/staff/products/LMP-001/remove": 409,  # It has been ordered.
}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def names_in(body: Mapping[str, Any]) -> set[str]:
    """Return all names in a JSON body."""
    inner = [value[0] if isinstance(value, list) else value for value in body.values()]
    return set(body).union(*(names_in(each) for each in inner if isinstance(each, dict)))


def names_of(schema: Schema) -> set[str]:
    """Return the names of the fields of a schema and of those within it."""
    inner = [f.inner if isinstance(f, fields.List) else f for f in schema.fields.values()]
    nested = [each.schema for each in inner if isinstance(each, fields.Nested)]
    return set(schema.fields).union(*map(names_of, nested))


@on_sqlite
def test_the_walk_reaches_every_schema_of_the_pages(app: Flask, insider: FlaskClient) -> None:
    sent = [set(ROW), *(set(form) for form in all_forms(app).values())]
    sent += [set(names) for names in all_queries(app, insider).values()]

    unreached = [
        schema.__name__
        for schema in all_form_schemas()
        if not any(schema().fields.keys() <= names for names in sent)
    ]
    assert unreached == []


@on_sqlite
def test_a_form_is_read_by_a_schema_or_named(app: Flask) -> None:
    without = {path for path, reader in form_readers(app).items() if reader is None}

    assert (without, len(form_addresses(app)) > 20) == ({*WITHOUT_SCHEMA}, True)


@on_sqlite
def test_a_form_gets_past_its_schema_when_nothing_is_injected(
    app: Flask, insider: FlaskClient
) -> None:
    answers = {
        path: post_form(as_new(app, insider), path, form).status_code
        for path, form in all_forms(app).items()
    }

    assert {path: status for path, status in answers.items() if status >= 400} == REFUSED


@on_sqlite
def test_what_is_no_form_gets_past_its_schema_too(insider: FlaskClient) -> None:
    file, order, event = (
        post_file(insider, ROW),
        post_order(insider, ORDER),
        post_event(insider, EVENT),
    )

    assert (file.status_code, event.status_code) == (303, 200)
    assert order.get_json()["error"]["code"] == "total_changed"


@on_sqlite
def test_the_walk_reaches_all_that_programs_may_send(app: Flask, insider: FlaskClient) -> None:
    document = insider.get("/api/openapi.json").get_json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    own = [each for each in operations if isinstance(each, dict)]
    places = {(p["in"], p["name"]) for each in own for p in each.get("parameters", [])}
    bodies = [each["requestBody"]["content"] for each in own if "requestBody" in each]
    of_pages = all_queries(app, insider)
    queries = {name for path, names in of_pages.items() if "/api/" in path for name in names}

    assert places == {("query", name) for name in queries} | {("header", "Idempotency-Key")}
    assert [body["application/json"]["schema"]["$ref"].split("/")[-1] for body in bodies] == [
        "NewOrder"
    ]


def test_every_field_of_a_json_body_is_filled_in() -> None:
    assert names_in(ORDER) == names_of(NewOrderSchema())
    assert names_in(EVENT) == names_of(PaymentEventSchema())
