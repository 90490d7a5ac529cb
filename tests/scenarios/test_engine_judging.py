"""What becomes of a fix that does what no fix should: a verdict in time, and never "solved"."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from scenarios.engine.judging import Run, judging_room, run_check, run_tests
from scenarios.engine.running import Note
from scenarios.engine.sandbox import Sandbox, write_facts
from scenarios.engine.verdicts import BROKEN_ELSEWHERE, CANNOT_TELL, NOT_YET, judge
from tests.scenarios.engine_checkout import Checkout, expect_soon, is_alive, parent_of

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).with_name("last_unit.py")
SECONDS = 60.0
# A check that fails with the parent of its keeper.
WHOSE = """
import os
from pathlib import Path


def test_it() -> None:
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    raise ValueError(stat.rpartition(")")[2].split()[1])
"""
# As the C library does it, which Python's own watchers do not see.
SLEEP = "c.clearenv(); c.execl(b'/bin/sleep', b'sleep', b'600', None)"


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    root = tmp_path / "a checkout ☕"
    root.mkdir()
    for name in ("shop", "seed_data", "scenarios", "tests"):
        (root / name).symlink_to(ROOT / name)
    sandbox = Sandbox(root)
    sandbox.make_folders()
    return sandbox


@pytest.fixture
def room(sandbox: Sandbox) -> Iterator[Path]:
    with judging_room(sandbox, ROOT) as room:
        yield room


def replace_allocation(room: Path, body: str) -> None:
    """Put another body in the place of the clean store's, behind its docstring."""
    stock = room / "store" / "shop" / "services" / "stock.py"
    pattern = r'(def allocate_stock\(.*?""".*?""")\n.*?(?=\n\ndef )'
    text = stock.read_text("utf-8")
    changed = re.sub(pattern, lambda found: f"{found[1]}\n{body}", text, flags=re.DOTALL)
    stock.write_text(changed, "utf-8")
    assert changed != text


def run_alone(sandbox: Sandbox, room: Path, seconds: float = SECONDS) -> Run:
    """Run the check without the smoke suite behind it, which takes longer."""
    shutil.copyfile(CHECK, room / "store" / "check.py")
    return run_tests(sandbox, room, ("check.py",), seconds)


def test_a_right_store_passes_check_and_smoke(sandbox: Sandbox, room: Path) -> None:
    run = run_check(sandbox, room, CHECK)

    assert (judge(run), run.passed) == (None, True)
    assert len(run.tests) > 20


def test_a_check_that_fails_is_told_and_the_smoke_suite_not_run(
    sandbox: Sandbox, room: Path
) -> None:
    replace_allocation(room, "    return\n")

    run = run_check(sandbox, room, CHECK)

    verdict = judge(run)
    assert verdict
    assert (verdict.kind, len(run.tests)) == (NOT_YET, 2)
    assert verdict.expected == "The last unit is sold once."


def test_a_store_that_stands_still_is_told_where(sandbox: Sandbox, room: Path) -> None:
    replace_allocation(room, "    while True:\n        pass\n")

    verdict = judge(run_alone(sandbox, room, 30.0))

    assert verdict
    assert (verdict.kind, verdict.sentence) == (NOT_YET, "The store stood still, and was stopped.")
    assert verdict.look_at.startswith("shop/services/stock.py:")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("import os; os.fork()", "starts another program or process"),
        ("import subprocess; subprocess.run(['true'])", "starts another program or process"),
        ("open('/tmp/cartwreck-outside', 'w')", "writes outside of its folder"),
        ("import os; os.remove('/etc/hostname')", "writes outside of its folder"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 1)", "another machine"),
    ],
)
def test_a_misdeed_is_prevented_and_told_even_where_its_error_is_swallowed(
    sandbox: Sandbox, room: Path, body: str, what: str
) -> None:
    text = (room / "store" / "shop" / "services" / "stock.py").read_text("utf-8")
    swallowed = f"try:\n    {body}\nexcept OSError:\n    pass\n"
    (room / "store" / "shop" / "services" / "stock.py").write_text(
        f"{text}\n\n{swallowed}", "utf-8"
    )

    verdict = judge(run_alone(sandbox, room))

    assert verdict
    assert verdict.kind == NOT_YET
    assert what in verdict.seen
    assert not Path("/tmp/cartwreck-outside").exists()  # noqa: S108  It is what the fix tries.


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("    import os\n    os._exit(0)\n", CANNOT_TELL),
        ("    raise SystemExit(0)\n", CANNOT_TELL),
        ("    import os\n    os.close(1)\n    os.close(2)\n    os._exit(0)\n", CANNOT_TELL),
        ("    import pytest\n    pytest.skip('not today')\n", CANNOT_TELL),
        ("    import os\n    open(os.environ['TMPDIR'] + '.jsonl', 'w').write('5')\n", CANNOT_TELL),
        ("    import os, time\n    os.kill(os.getppid(), 9)\n    time.sleep(60)\n", CANNOT_TELL),
        ("    return bytearray(8 << 30)\n", NOT_YET),
    ],
)
def test_a_run_that_shows_nothing_never_passes(
    sandbox: Sandbox, room: Path, body: str, kind: str
) -> None:
    replace_allocation(room, body)

    verdict = judge(run_alone(sandbox, room))

    assert verdict
    assert verdict.kind == kind


