import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.kit.outcomes import CheckBroken, FaultShown, Outcome, outcome_of_call, read_verdict

pytest_plugins = ("pytester",)
ROOT = Path(__file__).parents[2]

SHOWN = {
    "an assert of the check": "def test(): assert 1 == 2",
    "an assert of its own helper": """
        def holds(n): assert n == 2
        def test(): holds(1)
    """,
    "an assertion with words": "def test():\n raise AssertionError('oversold')",
    "an assertion of the kit": """
        from scenarios.kit.growth import assert_constant
        def test(): assert_constant(lambda n: n)
    """,
    "one of two tests": """
        def test_one(): pass
        def test_two(): assert 1 == 2
    """,
}
ABSENT = {
    "a test that passes": "def test(): assert 1 == 1",
    "two tests that pass": "def test_one(): pass\ndef test_two(): pass",
}
BROKEN = {
    "an exception": "def test(): {}['sku']",
    "the word for it": """
        from scenarios.kit.outcomes import CheckBroken
        def test(): raise CheckBroken('B never ran')
    """,
    "an assert of somebody else": """
        import json.decoder
        def test(): exec(compile('assert 1 == 2', json.decoder.__file__, 'exec'))
    """,
    "an assert of an actor": """
        from scenarios.kit.interleaving import interleave
        def act(): assert 1 == 2
        def test(): interleave(act, act)
    """,
    "an error that follows from an assert": """
        def test():
            try:
                assert 1 == 2
            except AssertionError as error:
                raise KeyError from error
    """,
    "a fixture that asserts": """
        import pytest
        @pytest.fixture
        def store(): assert 1 == 2
        def test(store): pass
    """,
    "a fixture that fails to tidy up": """
        import pytest
        @pytest.fixture
        def store():
            yield
            assert 1 == 2
        def test(store): pass
    """,
    "a fixture that is missing": "def test(store): pass",
    "a test that calls fail": "import pytest\ndef test(): pytest.fail('Timeout')",
    "a test that skips": "import pytest\ndef test(): pytest.skip('no PostgreSQL')",
    "a test marked to skip": "import pytest\n@pytest.mark.skip\ndef test(): pass",
    "a module that skips": "import pytest\npytest.skip('x', allow_module_level=True)",
    "an expected failure": "import pytest\n@pytest.mark.xfail\ndef test(): assert 1 == 2",
    "an expected failure that passes": "import pytest\n@pytest.mark.xfail\ndef test(): pass",
    "a strict one that passes": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test(): pass",
    "a call of xfail": "import pytest\ndef test(): pytest.xfail('x')",
    "a module that cannot be read": "def test(:",
    "a module that cannot be imported": "import no_such_module\ndef test(): pass",
    "an assert while it is imported": "assert 1 == 2\ndef test(): pass",
    "no test at all": "def check(): assert 1 == 2",
    "an end of the process": "import sys\ndef test(): sys.exit(0)",
    "an end of the run": "import pytest\ndef test(): pytest.exit('x', returncode=0)",
    "an end after a test that passes": """
        import pytest
        def test_one(): pass
        def test_two(): pytest.exit('x', returncode=0)
    """,
    "a broken test beside one that shows the fault": """
        def test_one(): assert 1 == 2
        def test_two(): {}['sku']
    """,
    "a skipped test beside one that passes": """
        import pytest
        def test_one(): pass
        def test_two(): pytest.skip('x')
    """,
}
CASES = {
    **{name: (text, Outcome.FAULT_SHOWN) for name, text in SHOWN.items()},
    **{name: (text, Outcome.FAULT_ABSENT) for name, text in ABSENT.items()},
    **{name: (text, Outcome.CHECK_BROKEN) for name, text in BROKEN.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_a_check_comes_to_one_of_three_outcomes(pytester: pytest.Pytester, name: str) -> None:
    text, outcome = CASES[name]
    check = pytester.makepyfile(check=text)
    verdict = pytester.path / "verdict"

    pytester.runpytest_inprocess("-p", "scenarios.kit.outcomes", "--check-verdict", verdict, check)

    assert read_verdict(verdict) is outcome


@pytest.mark.parametrize("text", ["import pytest\npytest.skip('x', allow_module_level=True)", ""])
def test_a_file_that_is_skipped_breaks_the_check_and_one_without_tests_does_not(
    pytester: pytest.Pytester, text: str
) -> None:
    pytester.makepyfile(check="def test(): pass", part=text)
    verdict = pytester.path / "verdict"

    plugin = ("-p", "scenarios.kit.outcomes", "--check-verdict")
    pytester.runpytest_inprocess(*plugin, str(verdict), "check.py", "part.py")

    assert (read_verdict(verdict) is Outcome.CHECK_BROKEN) == bool(text)


def test_a_run_without_a_verdict_asked_for_is_an_ordinary_one(pytester: pytest.Pytester) -> None:
    check = pytester.makepyfile(check="def test(): assert 1 == 2")

    run = pytester.runpytest_inprocess("-p", "scenarios.kit.outcomes", check)

    run.assert_outcomes(failed=1)
    assert list(pytester.path.glob("verdict")) == []


ENDS = {
    "an exit": "os._exit(0)",
    "a kill": "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))",
    "an interrupt": "raise KeyboardInterrupt",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_is_killed_or_out_of_time_has_broken_the_check(tmp_path: Path, end: str) -> None:
    check, verdict = tmp_path / "check.py", tmp_path / "verdict"
    check.write_text(
        f"import os, signal\ndef test_one(): pass\ndef test_two(): {ENDS[end]}\n", "utf-8"
    )
    options = ["-p", "scenarios.kit.outcomes", "-p", "no:cacheprovider", "--check-verdict"]

    subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(verdict), str(check)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )

    assert read_verdict(verdict) is Outcome.CHECK_BROKEN


def test_a_word_that_is_no_outcome_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "verdict").write_text("solved", "utf-8")

    with pytest.raises(ValueError, match="solved"):
        read_verdict(tmp_path / "verdict")


def test_an_error_that_was_never_raised_shows_nothing() -> None:
    check = Path(__file__)

    assert outcome_of_call(AssertionError(), check) is Outcome.CHECK_BROKEN
    assert outcome_of_call(FaultShown(), check) is Outcome.FAULT_SHOWN
    assert outcome_of_call(CheckBroken(), check) is Outcome.CHECK_BROKEN
