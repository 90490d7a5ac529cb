from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from scenarios.world.app import create_app
from scenarios.world.context import World
from tests.scenarios.world.world_standins import IS_SLOW, STORE, Caller, StandingClock


def test_the_same_call_with_the_same_key_gets_the_same_answer(caller: Caller) -> None:
    token = caller.token()

    first = caller.authorize(token=token, key="order-1")
    second = caller.authorize(token=token, key="order-1")

    assert (second.status_code, second.get_json()) == (first.status_code, first.get_json())
    assert second.headers["Idempotent-Replay"] == "true"
    assert len(caller.ledger("payments")["payments"]) == 1


def test_a_replay_is_the_first_answer_even_when_things_have_moved_on(
    caller: Caller, clock: StandingClock
) -> None:
    payment_id = caller.payment_id()
    caller.step(payment_id, "capture", key="capture-1")
    caller.settle(clock)

    replayed = caller.step(payment_id, "capture", key="capture-1")

    assert (replayed.status_code, replayed.get_json()["status"]) == (202, "capturing")


def test_a_refused_step_is_remembered_too(caller: Caller, clock: StandingClock) -> None:
    payment_id = caller.payment_id()
    caller.refund(payment_id, 1, key="refund-1")
    caller.step(payment_id, "capture")
    caller.settle(clock)

    answer = caller.refund(payment_id, 1, key="refund-1")

    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (409, "true")


def test_a_key_cannot_be_used_for_another_amount(caller: Caller) -> None:
    token = caller.token()
    caller.authorize(token=token, key="order-1")

    answer = caller.authorize(token=token, key="order-1", amount=2)

    assert answer.status_code == 422
    assert answer.get_json()["error"]["code"] == "idempotency_key_reused"


def test_a_key_cannot_be_used_for_another_payment(caller: Caller) -> None:
    caller.step(caller.payment_id(), "void", key="void-1")

    answer = caller.step(caller.payment_id(), "void", key="void-1")

    assert answer.get_json()["error"]["code"] == "idempotency_key_reused"


def test_a_malformed_call_does_not_use_up_its_key(caller: Caller) -> None:
    token = caller.token()
    caller.authorize(token=token, key="order-1", amount=0)

    assert caller.authorize(token=token, key="order-1").status_code == 201


def test_the_order_of_fields_does_not_matter(caller: Caller) -> None:
    fields = {"reference": "BB-1", "amount": 5, "currency": "GBP", "token": caller.token()}
    caller.post("/payments/v1/payments", fields, key="order-1")

    answer = caller.post("/payments/v1/payments", dict(reversed(fields.items())), key="order-1")

    assert answer.headers["Idempotent-Replay"] == "true"


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_is_needed_and_has_1_to_255_characters(caller: Caller, key: str) -> None:
    answer = caller.client.post(
        f"/payments/v1/payments/{caller.payment_id()}/void",
        json={},
        headers={**STORE, "Idempotency-Key": key},
    )

    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "idempotency_key_required"


def at_once(world: World, path: str, body: object, times: int = 8) -> list[TestResponse]:
    app = create_app(world)
    barrier = Barrier(times)

    def call(_: int) -> TestResponse:
        barrier.wait()
        client = Caller(world, app.test_client())
        return client.post(path, body, key="one-key")

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(call, range(times)))


def test_authorizing_many_times_at_once_makes_one_payment(caller: Caller, world: World) -> None:
    body = {"reference": "BB-1", "amount": 5, "currency": "GBP", "token": caller.token()}

    answers = at_once(world, "/payments/v1/payments", body)

    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len(caller.ledger("payments")["payments"]) == 1


def test_authorizing_a_slow_card_twice_at_once_makes_one_payment(
    caller: Caller, world: World
) -> None:
    world.stopping.set()
    body = {"reference": "BB-1", "amount": 5, "currency": "GBP", "token": caller.token(IS_SLOW)}

    answers = at_once(world, "/payments/v1/payments", body, times=2)

    assert {answer.status_code for answer in answers} == {201}
    assert len(caller.ledger("payments")["payments"]) == 1


def test_capturing_many_times_at_once_takes_the_money_once(
    caller: Caller, world: World, clock: StandingClock
) -> None:
    path = f"/payments/v1/payments/{caller.payment_id()}/capture"

    answers = at_once(world, path, {})
    caller.settle(clock)

    assert {answer.status_code for answer in answers} == {202}
    assert caller.event_types() == ["payment.authorized", "payment.captured"]
