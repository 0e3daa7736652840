"""The tables of `docs/reference/roles.md`: for each role of the shop, the operations that the simulator allows.

`python -m tests.roles.documented` writes them into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from singletable.infra.policies import Role, make_role
from singletable.infra.tenants import Tenant
from tests.roles.requests import ACCOUNT, actions_of, table_arn
from tests.roles.roles import shop_role
from tests.roles.simulator import allowed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"
TAGS = {"user": "u1"}
CONTROL = "control"


@attrs.frozen
class Place:
    """Requests to one place.

    Args:
        name: Its name in the table.
        requests: The parameters of each request, by its name in the table.
        service: The service, as botocore calls it.
    """

    name: str
    requests: Mapping[str, Mapping[str, Any]]
    service: str = "dynamodb"


def _items(name: str, partition: str, table: str = "shop") -> Place:
    key = {"PK": partition, "SK": "x"}
    at = {"TableName": table, "Key": key}
    put = {"TableName": table, "Item": key}
    query = {"KeyConditionExpression": "#0 = :0", "ExpressionAttributeValues": {":0": partition}}
    return Place(
        name,
        {
            "BatchGetItem": {"RequestItems": {table: {"Keys": [key]}}},
            "BatchWriteItem": {"RequestItems": {table: [{"PutRequest": {"Item": key}}]}},
            "DeleteItem": at,
            "GetItem": at,
            "PutItem": put,
            "Query": {"TableName": table, **query},
            "TransactGetItems": {"TransactItems": [{"Get": at}]},
            **{
                f"TransactWriteItems {kind}": {"TransactItems": [{kind: params}]}
                for kind, params in (("Put", put), ("Update", at), ("Delete", at), ("ConditionCheck", at))
            },
            "UpdateItem": at,
        },
    )


def _table(name: str, table: str = "shop") -> Place:
    operations = (
        "CreateTable DeleteTable DescribeContinuousBackups DescribeTable DescribeTimeToLive ListTagsOfResource Scan"
        " UpdateTable UpdateTimeToLive"
    )
    statements = {
        "ExecuteStatement SELECT": f'SELECT * FROM "{table}"',
        "ExecuteStatement INSERT": f'INSERT INTO "{table}" VALUE {{}}',
        "ExecuteStatement UPDATE": f'UPDATE "{table}" SET "n" = ?',
        "ExecuteStatement DELETE": f'DELETE FROM "{table}"',
    }
    return Place(
        name,
        {
            **{each: {"TableName": table, "ResourceArn": table_arn(table)} for each in operations.split()},
            **{each: {"Statement": text} for each, text in statements.items()},
        },
    )


def _index(index: str, name: str, partition: str) -> Place:
    at = {"TableName": "shop", "IndexName": index}
    query = {"KeyConditionExpression": "#0 = :0", "ExpressionAttributeValues": {":0": partition}}
    return Place(
        name,
        {
            "Query": {**at, **query},
            "Scan": at,
            "ExecuteStatement SELECT": {"Statement": f'SELECT * FROM "shop"."{index}"'},
        },
    )


_STREAM = f"{table_arn('shop')}/stream/2026-01-01T00:00:00.000"
STREAM = Place(
    "its stream",
    {
        "DescribeStream": {"StreamArn": _STREAM},
        "GetRecords": {"ShardIterator": f"{_STREAM}|1|x"},
        "GetShardIterator": {"StreamArn": _STREAM},
        "ListStreams": {},
    },
    service="dynamodbstreams",
)
TOPIC = {"TopicArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:shop-events"}
SNS = Place("SNS topic `shop-events`", {"GetTopicAttributes": TOPIC, "Publish": TOPIC}, service="sns")
_KEY = {"EncryptionContext": {"aws:dynamodb:tableName": "shop"}, "Via": "dynamodb"}
KMS = Place(
    "the table's KMS key",
    {
        "Decrypt by DynamoDB": _KEY,
        "Decrypt by DynamoDB for another table": {**_KEY, "EncryptionContext": {"aws:dynamodb:tableName": "shop2"}},
        "Decrypt by another service": {**_KEY, "Via": "s3"},
        "Decrypt by the caller": {**_KEY, "Via": None},
    },
    service="kms",
)
SES = Place("SES", {"SendEmail": {"FromEmailAddress": "shop@example.com"}}, service="sesv2")
EVERYONE = (
    _items("items", "USER#u1"),
    _table("the table"),
    _index("GSI1", "GSI1", "EMAIL#a"),
    _index("GSI2", "GSI2", "STATUS#ACTIVE"),
    _index("GSI3", "GSI3", "ORDER_BY_DATE#2026-01"),
    STREAM,
    KMS,
    SNS,
    SES,
    _items("items of the control table", "SINGLETABLE#x", CONTROL),
    _table("the control table", CONTROL),
)
OF_A_TENANT = (
    _items("items of `USER#u1`", "USER#u1"),
    _items("items of `REVIEW_CLAIM#u1`", "REVIEW_CLAIM#u1"),
    _items("items of `USER#u2`, `USER#u10`", "USER#u10"),
    _items("items of `PRODUCT#...`", "PRODUCT#p1"),
    _items("items of `SINGLETABLE#...`", "SINGLETABLE#TOKEN#t"),
    _table("the table"),
    _index("GSI1", "GSI1", "EMAIL#a"),
    _index("GSI2", "GSI2, partition `USER#u1`", "USER#u1"),
    _index("GSI2", "GSI2, any other partition", "USER#u2"),
    _index("GSI3", "GSI3", "ORDER_BY_DATE#2026-01"),
    STREAM,
    KMS,
)


def tables() -> dict[str, list[str]]:
    """Return the lines of each role's table, by the heading of its section."""
    tenant = Tenant("user", "user_id")
    from models import ShopTable

    arns = {"table_arn": table_arn("shop"), "control_arn": table_arn(CONTROL)}
    migrator = make_role(ShopTable.describe(), [], "migrator", **arns, customer_key=True)
    return {
        "`reader`": _lines(shop_role("reader"), EVERYONE),
        "`writer`": _lines(shop_role("writer"), EVERYONE),
        "`migrator`": _lines(migrator, EVERYONE),
        "`stream`": _lines(shop_role("stream"), EVERYONE),
        "A tenant's `reader`": _lines(shop_role("reader", tenant=tenant), OF_A_TENANT),
        "A tenant's `writer`": _lines(shop_role("writer", tenant=tenant), OF_A_TENANT),
    }


