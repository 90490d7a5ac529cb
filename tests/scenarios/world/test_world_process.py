import os
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from scenarios.world.__main__ import read_arguments
from scenarios.world.ledger import Ledger
from scenarios.world.refusals import CannotStart
from scenarios.world.server import bind, running_world
from tests.scenarios.world.world_standins import STORE, expect_soon, receiver, settings_for

ROOT = Path(__file__).parents[3]
KEYS = {
    "WORLD_CONTROL_TOKEN": "token-of-control",
    "WORLD_PAYMENTS_API_KEY": "key-of-the-store",
    "WORLD_WEBHOOK_SECRET": "secret-of-webhooks",
}


def command(folder: Path, *more: str) -> list[str]:
    options = {
        "--port": "0",
        "--smtp-port": "0",
        "--data-dir": str(folder),
        "--webhook-url": "http://127.0.0.1:9/",
    }
    options |= dict(zip(more[::2], more[1::2], strict=True))
    return [
        sys.executable,
        "-m",
        "scenarios.world",
        *(part for pair in options.items() for part in pair),
    ]


def environment(**keys: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name not in KEYS}
    return {**others, **keys}


@contextmanager
def process(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    with subprocess.Popen(
        command(folder, *more),
        cwd=ROOT,
        env=environment(**KEYS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            ports = re.findall(r"127\.0\.0\.1:(\d+)", running.stdout.readline())
            yield running, f"http://127.0.0.1:{ports[0]}", int(ports[1])
        finally:
            running.kill()


def refused(folder: Path, *more: str, **keys: str) -> tuple[int, str]:
    done = subprocess.run(
        command(folder, *more),
        cwd=ROOT,
        env=environment(**(keys or KEYS)),
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.returncode, done.stderr


def client_of(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=STORE, trust_env=False)


def pay(client: httpx.Client, key: str) -> dict[str, object]:
    token = client.post("/payments/v1/tokens", json={"number": "4242424242424242"}).json()["token"]
    body = {"reference": "BB-1", "amount": 5, "currency": "GBP", "token": token}
    answer = client.post("/payments/v1/payments", json=body, headers={"Idempotency-Key": key})
    return dict(answer.json())


def test_a_purchase_over_real_http_ends_with_signed_webhooks(tmp_path: Path) -> None:
    with (
        receiver() as (url, received),
        running_world(settings_for(tmp_path, url)) as world,
        client_of(world.url) as client,
    ):
        payment = pay(client, "order-1")
        path = f"/payments/v1/payments/{payment['id']}"
        client.post(f"{path}/capture", json={}, headers={"Idempotency-Key": "capture-1"})
        expect_soon(lambda: len(received) == 2)
        status = client.get(path).json()["status"]

    headers, body = received[1]
    assert status == "captured"
    assert b'"payment.captured"' in body
    assert headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"t=\d+,v1=[0-9a-f]{64}", headers["Tillpost-Signature"])


def test_a_mail_over_real_smtp_is_caught(tmp_path: Path) -> None:
    with running_world(settings_for(tmp_path)) as world, client_of(world.url) as client:
        with smtplib.SMTP("127.0.0.1", world.smtp_port, timeout=5) as smtp:
            smtp.sendmail("shop@brindle.example", "ada@brindle.example", "Subject: Hello\n\nYou")
        (mail,) = client.get("/mail/messages.json").json()["messages"]

    assert (mail["subject"], mail["to"]) == ("Hello", ["ada@brindle.example"])


def test_a_refused_mail_is_a_temporary_failure_for_the_sender(tmp_path: Path) -> None:
    token = {"Authorization": "Bearer token-of-control"}
    with running_world(settings_for(tmp_path)) as world, client_of(world.url) as client:
        client.patch("/control/conditions/mail", json={"refuse": True}, headers=token)
        with (
            smtplib.SMTP("127.0.0.1", world.smtp_port, timeout=5) as smtp,
            pytest.raises(smtplib.SMTPDataError, match="451"),
        ):
            smtp.sendmail("shop@brindle.example", "ada@brindle.example", "Subject: x\n\nx")


def test_a_killed_world_has_lost_nothing_that_it_answered(tmp_path: Path) -> None:
    with process(tmp_path) as (running, url, smtp_port), client_of(url) as client:
        payments = [pay(client, f"order-{number}") for number in range(20)]
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as smtp:
            smtp.sendmail("shop@brindle.example", "ada@brindle.example", "Subject: x\n\nx")
        running.kill()
        running.wait()

    with (
        receiver() as (webhook_url, received),
        process(tmp_path, "--webhook-url", webhook_url) as (_, url, _),
        client_of(url) as client,
    ):
        kept = client.get("/payments/v1/payments", params={"reference": "BB-1"}).json()["payments"]
        mails = client.get("/mail/messages.json").json()["messages"]
        expect_soon(lambda: len({body for _, body in received}) == 20)

    assert kept == payments
    assert len(mails) == 1


def test_a_capture_that_was_under_way_ends_after_a_restart(tmp_path: Path) -> None:
    with process(tmp_path) as (running, url, _), client_of(url) as client:
        path = f"/payments/v1/payments/{pay(client, 'order-1')['id']}"
        client.post(f"{path}/capture", json={}, headers={"Idempotency-Key": "capture-1"})
        running.kill()
        running.wait()

    with process(tmp_path) as (_, url, _), client_of(url) as client:
        expect_soon(lambda: client.get(path).json()["status"] == "captured")


def test_sigterm_ends_it_cleanly_while_a_call_waits(tmp_path: Path) -> None:
    with process(tmp_path) as (running, url, _), client_of(url) as client:
        token = {"Authorization": "Bearer token-of-control"}
        slow = {"latency_seconds": 60}
        client.patch("/control/conditions/suggestions", json=slow, headers=token)
        with pytest.raises(httpx.ReadTimeout):
            client.get("/suggestions/v1/also-bought?sku=MUG-01", timeout=0.2)

        running.terminate()

        assert running.wait(timeout=5) == 0


def test_each_call_is_a_line_on_standard_output_at_once(tmp_path: Path) -> None:
    with process(tmp_path) as (running, url, _), client_of(url) as client:
        client.get("/health?number=4242424242424242")
        assert running.stdout is not None
        line = running.stdout.readline()

    assert re.search(r"GET /health 200 [\d.]+ ms$", line)


def test_a_taken_port_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    with bind(0) as taken:
        port = taken.getsockname()[1]
        outcomes = [
            refused(tmp_path, "--port", str(port)),
            refused(tmp_path, "--smtp-port", str(port)),
        ]

    sentence = f"Port {port} is taken: stop the program that uses it, or choose another.\n"
    assert outcomes == [(2, sentence), (2, sentence)]


def test_without_an_option_only_this_machine_is_listened_to() -> None:
    needed = ["--data-dir", "ledgers", "--webhook-url", "http://127.0.0.1:9/"]

    with bind(0) as taken:
        assert taken.getsockname()[0] == read_arguments(needed).host == "127.0.0.1"


def test_listening_to_all_is_warned_of_and_names_are_checked_all_the_same(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104  That is what it warns of.
    with process(tmp_path, "--host", everywhere) as (running, url, _), client_of(url) as client:
        answers = [client.get("/health", headers={"Host": name}) for name in ("localhost", "world")]
        running.terminate()
        assert running.stderr is not None
        said = running.stderr.read()

    assert [answer.status_code for answer in answers] == [200, 403]
    assert said.startswith("The outside world listens on all addresses")


def test_no_single_other_address_can_be_listened_on(tmp_path: Path) -> None:
    status, said = refused(tmp_path, "--host", "10.0.0.1")

    assert (status, "choose from" in said) == (2, True)


def test_a_missing_key_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    outcome = refused(tmp_path, WORLD_CONTROL_TOKEN="x", WORLD_WEBHOOK_SECRET="")

    needed = "WORLD_PAYMENTS_API_KEY, WORLD_WEBHOOK_SECRET"
    assert outcome == (2, f"The environment must have {needed}.\n")


def test_a_webhook_url_of_another_machine_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    status, said = refused(tmp_path, "--webhook-url", "http://store.example/")

    assert status == 2
    assert said.startswith("Webhooks go only to this machine")


def test_two_worlds_cannot_share_a_folder(tmp_path: Path) -> None:
    first = Ledger(tmp_path)

    with pytest.raises(CannotStart, match="another outside world is using it"):
        Ledger(tmp_path)

    first.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("a-file").touch()

    with pytest.raises(CannotStart, match="a-file"):
        Ledger(tmp_path / "a-file")


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "world.sqlite3"
    file.write_text("My own notes. " * 100, encoding="utf-8")

    with pytest.raises(CannotStart, match="not a database"):
        Ledger(tmp_path)

    assert file.read_text(encoding="utf-8").startswith("My own notes.")
