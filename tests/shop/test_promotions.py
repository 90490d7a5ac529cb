from datetime import datetime, timedelta

import pytest

from scenarios.kit.clock import START
from shop.domain.promotions import is_running, window_of

_MOMENT = timedelta(microseconds=1)
_END = START + timedelta(days=7)


@pytest.mark.parametrize(
    ("now", "is_in"),
    [(START - _MOMENT, False), (START, True), (_END - _MOMENT, True), (_END, False)],
)
def test_a_period_has_its_start_and_not_its_end(now: datetime, is_in: bool) -> None:
    assert is_running(START, _END, now) is is_in


@pytest.mark.parametrize(
    ("day", "days", "window"),
    [
        ("1970-01-01T00:00:00", 7, 0),
        ("1970-01-07T23:59:59", 7, 0),
        ("1970-01-08T00:00:00", 7, 1),
        ("2026-11-24T23:59:59", 1, 20_781),
        ("2026-11-25T00:00:00", 1, 20_782),
    ],
)
def test_windows_of_some_days_follow_one_another_from_1970(
    day: str, days: int, window: int
) -> None:
    assert window_of(datetime.fromisoformat(f"{day}+00:00"), days) == window
