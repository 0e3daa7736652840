"""The simulator of IAM, against examples of AWS's documentation, and the mapping of requests to actions."""

import pytest

from tests.roles.requests import actions_of, table_arn
from tests.roles.simulator import Action, allowed, denied

ARN = table_arn("GameScores")


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions, resource=ARN, **condition):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": condition}


def item(action, *keys, attributes=()):
    context = [("dynamodb:LeadingKeys", keys)] if keys else []
    context += [("dynamodb:Attributes", attributes)] if attributes else []
    return [Action(f"dynamodb:{action}", ARN, tuple(context))]


# Developer Guide, "Using IAM policy conditions for fine-grained access control", example 1.
OWN_ITEMS = document(
    allow(
        ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"],
        **{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/user}"]}},
    )
)


def test_leading_keys_limit_the_items():
    """Example 1 of the guide: all keys of a request must be the caller's."""
    assert allowed(OWN_ITEMS, item("GetItem", "ann"), {"user": "ann"})
    assert not allowed(OWN_ITEMS, item("GetItem", "bob"), {"user": "ann"})
    assert allowed(OWN_ITEMS, item("BatchGetItem", "ann"), {"user": "ann"})
    assert not allowed(OWN_ITEMS, item("BatchGetItem", "ann", "bob"), {"user": "ann"})
    assert not allowed(OWN_ITEMS, item("DeleteItem", "ann"), {"user": "ann"})
    assert not allowed(OWN_ITEMS, [Action("dynamodb:GetItem", f"{ARN}2", item("GetItem", "ann")[0].context)])


def test_for_all_values_holds_for_a_request_without_values():
    """IAM User Guide, "Multivalued context keys": only `Null` refuses such a request."""
    assert allowed(OWN_ITEMS, item("Query"), {"user": "ann"})
    guarded = document({**OWN_ITEMS["Statement"][0], "Condition": {"Null": {"dynamodb:LeadingKeys": "false"}}})
    assert not allowed(guarded, item("Query"), {"user": "ann"})
    assert allowed(guarded, item("Query", "ann"), {"user": "ann"})


def test_a_variable_without_a_value_matches_nothing():
    """IAM User Guide, "Variables and tags": a caller without the tag; a default value replaces it."""
    assert not allowed(OWN_ITEMS, item("GetItem", "ann"))
    assert not allowed(OWN_ITEMS, item("GetItem", "${aws:PrincipalTag/user}"))
    default = document(allow("dynamodb:*", StringEquals={"dynamodb:LeadingKeys": "${aws:PrincipalTag/user, 'anyone'}"}))
    assert allowed(default, item("GetItem", "anyone"))
    assert not allowed(default, item("GetItem", "anyone"), {"user": "ann"})


def test_special_characters_stand_for_themselves():
    """IAM User Guide, "Variables and tags": `${*}` is an asterisk, `*` any text, `?` one character."""
    like = {"StringLike": {"dynamodb:LeadingKeys": "A${*}B?${?}${$}*"}}
    policy = document(allow("dynamodb:GetItem", **like))
    assert allowed(policy, item("GetItem", "A*BC?$ and more"))
    assert not allowed(policy, item("GetItem", "A-BC?$"))
    assert not allowed(policy, item("GetItem", "A*B?$"))


def test_a_tag_cannot_be_a_wildcard():
    """API Reference of IAM, "Tag": a tag's value does not have `*`, `?`, `$`, `#` or `%`."""
    for value in ("*", "?", "$", "1#2", "%20"):
        with pytest.raises(ValueError, match="IAM takes no tag with the value"):
            allowed(OWN_ITEMS, item("GetItem", "ann"), {"user": value})


def test_an_explicit_deny_wins():
    """IAM User Guide, "Policy evaluation logic"; the deny of "Using IAM with DynamoDB transactions", example 3."""
    transactions = {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}}
    deny = {**allow("dynamodb:PutItem", **transactions), "Effect": "Deny"}
    policy = document(deny, allow(["dynamodb:PutItem", "dynamodb:GetItem"]))
    assert allowed(policy, item("PutItem"))
    enclosed = (("dynamodb:EnclosingOperation", ("TransactWriteItems",)),)
    assert not allowed(policy, [Action("dynamodb:PutItem", ARN, enclosed)])


