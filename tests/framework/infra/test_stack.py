"""Stacks: changes that would lose the table are refused, and so are changes of a stack that is not ready."""

import pytest
from botocore.exceptions import ClientError

from models import ShopTable
from singletable.errors import InfraError
from singletable.infra.environment import read_settings
from singletable.infra.stack import ChangeSet, ResourceChange, Stack, refuse_loss
from singletable.infra.stack_template import make_template

TEMPLATE = make_template(ShopTable.describe(), read_settings("dev", "shop", {}))


class Answers:
    """A client of CloudFormation with given answers, for operations that moto does not have."""

    def __init__(self, *statuses, change=None, events=()):
        self.statuses = list(statuses)
        self.change = change or {"Status": "CREATE_COMPLETE", "Changes": []}
        self.events = list(events)
        self.called = []

    def describe_stacks(self, StackName):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "shop does not exist"}}, "DescribeStacks"
            )
        return {
            "Stacks": [{"StackStatus": status, "Parameters": [{"ParameterKey": "DaxVpcId"}, {"ParameterKey": "Old"}]}]
        }

    def describe_change_set(self, **_):
        return self.change

    def describe_stack_events(self, StackName):
        return {"StackEvents": self.events}

    def __getattr__(self, name):
        def call(**arguments):
            self.called.append((name, arguments))
            return {}

        return call


def stack(client):
    return Stack(client, "shop", wait=lambda seconds: None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ResourceChange("Modify", "Table", "AWS::DynamoDB::Table", "True", ("KeySchema",)),
            r"replaced \(KeySchema changed\)",
        ),
        (ResourceChange("Modify", "Table", "AWS::DynamoDB::Table", "Conditional"), "replaced"),
        (ResourceChange("Remove", "Table", "AWS::DynamoDB::Table"), "removed"),
    ],
)
def test_losing_the_table_is_refused(change, words):
    with pytest.raises(InfraError, match=words) as caught:
        refuse_loss(ChangeSet("c", False, (change,)))
    assert "migration" in caught.value.remedy


def test_other_changes_are_not():
    refuse_loss(
        ChangeSet(
            "c",
            False,
            (
                ResourceChange("Modify", "Table", "AWS::DynamoDB::Table", "False", ("Tags",)),
                ResourceChange("Remove", "DaxCluster", "AWS::DAX::Cluster"),
                ResourceChange("Modify", "TableKeyAlias", "AWS::KMS::Alias", "True"),
            ),
        )
    )


def test_what_cloudformation_says_of_a_resource_is_read():
    client = Answers(
        "UPDATE_COMPLETE",
        change={
            "Status": "CREATE_COMPLETE",
            "Changes": [
                {
                    "ResourceChange": {
                        "Action": "Modify",
                        "LogicalResourceId": "Table",
                        "ResourceType": "AWS::DynamoDB::Table",
                        "Replacement": "True",
                        "Details": [
                            {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
                            {"Target": {"Attribute": "Tags"}},
                        ],
                    }
                }
            ],
        },
    )
    with pytest.raises(InfraError, match=r"replaced \(KeySchema changed\)"):
        stack(client).plan(TEMPLATE, {})
    assert ["get_template", "create_change_set", "delete_change_set"] == [name for name, _ in client.called]
    replaced = ResourceChange("Modify", "Table", "AWS::DynamoDB::Table", "True", ("KeySchema", "Tags"))
    with pytest.raises(InfraError, match="replaced"):
        stack(client).execute(ChangeSet("c", False, (replaced,)), print)
    assert "execute_change_set" not in dict(client.called)


def test_parameters_stay_as_they_are():
    """Only those that the template still has, because CloudFormation refuses unknown parameters."""
    client = Answers("UPDATE_COMPLETE")
    stack(client).plan(TEMPLATE, {"AlarmTopicArn": "arn"})
    sent = dict(client.called)["create_change_set"]["Parameters"]
    assert sent == [
        {"ParameterKey": "AlarmTopicArn", "ParameterValue": "arn"},
        {"ParameterKey": "DaxVpcId", "UsePreviousValue": True},
    ]


@pytest.mark.parametrize(
    "status", ["UPDATE_IN_PROGRESS", "DELETE_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"]
)
def test_a_stack_that_is_not_ready_is_left_alone(status):
    client = Answers(status)
    with pytest.raises(InfraError, match="shop") as caught:
        stack(client).plan(TEMPLATE, {})
    assert caught.value.value == status
    assert client.called == [], "not even a change set is made"


def test_nothing_to_change_is_no_failure():
    client = Answers(
        "CREATE_COMPLETE",
        change={"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."},
    )
    assert stack(client).plan(TEMPLATE, {}).changes == ()
    client.change = {"Status": "FAILED", "StatusReason": "Requires capabilities"}
    with pytest.raises(InfraError, match="Requires capabilities"):
        stack(client).plan(TEMPLATE, {})


def test_a_failed_deployment_says_what_failed():
    client = Answers("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    changes = stack(client).plan(TEMPLATE, {})
    started = stack(client)

    def fail(**_):
        failed = {"ResourceStatus": "CREATE_FAILED"}
        client.events = [
            {**failed, "EventId": "2", "LogicalResourceId": "Other", "ResourceStatusReason": "creation cancelled"},
            {**failed, "EventId": "1", "LogicalResourceId": "TableKey", "ResourceStatusReason": "no permission"},
        ]

    client.execute_change_set = fail
    told = []
    with pytest.raises(InfraError, match="UPDATE_ROLLBACK_COMPLETE: TableKey: no permission") as caught:
        started.execute(changes, told.append)
    assert "Other" not in str(caught.value), "a canceled resource is not the cause"
    assert told == ["create failed: TableKey", "create failed: Other"]


def test_outputs_are_told_by_name():
    client = Answers("CREATE_COMPLETE")
    outputs = [{"OutputKey": "TableName", "OutputValue": "shop"}]
    client.describe_stacks = lambda StackName: {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}
    assert stack(client).outputs() == {"TableName": "shop"}
    assert stack(Answers(None)).outputs() == {}


def test_a_template_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("singletable.infra.template_body._LARGEST", 100)
    with pytest.raises(InfraError, match="CloudFormation accepts at most 100 directly"):
        stack(Answers(None)).plan(TEMPLATE, {})
