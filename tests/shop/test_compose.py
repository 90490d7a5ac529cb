import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from flask import Flask
from packaging.specifiers import SpecifierSet

from scenarios.world.__main__ import read_arguments, read_settings
from scenarios.world.webhooks import check_url

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


COMPOSE = yaml.safe_load(read("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILT = {service["image"] for service in SERVICES.values() if "build" in service}
OURS = sorted(name for name, service in SERVICES.items() if service["image"] in BUILT)
NETWORK_OWNER = "laptop"
PROJECT = tomllib.loads(read("pyproject.toml"))
DOCKERFILE = read("Dockerfile")


def program_of(name: str) -> str:
    command = SERVICES[name]["command"]
    return str(command[2] if command[:2] == ["python", "-m"] else command[0])


def documented_settings(program: str) -> tuple[set[str], set[str]]:
    """Return the settings that a program must have, and those that it may have."""
    if program == "sleep":
        return set(), set()
    if program == "scenarios.world":
        world = set(re.findall(r"\bWORLD_\w+", read("docs/outside-world.md")))
        return world, world
    rows = re.findall(r"^\| `(SHOP_\w+)` \| (yes|no) \|", read("docs/settings.md"), re.MULTILINE)
    return {name for name, needed in rows if needed == "yes"}, {name for name, _ in rows}


def check_command(name: str) -> tuple[int, str]:
    """Let a program read its command and settings, and end before it starts."""
    program, *arguments = SERVICES[name]["command"]
    asked = {"flask": [*arguments, "--help"], "gunicorn": ["--check-config", *arguments]}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SHOP_")}
    ended = subprocess.run(
        [sys.executable, "-m", program, *asked[program]],
        cwd=ROOT,
        env=kept | SERVICES[name]["environment"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stderr


def copied_into_the_image() -> set[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def pinned(name: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+==\S+", read(name), re.MULTILINE))


def test_every_image_is_built_here_or_has_a_version() -> None:
    others = {service["image"] for service in SERVICES.values()} - BUILT

    assert [image for image in others if not re.fullmatch(r"[\w/]+:\d[\w.-]*", image)] == []


def test_every_container_of_the_image_is_a_known_program() -> None:
    known = {"flask", "gunicorn", "scenarios.world", "sleep"}

    assert {name: program_of(name) for name in OURS if program_of(name) not in known} == {}


@pytest.mark.parametrize("name", [n for n in OURS if program_of(n) in ("flask", "gunicorn")])
def test_the_store_understands_its_commands_and_settings(name: str) -> None:
    status, said = check_command(name)

    assert status == 0, said


def test_the_world_understands_its_command_and_settings() -> None:
    world = SERVICES["world"]

    settings = read_settings(world["environment"], read_arguments(world["command"][3:]))

    assert check_url(settings.webhook_url) == settings.webhook_url


@pytest.mark.parametrize("name", OURS)
def test_a_container_has_the_settings_that_its_program_needs_and_no_other(name: str) -> None:
    needed, allowed = documented_settings(program_of(name))
    given = {key for key, value in SERVICES[name].get("environment", {}).items() if value}

    assert (needed - given, given - allowed) == (set(), set())


def test_store_and_world_find_each_other() -> None:
    world = read_arguments(SERVICES["world"]["command"][3:])
    settings = SERVICES["store"]["environment"]
    names = ("SHOP_PAYMENTS_URL", "SHOP_CARRIER_URL", "SHOP_SUGGESTIONS_URL")
    called = [urlsplit(settings[name]).netloc for name in names]

    assert called == [f"127.0.0.1:{world.port}"] * 3
    assert settings["SHOP_SMTP_URL"] == f"smtp://127.0.0.1:{world.smtp_port}"
    assert world.webhook_url == f"{settings['SHOP_BASE_URL']}/webhooks/payments"


def test_all_containers_of_the_image_share_the_network_that_their_addresses_mean() -> None:
    modes = {name: SERVICES[name].get("network_mode") for name in OURS if name != NETWORK_OWNER}

    assert set(modes.values()) == {f"service:{NETWORK_OWNER}"}


def test_store_and_world_are_published_to_this_machine_and_nothing_else_is() -> None:
    (store_port,) = re.findall(r"--bind=0\.0\.0\.0:(\d+)", " ".join(SERVICES["store"]["command"]))
    world_port = read_arguments(SERVICES["world"]["command"][3:]).port
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published == [f"127.0.0.1:{port}:{port}" for port in (store_port, world_port)]
    assert urlsplit(SERVICES["store"]["environment"]["SHOP_BASE_URL"]).port == int(store_port)
    assert "host" not in {service.get("network_mode") for service in SERVICES.values()}


def test_nothing_depends_on_a_service_that_is_not_there() -> None:
    named = {other for service in SERVICES.values() for other in service.get("depends_on", {})}
    modes = [str(service.get("network_mode")) for service in SERVICES.values()]
    named |= {mode.removeprefix("service:") for mode in modes if mode.startswith("service:")}

    assert named - set(SERVICES) == set()


def test_what_is_waited_for_to_be_healthy_has_a_check_of_its_health() -> None:
    awaited = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }

    assert {other for other in awaited if "healthcheck" not in SERVICES[other]} == set()


def test_the_store_is_asked_for_its_health_where_it_listens(app: Flask) -> None:
    [address] = re.findall(r'urlopen\("([^"]+)"\)', SERVICES["store"]["healthcheck"]["test"][-1])

    found = app.url_map.bind("").match(urlsplit(address).path)

    assert (found[0], urlsplit(address).netloc) == ("health.show_ready", "127.0.0.1:5000")
    assert "--bind=0.0.0.0:5000" in SERVICES["store"]["command"]


def test_the_check_of_health_fails_when_the_store_is_not_ready() -> None:
    class NotReady(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

    program = SERVICES["store"]["healthcheck"]["test"][-1]
    with HTTPServer(("127.0.0.1", 0), NotReady) as server:
        threading.Thread(target=server.handle_request).start()
        here = program.replace(":5000", f":{server.server_port}")
        ended = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True)

    assert (ended.returncode, "503" in ended.stderr) == (1, True)


def test_every_volume_is_declared() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }

    assert mounted == set(COMPOSE["volumes"])


def test_what_the_image_copies_is_there() -> None:
    assert [source for source in copied_into_the_image() if not (ROOT / source).exists()] == []


def test_the_image_is_given_what_its_build_reads_and_nothing_else() -> None:
    project = PROJECT["project"]
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    (requirements,) = re.findall(r"--require-hashes -r (\S+)", DOCKERFILE)
    read_by_the_build = {
        *("pyproject.toml", requirements, project["readme"], *project["license-files"]),
        *(package.removesuffix("*") for package in packages),
    }
    let_through = set(re.findall(r"^!(\S+)$", read(".dockerignore"), re.MULTILINE))

    assert (copied_into_the_image(), let_through) == (read_by_the_build, read_by_the_build)


def test_the_image_has_one_python_and_the_project_runs_on_it() -> None:
    bases = re.findall(r"^FROM python:([\d.]+)-slim(?: AS \w+)?$", DOCKERFILE, re.MULTILINE)

    assert len(bases) == DOCKERFILE.count("\nFROM ") == 2
    assert len(set(bases)) == 1
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(bases[0])


def test_the_image_has_the_versions_that_a_laptop_has() -> None:
    assert pinned("requirements.txt") - pinned("requirements-server.txt") == set()


def test_the_image_does_not_run_as_root() -> None:
    _, _, last_stage = DOCKERFILE.rpartition("\nFROM ")

    assert re.findall(r"^USER (\S+)$", last_stage, re.MULTILINE) == ["10001"]
