"""The requests of whole suites: each suite runs in its own process, with the recorder as a plugin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from singletable.infra.policies import make_role
from singletable.models.items.internal_items import INTERNAL_KEYS
from tests.framework.app import AppTable
from tests.roles.requests import ACCOUNT, table_arn
from tests.roles.roles import shop_role
from tests.roles.simulator import Action, denied

ROOT = Path(__file__).parents[2]


def recorded_in(tmp_path, *suites):
    """Run suites and return the recorded actions by role."""
    report = tmp_path / "recorded.json"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.roles.recording", *suites],
        cwd=ROOT,
        env={**os.environ, "RECORDED_REQUESTS": str(report), "PYTHONPATH": os.pathsep.join((f"{ROOT}/src", str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-2000:]
    actions = json.loads(report.read_text(encoding="utf-8"))["actions"]
    return {
        role: [
            Action(name, resource, tuple((key, tuple(values)) for key, values in context.items()))
            for name, resource, context, _ in found
        ]
        for role, found in actions.items()
    }


def on_any_table(role):
    """Return the policy of a role without access patterns, for all tables of the tests."""
    arns = {"table_arn": table_arn("*"), "control_arn": table_arn("control")}
    return make_role(AppTable.describe(), [], role, **arns, customer_key=True).document


@pytest.mark.deep
def test_the_suite_of_the_shop(tmp_path):
    """The roles allow all requests of its access patterns, commands and handlers."""
    found = recorded_in(tmp_path, "tests/shop")
    missing = f"arn:aws:sns:eu-central-1:{ACCOUNT}:gone"  # a topic that does not exist, by intent
    for role in ("reader", "writer", "stream"):
        actions = [each for each in found[role] if each.resource != missing]
        assert len(actions) > 20
        assert [] == denied(shop_role(role, table="shop*").document, actions), role  # one of them is `shop-dev`


@pytest.mark.deep
def test_the_suites_of_the_writing_api(tmp_path):
    """The writer's role allows all its requests, on any table and with any fault."""
    found = recorded_in(tmp_path, "tests/framework/models")
    assert len(found["writer"]) > 500
    assert [] == denied(on_any_table("writer"), found["writer"])


@pytest.mark.deep
def test_the_suite_of_streams(tmp_path):
    """The stream role allows all requests of the framework; the handlers of tests have their own rights."""
    found = recorded_in(tmp_path, "tests/framework/streams")
    actions = [each for each in found["stream"] if _of_framework(each)]
    assert len(actions) > 20
    assert [] == denied(on_any_table("stream"), actions)


@pytest.mark.deep
def test_the_suites_of_migrations(tmp_path):
    """The migrator's role allows all requests of migrations, verifiers and repairs, also to a control table."""
    suites = ("test_faults", "test_fences", "test_operations", "test_repair", "test_table_admin", "test_verifier")
    found = recorded_in(tmp_path, *(f"tests/framework/migrations/{each}.py" for each in suites))
    assert len(found["migrator"]) > 300
    assert [] == denied(on_any_table("migrator"), found["migrator"])


def _of_framework(action):
    keys = dict(action.context).get("dynamodb:LeadingKeys", ())
    return "/stream/" in action.resource or any(each.startswith(INTERNAL_KEYS) for each in keys)
