import sys
from inspect import unwrap

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from scenarios.kit.actors import Shopper
from scenarios.kit.rows import add_delivery, add_product
from scenarios.kit.second_process import import_again

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
def test_the_other_process_sells_from_the_same_database(
    app: Flask, other_app: Flask, session: Session
) -> None:
    add_delivery(session)
    add_product(session)
    shopper = Shopper(other_app)
    shopper.add("lmp-001")

    number = shopper.order()

    anybody = Shopper(app)
    found = {"number": number, "email": shopper.email}
    assert anybody.ask("POST", "/orders/find", data=found).location == f"/orders/{number}"


@on_sqlite
def test_the_other_process_has_no_variable_in_common(app: Flask, other_app: Flask) -> None:
    views = [each.view_functions["checkout.place"] for each in (app, other_app)]

    own, other = [unwrap(view).__globals__ for view in views]

    assert (own["__name__"], own["place_order"].__module__) == (
        other["__name__"],
        other["place_order"].__module__,
    )
    assert own["place_order"].__globals__ is not other["place_order"].__globals__


def test_whoever_imports_the_store_afterwards_gets_the_one_from_before() -> None:
    before = {name: module for name, module in sys.modules.items() if name.startswith("shop")}

    import_again()

    after = {name: module for name, module in sys.modules.items() if name.startswith("shop")}
    assert after == before
