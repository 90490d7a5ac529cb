import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOP, SCENARIOS = ROOT / "shop", ROOT / "scenarios"

# How many lines of code there may be in all, in a file and in a function. The engine should come
# down to 2,500 in all, and may not grow.
MOST_LINES = {"shop": (4_270, 200, 40), "scenarios/engine": (2_500, 300, 50)}

# What each layer may import from the store. `gateways` in services means their Protocols.
FROM_SHOP: dict[str, set[str]] = {
    "domain": set(),
    "models": {"domain", "db"},
    "gateways": {"domain", "errors"},
    "services": {"domain", "models", "gateways", "db", "errors"},
    "queries": {"domain", "models", "db", "errors"},
    "worker": {"services", "queries", "gateways", "db", "errors", "models", "clock", "config"},
    "web": {"domain", "services", "queries", "errors", "clock", "config", "db", "models"},
    "api": {"domain", "services", "queries", "errors", "clock", "config", "db", "models", "web"},
}
# What each layer may import from outside, beside the standard library.
FROM_OUTSIDE: dict[str, set[str]] = {
    "domain": set(),
    "models": {"sqlalchemy"},
    "gateways": {"httpx"},
    "services": {"sqlalchemy", "argon2", "structlog"},
    "queries": {"sqlalchemy"},
    "worker": {"sqlalchemy"},
    "web": {
        *("flask", "flask_limiter", "flask_login", "flask_wtf"),
        *("marshmallow", "structlog", "werkzeug"),
    },
    "api": {"flask", "flask_smorest", "marshmallow", "webargs", "werkzeug"},
}
ENDS_A_TRANSACTION = {"db.py"}
READS_THE_CLOCK = {"clock.py"}


def source_files() -> list[Path]:
    return [path for path in sorted(SHOP.rglob("*.py")) if path.parent.name != "versions"]


def name_of(path: Path) -> str:
    return path.relative_to(SHOP).as_posix()


def layer_of(path: Path) -> str:
    return path.relative_to(SHOP).parts[0]


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (
                [f"shop.{alias.name}" for alias in node.names] if module == "shop" else [module]
            )


def code_lines(path: Path) -> set[int]:
    """Number the lines that are neither blank, nor only a comment, nor part of a docstring."""
    source = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    ignored = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in ignored:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        is_documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, is_documented) and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines.difference_update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return lines


def attribute_calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def test_a_layer_imports_only_what_it_may_from_the_store() -> None:
    strangers = {
        f"{name_of(path)} imports {name}"
        for path in source_files()
        for name in imports_of(path)
        if name.startswith("shop.") and (layer := layer_of(path)) in FROM_SHOP
        if name.split(".")[1] not in FROM_SHOP[layer] | {layer}
    }

    assert strangers == set()


def test_a_layer_imports_only_what_it_may_from_outside() -> None:
    strangers = {
        f"{name_of(path)} imports {package}"
        for path in source_files()
        for package in {name.split(".")[0] for name in imports_of(path)} - {"shop"}
        if package not in FROM_OUTSIDE.get(layer_of(path), {package}) | sys.stdlib_module_names
    }

    assert strangers == set()


def test_only_transaction_ends_a_transaction() -> None:
    ending = {name_of(p) for p in source_files() if attribute_calls(p) & {"commit", "rollback"}}

    assert ending == ENDS_A_TRANSACTION


def test_only_the_clock_reads_the_time() -> None:
    reading = {
        name_of(path)
        for path in source_files()
        if attribute_calls(path) & {"now", "utcnow", "today", "time"}
    }

    assert reading == READS_THE_CLOCK


@pytest.mark.parametrize("folder", MOST_LINES)
def test_files_and_functions_stay_small(folder: str) -> None:
    most, most_in_file, most_in_function = MOST_LINES[folder]
    paths = (ROOT / folder).rglob("*.py")
    sizes = {path: code_lines(path) for path in paths if path.parent.name != "versions"}
    functions = {
        f"{path.name}: {node.name}": len(
            lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        )
        for path, lines in sizes.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    files = {path: len(lines) for path, lines in sizes.items()}

    assert [name for name, size in functions.items() if size > most_in_function] == []
    assert [path for path, size in files.items() if size > most_in_file] == []
    assert sum(files.values()) <= most


def test_the_store_knows_nothing_of_what_teaches_with_it() -> None:
    files = [path for path in SHOP.rglob("*") if path.suffix in (".py", ".html", ".js", ".css")]
    words = ("scenario", "cartwreck")

    texts = {name_of(path): path.read_text(encoding="utf-8").casefold() for path in files}

    assert [name for name, text in texts.items() for word in words if word in text] == []


def test_of_what_teaches_only_the_kit_imports_the_store() -> None:
    importing = {
        path.relative_to(SCENARIOS).parts[0]
        for path in SCENARIOS.rglob("*.py")
        if any(name.split(".")[0] == "shop" for name in imports_of(path))
    }

    # A check of the catalogue runs beside the store, as the kit does.
    assert importing - {"catalogue"} == {"kit"}


def test_the_kit_needs_nothing_that_a_workspace_lacks() -> None:
    own = {"scenarios", "shop", "seed_data", "tests"}
    needed = {
        name if name.startswith("scenarios.") else name.split(".")[0]
        for path in (SCENARIOS / "kit").rglob("*.py")
        for name in imports_of(path)
        if name.split(".")[0] in own
    }

    strangers = {name for name in needed if not name.startswith("scenarios.kit")}
    assert strangers == {"shop", "seed_data"}
