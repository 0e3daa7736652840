"""Records in the form in which Kinesis delivers them to Lambda: a change of a DynamoDB table in a Kinesis record."""

import base64
import json

SHARD = "shardId-000000000000"


def kinesis_record(raw, number, *, table, precision="MICROSECOND"):
    """Wrap a record of a DynamoDB stream as Kinesis Data Streams for DynamoDB does.

    Args:
        raw: The record, as Lambda gives it: JSON.
        number: The sequence number in the Kinesis shard.
        table: The name of the table.
        precision: The unit of the time of the change, `MILLISECOND` or `MICROSECOND`.
    """
    told = {name: each for name, each in raw["dynamodb"].items() if name not in ("SequenceNumber", "StreamViewType")}
    factor = {"MILLISECOND": 1_000, "MICROSECOND": 1_000_000}[precision]
    told["ApproximateCreationDateTime"] = int(told["ApproximateCreationDateTime"] * factor)
    told["ApproximateCreationDateTimePrecision"] = precision
    change = {
        "awsRegion": "eu-west-1",
        "eventID": raw["eventID"],
        "eventName": raw["eventName"],
        "userIdentity": raw.get("userIdentity"),
        "recordFormat": "application/json",
        "tableName": table,
        "dynamodb": told,
        "eventSource": "aws:dynamodb",
    }
    return wrapped(json.dumps(change).encode(), number)


def wrapped(data, number):
    """Return a record of Kinesis with any data."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": number,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_764_500_000.5,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/changes",
    }
