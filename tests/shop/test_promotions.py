from datetime import datetime, timedelta

import pytest

from shop.domain.promotions import is_running
from tests.conftest import START

_MOMENT = timedelta(microseconds=1)
_END = START + timedelta(days=7)


@pytest.mark.parametrize(
    ("now", "is_in"),
    [(START - _MOMENT, False), (START, True), (_END - _MOMENT, True), (_END, False)],
)
def test_a_period_has_its_start_and_not_its_end(now: datetime, is_in: bool) -> None:
    assert is_running(START, _END, now) is is_in
