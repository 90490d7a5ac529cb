from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scenarios.world.app import create_app
from scenarios.world.cards import TEST_CARDS
from scenarios.world.conditions import CONDITIONS
from scenarios.world.context import SLOW_CALLS_AT_MOST, World
from scenarios.world.suggestions import STANDARD
from tests.scenarios.world.world_standins import CONTROL, Caller, CountedWaits, expect_soon


def test_conditions_are_well_by_default(caller: Caller) -> None:
    conditions = caller.client.get("/control/conditions").get_json()

    assert set(conditions) == {"payments", "carrier", "suggestions", "mail"}
    assert conditions["suggestions"] == {"latency_seconds": 0, "fail_next": 0, "failing": False}


def test_a_change_answers_with_all_conditions_of_the_service(caller: Caller) -> None:
    answer = caller.conditions("payments", webhook_copies=2, latency_seconds=0.5)

    assert answer.status_code == 200
    assert answer.get_json()["webhook_copies"] == 2
    assert answer.get_json() == caller.client.get("/control/conditions").get_json()["payments"]


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("payments", "latency_seconds", 60.1),
        ("payments", "latency_seconds", -1),
        ("payments", "latency_seconds", "4s"),
        ("payments", "latency_seconds", True),
        ("payments", "fail_next", 1.5),
        ("payments", "failing", 1),
        ("payments", "webhook_copies", 0),
        ("payments", "webhook_copies", 11),
        ("payments", "webhook_order", "shuffled"),
        ("payments", "webhook_order", ["as_made"]),
        ("payments", "webhooks", None),
        ("payments", "quote_amount", 1),
        ("carrier", "webhooks", True),
        ("mail", "refuse", "yes"),
        ("suggestions", "speed", 1),
    ],
)
def test_an_unknown_name_or_value_is_refused_with_a_sentence(
    caller: Caller, service: str, name: str, value: object
) -> None:
    answer = caller.conditions(service, **{name: value})

    assert answer.status_code == 422
    assert name in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "[" * 100_000])
def test_what_is_not_json_is_refused(caller: Caller, value: str) -> None:
    body = '{"quote_amount": ' + value + "}"
    headers = {**CONTROL, "Content-Type": "application/json"}

    answer = caller.client.patch("/control/conditions/carrier", data=body, headers=headers)

    assert answer.status_code in {400, 422}
    assert answer.get_json()["error"]["message"].endswith(".")


def test_a_change_is_made_as_a_whole_or_not_at_all(caller: Caller) -> None:
    caller.conditions("payments", webhook_copies=2, fail_next=-1)

    assert caller.client.get("/control/conditions/payments").get_json()["webhook_copies"] == 1


def test_deleting_puts_the_defaults_of_one_service_back(caller: Caller) -> None:
    caller.conditions("payments", webhook_copies=2)
    caller.conditions("mail", refuse=True)

    answer = caller.client.delete("/control/conditions/payments", headers=CONTROL)

    assert answer.get_json()["webhook_copies"] == 1
    assert caller.client.get("/control/conditions/mail").get_json()["refuse"] is True


def test_an_unknown_service_has_neither_conditions_nor_a_ledger(caller: Caller) -> None:
    asked = [
        caller.conditions("weather", failing=True),
        caller.client.get("/control/ledgers/weather"),
    ]

    assert [answer.status_code for answer in asked] == [404, 404]


@pytest.mark.parametrize("service", ["payments", "carrier", "suggestions"])
def test_a_failing_service_answers_503_to_everything(caller: Caller, service: str) -> None:
    caller.conditions(service, failing=True)
    paths = {
        "payments": "/payments/v1/payments?reference=BB-1",
        "carrier": "/carrier/v1/parcels/LP0",
        "suggestions": "/suggestions/v1/also-bought?sku=MUG-01",
    }

    answers = [caller.get(path).status_code == 503 for path in paths.values()]

    assert answers == [name == service for name in paths]


