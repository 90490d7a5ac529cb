import ast
import re
import tomllib
from dataclasses import fields
from glob import glob
from pathlib import Path

from flask import Flask

from scenarios.kit.settings import settings_for
from shop import create_app, errors
from shop.config import Settings
from shop.web.refusals import STATUS, code_of
from tests.shop.test_architecture import FROM_SHOP

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDE = (ROOT / "docs" / "reading-guide.md").read_text(encoding="utf-8")
STOPS = re.findall(r"^\| \d+ \| \d+ \| (.*) \| (\d+) \|$", GUIDE, re.MULTILINE)


def length_of(path: str, name: str = "") -> int:
    source = (ROOT / path).read_text(encoding="utf-8")
    if not name:
        return len(source.splitlines())
    kinds = ast.FunctionDef | ast.ClassDef
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, kinds) and n.name == name]
    return (found[0].end_lineno or 0) - found[0].lineno + 1


def length_of_stop(text: str) -> int:
    """Add up what a stop names: whole files, or one name "in" a file."""
    parts = re.findall(r"(?:`(\w+)` in )?`(shop/[\w/]+\.py)`", text)
    return sum(length_of(path, name) for name, path in parts)


def test_the_way_from_route_to_provider_is_under_a_thousand_lines() -> None:
    assert len(STOPS) == 11
    assert sum(length_of_stop(text) for text, _ in STOPS) < 1_000


def test_the_guide_says_how_long_each_stop_is() -> None:
    wrong = [
        (text, int(said), length)
        for text, said in STOPS
        if abs(int(said) - (length := length_of_stop(text))) > max(5, length // 10)
    ]

    assert wrong == []


def test_every_setting_is_documented_and_no_other() -> None:
    documented = re.findall(
        r"^\| `(SHOP_\w+)`", (ROOT / "docs" / "settings.md").read_text("utf-8"), re.MULTILINE
    )

    assert documented == [f"SHOP_{field.name.upper()}" for field in fields(Settings)]


def test_every_file_that_the_store_reads_is_packed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns: list[str] = project["tool"]["setuptools"]["package-data"]["shop"]
    shop = ROOT / "shop"
    # Until Python 3.13 `**` of a path finds folders only; setuptools finds files with this one.
    packed = {n for each in patterns for n in glob(each, root_dir=shop, recursive=True)}  # noqa: PTH207
    files = [path for path in shop.rglob("*") if path.is_file()]
    read = {str(p.relative_to(shop)) for p in files if p.suffix not in (".py", ".pyc")}

    assert sorted(read - packed) == []


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def own_classes(kind: type[Exception]) -> set[type[Exception]]:
    found = {each for each in vars(errors).values() if isinstance(each, type)}
    return {each for each in found if issubclass(each, kind)}


def test_every_refusal_is_documented_with_its_code_and_status() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \|", read("errors.md"), re.MULTILINE)
    answered = {kind: status for kind, status in STATUS.items() if kind in own_classes(Exception)}

    assert {(name, code, int(status)) for name, code, status in rows} == {
        (kind.__name__, code_of(kind.__new__(kind)), status) for kind, status in answered.items()
    }


def test_every_error_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", read("errors.md")))

    assert {kind.__name__ for kind in own_classes(Exception)} - documented == {"Refusal"}


def test_the_tree_of_errors_in_the_code_is_whole() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))

    assert drawn == {kind.__name__ for kind in own_classes(errors.Refusal)} - {"Refusal"}


def test_every_command_is_documented() -> None:
    documented = set(re.findall(r"^\| `flask --app shop (\w+)", read("settings.md"), re.MULTILINE))
    commands = create_app(settings_for("sqlite://")).cli.commands

    assert documented == set(commands) - set(Flask(__name__).cli.commands)


def test_the_table_of_imports_is_the_one_that_is_enforced() -> None:
    page = read("architecture.md").partition("## Who may import what")[2]
    head, _, *rows = [line for line in page.splitlines() if line.startswith("|")]
    columns = re.findall(r"`(\w+)`", head)
    drawn = {
        re.findall(r"`(\w+)`", row)[0]: {
            column
            for column, cell in zip(columns, row.split("|")[2:], strict=False)
            if cell.strip() == "x"
        }
        for row in rows
    }

    assert drawn == FROM_SHOP


def test_no_page_of_the_docs_is_forgotten() -> None:
    texts = (ROOT / "README.md").read_text("utf-8") + "".join(
        path.read_text("utf-8") for path in DOCS.rglob("*.md")
    )

    assert [path.name for path in DOCS.rglob("*.md") if f"{path.name})" not in texts] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text("utf-8"))
    ]

    assert [f"{p.name}: {link}" for p, link in links if not (p.parent / link).exists()] == []
