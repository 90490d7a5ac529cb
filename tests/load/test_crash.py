from pathlib import Path

import pytest

from tests.load.crash import Plan, crash

pytestmark = pytest.mark.xdist_group("load")


def test_nothing_is_lost_when_worker_store_and_world_are_killed(
    server: str | None, tmp_path: Path
) -> None:
    story = crash(server, tmp_path, Plan(20, "all", hurry=True))

    assert (story.violations, story.orders) == ([], 20)
    assert (story.lost, story.twice, story.stuck) == (0, 0, 0)
    assert any(story.kills.values())
