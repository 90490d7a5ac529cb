"""A whole check, in a workspace that holds the store and nothing else of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from scenarios.kit.outcomes import Outcome, read_verdict
from tests.databases import POSTGRES_VARIABLE, not_run

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).with_name("last_unit.py")

# What a tired colleague might have written: the stock is read, looked at, and written back.
READ_THEN_WRITE = """
    for line in sorted(lines, key=_by_sku):
        item = session.get_one(StockItem, line.product_id)
        if item.available < line.quantity:
            raise OutOfStock([Shortage(line.name, item.available)])
        allocated = item.allocated + line.quantity
        write = update(StockItem).where(StockItem.product_id == line.product_id)
        session.execute(write.values(allocated=allocated))
"""
# A lock, and the same with a second look at a row that the session has read before.
LOCKED = READ_THEN_WRITE.replace("line.product_id)", "line.product_id, with_for_update=True)", 1)
REREAD = LOCKED.replace("for_update=True)", "for_update=True, populate_existing=True)")
REFUSES = "    raise OutOfStock([])\n"
CRASHES = "    raise KeyError('sku')\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    for name in ("shop", "seed_data"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, workspace / name, ignore=leave_out)
    # The kit comes with the engine, from outside the workspace.
    shutil.copytree(ROOT / "scenarios" / "kit", tmp_path / "engine" / "scenarios" / "kit")
    return workspace


def replace_allocation(workspace: Path, body: str) -> None:
    """Put another body in the place of the clean store's, behind its docstring."""
    stock = workspace / "shop" / "services" / "stock.py"
    text = stock.read_text("utf-8")
    pattern = r'(def allocate_stock\(.*?""".*?""")\n.*?(?=\n\ndef )'
    changed = re.sub(pattern, lambda found: f"{found[1]}\n{body}", text, flags=re.DOTALL)
    assert changed != text
    stock.write_text(changed, "utf-8")


def judge(workspace: Path, database: str, check: Path = CHECK) -> Outcome:
    own = {"PYTHONPATH": str(workspace.parent / "engine"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if database == "postgresql":
        if POSTGRES_VARIABLE not in os.environ:
            not_run(f"{POSTGRES_VARIABLE} names no PostgreSQL")
        own["CHECK_DATABASE_URL"] = os.environ[POSTGRES_VARIABLE]
    verdict = workspace.parent / "verdict"
    plugins = ["-p", "scenarios.kit.fixtures", "-p", "scenarios.kit.outcomes"]
    options = ["-p", "no:cacheprovider", "--rootdir", str(workspace), "-c", os.devnull]
    own_check = shutil.copy(check, workspace.parent / "check.py")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, "--check-verdict", verdict, own_check],
        cwd=workspace,
        env={**os.environ, **own},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    print(run.stdout, run.stderr)  # noqa: T201
    return read_verdict(verdict)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_clean_store_is_without_the_fault(workspace: Path, database: str) -> None:
    assert judge(workspace, database) is Outcome.FAULT_ABSENT


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_bad_commit_is_shown(workspace: Path, database: str) -> None:
    replace_allocation(workspace, READ_THEN_WRITE)

    assert judge(workspace, database) is Outcome.FAULT_SHOWN


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("body", "outcome"), [(LOCKED, Outcome.FAULT_SHOWN), (REREAD, Outcome.FAULT_ABSENT)]
)
def test_a_wrong_fix_is_told_from_a_right_one(
    workspace: Path, database: str, body: str, outcome: Outcome
) -> None:
    replace_allocation(workspace, body)

    assert judge(workspace, database) is outcome


@pytest.mark.parametrize("body", [REFUSES, CRASHES])
def test_a_store_that_sells_nothing_does_not_pass(workspace: Path, body: str) -> None:
    replace_allocation(workspace, body)

    assert judge(workspace, "sqlite") is not Outcome.FAULT_ABSENT


def test_a_check_leaves_no_database_behind(workspace: Path) -> None:
    check = workspace / "names_its_database.py"
    note = "__import__('pathlib').Path('database').write_text(engine.url.database)"
    check.write_text(f"def test_it(engine):\n    {note}\n", "utf-8")

    assert judge(workspace, "postgresql", check) is Outcome.FAULT_ABSENT

    server = create_engine(os.environ[POSTGRES_VARIABLE])
    with server.connect() as connection:
        names = connection.scalars(text("SELECT datname FROM pg_database")).all()
    server.dispose()
    left = (workspace / "database").read_text("utf-8")
    assert [name for name in (server.url.database, left) if name in names] == [server.url.database]
