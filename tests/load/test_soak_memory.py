import os
import threading

from tests.load.soak.memory import Curve, watch_memory


def curve(*megabytes_by_minute: float) -> Curve:
    samples = [
        (60.0 * nth + second, megabytes)
        for nth, megabytes in enumerate(megabytes_by_minute)
        for second in range(0, 60, 5)
    ]
    return Curve("store-1", samples)


def test_a_process_may_grow_in_its_first_minute() -> None:
    assert list(curve(60, 100, 100, 103).judge(240)) == []


def test_a_small_process_may_grow_by_four_megabytes() -> None:
    assert list(curve(20, 20, 23).judge(180)) == []


def test_a_process_that_grows_on_is_found() -> None:
    assert list(curve(60, 100, 105, 110).judge(240)) == ["store-1 grew from 100.0 MB to 110.0 MB."]


def test_a_run_of_one_minute_is_not_judged() -> None:
    assert list(curve(100, 200).judge(119)) == []


def test_a_process_that_was_never_measured_is_found() -> None:
    assert list(Curve("store-1").judge(60)) == ["The memory of store-1 was never measured."]


def test_too_few_measurements_are_no_judgment() -> None:
    few = Curve("store-1", [(0.0, 100.0), (70.0, 100.0)])

    assert list(few.judge(120)) == ["The memory of store-1 was measured too rarely to judge it."]


def test_each_minute_is_told_by_its_median() -> None:
    assert curve(60, 100, 102).minutes == [60, 100, 102]


def test_the_memory_of_a_process_is_measured_until_it_is_over() -> None:
    is_over = threading.Event()
    is_over.set()

    [own] = watch_memory({"own": os.getpid()}, is_over)

    assert own.name == "own"
    assert own.minutes[0] > 1
