"""Questions about features: transactions, PartiQL, streams, indexes and tables, for the probes."""

from botocore.exceptions import ClientError

from singletable.streams.client import StreamsClient
from tests.engines.questions import item, put, query, rows, text
from tests.framework.app import AppTable

__all__ = [
    "all_attributes_of_an_index_of_keys_only",
    "cancelled_transaction",
    "expired_item",
    "index_over_items_of_another_type",
    "multi_attribute_index",
    "new_index",
    "point_in_time_recovery",
    "statement",
    "statement_transaction",
    "statement_with_a_false_condition",
    "stream_records",
    "time_to_live",
    "token_with_another_request",
    "transaction",
    "transaction_sent_twice",
    "two_new_indexes",
    "vector_search",
]

THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


# --- transactions ---------------------------------------------------------------------


def transaction(client, table):
    client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item()}}])
    return "accepted"


def add_one(table, **more):
    """Return an operation of a transaction that increments an item."""
    return {
        "Update": {
            "TableName": table,
            "Key": item(**more),
            "UpdateExpression": "ADD a :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def transaction_sent_twice(client, table):
    for _ in range(2):
        client.transact_write_items(TransactItems=[add_one(table)], ClientRequestToken="token")
    return f"applied {client.get_item(TableName=table, Key=item())['Item']['a']['N']} times".replace("1 times", "once")


def token_with_another_request(client, table):
    for sk in ("1", "2"):
        client.transact_write_items(TransactItems=[add_one(table, sk=sk)], ClientRequestToken="token")
    return "accepted"


def cancelled_transaction(client, table):
    put(client, table)
    fails = {
        "TableName": table,
        "Item": item(a=text("new")),
        "ConditionExpression": "attribute_not_exists(PK)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    try:
        client.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item(sk="other")}}, {"Put": fails}]
        )
    except client.exceptions.TransactionCanceledException as error:
        reasons = error.response["CancellationReasons"]
    codes = " and ".join(f"{each['Code']}{' with the item' if each.get('Item') else ''}" for each in reasons)
    count = client.scan(TableName=table)["Count"]
    return f"{codes}; {'nothing' if count == 1 else 'something'} applied"


# --- PartiQL --------------------------------------------------------------------------


def statement(client, table):
    put(client, table)
    found = client.execute_statement(
        Statement=f'SELECT * FROM "{table}" WHERE "PK" = ? AND "SK" = ?', Parameters=[text("p"), text("s")]
    )
    return rows(found)


def statement_with_a_false_condition(client, table):
    put(client, table, a=text("x"))
    answered = client.batch_execute_statement(
        Statements=[
            {
                "Statement": f'UPDATE "{table}" SET "b" = ? WHERE "PK" = ? AND "SK" = ? AND "a" = ?',
                "Parameters": [text("new"), text("p"), text("s"), text("y")],
            }
        ]
    )
    code = answered["Responses"][0].get("Error", {}).get("Code", "no error")
    applied = "b" in client.get_item(TableName=table, Key=item())["Item"]
    return f"{code}; {'applied' if applied else 'not applied'}"


def statement_transaction(client, table):
    client.execute_transaction(
        TransactStatements=[
            {"Statement": f"INSERT INTO \"{table}\" VALUE {{'PK': ?, 'SK': ?}}", "Parameters": [text("p"), text("s")]}
        ]
    )
    return rows(client.scan(TableName=table))


# --- streams --------------------------------------------------------------------------


def stream_records(client, table):
    name = plain_table(
        client, table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    described = client.describe_table(TableName=name)["Table"]
    if "LatestStreamArn" not in described:
        return "accepted, and no stream"
    values = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": text("x")}}
    # The first update creates the item, the second changes nothing, the third changes it.
    client.update_item(TableName=name, Key={"PK": text("p")}, **values)
    client.update_item(TableName=name, Key={"PK": text("p")}, **values)
    client.put_item(TableName=name, Item={"PK": text("p"), "a": text("y")})
    client.delete_item(TableName=name, Key={"PK": text("p")})
    streams, arn = StreamsClient(AppTable), described["LatestStreamArn"]
    found = []
    for shard in streams.call("describe_stream", StreamArn=arn)["StreamDescription"]["Shards"]:
        start = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.call("get_shard_iterator", **start)["ShardIterator"]
        found += streams.call("get_records", ShardIterator=iterator)["Records"]
    return ", ".join(each["eventName"] for each in found)


# --- tables ---------------------------------------------------------------------------


def plain_table(client, table, **more):
    """Create another table, without indexes and time to live."""
    name = f"{table}-plain"
    settings = {
        "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
        "ProvisionedThroughput": THROUGHPUT,
        **more,
    }
    client.create_table(TableName=name, KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}], **settings)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


