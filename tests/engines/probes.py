"""Probes: what an engine answers to a raw request, beside what DynamoDB documents.

Each is sent past the framework, by a client alone, to a fresh table of `tests.framework.app`.
"""

from collections.abc import Callable
from typing import Any

import attrs
from botocore.exceptions import ClientError

__all__ = ["PROBES", "Probe", "answer", "table_of"]


@attrs.frozen
class Probe:
    """One difference.

    Args:
        behaviour: What is asked, in words.
        documented: What DynamoDB's documentation says.
        ask: Sends requests with a client to a table of a name; returns the answer in a few words.
        here: What the framework makes of it.
    """

    behaviour: str
    documented: str
    ask: Callable[[Any, str], str]
    here: str


def answer(probe: Probe, client: Any, table: str) -> str:
    """What an engine answers."""
    try:
        return probe.ask(client, table)
    except ClientError as error:
        return f"rejected: {error.response['Error']['Code']}"


def table_of(answers: dict[str, list[str]]) -> str:
    """The answers of each engine as a table of Markdown."""
    lines = [("behaviour", *answers, "DynamoDB documents", "here")]
    lines += [
        (each.behaviour, *given, each.documented, each.here)
        for each, *given in zip(PROBES, *answers.values(), strict=True)
    ]
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


# --- items ----------------------------------------------------------------------------


def text(value):
    """A value of type S."""
    return {"S": value}


def item(pk="p", sk="s", **more):
    """An item."""
    return {"PK": text(pk), "SK": text(sk), **more}


def on_index(index, pk, sk):
    """The attributes by which an item is in an index."""
    return {f"GSI{index}PK": text(pk), f"GSI{index}SK": text(sk)}


def put(client, table, *args, **more):
    """An item, stored."""
    client.put_item(TableName=table, Item=item(*args, **more))


def rows(answered):
    """How many rows there are."""
    count = len(answered["Items"])
    return f"{count} row{'' if count == 1 else 's'}"


def number(value):
    """A number without the decimals that say nothing."""
    return f"{value:g}"


# --- keys -----------------------------------------------------------------------------


def long_in_characters(client, table):
    put(client, table, "é" * 1025)
    return "accepted"


def long_in_bytes_of_a_sort_key(client, table):
    put(client, table, "p", "é" * 513)
    return "accepted"


def long_key_of_an_index(client, table):
    put(client, table, **on_index(1, "x" * 2049, "s"))
    return "accepted"


def index_key_of_another_type(client, table):
    put(client, table, GSI1PK={"N": "1"}, GSI1SK=text("s"))
    return "accepted"


def empty_key(client, table):
    put(client, table, "")
    return "accepted"


def empty_index_key(client, table):
    put(client, table, **on_index(1, "", "s"))
    return "accepted"


def empty_index_key_by_an_update(client, table):
    put(client, table, **on_index(1, "p", "s"))
    client.update_item(
        TableName=table,
        Key=item(),
        UpdateExpression="SET GSI1PK = :empty",
        ExpressionAttributeValues={":empty": text("")},
    )
    return "accepted"


def item_of(size):
    """An item that counts for a number of bytes."""
    # PK, p, SK, s and its own name of one letter are the rest.
    return {"a": text("x" * (size - 7))}


def largest_item(client, table):
    put(client, table, **item_of(409_600))
    return "accepted"


def item_over_the_limit(client, table):
    put(client, table, **item_of(409_601))
    return "accepted"


# --- reading --------------------------------------------------------------------------


def query(client, table, condition="PK = :p", values=None, **more):
    """The answer to a query."""
    return client.query(
        TableName=table,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={":p": text("p"), **(values or {})},
        **more,
    )


def reversed_range(client, table):
    put(client, table)
    return rows(query(client, table, "PK = :p AND SK BETWEEN :a AND :b", {":a": text("z"), ":b": text("a")}))


def start_of_another_partition(client, table):
    put(client, table, "p", "1")
    put(client, table, "p", "2")
    return rows(query(client, table, ExclusiveStartKey=item("q", "1")))


def start_of_another_index_key(client, table):
    put(client, table, "p", "1", **on_index(1, "p", "1"))
    put(client, table, "p", "2", **on_index(1, "p", "2"))
    start = item("p", "1", **on_index(1, "q", "1"))
    return rows(query(client, table, "GSI1PK = :p", IndexName="GSI1", ExclusiveStartKey=start))


def filter_on_the_key(client, table):
    put(client, table)
    return rows(query(client, table, FilterExpression="SK <> :p"))


def index_of_keys_only(client, table):
    put(client, table, entityType=text("X"), **on_index(2, "p", "s"))
    (found,) = query(client, table, "GSI2PK = :p", IndexName="GSI2")["Items"]
    return ", ".join(sorted(found))


def capacity_of_a_get(client, table):
    put(client, table, a=text("x" * 10_000))
    asked = {"TableName": table, "Key": item(), "ReturnConsumedCapacity": "TOTAL"}
    taken = [client.get_item(**asked, ConsistentRead=each)["ConsumedCapacity"] for each in (False, True)]
    return " and ".join(number(each["CapacityUnits"]) for each in taken)


def capacity_of_a_put(client, table):
    asked = {"a": text("x" * 2_500), **on_index(1, "p", "s")}
    answered = client.put_item(TableName=table, Item=item(**asked), ReturnConsumedCapacity="TOTAL")
    return number(answered["ConsumedCapacity"]["CapacityUnits"])


# --- conditions -----------------------------------------------------------------------


def condition(client, table, expression, values=None):
    """Whether a condition holds on the stored item."""
    more = {"ExpressionAttributeValues": values} if values else {}
    try:
        client.delete_item(TableName=table, Key=item(), ConditionExpression=expression, **more)
    except client.exceptions.ConditionalCheckFailedException:
        return "does not hold"
    return "holds"


