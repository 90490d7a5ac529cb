import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from seed_data.standard import load_standard_store

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = json.loads((DOCS / "feed-v1.schema.json").read_text("utf-8"))

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class PartnersProduct:
    """What a partner's importer, written in the days of the first release, expects."""

    sku: str
    name: str
    summary: str
    description: str
    category: str
    price_amount: int
    currency: str
    available: int

    def __post_init__(self) -> None:
        wrong = [f.name for f in fields(self) if type(getattr(self, f.name)) is not f.type]
        assert wrong == []


@pytest.fixture
def feed(client: FlaskClient, session: Session) -> dict[str, Any]:
    """The first page of the feed of the standard store."""
    load_standard_store(session)
    page: dict[str, Any] = client.get("/api/v1/feed").get_json()
    return page


def test_the_feed_keeps_to_its_published_contract(feed: dict[str, Any]) -> None:
    jsonschema_rs.validate(CONTRACT, feed)

    assert len(feed["products"]) == 48


def test_an_importer_of_the_first_release_still_reads_the_feed(feed: dict[str, Any]) -> None:
    products = [PartnersProduct(**product) for product in feed["products"]]

    assert products[0].name == "100% Wool Throw"


@pytest.mark.parametrize(
    "change",
    [{"price_amount": "1999"}, {"price_amount": 19.99}, {"available": None}, {"price": 1999}],
)
def test_a_feed_that_breaks_its_contract_would_be_noticed(
    feed: dict[str, Any], change: dict[str, Any]
) -> None:
    feed["products"][0] |= change

    assert not jsonschema_rs.is_valid(CONTRACT, feed)


def test_every_call_that_the_manual_lists_is_in_the_document_and_no_other(app: Flask) -> None:
    manual = (DOCS / "api.md").read_text("utf-8")
    document = app.test_client().get("/api/openapi.json").get_json()

    described = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    }

    assert set(re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", manual, re.MULTILINE)) == described