def test_a_store_that_cannot_be_imported_is_told_with_its_error(
    sandbox: Sandbox, room: Path
) -> None:
    (room / "store" / "shop" / "services" / "stock.py").write_text("def (:\n", "utf-8")

    verdict = judge(run_alone(sandbox, room))

    assert verdict
    assert (verdict.kind, "SyntaxError" in verdict.sentence) == (CANNOT_TELL, True)


@pytest.mark.parametrize(
    "goes_on",
    ["time.sleep(600)", SLEEP],
    ids=["as it is", "as another program that knows nothing of the run"],
)
def test_a_process_that_slips_away_is_ended_with_the_run(
    sandbox: Sandbox, room: Path, goes_on: str
) -> None:
    slips = (
        "import ctypes, os, time\n"
        "c = ctypes.CDLL(None)\n"
        "if c.fork() == 0:\n"
        "    os.setsid()\n"
        "    with open(os.environ['TMPDIR'] + '/slipped', 'w') as file:\n"
        "        file.write(str(os.getpid()))\n"
        f"    {goes_on}\n"
        "time.sleep(1)\n"
    )
    path = room / "store" / "shop" / "services" / "stock.py"
    path.write_text(path.read_text("utf-8") + slips, "utf-8")

    run_alone(sandbox, room)

    assert not is_alive(int((room / "report" / "slipped").read_text("utf-8")))


def test_nothing_of_a_run_outlives_the_command_that_asked_for_it(
    sandbox: Sandbox, room: Path
) -> None:
    note = "import os\nopen(os.environ['TMPDIR'] + '/pid', 'w').write(str(os.getpid()))\n"
    (room / "store" / "check.py").write_text(f"{note}while True:\n    pass\n", "utf-8")
    code = (
        "import sys; from pathlib import Path; from scenarios.engine.judging import run_tests;"
        "from scenarios.engine.sandbox import Sandbox;"
        "run_tests(Sandbox(Path(sys.argv[1])), Path(sys.argv[2]), ('check.py',), 60.0)"
    )
    asker = subprocess.Popen([sys.executable, "-c", code, sandbox.root, room], cwd=ROOT)
    pid = room / "report" / "pid"
    expect_soon(lambda: pid.exists() and pid.read_text("utf-8") != "")

    asker.kill()
    asker.wait()

    expect_soon(lambda: not is_alive(int(pid.read_text("utf-8"))))


def test_a_run_is_forked_by_the_up_that_is_there(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "a checkout ☕")
    sandbox = Sandbox(checkout.root)
    try:
        checkout.up()
        with judging_room(sandbox, ROOT) as room:
            (room / "store" / "check.py").write_text(WHOSE, "utf-8")
            run = run_tests(sandbox, room, ("check.py",), SECONDS)
        warm_parent = parent_of(checkout.note()["children"]["store"])
    finally:
        checkout.end()

    assert [test.message for test in run.tests] == [str(warm_parent)]


def test_the_address_of_an_up_that_was_killed_is_no_hindrance(sandbox: Sandbox, room: Path) -> None:
    note = Note(1, "", "", str(sandbox.state / "gone"), {})
    write_facts(sandbox.note, asdict(note))

    assert run_alone(sandbox, room).passed


def test_what_breaks_the_rest_of_the_store_is_told_by_its_test(
    sandbox: Sandbox, room: Path
) -> None:
    mails = room / "store" / "shop" / "services" / "mails.py"
    text = mails.read_text("utf-8")
    mails.write_text(text + "\n\ndef send_confirmation(*_: object) -> None:\n    return\n", "utf-8")

    verdict = judge(run_check(sandbox, room, CHECK))

    assert verdict
    assert verdict.kind == BROKEN_ELSEWHERE
    assert verdict.test.startswith("tests/smoke/test_purchase.py::")


def test_tests_that_a_learner_has_edited_have_no_part(sandbox: Sandbox, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "tests" / "smoke").mkdir(parents=True)
    (workspace / "tests" / "smoke" / "test_purchase.py").write_text("def test_it(): pass\n")
    (workspace / "shop").symlink_to(ROOT / "shop")
    (workspace / "seed_data").symlink_to(ROOT / "seed_data")

    with judging_room(sandbox, workspace) as room:
        run = run_tests(sandbox, room, ("tests/smoke", "--collect-only"), SECONDS)

        used = (room / "store" / "tests" / "smoke" / "test_purchase.py").read_text("utf-8")
    assert "test_what_is_added_lies_in_the_cart" in used
    assert not run.passed
