"""Ask the API everything that its own document allows, and much that it forbids.

    python -m tests.fuzz.api [--examples 150] [--seed 1]

It runs a store of its own, and schemathesis with every check that it has.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.browser.running_store import RunningStore, run_store
from tests.browser.shopper import MIRA


def main() -> int:
    """Run the checks and return the exit status of schemathesis."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api")
    parser.add_argument(
        "--examples", type=int, default=150, help="at most, per operation and phase"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_store(Path(folder)) as store:
        done = fuzz(store, Path(folder), arguments.examples, arguments.seed)
    return done.returncode


def fuzz(
    store: RunningStore, folder: Path, examples: int, seed: int, stdout: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Let schemathesis loose on a running store, with a token for what needs one."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", store.url("/api/openapi.json")),
            *("--checks", "all", "--seed", str(seed), "--max-examples", str(examples)),
            *("--header", f"Authorization: Bearer {make_token(store)}"),
            *("--continue-on-failure", "--no-color", "--suppress-health-check", "all"),
        ],
        cwd=folder,
        check=False,
        stdout=stdout,
    )


def make_token(store: RunningStore) -> str:
    """Sign in as a customer and return a new API token, as the account's page shows it."""
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=30) as browser:

        def post(page: str, path: str, form: dict[str, str]) -> str:
            [csrf, *_] = re.findall('name="csrf_token" value="([^"]+)"', browser.get(page).text)
            return browser.post(store.url(path), data={**form, "csrf_token": csrf}).text

        email, password = MIRA
        post(store.url("/sign-in"), "/sign-in", {"email": email, "password": password})
        page = post(store.url("/account/"), "/account/token", {})
    [token] = re.findall('<code class="token">([^<]+)<', page)
    return str(token)


if __name__ == "__main__":
    raise SystemExit(main())
