import pytest

from scenarios.world.context import World
from tests.scenarios.world.world_standins import CONTROL, STORE, Caller, StandingClock, Store


@pytest.mark.parametrize("token", [{}, STORE, {"Authorization": "Bearer töken"}])
def test_every_change_needs_the_control_token(caller: Caller, token: dict[str, str]) -> None:
    answers = [
        caller.client.patch("/control/conditions/mail", json={"refuse": True}, headers=token),
        caller.client.delete("/control/conditions/mail", headers=token),
        caller.client.put("/control/suggestions", json={}, headers=token),
        caller.client.post("/control/reset", headers=token),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert caller.client.get("/control/conditions/mail").get_json()["refuse"] is False


@pytest.mark.parametrize("host", ["store.example", "127.0.0.1.store.example", "10.0.0.1", "[::1"])
@pytest.mark.parametrize("path", ["/", "/mail", "/control/ledgers/mail", "/payments/v1/payments"])
def test_no_address_answers_under_another_host(caller: Caller, host: str, path: str) -> None:
    answer = caller.client.get(path, headers={**STORE, "Host": host})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "wrong_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:5002", "localhost:1", "LOCALHOST"])
def test_any_port_of_this_machine_answers(caller: Caller, host: str) -> None:
    assert caller.client.get("/health", headers={"Host": host}).get_json() == {"status": "ok"}


def test_a_form_of_another_site_cannot_post_to_a_service(caller: Caller) -> None:
    answer = caller.client.post(
        "/carrier/v1/quotes", data='{"country": "GB", "items": 1}', content_type="text/plain"
    )

    assert answer.status_code == 415


def test_a_body_can_be_too_large(caller: Caller) -> None:
    answer = caller.post("/payments/v1/tokens", {"number": "4" * 1_100_000})

    assert answer.status_code == 413
    assert answer.get_json()["error"]["code"] == "request_entity_too_large"


def test_the_ledger_of_calls_tells_what_became_of_each(caller: Caller) -> None:
    token = caller.token()
    caller.authorize(token=token, key="order-1")
    caller.conditions("payments", fail_next=1)
    caller.authorize(token=token, key="order-1")
    caller.conditions("payments", drop_response_next=1)
    caller.authorize(token=token, key="order-1")
    caller.authorize(token=token, key="order-1")

    calls = [call for call in caller.ledger("payments")["calls"] if "tokens" not in call["path"]]

    assert [(call["status"], call["outcome"]) for call in calls] == [
        (201, "answered"),
        (503, "failed by condition"),
        (504, "response dropped"),
        (201, "replayed"),
    ]
    assert {call["idempotency_key"] for call in calls} == {"order-1"}


def test_the_end_of_a_ledger_can_be_asked_for(caller: Caller) -> None:
    ids = [caller.payment_id() for _ in range(3)]

    ledger = caller.client.get("/control/ledgers/payments?last=2").get_json()

    assert [payment["id"] for payment in ledger["payments"]] == ids[1:]
    assert caller.client.get("/control/ledgers/payments?last=0").status_code == 422


def test_a_reset_makes_the_world_as_new(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    new = {name: caller.ledger(name) for name in ("payments", "carrier", "mail", "suggestions")}
    caller.captured_id(clock)
    caller.client.put("/control/suggestions", json={"MUG-01": ["PEN-01"]}, headers=CONTROL)
    caller.conditions("payments", failing=True)
    store.take_due(world)

    answer = caller.client.post("/control/reset", headers=CONTROL)

    assert answer.status_code == 200
    assert {name: caller.ledger(name) for name in new} == new
    assert caller.client.get("/control/conditions/payments").get_json()["failing"] is False


def test_a_log_line_stays_one_line(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    caller.get("/carrier/v1/parcels/x%0A12:00:00 POST %E2%98%83")

    (message,) = caplog.messages
    assert "\n" not in message
    assert message.isascii()
