from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.rows import DELIVERY
from scenarios.kit.settings import settings_for
from shop import create_app
from shop.config import Settings, SettingsError, read_settings
from shop.models import Product

COMPLETE = settings_for("sqlite:///store.sqlite3")
del COMPLETE["SHOP_PAGE_CACHE_SECONDS"]


def read(environment: dict[str, str], *, debug: bool = False) -> Settings:
    return read_settings(environment, debug=debug, instance_path="/instance")


def test_complete_settings_are_read() -> None:
    settings = read({**COMPLETE, "SHOP_JOB_LEASE_SECONDS": "90"})

    assert (settings.database_url, settings.job_lease_seconds) == ("sqlite:///store.sqlite3", 90)
    assert settings.alone is False


@pytest.mark.parametrize("name", sorted(COMPLETE))
@pytest.mark.parametrize("value", [None, ""])
def test_a_setting_that_is_missing_or_empty_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environment[name] = value

    with pytest.raises(SettingsError, match=rf"The store needs {name}: see docs/settings\.md"):
        read(environment)


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        read({})

    assert [name for name in COMPLETE if name not in str(refusal.value)] == []


@pytest.mark.parametrize("name", ["SHOP_JOB_LEASE_SECONDS", "SHOP_POLL_SECONDS"])
@pytest.mark.parametrize(
    "value",
    ["0", "-1", "+60", "1.5", "60s", " 60", "60 ", "1e3", "0x10", "1_0", "86401", "\uff19",
     "\u00b2", "9" * 5_000],
)  # fmt: skip
def test_seconds_in_another_spelling_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is in seconds, 1 to 86400, not"):
        read({**COMPLETE, name: value})


def test_the_page_cache_is_switched_off_with_no_seconds() -> None:
    assert read({**COMPLETE, "SHOP_PAGE_CACHE_SECONDS": "0"}).page_cache_seconds == 0
    assert read(COMPLETE).page_cache_seconds == 10
    with pytest.raises(SettingsError, match="in seconds, 0 to 86400, not '-1'"):
        read({**COMPLETE, "SHOP_PAGE_CACHE_SECONDS": "-1"})


@pytest.mark.parametrize(("value", "seconds"), [("1", 1), ("86400", 86400), ("", 60)])
def test_seconds_are_read(value: str, seconds: int) -> None:
    assert read({**COMPLETE, "SHOP_JOB_LEASE_SECONDS": value}).job_lease_seconds == seconds


@pytest.mark.parametrize(
    ("value", "zone"), [("", "Europe/London"), ("Asia/Kolkata", "Asia/Kolkata"), ("UTC", "UTC")]
)
def test_the_zone_of_the_store_is_read(value: str, zone: str) -> None:
    assert read({**COMPLETE, "SHOP_TIME_ZONE": value}).time_zone.key == zone


@pytest.mark.parametrize(
    "value",
    ["Europe/Lundon", "Europe", "GMT+1", "+01:00", "../UTC", "/etc/localtime", "U\x00C", "x" * 300],
)
def test_a_zone_that_nobody_knows_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="SHOP_TIME_ZONE is no time zone: ") as refusal:
        read({**COMPLETE, "SHOP_TIME_ZONE": value})

    assert repr(value) in str(refusal.value)


@pytest.mark.parametrize("environment", [{}, {"SHOP_PAYMENTS_URL": ""}])
def test_with_debug_and_no_provider_the_store_is_alone(environment: dict[str, str]) -> None:
    settings = read(environment, debug=True)

    assert (settings.alone, settings.database_url) == (True, "sqlite:////instance/store.sqlite3")


def test_with_debug_and_a_provider_the_store_is_not_alone() -> None:
    assert not read(COMPLETE, debug=True).alone


SPELLINGS = [
    *((text, True) for text in ("true", "True", "TRUE", "tRuE", "1", "yes", "Yes", "on", "ON")),
    *((text, False) for text in ("false", "False", "FALSE", "0", "no", "NO", "off", "oFF")),
]


