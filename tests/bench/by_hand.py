"""Three pages once more, written by hand: the store's own statements through the bare driver.

The statements are those that the store's page has just sent, and the template is the store's. What
is by hand is all between the two. Log, headers, brakes and checks are the store's, for both.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import Flask, g, render_template

from scenarios.kit.meters import Statement
from shop.clock import now
from shop.domain.money import Money
from shop.queries.paging import Page
from tests.bench.driver import Driver, Row, read_moment

CATALOG, PRODUCT, HISTORY = "catalog page", "product page", "order history"


class Goods(SimpleNamespace):
    """A product with what the templates ask of it."""

    @property
    def price(self) -> Money:
        return Money(self.price_amount, self.currency)

    @property
    def rating(self) -> float:
        stars, count = int(self.stars_total), int(self.review_count)
        return round(stars / count, 1)

    def is_on_sale(self, at: datetime) -> bool:
        ends_at: datetime = self.sale_ends_at
        return self.sale_amount is not None and self.sale_starts_at <= at < ends_at

    def price_at(self, at: datetime) -> Money:
        return Money(self.sale_amount if self.is_on_sale(at) else self.price_amount, self.currency)


def make_goods(row: Row) -> Goods:
    """Make a product of a row that has its stock with it."""
    if row["sale_amount"] is not None:
        for name in ("sale_starts_at", "sale_ends_at"):
            row[name] = read_moment(row[name])
    row["stock"] = SimpleNamespace(available=row["on_hand"] - row["allocated"])
    return Goods(**row)


def add_pages(app: Flask, driver: Driver, sent: Mapping[str, Sequence[Statement]]) -> None:
    """Add the pages; `sent` are the statements that the store sends for each."""

    def repeat(page: str) -> list[list[Row]]:
        found = [driver.repeat(each.sql, each.parameters) for each in sent[page]]
        driver.connection.rollback()
        return found

    @app.get("/by-hand/catalog")
    def catalog() -> str:
        categories, rows = repeat(CATALOG)
        query = {"q": "", "category": "", "sort": "newest", "after": ""}
        shelves = [SimpleNamespace(**row) for row in categories]
        page = Page([make_goods(row) for row in rows[:12]], len(rows) > 12)
        facts: dict[str, Any] = {"query": query, "categories": shelves}
        goods = render_template("goods.html", **facts, page=page, now=now())
        return render_template("catalog.html", **facts, goods=goods)

    @app.get("/by-hand/product")
    def product() -> str:
        _, [row], pictures, beside, reviews = repeat(PRODUCT)
        shown = make_goods(row)
        shown.category = SimpleNamespace(slug=row["slug_1"], name=row["name_1"])
        shown.more_pictures = [SimpleNamespace(**each) for each in pictures]
        for review in reviews:
            review["customer"] = SimpleNamespace(name=review["name"])
            for name in ("written_at", "edited_at"):
                review[name] = review[name] and read_moment(review[name])
        said = [SimpleNamespace(**review) for review in reviews[:12]]
        facts: dict[str, Any] = {"values": {}, "fields": {}, "message": "", "own": None}
        facts |= {"skus": [], "beside": [make_goods(each) for each in beside]}
        facts |= {"reviews": Page(said, len(reviews) > 12), "query": {"after": None}}
        return render_template("product.html", **facts, product=shown, now=now())

    @app.get("/by-hand/orders")
    def orders() -> str:
        [who], found, lines = repeat(HISTORY)
        facts = {"is_authenticated": True, "name": who["name"], "is_staff": who["is_staff"]}
        g._login_user = SimpleNamespace(**facts)
        of_order: dict[int, list[SimpleNamespace]] = {}
        for line in lines:
            of_order.setdefault(line["order_id"], []).append(SimpleNamespace(**line))
        for row in found[:25]:
            row["lines"] = of_order[row["id"]]
            row["placed_at"] = read_moment(row["placed_at"])
            row["totals"] = SimpleNamespace(total=Money(row["total_amount"], row["currency"]))
            row["refunded"] = Money(row["refunded_amount"], row["currency"])
        page = Page([SimpleNamespace(**row) for row in found[:25]], len(found) > 25)
        return render_template("account/orders.html", page=page, query={"after": ""})