def absent_and_null(client, table):
    put(client, table)
    return condition(client, table, "a = :null", {":null": {"NULL": True}})


def maps(client, table):
    put(client, table, a={"M": {"b": text("x")}})
    return condition(client, table, "a = :map", {":map": {"M": {"b": text("x")}}})


def lists_of_maps(client, table):
    put(client, table, a={"L": [{"M": {"b": text("x")}}]})
    return condition(client, table, "a = :list", {":list": {"L": [{"M": {"b": text("x")}}]}})


def item_in_the_way(client, table):
    put(client, table, a=text("x"))
    try:
        client.put_item(
            TableName=table,
            Item=item(),
            ConditionExpression="attribute_not_exists(PK)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as error:
        return "the item" if error.response.get("Item") else "no item"
    return "no error"


# --- many -----------------------------------------------------------------------------


def batch(client, table, *items):
    """The answer to a batch of puts."""
    client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": each}} for each in items]})
    return "accepted"


def batch_of_26(client, table):
    return batch(client, table, *(item(sk=str(each)) for each in range(26)))


def batch_with_a_duplicate(client, table):
    return batch(client, table, item(), item(a=text("x")))


def batch_get_of_101(client, table):
    client.batch_get_item(RequestItems={table: {"Keys": [item(sk=str(each)) for each in range(101)]}})
    return "accepted"


def transaction(client, table):
    client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item()}}])
    return "accepted"


def transaction_sent_twice(client, table):
    add = {
        "TableName": table,
        "Key": item(),
        "UpdateExpression": "ADD a :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    return f"applied {client.get_item(TableName=table, Key=item())['Item']['a']['N']} times".replace("1 times", "once")


# --- tables ---------------------------------------------------------------------------


def plain_table(client, table):
    """Another table, without indexes and time to live."""
    name = f"{table}-plain"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        ProvisionedThroughput=THROUGHPUT,
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


def time_to_live(client, table):
    client.update_time_to_live(
        TableName=plain_table(client, table), TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    return "accepted"


def new_index(client, table):
    name = plain_table(client, table)
    new = {
        "IndexName": "GSI9",
        "KeySchema": [{"AttributeName": "GSI9PK", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": THROUGHPUT,
    }
    client.update_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("PK", "GSI9PK")],
        GlobalSecondaryIndexUpdates=[{"Create": new}],
    )
    indexes = client.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
    return indexes[0]["IndexStatus"] if indexes else "accepted, and no index"


THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
REJECTED = "rejected: ValidationException"
BEFORE = "refused before sending"

PROBES = (
    Probe("a partition key of 1,025 characters, 2,050 bytes", REJECTED, long_in_characters, BEFORE),
    Probe("a sort key of 513 characters, 1,026 bytes", REJECTED, long_in_bytes_of_a_sort_key, BEFORE),
    Probe("a partition key of an index of 2,049 bytes", REJECTED, long_key_of_an_index, BEFORE),
    Probe(
        "a put with an index key of another type",
        REJECTED,
        index_key_of_another_type,
        "refused when the class is made: keys are text",
    ),
    Probe("a put with an empty key", REJECTED, empty_key, BEFORE),
    Probe("a put with an empty index key", REJECTED, empty_index_key, BEFORE),
    Probe("an update that sets an index key empty", REJECTED, empty_index_key_by_an_update, BEFORE),
    Probe("an item of 409,600 bytes", "accepted", largest_item, "sent"),
    Probe("an item of 409,601 bytes", REJECTED, item_over_the_limit, "`ItemTooLarge`"),
    Probe("a query with BETWEEN reversed", REJECTED, reversed_range, "`InvalidConditionError`"),
    Probe("a start key of another partition", REJECTED, start_of_another_partition, "`CursorError`"),
    Probe("a start key of another key of the index", REJECTED, start_of_another_index_key, "`CursorError`"),
    Probe("a filter on the sort key of the query", REJECTED, filter_on_the_key, "`InvalidConditionError`"),
    Probe(
        "attributes in a KEYS_ONLY index",
        "GSI2PK, GSI2SK, PK, SK",
        index_of_keys_only,
        "completed by primary key",
    ),
    Probe(
        "capacity of a get of 10 KB, eventually consistent and consistent",
        "1.5 and 3",
        capacity_of_a_get,
        "estimated on the embedded engine",
    ),
    Probe(
        "capacity of a put of 2.5 KB that is in one index", "6", capacity_of_a_put, "estimated on the embedded engine"
    ),
    Probe("`a = NULL` where a is absent", "does not hold", absent_and_null, "`InvalidConditionError`"),
    Probe("`a = {b: x}` where it is that", "holds", maps, "sent; `ConditionFailed` where maps do not compare"),
    Probe("`a = [{b: x}]` where it is that", "holds", lists_of_maps, "the same"),
    Probe("what a failed condition returns, if asked", "the item", item_in_the_way, "read, where it is not returned"),
    Probe("a batch of 26 puts", REJECTED, batch_of_26, "cut into requests of 25"),
    Probe("a batch with two puts of one key", REJECTED, batch_with_a_duplicate, "the last one is sent"),
    Probe("a batch of 101 gets", REJECTED, batch_get_of_101, "cut into requests of 100"),
    Probe("a transaction", "accepted", transaction, "`RequestFailed` where there are none"),
    Probe(
        "a transaction sent twice under one token",
        "applied once",
        transaction_sent_twice,
        "sent under a token of its own",
    ),
    Probe("time to live switched on", "accepted", time_to_live, "`ignore_update_ttl_errors=True`"),
    Probe("an index created on a table", "CREATING", new_index, "–"),
)
