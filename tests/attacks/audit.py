"""Known vulnerabilities of the packages that the store is installed with."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from tests.attacks.outcomes import CannotRun, Outcome, Wishes

_REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"


def audit_packages(wishes: Wishes) -> Outcome:
    """Ask pip-audit about every package of requirements.txt.

    :raises CannotRun: when pip-audit is not installed or cannot reach its database.
    """
    if importlib.util.find_spec("pip_audit") is None:
        raise CannotRun("pip-audit is not installed")
    # Hashed requirements are complete, so nothing has to be installed to know what they need.
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    options = ["--requirement", str(_REQUIREMENTS), "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [*command, *options], cwd=wishes.folder, check=False, capture_output=True, text=True
    )
    return read_audit(done.stdout, done.stderr)


def read_audit(output: str, complaint: str) -> Outcome:
    """Read pip-audit's JSON; it writes none unless it got an answer for all packages.

    :raises CannotRun: when there is no JSON, with the last line of its complaint.
    """
    if not output.strip():
        [*_, why] = complaint.strip().splitlines() or ["it said nothing"]
        raise CannotRun(f"pip-audit cannot reach its database: {why}")
    packages = json.loads(output)["dependencies"]
    if unknown := [each["name"] for each in packages if "skip_reason" in each]:
        raise CannotRun(f"pip-audit knows nothing of {', '.join(unknown)}")
    return Outcome(
        len(packages),
        tuple(
            f"{each['name']} {each['version']}: {flaw['id']}"
            for each in packages
            for flaw in each["vulns"]
        ),
    )