def test_attributes_that_must_not_be_written():
    """Example 3 of the guide: `ForAllValues:StringNotLike` refuses a request that names one of them."""
    policy = document(
        allow("dynamodb:UpdateItem", **{"ForAllValues:StringNotLike": {"dynamodb:Attributes": ["BossLevelUnlocked"]}})
    )
    assert allowed(policy, item("UpdateItem", attributes=("Wins",)))
    assert not allowed(policy, item("UpdateItem", attributes=("Wins", "BossLevelUnlocked")))


def test_missing_keys():
    """IAM User Guide, "Condition operators": they fail, except for negated operators and `IfExists`."""
    for operator, holds in (
        ("StringEquals", False),
        ("StringLike", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAllValues:StringEquals", True),
    ):
        policy = document(allow("dynamodb:GetItem", **{operator: {"dynamodb:Select": "COUNT"}}))
        assert holds is allowed(policy, item("GetItem")), operator


def test_several_policies_add_up():
    """A request may need actions that different policies of a role allow."""
    policies = [document(allow("dynamodb:GetItem")), document(allow("dynamodb:Query"))]
    assert allowed(policies, [*item("GetItem"), *item("Query")])
    assert ["dynamodb:PutItem"] == [each.name for each in denied(policies, [*item("GetItem"), *item("PutItem")])]


def needed(operation, **params):
    return [
        (each.name, each.resource.rpartition(":")[2], dict(each.context).get("dynamodb:LeadingKeys", ()))
        for each in actions_of("dynamodb", operation, params, lambda name: "PK")
    ]


def test_a_transaction_needs_the_actions_of_its_parts():
    """Developer Guide, "Using IAM with DynamoDB transactions": the transaction itself has no action."""
    key = {"PK": {"S": "a"}, "SK": {"S": "b"}}
    place = {"TableName": "t"}
    parts = [
        {"Put": {**place, "Item": key}},
        {"Update": {**place, "Key": key, "UpdateExpression": "SET #0 = :0", "ExpressionAttributeNames": {"#0": "n"}}},
        {"Delete": {**place, "Key": key}},
        {"ConditionCheck": {**place, "Key": key}},
    ]
    names = ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
    assert [(f"dynamodb:{each}", "table/t", ("a",)) for each in names] == needed(
        "TransactWriteItems", TransactItems=parts
    )
    assert [("dynamodb:GetItem", "table/t", ("a",))] == needed(
        "TransactGetItems", TransactItems=[{"Get": {**place, "Key": key}}]
    )


def test_a_batch_needs_its_own_action_on_each_table():
    """With the partition keys of all its items; a query has its own partition key, also on an index."""
    keys = [{"PK": {"S": "a"}}, {"PK": {"S": "b"}}]
    assert [("dynamodb:BatchGetItem", "table/t", ("a", "b"))] == needed(
        "BatchGetItem", RequestItems={"t": {"Keys": keys}}
    )
    writes = [{"PutRequest": {"Item": keys[0]}}, {"DeleteRequest": {"Key": keys[1]}}]
    assert [("dynamodb:BatchWriteItem", "table/t", ("a", "b"))] == needed("BatchWriteItem", RequestItems={"t": writes})
    assert [("dynamodb:Query", "table/t/index/GSI1", ("x",))] == needed(
        "Query",
        TableName="t",
        IndexName="GSI1",
        KeyConditionExpression="#0 = :0 AND begins_with(#1, :1)",
        ExpressionAttributeValues={":0": {"S": "x"}, ":1": {"S": "y"}},
    )


def test_statements_need_the_actions_of_partiql():
    """Developer Guide, "IAM security policies with PartiQL for DynamoDB"."""
    assert [("dynamodb:PartiQLUpdate", "table/t", ()), ("dynamodb:PartiQLSelect", "table/t/index/GSI1", ())] == needed(
        "BatchExecuteStatement",
        Statements=[
            {"Statement": 'UPDATE "t" SET "n" = ? WHERE "PK" = ?'},
            {"Statement": 'SELECT * FROM "t"."GSI1"'},
        ],
    )
