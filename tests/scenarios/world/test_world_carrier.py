import pytest

from tests.scenarios.world.world_standins import Caller, StandingClock

PARCEL = {
    "reference": "BB-7K3MQ-9XT2W",
    "name": "Zoë Ångström",
    "address": "1 Mill Lane\nOtley\nLS21 3AB",
    "country": "GB",
    "service": "standard",
}


@pytest.mark.parametrize(
    ("country", "items", "amount", "days"),
    [("GB", 1, 495, 3), ("GB", 10, 495, 3), ("GB", 11, 595, 3), ("FR", 21, 1695, 7)],
)
def test_a_quote_depends_on_country_and_items(
    caller: Caller, country: str, items: int, amount: int, days: int
) -> None:
    answer = caller.post("/carrier/v1/quotes", {"country": country, "items": items})

    assert answer.status_code == 200
    assert answer.get_json() == {"amount": amount, "currency": "GBP", "days": days}


def test_a_quote_for_express_is_dearer(caller: Caller) -> None:
    ways = ("standard", "express")
    parcels = [{"country": "GB", "items": 1, "service": way} for way in ways]

    amounts = [caller.post("/carrier/v1/quotes", each).get_json()["amount"] for each in parcels]

    assert amounts == [495, 995]


def test_there_is_no_quote_for_a_service_that_the_carrier_lacks(caller: Caller) -> None:
    owl = {"country": "GB", "items": 1, "service": "by owl"}

    assert caller.post("/carrier/v1/quotes", owl).status_code == 422


@pytest.mark.parametrize("amount", [-5, "", "free", 1e9, [], {"pounds": 3}, False])
def test_a_quote_can_be_made_to_say_anything(caller: Caller, amount: object) -> None:
    caller.conditions("carrier", quote_amount=amount)

    answer = caller.post("/carrier/v1/quotes", {"country": "GB", "items": 1})

    assert answer.get_json()["amount"] == amount


def test_a_parcel_is_accepted_then_in_transit_then_delivered(
    caller: Caller, clock: StandingClock
) -> None:
    accepted = caller.post("/carrier/v1/parcels", PARCEL)
    number = accepted.get_json()["tracking_number"]
    seen = []

    for seconds in (1.9, 0.1, 2.9, 0.1):
        clock.advance(seconds)
        seen.append(caller.get(f"/carrier/v1/parcels/{number}").get_json()["status"])

    assert (accepted.status_code, accepted.get_json()["status"]) == (201, "accepted")
    assert seen == ["accepted", "in_transit", "in_transit", "delivered"]


def test_the_ledger_keeps_the_parcel_as_it_was_given(caller: Caller) -> None:
    caller.post("/carrier/v1/parcels", PARCEL)

    (parcel,) = caller.ledger("carrier")["parcels"]

    assert {name: parcel[name] for name in PARCEL} == PARCEL


def test_the_same_parcel_asked_for_twice_is_one_parcel(caller: Caller) -> None:
    first = caller.post("/carrier/v1/parcels", PARCEL, key="ship-1")
    second = caller.post("/carrier/v1/parcels", PARCEL, key="ship-1")

    assert second.get_json() == first.get_json()
    assert len(caller.ledger("carrier")["parcels"]) == 1


def test_the_transit_time_is_a_condition_at_acceptance(
    caller: Caller, clock: StandingClock
) -> None:
    caller.conditions("carrier", transit_seconds=100)
    number = caller.post("/carrier/v1/parcels", PARCEL).get_json()["tracking_number"]
    caller.conditions("carrier", transit_seconds=0)

    clock.advance(99)

    assert caller.get(f"/carrier/v1/parcels/{number}").get_json() == {
        "tracking_number": number,
        "reference": "BB-7K3MQ-9XT2W",
        "status": "in_transit",
    }


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"address": "x" * 2001}, {"country": "UK1"}, {"service": "by owl"}, {"w": 1}],
)
def test_a_malformed_parcel_is_refused(caller: Caller, wrong: dict[str, object]) -> None:
    assert caller.post("/carrier/v1/parcels", PARCEL | wrong).status_code == 422


@pytest.mark.parametrize("items", [0, 10_001, 1.5, True])
def test_a_quote_needs_a_sensible_number_of_items(caller: Caller, items: object) -> None:
    answer = caller.post("/carrier/v1/quotes", {"country": "GB", "items": items})

    assert answer.status_code == 422


def test_an_unknown_parcel_is_not_found(caller: Caller) -> None:
    assert caller.get("/carrier/v1/parcels/LP0").status_code == 404
