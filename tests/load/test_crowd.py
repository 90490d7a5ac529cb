from collections import Counter
from pathlib import Path

import pytest

from tests.load.crowd import rush

pytestmark = pytest.mark.xdist_group("load")


def test_ten_units_go_to_ten_of_thirty_two_shoppers(server: str | None, tmp_path: Path) -> None:
    outcome = rush(server, tmp_path, shoppers=32, units=10)

    assert outcome.violations == []
    assert Counter(answer.status for answer in outcome.answers) == {303: 10, 409: 22}
