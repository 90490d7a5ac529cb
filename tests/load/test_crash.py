from pathlib import Path

import pytest

from tests.load.crash import Plan, crash

pytestmark = pytest.mark.xdist_group("load")


def test_nothing_is_lost_when_worker_and_store_are_killed(
    server: str | None, tmp_path: Path
) -> None:
    story = crash(server, tmp_path, Plan(15, "both", hurry=True))

    assert (story.violations, story.orders) == ([], 15)
    assert story.kills