def create_indexes(client, name, *indexes):
    """Create indexes in one request; each has a partition key of type S."""
    new = [
        {
            "IndexName": index,
            "KeySchema": [{"AttributeName": f"{index}PK", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
            "ProvisionedThroughput": THROUGHPUT,
        }
        for index in indexes
    ]
    names = ("PK", *(f"{index}PK" for index in indexes))
    client.update_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in names],
        GlobalSecondaryIndexUpdates=[{"Create": each} for each in new],
    )
    return client.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])


def new_index(client, table):
    indexes = create_indexes(client, plain_table(client, table), "GSI9")
    return indexes[0]["IndexStatus"] if indexes else "accepted, and no index"


def two_new_indexes(client, table):
    name = plain_table(client, table)
    try:
        indexes = create_indexes(client, name, "GSI8", "GSI9")
    except ClientError:
        return "rejected"
    return "accepted" if len(indexes) == 2 else "accepted, and no indexes"


def index_over_items_of_another_type(client, table):
    name = plain_table(client, table)
    key = {"PK": text("p")}
    client.put_item(TableName=name, Item={**key, "GSI9PK": {"N": "1"}})
    if not create_indexes(client, name, "GSI9"):
        return "accepted, and no index"
    found = rows(client.scan(TableName=name, IndexName="GSI9"))
    try:
        client.update_item(
            TableName=name, Key=key, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": text("x")}
        )
    except ClientError:
        return f"{found} in it; a later write is rejected"
    return f"{found} in it; a later write is accepted"


def multi_attribute_index(client, table):
    names = ("PK", "h1", "h2", "r1", "r2")
    name = plain_table(
        client,
        table,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in names],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "GSI9",
                "KeySchema": [
                    {"AttributeName": each, "KeyType": "HASH" if each[0] == "h" else "RANGE"} for each in names[1:]
                ],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": THROUGHPUT,
            }
        ],
    )
    # The second item lacks one attribute of the key.
    client.put_item(TableName=name, Item={each: text("1") for each in names})
    client.put_item(TableName=name, Item={each: text("2" if each == "PK" else "1") for each in names[:-1]})
    found = client.query(
        TableName=name,
        IndexName="GSI9",
        KeyConditionExpression="h1 = :v AND h2 = :v AND r1 = :v",
        ExpressionAttributeValues={":v": text("1")},
    )
    return rows(found)


def vector_search(client, table):
    name = f"{table}-vectors"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        VectorIndexes=[
            {
                "IndexName": "VECTORS",
                "VectorAttribute": {"AttributeName": "v"},
                "Projection": {"ProjectionType": "ALL"},
                "Dimensions": 2,
                "DistanceFunction": "EUCLIDEAN",
            }
        ],
    )
    for pk, x in (("far", "9"), ("near", "1")):
        client.put_item(TableName=name, Item={"PK": text(pk), "v": {"L": [{"N": x}, {"N": "0"}]}})
    found = client.search_vectors(TableName=name, IndexName="VECTORS", SearchVector=[{"N": "0"}, {"N": "0"}], TopK=1)
    return ", ".join(each["Item"]["PK"]["S"] for each in found["SearchResults"])


def all_attributes_of_an_index_of_keys_only(client, table):
    put(client, table, GSI2PK=text("p"), GSI2SK=text("s"), a=text("x"))
    found = query(client, table, "GSI2PK = :p", IndexName="GSI2", Select="ALL_ATTRIBUTES")
    return "accepted" if "a" in found["Items"][0] else "accepted, without them"


def time_to_live(client, table):
    client.update_time_to_live(
        TableName=plain_table(client, table), TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    return "accepted"


def expired_item(client, table):
    put(client, table, ttl={"N": "1700000000"})
    return "returned" if "Item" in client.get_item(TableName=table, Key=item()) else "not returned"


def point_in_time_recovery(client, table):
    answered = client.update_continuous_backups(
        TableName=plain_table(client, table), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    recovery = answered["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    return recovery["PointInTimeRecoveryStatus"]
