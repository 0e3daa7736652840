"""Transactions of the embedded engine, which has cheap copies of tables, and of MiniStack follow the same model."""

from copy import deepcopy
from itertools import count

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import ShopTable
from singletable.engine import fresh_table
from singletable.models.binding.binding import connection_of
from singletable.streams.client import StreamsClient
from tests.properties.test_machines import DEEP

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
KEYS = {"two": ("PK", "SK"), "more": ("PK", "SK"), "one": ("PK",)}
"""The key of each table."""

WRITES = st.tuples(
    st.sampled_from(["put", "create", "add", "nested", "append", "forget", "delete", "gone", "there", "missing"]),
    st.sampled_from(list(KEYS)),
    st.integers(0, 1),
    st.integers(0, 1),
)
FIRST = [("put", table, number, other) for table, key in KEYS.items() for number in (0, 1) for other in range(len(key))]
"""The items stored before: one under each key."""
HISTORIES = st.lists(
    st.lists(WRITES, min_size=1, max_size=3, unique_by=lambda each: (each[1], each[2], each[3] * (each[1] != "one"))),
    min_size=1,
    max_size=8,
)
NAMES = {"#m": "m", "#a": "a", "#l": "l", "#n": "n"}
CHANGES = {
    "add": "ADD #n :v",
    "nested": "SET #m.#a.#n = :v, #l[0] = :v",
    "append": "SET #l = list_append(#l, :list)",
    "forget": "REMOVE #m.#a",
}


class World:
    """The stored items by table and key, and the records of the streams in their order."""

    def __init__(self):
        self.stored = {name: {} for name in KEYS}
        self.told = {name: [] for name in KEYS}

    def write(self, table, key, item):
        old = self.stored[table].pop(key, None)
        if item is not None:
            self.stored[table][key] = item
        if old is not item:
            self.told[table].append((old, deepcopy(item)))

    def do(self, verb, table, key, number):
        """Apply one write; return False if its condition is false."""
        old, new = self.stored[table].get(key), fresh(table, key, number)
        whole = old is not None and "a" in old.get("m", {}).get("M", {})
        if verb == "put" or (verb == "create" and old is None):
            self.write(table, key, new)
        # moto reports an update that creates an item as INSERT and MODIFY, so only stored items are updated here.
        elif verb == "add" and old is not None:
            self.write(table, key, {**old, "n": {"N": str(int(old["n"]["N"]) + number)}})
        elif verb in CHANGES and whole:
            item = deepcopy(old)
            if verb == "nested":
                item["m"]["M"]["a"]["M"]["n"] = item["l"]["L"][0] = {"N": str(number)}
            elif verb == "append":
                item["l"]["L"].append({"N": str(number)})
            else:
                del item["m"]["M"]["a"]
            self.write(table, key, item)
        elif verb == "delete" or (verb == "gone" and old is not None):
            self.write(table, key, None)
        else:
            return (verb == "there" and old is not None) or (verb == "missing" and old is None)
        return True


def key_of(table, key):
    return {name: {"S": str(part)} for name, part in zip(KEYS[table], key, strict=False)}


def fresh(table, key, number):
    value = {"N": str(number)}
    return {**key_of(table, key), "n": value, "m": {"M": {"a": {"M": {"n": value}}}}, "l": {"L": [value, value]}}


def operation(prefix, verb, table, key, number):
    """Return a write in the form of TransactWriteItems."""
    where = {"TableName": f"{prefix}-{table}"}
    if verb in ("put", "create"):
        condition = {"ConditionExpression": "attribute_not_exists(PK)"} if verb == "create" else {}
        return {"Put": {**where, **condition, "Item": fresh(table, key, number)}}
    where["Key"] = key_of(table, key)
    if verb in CHANGES:
        told = {"UpdateExpression": CHANGES[verb]}
        values = {":v": {"N": str(number)}, ":list": {"L": [{"N": str(number)}]}}
        used = {name: each for name, each in values.items() if name in CHANGES[verb]}
        if used:
            told["ExpressionAttributeValues"] = used
        told["ConditionExpression"] = f"attribute_exists({'#n' if verb == 'add' else '#m.#a'})"
        words = told["UpdateExpression"] + told["ConditionExpression"]
        told["ExpressionAttributeNames"] = {name: each for name, each in NAMES.items() if name in words}
        return {"Update": {**where, **told}}
    if verb == "delete":
        return {"Delete": where}
    condition = "attribute_not_exists(PK)" if verb == "missing" else "attribute_exists(PK)"
    return {"Delete" if verb == "gone" else "ConditionCheck": {**where, "ConditionExpression": condition}}


def ordered(items):
    return sorted(items, key=str)


def streamed(streams, arn):
    """Return the images of each change in a stream: the item before and after it."""
    shard = streams.call("describe_stream", StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.call("get_shard_iterator", StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.call("get_records", ShardIterator=iterator["ShardIterator"])["Records"]
    return [(each["dynamodb"].get("OldImage"), each["dynamodb"].get("NewImage")) for each in records]


@pytest.mark.parametrize(("engine", "share"), [("embedded", 8), *[("ministack", 100)] * DEEP])
def test_a_transaction_is_done_or_leaves_no_trace(engine, share):
    """This holds for all its tables, also those with a partition key only, and within maps and lists."""
    examples = max(20, settings().max_examples // share)
    settings(max_examples=examples, suppress_health_check=list(HealthCheck))(given(HISTORIES)(check))(engine)


def check(engine, history):
    numbers, world = count(1), World()
    with fresh_table(ShopTable, engine, create=False):
        bound = connection_of(ShopTable)
        connection, prefix, streams = bound.connection, bound.table_name, StreamsClient(ShopTable)
        arns = {}
        for name, key in KEYS.items():
            made = connection._make_api_call(
                "CreateTable",
                {
                    "TableName": f"{prefix}-{name}",
                    "KeySchema": [
                        {"AttributeName": each, "KeyType": kind}
                        for each, kind in zip(key, ("HASH", "RANGE"), strict=False)
                    ],
                    "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each in key],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": STREAM,
                },
            )
            arns[name] = made["TableDescription"]["LatestStreamArn"]
        for writes in [FIRST, *history]:
            then, operations, holds = deepcopy(world), [], True
            for verb, table, partition, sort in writes:
                arguments = (verb, table, (partition, sort)[: len(KEYS[table])], next(numbers))
                operations.append(operation(prefix, *arguments))
                holds &= then.do(*arguments)
            try:
                connection.dispatch("TransactWriteItems", {"TransactItems": operations})
            except ClientError:
                assert not holds
            else:
                assert holds
                world = then
            for name in KEYS:
                items = connection.dispatch("Scan", {"TableName": f"{prefix}-{name}"})["Items"]
                assert ordered(world.stored[name].values()) == ordered(items)
                assert world.told[name] == streamed(streams, arns[name])
        for name in KEYS:
            connection.dispatch("DeleteTable", {"TableName": f"{prefix}-{name}"})
