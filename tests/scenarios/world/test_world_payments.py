from pathlib import Path
from typing import Any

import pytest

from scenarios.world.context import World
from tests.scenarios.world.world_standins import (
    APPROVES,
    DECLINES,
    ERRS,
    FAILS_CAPTURE,
    IS_SLOW,
    Caller,
    CountedWaits,
    StandingClock,
)


def test_a_token_names_the_card_by_brand_and_last_four_digits(caller: Caller) -> None:
    answer = caller.post("/payments/v1/tokens", {"number": "4242 4242 4242 4242"})

    assert answer.status_code == 201
    assert (answer.get_json()["brand"], answer.get_json()["last4"]) == ("visa", "4242")


@pytest.mark.parametrize("number", ["4242424242424241", "5555555555554444", "٤٢٤٢", "card"])
def test_a_card_that_is_not_a_test_card_is_refused(caller: Caller, number: str) -> None:
    answer = caller.post("/payments/v1/tokens", {"number": number})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "invalid_card")


def test_a_card_number_is_kept_nowhere(
    caller: Caller, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    caller.authorize()
    caller.get(f"/payments/v1/payments/{APPROVES}?card={APPROVES}")

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert APPROVES.encode() not in kept
    assert "/payments/v1/payments/[number]" in caplog.text
    assert APPROVES not in caplog.text


def test_an_approved_card_gives_an_authorized_payment(caller: Caller) -> None:
    answer = caller.authorize(reference="BB-2ND00-ORDER", amount=1)

    payment = answer.get_json()
    assert answer.status_code == 201
    assert payment.pop("id").startswith("pay_")
    assert payment == {
        "reference": "BB-2ND00-ORDER",
        "amount": 1,
        "currency": "GBP",
        "status": "authorized",
        "decline_reason": None,
        "captured_amount": 0,
        "refunded_amount": 0,
    }


def test_a_declined_card_gives_a_declined_payment_with_the_reason(caller: Caller) -> None:
    payment = caller.authorize(DECLINES).get_json()

    assert (payment["status"], payment["decline_reason"]) == ("declined", "insufficient_funds")
    assert caller.event_types() == ["payment.declined"]


def test_the_error_card_answers_500_each_time_and_is_not_remembered(caller: Caller) -> None:
    token = caller.token(ERRS)

    answers = [caller.authorize(token=token, key="the same") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert all("Idempotent-Replay" not in answer.headers for answer in answers)
    assert caller.ledger("payments")["payments"] == []


def test_the_slow_card_waits_before_it_approves(caller: Caller, world: World) -> None:
    waits = CountedWaits()
    world.pauses["bank"] = waits

    assert caller.authorize(IS_SLOW).get_json()["status"] == "authorized"
    assert waits.seconds == [3.0]


@pytest.mark.parametrize("amount", [0, -1, 100_000_000, 19.99, 5.0, True, "5", None])
def test_an_amount_must_be_a_whole_number_in_range(caller: Caller, amount: object) -> None:
    answer = caller.authorize(amount=amount)

    assert answer.status_code == 422
    assert answer.get_json()["error"]["message"].startswith("amount must be a whole number")


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "gbp"},
        {"currency": 5},
        {"reference": ""},
        {"reference": "x" * 201},
        {"reference": "half a letter \ud800"},
        {"reference": "nul \x00"},
        {"token": "tok_unknown"},
        {"extra": 1},
    ],
)
def test_a_malformed_authorization_is_refused_and_leaves_nothing(
    caller: Caller, wrong: dict[str, Any]
) -> None:
    answer = caller.authorize(**wrong)

    assert answer.status_code == 422
    assert caller.ledger("payments")["payments"] == []


def test_a_capture_begins_at_once_and_ends_a_moment_later(
    caller: Caller, clock: StandingClock
) -> None:
    payment_id = caller.payment_id()

    begun = caller.step(payment_id, "capture")
    caller.settle(clock)

    assert (begun.status_code, begun.get_json()["status"]) == (202, "capturing")
    assert caller.show(payment_id)["status"] == "captured"
    assert caller.show(payment_id)["captured_amount"] == 1999