def test_the_next_calls_fail_as_many_as_asked_for(caller: Caller) -> None:
    token = caller.token()
    caller.conditions("payments", fail_next=2)

    answers = [caller.authorize(token=token, key="order-1") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert "Idempotent-Replay" not in answers[2].headers


def test_a_dropped_response_has_had_its_effect(caller: Caller) -> None:
    token = caller.token()
    caller.conditions("payments", drop_response_next=1)

    lost = caller.authorize(token=token, key="order-1")
    again = caller.authorize(token=token, key="order-1")

    assert (lost.status_code, again.status_code) == (504, 201)
    assert again.headers["Idempotent-Replay"] == "true"
    assert len(caller.ledger("payments")["payments"]) == 1


def test_a_refused_call_does_not_use_up_a_dropped_response(caller: Caller) -> None:
    caller.conditions("payments", drop_response_next=1)

    caller.authorize(amount=0)

    left = caller.client.get("/control/conditions/payments").get_json()["drop_response_next"]
    assert left == 1


def test_latency_keeps_each_call_waiting(caller: Caller, world: World) -> None:
    waits = CountedWaits()
    caller.conditions("suggestions", latency_seconds=4)
    world.pauses["suggestions"] = waits

    caller.get("/suggestions/v1/also-bought?sku=MUG-01")

    assert waits.seconds == [4]


def test_calls_that_wait_go_on_when_the_service_is_slow_no_more(
    caller: Caller, world: World
) -> None:
    caller.conditions("suggestions", latency_seconds=60)
    path = "/suggestions/v1/also-bought?sku=MUG-01"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(Caller(world, create_app(world).test_client()).get, path)
        expect_soon(lambda: "suggestions" in world.pauses)
        caller.conditions("suggestions", latency_seconds=0)

        assert waiting.result(timeout=5).status_code == 200


def test_control_finds_a_free_thread_however_many_calls_wait(caller: Caller, world: World) -> None:
    caller.conditions("suggestions", latency_seconds=60)
    for _ in range(SLOW_CALLS_AT_MOST):
        world.slow_calls.acquire()

    answer = caller.get("/suggestions/v1/also-bought?sku=MUG-01")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "overloaded")


def test_suggestions_come_from_the_list_that_control_puts(caller: Caller) -> None:
    lists = {"MUG-01": ["PEN-02", "PEN-01"], "PEN-01": []}
    caller.client.put("/control/suggestions", json=lists, headers=CONTROL)

    known = caller.get("/suggestions/v1/also-bought?sku=MUG-01").get_json()
    unknown = caller.get("/suggestions/v1/also-bought?sku=LAMP-01").get_json()

    assert (known, unknown) == ({"skus": ["PEN-02", "PEN-01"]}, {"skus": []})


def test_until_control_puts_a_list_the_standard_one_holds(caller: Caller) -> None:
    path = "/suggestions/v1/also-bought?sku=LMP-001"
    before = caller.get(path).get_json()["skus"]

    caller.client.put("/control/suggestions", json={"MUG-01": ["PEN-01"]}, headers=CONTROL)
    during = caller.get(path).get_json()["skus"]
    caller.client.post("/control/reset", headers=CONTROL)

    assert (before, during) == (STANDARD["LMP-001"], [])
    assert caller.get(path).get_json()["skus"] == before


@pytest.mark.parametrize("lists", [{"MUG-01": "PEN-01"}, {"MUG-01": [1]}, [], "x"])
def test_a_malformed_list_of_suggestions_changes_nothing(caller: Caller, lists: object) -> None:
    caller.client.put("/control/suggestions", json={"MUG-01": ["PEN-01"]}, headers=CONTROL)

    answer = caller.client.put("/control/suggestions", json=lists, headers=CONTROL)

    assert answer.status_code in {400, 422}
    assert caller.ledger("suggestions")["also_bought"] == {"MUG-01": ["PEN-01"]}


@pytest.mark.parametrize("service", CONDITIONS)
def test_every_condition_is_documented(service: str) -> None:
    page = Path(__file__).parents[3].joinpath("docs/outside-world.md").read_text(encoding="utf-8")

    assert [name for name in CONDITIONS[service] if f"`{name}`" not in page] == []


@pytest.mark.parametrize("number", TEST_CARDS)
def test_every_test_card_is_documented(number: str) -> None:
    page = Path(__file__).parents[3].joinpath("docs/outside-world.md").read_text(encoding="utf-8")

    assert " ".join(number[start : start + 4] for start in range(0, 16, 4)) in page
