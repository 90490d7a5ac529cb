import subprocess
from pathlib import Path

import pytest

from tests.browser.running_store import RunningStore
from tests.fuzz.api import fuzz

pytestmark = pytest.mark.xdist_group("fuzz")


def test_the_api_keeps_to_its_document(store: RunningStore, tmp_path: Path) -> None:
    done = fuzz(store, tmp_path, examples=8, seed=1, stdout=subprocess.PIPE)

    assert done.returncode == 0, done.stdout.decode()
    assert b"No issues found" in done.stdout
