import re
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.raw import Answer, get
from tests.browser.running_store import RunningStore, run_store, wait_until
from tests.browser.shopper import MIRA

pytestmark = pytest.mark.xdist_group("raw")

EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
RESET = "A new password for Brindle & Bolt"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with run_store(tmp_path_factory.mktemp("store")) as store:
        yield store


def open_form(browser: httpx.Client, url: str) -> str:
    [token, *_] = re.findall('name="csrf_token" value="([^"]+)"', browser.get(url).text)
    return str(token)


def is_harmless(answer: Answer) -> bool:
    return answer.status < 500 and "evil.example" not in answer


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "127.0.0.1@evil.example", "", "[::1", "a b"]
)
@pytest.mark.parametrize("path", ["/", "/account", "/staff", "/api", "/api/openapi.json", "//cart"])
def test_the_host_that_a_request_names_is_in_no_answer(
    store: RunningStore, host: str, path: str
) -> None:
    [answer] = get(store, path, host=host)

    assert is_harmless(answer)
    assert answer.headers.get("Location", "/").startswith("/")


def test_the_link_in_a_mail_leads_to_the_store_whatever_host_asks(store: RunningStore) -> None:
    with httpx.Client(trust_env=False) as browser:
        form = {"email": MIRA[0], "csrf_token": open_form(browser, store.url("/password/forgot"))}
        cookie = {"Cookie": f"session={browser.cookies['session']}"}
        answer = browser.post(store.url("/password/forgot"), data=form, headers=EVIL | cookie)

    wait_until(lambda: bool(store.mails_to(MIRA[0], RESET)))
    [mail] = store.mails_to(MIRA[0], RESET)
    assert "evil.example" not in answer.text + mail["text"]
    assert f"{store.address}/password/reset?token=" in mail["text"]


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: evil.example",
        "X-Forwarded-For: evil.example",
        "X-Forwarded-Prefix: //evil.example",
        "Forwarded: host=evil.example;proto=https;for=evil.example",
        "X-Original-URL: /staff/",
        "X-Rewrite-URL: http://evil.example/",
        "Script-Name: //evil.example",
        "X-HTTP-Method-Override: DELETE",
        "X-Method-Override: DELETE",
    ],
)
def test_a_header_for_proxies_changes_nothing(store: RunningStore, header: str) -> None:
    [plain] = get(store, "/account/")

    [answer] = get(store, "/account/", header)

    assert (answer.status, answer.body) == (plain.status, plain.body)
    assert answer.headers["Location"] == plain.headers["Location"]


def test_guesses_count_together_whatever_address_they_claim_to_come_from(
    store: RunningStore,
) -> None:
    with httpx.Client(trust_env=False) as browser:
        url = store.url("/sign-in")
        form = {"email": "guess@brindle.example", "password": "wrong"}
        form["csrf_token"] = open_form(browser, url)

        names = ("X-Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP")
        claims = [dict.fromkeys(names, f"10.0.0.{nth}") for nth in range(6)]
        statuses = [browser.post(url, data=form, headers=each).status_code for each in claims]

    assert statuses == [422] * 5 + [429]


@pytest.mark.parametrize(
    "target",
    [
        "//",
        "//evil.example",
        "/\\evil.example",
        "///evil.example/%2e%2e",
        "http://evil.example/",
        "http://evil.example/account/",
        "//evil.example/account/",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%00",
        "/products/%00",
        "/products/a%2fb",
        "/products/%ff",
        "/%zz",
        "*",
        "account/",
        "/account%0d%0aLocation:%20http://evil.example",
        "/./staff/",
        "/x/../staff/",
        "//staff/",
        "/staff%2f",
        "/staff;a=b",
        "/STAFF/",
    ],
)
def test_a_path_that_plays_tricks_leads_nowhere(store: RunningStore, target: str) -> None:
    [answer] = get(store, target)

    assert is_harmless(answer)
    assert answer.status in (302, 400, 404) or "Brindle" in answer
    assert answer.headers.get("Location", "/sign-in").startswith("/sign-in")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "../config.py",
        "%2e%2e/%2e%2e/config.py",
        "..%2f..%2fconfig.py",
        "..\\..\\config.py",
        "..%5c..%5cconfig.py",
        "/etc/passwd",
        "%2fetc/passwd",
        "//evil.example/",
        "%00",
        "store.css%00.py",
        "%c0%ae%c0%ae/config.py",
        "x%0d%0aSet-Cookie:%20a=b",
        "a" * 300,
        "../" * 500,
    ],
)
def test_no_file_but_the_static_ones_is_given_out(store: RunningStore, rest: str) -> None:
    [answer] = get(store, f"/static/{rest}")

    assert (answer.status, is_harmless(answer)) == (404, True)
    assert "a=b" not in str(answer.headers)


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\r\n/evil.example",
        "/%09/evil.example/..",
        "http://evil.example",
        "HTTP:evil.example",
        "https:evil.example",
        "javascript:alert('evil.example')",
        "data:text/html,evil.example",
        "/..//evil.example",
        "/%2e%2e//evil.example",
        "evil.example",
        "@evil.example",
        "/\x00/evil.example",
        "/\u2028/evil.example",
    ],
)
def test_signing_in_leads_to_a_page_of_the_store_only(store: RunningStore, wanted: str) -> None:
    with httpx.Client(trust_env=False) as browser:
        url = store.url("/sign-in")
        form = {"email": MIRA[0], "password": MIRA[1], "csrf_token": open_form(browser, url)}

        answer = browser.post(url, data={**form, "next": wanted})

    assert answer.status_code in (303, 422)
    assert answer.headers.get("Location", "/") == "/"
