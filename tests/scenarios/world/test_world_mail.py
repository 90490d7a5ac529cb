from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import Envelope

from scenarios.world.context import World
from scenarios.world.mail_server import Catcher
from tests.scenarios.world.world_standins import Caller, StandingClock


def letter(subject: str = "Your order", text: str = "Hello.\n", message_id: str = "") -> bytes:
    mail = EmailMessage()
    mail["Subject"] = subject
    if message_id:
        mail["Message-ID"] = message_id
    mail.set_content(text)
    return mail.as_bytes()


def send(world: World, source: bytes, *recipients: str) -> str:
    envelope = Envelope()
    envelope.mail_from = "shop@brindle.example"
    envelope.rcpt_tos = list(recipients) or ["ada@brindle.example"]
    envelope.original_content = source
    return Catcher(world).receive(envelope)


def shown(caller: Caller) -> list[dict[str, object]]:
    return list(caller.client.get("/mail/messages.json").get_json()["messages"])


def test_a_mail_is_kept_and_shown(caller: Caller, world: World) -> None:
    answer = send(world, letter("Grüße ☃", "Dear Zoë,\nthanks.\n", "<1@brindle.example>"))

    (mail,) = shown(caller)
    assert answer == "250 OK"
    assert str(mail.pop("id")).startswith("mail_")
    assert mail == {
        "message_id": "<1@brindle.example>",
        "from": "shop@brindle.example",
        "to": ["ada@brindle.example"],
        "subject": "Grüße ☃",
        "text": "Dear Zoë,\nthanks.\n",
        "received_at": "2026-11-22T10:00:00.000000+00:00",
        "times_received": 1,
    }


def test_mails_are_listed_newest_first(caller: Caller, world: World) -> None:
    for subject in ("one", "two", "three"):
        send(world, letter(subject))

    assert [mail["subject"] for mail in shown(caller)] == ["three", "two", "one"]


def test_a_mail_that_comes_twice_is_kept_twice_and_shown_once(
    caller: Caller, world: World, clock: StandingClock
) -> None:
    send(world, letter(message_id="<1@x>"))
    clock.advance(5)
    send(world, letter(message_id="<1@x>"))

    (mail,) = shown(caller)
    page = caller.client.get(f"/mail/{mail['id']}").text
    assert len(caller.ledger("mail")["mails"]) == 2
    assert mail["times_received"] == 2
    assert "received 2 times" in page
    assert "10:00:05 UTC" in page


def test_the_same_mail_to_somebody_else_is_another_mail(caller: Caller, world: World) -> None:
    send(world, letter(message_id="<1@x>"), "ada@brindle.example")
    send(world, letter(message_id="<1@x>"), "bob@brindle.example")

    assert [mail["times_received"] for mail in shown(caller)] == [1, 1]


def test_mails_without_a_message_id_are_never_copies(caller: Caller, world: World) -> None:
    send(world, letter())
    send(world, letter())

    assert len(shown(caller)) == 2


def test_a_refusing_mail_server_keeps_nothing(caller: Caller, world: World) -> None:
    caller.conditions("mail", refuse=True)

    assert send(world, letter()).startswith("451 ")
    assert shown(caller) == []


def test_a_mail_server_can_keep_a_mail_and_deny_it(caller: Caller, world: World) -> None:
    caller.conditions("mail", drop_after_accept_next=1)

    answers = [send(world, letter(message_id="<1@x>"))[:3] for _ in range(2)]

    assert answers == ["451", "250"]
    assert shown(caller)[0]["times_received"] == 2
    assert [call["status"] for call in caller.ledger("mail")["calls"]] == [451, 250]


def test_a_failing_mail_server_counts_down(caller: Caller, world: World) -> None:
    caller.conditions("mail", fail_next=1)

    assert [send(world, letter())[:3] for _ in range(2)] == ["451", "250"]


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"no headers at all",
        b"\x00\xff\xfe",
        b"Subject: =?utf-9?q?=ff?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xff",
        b"Subject: \xff\xfe\r\nMessage-ID: <>\r\n\r\nx",
        b"Message-ID: " + b"<" * 5000 + b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: image/png\r\n\r\n",
        b'Content-Type: text/plain; charset="\xff"\r\n\r\nx',
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64",
        "Subject: ☃\r\n\r\n\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_a_broken_mail_is_kept_and_its_pages_still_open(
    caller: Caller, world: World, source: bytes
) -> None:
    assert send(world, source) == "250 OK"

    (mail,) = shown(caller)
    assert caller.client.get("/mail").status_code == 200
    assert caller.client.get(f"/mail/{mail['id']}").status_code == 200
    assert caller.client.get(f"/mail/{mail['id']}/source").data == source


def test_a_mail_cannot_put_markup_into_a_page(caller: Caller, world: World) -> None:
    send(world, letter("<script>1</script>", "<img src=x> http://a.example/'\"><b>\n"))
    (mail,) = shown(caller)

    pages = caller.client.get("/mail").text + caller.client.get(f"/mail/{mail['id']}").text

    assert "<script" not in pages
    assert "<img" not in pages
    assert "<b>" not in pages


def test_a_link_in_a_mail_can_be_followed(caller: Caller, world: World) -> None:
    send(world, letter(text="Reset it: http://127.0.0.1:5001/account/reset/abc\n"))
    (mail,) = shown(caller)

    page = caller.client.get(f"/mail/{mail['id']}").text

    assert 'href="http://127.0.0.1:5001/account/reset/abc"' in page


def test_older_mails_are_on_the_next_page(caller: Caller, world: World) -> None:
    for number in range(51):
        send(world, letter(f"mail number {number}"))

    first, second = caller.client.get("/mail").text, caller.client.get("/mail?page=2").text

    assert "Older mails" in first
    assert "mail number 0<" not in first
    assert "mail number 0<" in second
    assert "Newer mails" in second


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", ""])
def test_an_odd_page_number_still_gives_a_page(caller: Caller, page: str) -> None:
    assert caller.client.get(f"/mail?page={page}").status_code == 200


@pytest.mark.parametrize("path", ["/mail/mail_0", "/mail/mail_0/source"])
def test_an_unknown_mail_is_not_found(caller: Caller, path: str) -> None:
    assert caller.client.get(path).status_code == 404


def test_an_empty_postbox_says_so(caller: Caller) -> None:
    assert "No mail yet" in caller.client.get("/mail").text


def test_the_start_page_names_services_cards_and_what_is_unusual(caller: Caller) -> None:
    before = caller.client.get("/").text
    caller.conditions("payments", webhook_copies=3)

    after = caller.client.get("/").text

    assert "Everything behaves well." in before
    assert "4242 4242 4242 4242" in before
    assert "webhook_copies" in after


def test_pages_load_nothing_but_their_style_sheet(caller: Caller) -> None:
    answer = caller.client.get("/")

    assert "script" not in answer.text
    assert "style=" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'"
    )
    with caller.client.get("/static/world.css") as sheet:
        assert sheet.status_code == 200


def test_a_mail_is_on_disk_when_it_has_been_accepted(world: World, tmp_path: Path) -> None:
    send(world, letter("A subject to be found on disk"))

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"A subject to be found on disk" in kept
