from pathlib import Path

import pytest

from tests.databases import not_run
from tests.load.disks import CannotRun
from tests.load.fault_run import ride_out
from tests.load.faults import FAULTS, Fault

pytestmark = pytest.mark.xdist_group("load")


@pytest.mark.parametrize(
    "fault",
    [fault for faults in FAULTS.values() for fault in faults.values()],
    ids=lambda fault: f"{fault.on}-{fault.name}",
)
def test_no_order_suffers_when_the_database_does(fault: Fault, tmp_path: Path) -> None:
    try:
        story = ride_out(fault, tmp_path, orders=12)
    except CannotRun as reason:
        not_run(str(reason))
    else:
        assert (story.violations, story.orders, story.sorrows) == ([], 12, "0/0/0")
