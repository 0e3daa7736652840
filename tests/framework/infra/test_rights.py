"""Declared rights: the valid and the invalid contents of `[singletable:rights]`."""

import pytest

from singletable.errors import InfraError
from singletable.infra.policies import ROLES
from singletable.infra.rights import Right, read_rights

VALUES = {"table": "arn:aws:dynamodb:eu-west-1:1:table/shop", "region": "eu-west-1", "account": "1"}


def read(text, role="stream"):
    return read_rights({role: text}, ROLES, VALUES)


def test_lines_are_read():
    """Several actions and resources in a line; placeholders are filled in."""
    found = read("\n dynamodb:GetItem dynamodb:Query on {table} {table}/index/GSI1\n sns:Publish on *\n")
    assert {
        "stream": (
            Right(
                ("dynamodb:GetItem", "dynamodb:Query"),
                (VALUES["table"], f"{VALUES['table']}/index/GSI1"),
                table=True,
            ),
            Right(("sns:Publish",), ("*",)),
        )
    } == found
    (topic,) = read("sns:Publish on arn:aws:sns:{region}:{account}:events")["stream"]
    assert ("arn:aws:sns:eu-west-1:1:events",) == topic.resources


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sns:Publish", "'sns:Publish' is not ACTION on RESOURCE"),
        ("on {table}", "is not ACTION on RESOURCE"),
        ("sns:Publish on", "is not ACTION on RESOURCE"),
        ("sns:Publish on * on *", "is not ACTION on RESOURCE"),
        ("publish on *", "'publish' is not an action"),
        ("sns:* on *", r"'sns:\*' is not an action"),
        ("* on *", r"'\*' is not an action"),
        ("sns:Publish on {topic}", r"unknown placeholder \{topic\}"),
        ("sns:Publish on events", "'events' is neither an ARN nor"),
        ("sns:Publish on arn:aws:sns", "is neither an ARN nor"),
    ],
)
def test_faults_are_named(text, message):
    """The message has the text and an example."""
    with pytest.raises(InfraError, match=message):
        read(text)


def test_unknown_roles_are_refused():
    """The message has the known roles."""
    with pytest.raises(InfraError, match=r"unknown role 'admin'\. Use one of: reader, writer"):
        read("sns:Publish on *", role="admin")
