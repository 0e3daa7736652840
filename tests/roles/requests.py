"""Map requests to the actions that IAM checks for them.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB", and for SNS,
SES and KMS; DynamoDB Developer Guide, "Using IAM with DynamoDB transactions" (the parts of a transaction are checked as
PutItem, UpdateItem, DeleteItem, GetItem and ConditionCheckItem), "IAM security policies with PartiQL for DynamoDB",
"Using IAM policy conditions for fine-grained access control" (`dynamodb:LeadingKeys` has the partition keys of a
request, and `dynamodb:Attributes` the attributes that it names), "DynamoDB encryption at rest usage notes" (on access
to a table with a customer managed key, DynamoDB sends Decrypt to KMS in the name of the caller, with the table's name).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.roles.simulator import Action

__all__ = ["ACCOUNT", "ENCRYPTED", "KEY", "actions_of", "table_arn"]

ACCOUNT = "123456789012"
ENCRYPTED = "shop"
"""The table that a customer managed key encrypts."""

_PLACE = f"eu-west-1:{ACCOUNT}"
KEY = f"arn:aws:kms:{_PLACE}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_PARTS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_VERBS = {"SELECT": "PartiQLSelect", "INSERT": "PartiQLInsert", "UPDATE": "PartiQLUpdate", "DELETE": "PartiQLDelete"}
_NO_DATA = re.compile(r"dynamodb:(Create|Delete|Update)Table|dynamodb:(Describe|List)\w+|dynamodb:UpdateTimeToLive")
_EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")
_NAME = re.compile(r"#\w+")


def table_arn(name: str) -> str:
    """Return the ARN of a table of the simulated account."""
    return f"arn:aws:dynamodb:{_PLACE}:table/{name}"


def actions_of(
    service: str, operation: str, params: Mapping[str, Any], partition_name: Callable[[str], str]
) -> list[Action]:
    """Return the actions that IAM checks for a request.

    Args:
        service: The service, as botocore calls it.
        operation: The API operation.
        params: Its arguments.
        partition_name: Returns the stored attribute of a table's partition key.
    """
    found = _actions_of(service, operation, params, partition_name)
    if any(_is_encrypted(each) for each in found):
        found.append(_decrypt({"aws:dynamodb:tableName": ENCRYPTED, "aws:dynamodb:subscriberId": ACCOUNT}, "dynamodb"))
    return found


def _actions_of(
    service: str, operation: str, params: Mapping[str, Any], partition_name: Callable[[str], str]
) -> list[Action]:
    if service == "kms":
        return [_decrypt(params["EncryptionContext"], params["Via"])]
    if service == "sns":
        return [Action(f"sns:{operation}", params["TopicArn"])]
    if service in ("ses", "sesv2"):
        return [Action(f"ses:{operation}", f"arn:aws:ses:{_PLACE}:identity/{params['FromEmailAddress']}")]
    if service == "dynamodbstreams":
        return [Action(f"dynamodb:{operation}", _stream(params))]
    if operation in ("TransactWriteItems", "TransactGetItems"):
        return [
            _item(_PARTS[kind], part, partition_name)
            for entry in params["TransactItems"]
            for kind, part in entry.items()
        ]
    if operation == "BatchGetItem":
        return [
            _action(operation, table_arn(name), [each[partition_name(name)] for each in wanted["Keys"]], ())
            for name, wanted in params["RequestItems"].items()
        ]
    if operation == "BatchWriteItem":
        return [_batch(name, entries, partition_name(name)) for name, entries in params["RequestItems"].items()]
    if operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        statements = params.get("Statements") or params.get("TransactStatements") or [params]
        return [_statement(each["Statement"]) for each in statements]
    if operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem"):
        return [_item(operation, params, partition_name)]
    # The emulator's account is another one than that of the policies.
    named = params.get("TableName") or params.get("ResourceArn", "").rpartition(":table/")[2]
    resource = table_arn(named) if named else params.get("ResourceArn", "*")
    if "IndexName" in params:
        resource += f"/index/{params['IndexName']}"
    return [_action(operation, resource, _queried(params) if operation == "Query" else (), ())]


def _is_encrypted(action: Action) -> bool:
    """Return whether DynamoDB needs the table's key for an action."""
    arn = table_arn(ENCRYPTED)
    return (action.resource == arn or action.resource.startswith(f"{arn}/")) and not _NO_DATA.fullmatch(action.name)


def _decrypt(encryption: Mapping[str, str], via: str | None) -> Action:
    """Return the action that KMS checks for a Decrypt, sent by a service for the caller or by the caller itself."""
    context = {f"kms:EncryptionContext:{name}": (value,) for name, value in encryption.items()}
    if via:
        context["kms:ViaService"] = (f"{via}.eu-west-1.amazonaws.com",)
    return Action("kms:Decrypt", KEY, tuple(context.items()))


def _stream(params: Mapping[str, Any]) -> str:
    """Return the ARN of a stream; DynamoDB's shard iterators begin with it, and moto's hold it."""
    found = re.search(r"table/([\w.-]+)/stream/([^|\"]+)", params.get("StreamArn") or params.get("ShardIterator") or "")
    return f"{table_arn(found[1])}/stream/{found[2]}" if found else "*"


def _item(operation: str, params: Mapping[str, Any], partition_name: Callable[[str], str]) -> Action:
    name = params["TableName"]
    value = (params.get("Key") or params.get("Item") or {})[partition_name(name)]
    expression = params.get("UpdateExpression", "")
    names = params.get("ExpressionAttributeNames", {})
    named = {*params.get("Item", {}), *params.get("Key", {}), *(names[each] for each in _NAME.findall(expression))}
    return _action(operation, table_arn(name), [value], named)


def _batch(name: str, entries: list[Mapping[str, Any]], partition_name: str) -> Action:
    puts = [each["PutRequest"]["Item"] for each in entries if "PutRequest" in each]
    deletes = [each["DeleteRequest"]["Key"] for each in entries if "DeleteRequest" in each]
    keys = [each[partition_name] for each in (*puts, *deletes)]
    return _action("BatchWriteItem", table_arn(name), keys, {attribute for item in puts for attribute in item})


def _statement(text: str) -> Action:
    found = re.search(r'(?:UPDATE|INTO|FROM)\s+"([^"]+)"(?:\."([^"]+)")?', text, re.IGNORECASE)
    assert found, text
    table, index = found.groups()
    verb = _VERBS[text.split(None, 1)[0].upper()]
    return _action(verb, table_arn(table) + (f"/index/{index}" if index else ""), (), ())


def _queried(params: Mapping[str, Any]) -> list[Any]:
    found = _EQUALS.search(params["KeyConditionExpression"])
    assert found, params["KeyConditionExpression"]
    return [params["ExpressionAttributeValues"][found[2]]]


def _action(operation: str, resource: str, keys: Any, attributes: Any) -> Action:
    context: dict[str, tuple[str, ...]] = {}
    if keys:
        context["dynamodb:LeadingKeys"] = tuple(sorted({_text(each) for each in keys}))
    if attributes:
        context["dynamodb:Attributes"] = tuple(sorted(attributes))
    return Action(f"dynamodb:{operation}", resource, tuple(context.items()))


def _text(value: Any) -> str:
    """Return the text of a key's value, plain or as DynamoDB's JSON."""
    if isinstance(value, Mapping):
        (value,) = value.values()
    return value.decode() if isinstance(value, bytes) else str(value)
