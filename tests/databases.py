"""Which databases the tests run on, and what is said of one that they do not."""

import os

import pytest

POSTGRES_VARIABLE = "SHOP_TEST_POSTGRES_URL"


def not_run(reason: str) -> None:
    """Report a part as not run; in CI, where everything must run, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"not run: {reason}")
    pytest.skip(f"not run: {reason}")