def test_a_capture_takes_as_long_as_its_condition_says(
    caller: Caller, clock: StandingClock
) -> None:
    caller.conditions("payments", capture_seconds=60)
    payment_id = caller.payment_id()
    caller.step(payment_id, "capture")

    caller.settle(clock, 59)

    assert caller.show(payment_id)["status"] == "capturing"


def test_a_failed_capture_can_be_tried_again_with_a_new_key(
    caller: Caller, clock: StandingClock
) -> None:
    payment_id = caller.payment_id(FAILS_CAPTURE)
    caller.step(payment_id, "capture")
    caller.settle(clock)
    after_failure = caller.show(payment_id)["status"]

    again = caller.step(payment_id, "capture")

    assert (after_failure, again.status_code) == ("authorized", 202)
    assert caller.event_types() == ["payment.authorized", "payment.failed"]


@pytest.mark.parametrize("step", ["capture", "void"])
def test_a_declined_payment_can_neither_be_captured_nor_voided(caller: Caller, step: str) -> None:
    answer = caller.step(caller.payment_id(DECLINES), step)

    codes = {"capture": "not_capturable", "void": "not_voidable"}
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, codes[step])


def test_a_second_capture_with_another_key_is_refused(caller: Caller, clock: StandingClock) -> None:
    payment_id = caller.payment_id()
    caller.step(payment_id, "capture")

    while_capturing = caller.step(payment_id, "capture")
    caller.settle(clock)
    when_captured = caller.step(payment_id, "capture")

    assert (while_capturing.status_code, when_captured.status_code) == (409, 409)


def test_a_voided_payment_stays_voided(caller: Caller) -> None:
    payment_id = caller.payment_id()

    voided = caller.step(payment_id, "void")

    assert (voided.status_code, voided.get_json()["status"]) == (200, "voided")
    assert caller.step(payment_id, "capture").status_code == 409


def test_a_payment_is_refunded_when_all_of_it_is(caller: Caller, clock: StandingClock) -> None:
    payment_id = caller.captured_id(clock)

    first, second = caller.refund(payment_id, 999), caller.refund(payment_id, 1000)

    assert (first.status_code, first.get_json()["status"]) == (200, "captured")
    assert (second.get_json()["status"], second.get_json()["refunded_amount"]) == ("refunded", 1999)


def test_more_than_was_captured_cannot_be_refunded(caller: Caller, clock: StandingClock) -> None:
    payment_id = caller.captured_id(clock)
    caller.refund(payment_id, 1500)

    answer = caller.refund(payment_id, 500)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "refund_too_large")
    assert caller.show(payment_id)["refunded_amount"] == 1500


def test_what_was_not_captured_cannot_be_refunded(caller: Caller) -> None:
    answer = caller.refund(caller.payment_id(), 1)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "not_refundable")


def test_payments_are_found_by_reference_oldest_first(caller: Caller) -> None:
    ids = [caller.payment_id(reference="BB-ONE"), caller.payment_id(reference="BB-ONE")]
    caller.payment_id(reference="BB-TWO")

    found = caller.get("/payments/v1/payments?reference=BB-ONE").get_json()["payments"]

    assert [payment["id"] for payment in found] == ids


def test_an_unknown_payment_is_not_found(caller: Caller) -> None:
    asked = caller.get("/payments/v1/payments/pay_none")
    captured = caller.step("pay_none", "capture")

    assert (asked.status_code, captured.status_code) == (404, 404)
    assert asked.get_json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Bearer key-of-the-störe", "Basic x"])
def test_a_call_without_the_right_api_key_is_unauthorized(caller: Caller, key: str) -> None:
    answer = caller.client.get("/payments/v1/payments/x", headers={"Authorization": key})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "unauthorized")
