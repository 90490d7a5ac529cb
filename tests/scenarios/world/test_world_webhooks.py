import hashlib
import hmac
import json
import re
from itertools import chain, repeat
from pathlib import Path

import pytest

from scenarios.world.context import World
from scenarios.world.ledger import Ledger
from scenarios.world.refusals import CannotStart
from scenarios.world.webhook_queue import wait_after
from scenarios.world.webhooks import check_url, sign
from tests.scenarios.world.world_standins import Caller, StandingClock, Store, settings_for


def test_an_event_tells_what_happened_to_the_payment(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    payment_id = caller.captured_id(clock)
    caller.refund(payment_id, 500)

    store.take_due(world)

    event = json.loads(store.bodies[-1])
    assert re.fullmatch("evt_[0-9a-f]{24}", event["id"])
    assert (event["type"], event["created_at"]) == (
        "payment.refunded",
        "2026-11-22T10:00:00.300000+00:00",
    )
    assert event["data"] == {
        "payment_id": payment_id,
        "reference": "BB-7K3MQ-9XT2W",
        "amount": 1999,
        "currency": "GBP",
        "captured_amount": 1999,
        "refunded_amount": 500,
    }


def test_the_signature_is_the_hmac_of_time_and_body(
    caller: Caller, world: World, store: Store
) -> None:
    caller.authorize()

    store.take_due(world)

    moment, given = store.signatures[0].removeprefix("t=").split(",v1=")
    signed = f"{moment}.".encode() + store.bodies[0]
    assert given == hmac.new(b"secret-of-webhooks", signed, hashlib.sha256).hexdigest()


def test_the_signature_in_the_documentation_is_right(clock: StandingClock) -> None:
    page = Path(__file__).parents[3].joinpath("docs/outside-world.md").read_text(encoding="utf-8")

    assert sign("whsec_example", b'{"id": "evt_1"}', clock()) in page


def test_events_come_in_the_order_in_which_they_were_made(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    caller.captured_id(clock)

    store.take_due(world)

    assert store.types() == ["payment.authorized", "payment.captured"]


def test_a_failed_delivery_is_tried_again_later_and_signed_again(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    store.answers = iter([500, OSError("refused"), 302, 200])
    caller.authorize()

    for seconds in (0, 1, 1, 2, 4):
        clock.advance(seconds)
        store.take_due(world)

    tries = caller.ledger("payments")["tries"]
    assert [(row["status"], row["problem"]) for row in tries] == [
        (500, None),
        (None, "refused"),
        (302, None),
        (200, None),
    ]
    assert len(set(store.bodies)) == 1
    assert len(set(store.signatures)) == 4


def test_the_wait_between_tries_doubles_up_to_half_a_minute() -> None:
    assert [wait_after(tries) for tries in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_delivery_is_given_up_after_20_tries(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    store.answers = repeat(503)
    caller.authorize()

    for _ in range(25):
        store.take_due(world)
        clock.advance(30)

    assert len(store.bodies) == 20
    assert caller.ledger("payments")["deliveries"][0]["state"] == "given_up"


def test_one_failing_delivery_does_not_hold_up_the_next(
    caller: Caller, world: World, store: Store
) -> None:
    store.answers = chain([500], repeat(200))
    caller.authorize()
    caller.authorize()

    store.take_due(world)

    states = [row["state"] for row in caller.ledger("payments")["deliveries"]]
    assert states == ["pending", "delivered"]


def test_pending_deliveries_go_on_after_a_restart(
    caller: Caller, world: World, store: Store, clock: StandingClock, tmp_path: Path
) -> None:
    caller.authorize()
    world.ledger.close()
    ledger = Ledger(tmp_path)

    store.take_due(World(settings_for(tmp_path), ledger, clock))

    ledger.close()
    assert store.types() == ["payment.authorized"]


def test_a_delayed_webhook_waits(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    caller.conditions("payments", webhook_delay_seconds=10)
    caller.authorize()

    due_at = store.take_due(world)
    before = store.types()
    clock.advance(10)
    store.take_due(world)

    assert due_at == "2026-11-22T10:00:10.000000+00:00"
    assert (before, store.types()) == ([], ["payment.authorized"])


def test_copies_carry_the_same_event(caller: Caller, world: World, store: Store) -> None:
    caller.conditions("payments", webhook_copies=3)
    caller.authorize()

    store.take_due(world)

    assert len(store.bodies) == 3
    assert len(set(store.bodies)) == 1


def test_a_reversed_batch_arrives_newest_first(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    caller.conditions("payments", webhook_order="reversed", webhook_hold_seconds=60)
    payment_id = caller.payment_id()
    store.take_due(world)
    held = store.types()
    caller.step(payment_id, "capture")
    caller.settle(clock)

    store.take_due(world)

    assert (held, store.types()) == ([], ["payment.captured", "payment.authorized"])


def test_a_reversed_batch_that_stays_small_is_let_go_after_a_while(
    caller: Caller, world: World, store: Store, clock: StandingClock
) -> None:
    caller.conditions("payments", webhook_order="reversed", webhook_batch=10)
    caller.authorize()

    due_at = store.take_due(world)
    clock.advance(2)
    store.take_due(world)

    assert due_at == "2026-11-22T10:00:02.000000+00:00"
    assert store.types() == ["payment.authorized"]


def test_held_events_are_let_go_when_the_order_is_put_back(
    caller: Caller, world: World, store: Store
) -> None:
    caller.conditions("payments", webhook_order="reversed", webhook_hold_seconds=3600)
    caller.authorize()
    caller.conditions("payments", webhook_order="as_made")

    store.take_due(world)

    assert store.types() == ["payment.authorized"]


def test_events_made_while_webhooks_are_off_are_never_sent(
    caller: Caller, world: World, store: Store
) -> None:
    caller.conditions("payments", webhooks=False)
    caller.authorize()
    caller.conditions("payments", webhooks=True)
    caller.authorize()

    store.take_due(world)

    assert len(store.bodies) == 1
    assert caller.event_types() == ["payment.authorized", "payment.authorized"]


def test_events_that_wait_are_kept_back_while_webhooks_are_off(
    caller: Caller, world: World, store: Store
) -> None:
    caller.authorize()
    caller.conditions("payments", webhooks=False)

    assert store.take_due(world) is None
    assert store.types() == []


def test_a_reset_during_a_try_leaves_an_empty_ledger(caller: Caller, world: World) -> None:
    caller.authorize()

    class Resetting(Store):
        def __call__(self, body: bytes, headers: object) -> int:
            world.ledger.empty()
            return 500

    Resetting().take_due(world)

    assert caller.ledger("payments")["tries"] == []


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost:5000", "127.8.8.8", "[::1]:5000"])
def test_a_webhook_url_may_lead_to_this_machine(host: str) -> None:
    assert check_url(f"http://{host}/hook") == f"http://{host}/hook"


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example/hook",
        "http://127.0.0.1@store.example/hook",
        "http://127.0.0.1.store.example/",
        "http://10.0.0.1/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "127.0.0.1:5000",
        "",
    ],
)
def test_a_webhook_url_may_not_lead_elsewhere(url: str) -> None:
    with pytest.raises(CannotStart, match="only to this machine"):
        check_url(url)