def _lines(role: Role, places: tuple[Place, ...]) -> list[str]:
    return ["| on | allowed | denied |", "|---|---|---|", *(_line(role, each) for each in places)]


def _line(role: Role, place: Place) -> str:
    fine, refused = [], []
    for name, params in place.requests.items():
        actions = actions_of(place.service, name.split()[0], params, lambda _: "PK")
        (fine if allowed(role.document, actions, TAGS) else refused).append(name)
    return f"| {place.name} | {_listed(fine)} | {_listed(refused)} |"


def _listed(names: list[str]) -> str:
    """Return names in one cell; the kinds of one operation together."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        operation, _, kind = name.partition(" ")
        kinds.setdefault(operation, []).append(kind)
    return ", ".join(f"{each} ({', '.join(found)})" if found != [""] else each for each, found in kinds.items())


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the heading of each section of a page that has a table, with the table's lines."""
    for part in re.split(r"(?m)^## ", text)[1:]:
        heading, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        if lines:
            yield heading, lines


def main() -> None:
    """Write the tables into the page."""
    parts = re.split(r"(?m)^(?=## )", PAGE.read_text(encoding="utf-8"))
    made = tables()
    for place, part in enumerate(parts):
        lines = made.get(part.partition("\n")[0].removeprefix("## "))
        if lines is not None:
            parts[place] = re.sub(r"(?m)(?:^\|.*\n)+", lambda _, lines=lines: "\n".join(lines) + "\n", part, count=1)
    PAGE.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
