from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.load.crash import Plan, crash
from tests.load.story import Story

pytestmark = pytest.mark.xdist_group("load")


def test_nothing_is_lost_when_the_worker_or_the_store_is_killed(
    server: str | None, tmp_path: Path
) -> None:
    plans = [Plan(12, "worker", hurry=True), Plan(12, "store", hurry=True)]

    def run(plan: Plan) -> Story:
        folder = tmp_path / plan.victim
        folder.mkdir()
        return crash(server, folder, plan)

    # Side by side, because each spends most of its time waiting for leases to run out.
    with ThreadPoolExecutor() as runs:
        stories = list(runs.map(run, plans))

    assert [story.violations for story in stories] == [[], []]
    assert all(story.kills and story.orders == 12 for story in stories)
