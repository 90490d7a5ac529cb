"""A learner's own test: it has to fail on the store as deployed, and pass on the clean one."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from scenarios.engine.cli import main
from scenarios.engine.learning import prove
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.switching import deploy
from tests.scenarios.real_checkout import copy_checkout
from tests.scenarios.small_checkout import write

SLUG = "order-history-crawl"
PROOF = """
from scenarios.kit.actors import Shopper
from scenarios.kit.meters import measure
from scenarios.kit.rows import add_customer, add_delivery, add_order, add_product


def test_many_orders_cost_what_few_do(app, engine, session):
    add_delivery(session)
    add_product(session)
    add_customer(session)
    shopper = Shopper(app)
    shopper.sign_in("ada@example.com")
    costs = []
    for nth in range(3):
        add_order(session, f"BB-{nth}", {"LMP-001": 1})
        with measure(engine) as cost:
            shopper.look("/account/orders")
        costs.append(len(cost.statements))
    assert len(set(costs)) == 1
"""
PASSES_ANYWAY = "def test_it(client):\n    assert client.get('/').status_code == 200\n"
FAILS_ANYWAY = "def test_it(client):\n    assert client.get('/').status_code == 404\n"
IS_NONE = "def test_it(:\n"


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = copy_checkout(tmp_path / "a checkout ☕", SLUG)
    deploy(sandbox, [SLUG])
    return sandbox


@pytest.mark.parametrize(
    ("test", "is_right", "sentence"),
    [
        (PROOF, True, "that is a proof"),
        (PASSES_ANYWAY, False, "passes on the store as it was deployed"),
        (FAILS_ANYWAY, False, "fails on a store without the fault too"),
        (IS_NONE, False, "could not be run"),
    ],
)
def test_a_test_is_a_proof_when_it_tells_the_two_stores_apart(
    sandbox: Sandbox, test: str, is_right: bool, sentence: str
) -> None:
    write(sandbox.workspace / "tests" / "test_mine.py", test)

    found = prove(sandbox, Path("tests/test_mine.py"))

    assert (found[0], sentence in found[1]) == (is_right, True), found


def test_a_test_outside_of_the_workspace_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    write(tmp_path / "test_mine.py", PROOF)

    with pytest.raises(RefusedError, match="There is no test"):
        prove(sandbox, tmp_path / "test_mine.py")


def test_a_check_prints_its_verdict_for_scripts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox.root)

    judged = CliRunner().invoke(main, ["check", "--json"])

    verdict = json.loads(judged.stdout)
    assert (judged.exit_code, verdict["kind"], verdict["scenario"]) == (1, "not yet", SLUG)
    assert "22 with 20 orders" in verdict["seen"]
