import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.interleaving import interleave
from shop.db import transaction
from shop.models import Allowance
from shop.services.allowances import find_buyer, return_allowance, use_allowance
from tests.factories import CustomerFactory

PRODUCT, ADA = "product:LMP-001", "ada@example.com"


def use(session: Session, quantity: int, *, buyer: str = ADA, period: int = 1) -> bool:
    """Use up some of an allowance of three."""
    with transaction(session):
        return use_allowance(session, PRODUCT, buyer, period, quantity, most=3)


def used(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(Allowance.used).order_by(Allowance.period)))


def test_a_buyer_uses_an_allowance_up_to_its_last_unit(session: Session) -> None:
    assert [use(session, quantity) for quantity in (1, 2)] == [True, True]
    assert used(session) == [3]


def test_more_than_is_left_is_not_used_and_changes_nothing(session: Session) -> None:
    use(session, 2)

    assert (use(session, 2), used(session)) == (False, [2])


def test_more_than_the_whole_allowance_is_not_used(session: Session) -> None:
    assert (use(session, 4), used(session)) == (False, [])


def test_each_buyer_has_an_allowance_in_each_period(session: Session) -> None:
    use(session, 3)

    others = [use(session, 3, buyer="eve@example.com"), use(session, 3, period=2)]

    assert (others, used(session)) == ([True, True], [3, 3, 3])


@pytest.mark.parametrize(("back", "left"), [(1, 1), (2, 0), (3, 0)])
def test_what_comes_back_can_be_used_again_and_no_more(
    session: Session, back: int, left: int
) -> None:
    use(session, 2)
    use(session, 2, period=2)

    with transaction(session):
        return_allowance(session, PRODUCT, ADA, 1, back)

    assert used(session) == [left, 2]


@pytest.mark.parametrize(("first", "second", "gets_it"), [(2, 2, False), (2, 1, True)])
def test_two_who_are_one_buyer_use_no_more_at_once_than_one_after_the_other(
    app: Flask, session: Session, first: int, second: int, gets_it: bool
) -> None:
    sessions = app.extensions["sessions"]

    def other() -> bool:
        with sessions() as own:
            return use(own, first)

    race = interleave(lambda: use(session, second), other)

    assert (race.b.result, race.a.result) == (True, gets_it)
    assert sum(used(session)) <= 3


def test_a_customer_who_types_another_address_stays_the_same_buyer(session: Session) -> None:
    ada = CustomerFactory.create(email="Ada@Example.com")

    assert find_buyer(session, ada.id, "someone@example.com") == "ada@example.com"


def test_a_guest_is_the_same_buyer_however_the_address_is_spelled(session: Session) -> None:
    assert find_buyer(session, None, "Ada@Example.COM") == "ada@example.com"
