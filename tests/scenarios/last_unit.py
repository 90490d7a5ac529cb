"""A check as a scenario has one: two shoppers at once, and one lamp left."""

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scenarios.kit.actors import Shopper
from scenarios.kit.interleaving import interleave
from scenarios.kit.rows import add_delivery, add_product
from shop.models import OrderLine


@pytest.fixture
def last_unit(session: Session) -> None:
    add_delivery(session)
    add_product(session, on_hand=1)


def sold(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.sum(OrderLine.quantity))) or 0


def test_the_last_unit_can_be_bought(app: Flask, session: Session, last_unit: None) -> None:
    shopper = Shopper(app)
    shopper.add("lmp-001")

    answer = shopper.send(shopper.fill_in())

    assert (answer.status_code, sold(session)) == (303, 1)


def test_the_last_unit_is_sold_once(app: Flask, session: Session, last_unit: None) -> None:
    first, second = Shopper(app), Shopper(app)
    for each in (first, second):
        each.add("lmp-001")
    forms = first.fill_in(), second.fill_in()

    race = interleave(lambda: first.send(forms[0]), lambda: second.send(forms[1]))

    assert [race.a.is_refused, race.b.is_refused].count(True) == 1
    assert sold(session) == 1