@pytest.mark.parametrize(("text", "meant"), SPELLINGS)
@pytest.mark.parametrize("debug", [True, False])
def test_yes_and_no_mean_what_they_say_in_every_spelling(
    text: str, meant: bool, debug: bool
) -> None:
    outside = {} if meant else COMPLETE

    assert read({**outside, "SHOP_ALONE": text}, debug=debug).alone is meant


@pytest.mark.parametrize("debug", [True, False])
def test_an_empty_yes_or_no_is_unset(debug: bool) -> None:
    assert read({**COMPLETE, "SHOP_ALONE": ""}, debug=debug).alone is False


@pytest.mark.parametrize(
    "text",
    ["tru", "y", "n", "t", "f", "2", "-1", "00", "enabled", "none", "null", " true", "false ",
     "\uff11", "no!", "true,false"],
)  # fmt: skip
def test_yes_and_no_in_another_spelling_are_refused(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read({"SHOP_ALONE": text})

    spellings = "true, 1, yes, on, false, 0, no, off"
    assert str(refusal.value) == f"SHOP_ALONE is one of {spellings}, not {text!r}."


@pytest.mark.parametrize("debug", [True, False])
def test_a_store_that_is_alone_has_no_provider(debug: bool) -> None:
    with pytest.raises(SettingsError, match=r"SHOP_ALONE and SHOP_PAYMENTS_URL .* unset one"):
        read({**COMPLETE, "SHOP_ALONE": "yes"}, debug=debug)


def test_a_store_that_is_not_alone_needs_its_provider_also_with_debug() -> None:
    with pytest.raises(SettingsError, match=r"The store needs .*SHOP_PAYMENTS_URL"):
        read({"SHOP_ALONE": "false"}, debug=True)


@pytest.mark.parametrize("name", ["SHOP_PAYMENT_URL", "SHOP_payments_url", "SHOP_", "SHOP_DEBUG"])
def test_a_setting_that_the_store_does_not_know_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"knows no {name}: see docs/settings.md"):
        read({**COMPLETE, name: "x"})


@pytest.mark.parametrize("environment", [{"SHOP_TEST_POSTGRES_URL": "x"}, {"SHOPPING": "x"}])
def test_what_is_no_setting_of_the_store_is_passed_over(environment: dict[str, str]) -> None:
    assert read({**COMPLETE, **environment}) == read(COMPLETE)


def test_alone_nobody_can_sign_a_webhook() -> None:
    first, second = (read({}, debug=True).payments_webhook_secret for _ in range(2))

    assert len(first) == 64
    assert first != second


def test_without_debug_the_store_does_not_start_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SettingsError, match="start it with --debug"):
        create_app()


def test_alone_an_order_is_processed_after_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = _start_alone(monkeypatch, tmp_path)
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    client.post("/products/plain-cedar-pencil/add", data={"quantity": "1"})
    page = client.get("/checkout").text

    placed = client.post("/checkout", data=_fill_in(page))
    client.get("/")

    order = client.get(placed.location).text
    app.extensions["sessions"].kw["bind"].dispose()
    assert "Paid. Thank you!" in order or "Delivered" in order or "On its way" in order


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_alone_a_database_on_a_server_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, database_url: str, session: Session
) -> None:
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)

    app = create_app({"SHOP_ALONE": "true", "SHOP_DATABASE_URL": database_url})

    answer = app.test_client().get("/")
    app.extensions["sessions"].kw["bind"].dispose()
    assert (answer.status_code, session.scalars(select(Product)).all()) == (200, [])


def _start_alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Flask:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)
    return create_app({"SHOP_DATABASE_URL": f"sqlite:///{folder / 'alone' / 'store.sqlite3'}"})


def _fill_in(page: str) -> dict[str, str]:
    def hidden(name: str) -> str:
        return page.split(f'name="{name}" value="')[1].split('"')[0]

    return {
        **DELIVERY,
        "card_number": "4242424242424242",
        "checkout_token": hidden("checkout_token"),
        "total_shown": hidden("total_shown"),
    }
