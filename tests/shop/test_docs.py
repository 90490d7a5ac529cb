import ast
import re
import tomllib
from dataclasses import fields
from glob import glob
from pathlib import Path

from shop.config import Settings

ROOT = Path(__file__).parents[2]
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
