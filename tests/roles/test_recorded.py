"""Every recorded request of a role is allowed by its policy, and every action of a policy is used or has a reason."""

import pytest

from singletable.infra.policies import ROLES
from tests.roles.requests import table_arn
from tests.roles.roles import shop_role
from tests.roles.simulator import Action, denied

UNUSED = {
    ("stream", "dynamodb:ListStreams"): "Lambda's event source mapping sends it",
}
"""Actions of the shop's roles that no recorded request needs, with the reason for which they are there."""


@pytest.mark.parametrize("role", ROLES)
def test_every_request_of_a_role_is_allowed(role, recording):
    """The representative sequence has requests of each role, and its policy allows all of them."""
    actions = recording.actions[role]
    assert len(actions) > 3
    assert [] == denied(shop_role(role).document, actions)


@pytest.mark.parametrize("role", ROLES)
def test_every_action_of_a_role_is_used(role, recording):
    """Each action is needed by a recorded request, or its reason is listed."""
    allowed = {action for statement in shop_role(role).statements for action in statement["Action"]}
    used = {each.name for each in recording.actions[role]}
    assert set() == allowed - used - {action for each, action in UNUSED if each == role}


def test_a_role_without_one_of_its_actions_is_found(recording):
    """The check can fail: without BatchGetItem the reader cannot use the pattern whose index has only keys."""
    (document,) = [shop_role("reader").document]
    for statement in document["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != "dynamodb:BatchGetItem"]
    assert {"dynamodb:BatchGetItem"} == {each.name for each in denied(document, recording.actions["reader"])}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_needs_the_key_of_the_table(role, recording):
    """The check can fail: without kms:Decrypt a role can do nothing with the data of an encrypted table."""
    document = shop_role(role).document
    document["Statement"] = [each for each in document["Statement"] if each["Action"] != ["kms:Decrypt"]]
    assert {"kms:Decrypt"} == {each.name for each in denied(document, recording.actions[role])}


def test_nobody_else_scans(recording):
    """A Scan belongs to the migrator: other roles are not allowed to send one, and do not."""
    scan = [Action("dynamodb:Scan", table_arn("shop"))]
    for role in ROLES:
        assert ([] == denied(shop_role(role).document, scan)) is (role == "migrator")
        assert ("Scan" in recording.operations[role]) is (role == "migrator")
