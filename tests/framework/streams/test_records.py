"""Records in the forms of Lambda and GetRecords."""

import base64
import json
from copy import deepcopy
from datetime import datetime, timezone

import pytest

from singletable.errors import MalformedRecordError
from singletable.streams import record_of
from singletable.streams.records import read_record
from tests.framework.app import Account

SAME = Account(account_id="a")

# Base64 text in images is decoded in place, so tests parse copies.
LAMBDA = {
    "eventID": "c4ca4238a0b923820dcc509a6f75849b",
    "eventName": "REMOVE",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "us-east-1",
    "dynamodb": {
        "ApproximateCreationDateTime": 1479499740,
        "Keys": {"PK": {"S": "a"}, "SK": {"S": "b"}},
        "OldImage": {
            "PK": {"S": "a"},
            "SK": {"S": "b"},
            "blob": {"B": base64.b64encode(b"\x00\xff").decode()},
            "BS": {"BS": [base64.b64encode(b"\x00\xff").decode(), "YWFhYQ=="]},
            "B": {"M": {"BS": {"L": [{"B": "YWFhYQ=="}, {"BS": ["YWFhYQ=="]}]}}},
        },
        "SequenceNumber": "4421584500000000017450439092",
        "SizeBytes": 59,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
    "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
}
BOTOCORE = {
    **LAMBDA,
    "dynamodb": {
        **LAMBDA["dynamodb"],
        "ApproximateCreationDateTime": datetime(2016, 11, 18, 20, 9, tzinfo=timezone.utc),
        "OldImage": {
            "PK": {"S": "a"},
            "SK": {"S": "b"},
            "blob": {"B": b"\x00\xff"},
            "BS": {"BS": [b"\x00\xff", b"aaaa"]},
            "B": {"M": {"BS": {"L": [{"B": b"aaaa"}, {"BS": [b"aaaa"]}]}}},
        },
    },
    "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
}


def test_both_forms_say_the_same():
    """Base64 and bytes, epoch seconds and datetimes, small letters and capitals; also a decoded record again."""
    raw = json.loads(json.dumps(LAMBDA))
    record = read_record(raw)
    assert record == read_record(BOTOCORE) == read_record(raw)
    assert b"\x00\xff" == record.old["blob"]["B"]
    assert record.expired
    assert record.new is None
    assert datetime(2016, 11, 18, 20, 9, tzinfo=timezone.utc) == record.at


@pytest.mark.parametrize(
    ("identity", "expired"),
    [
        (None, False),
        ({"type": "Service", "principalId": "dynamodb.amazonaws.com"}, True),
        ({"type": "Service", "principalId": "other.amazonaws.com"}, False),
        ({"type": "User", "principalId": "dynamodb.amazonaws.com"}, False),
    ],
)
def test_who_removed_an_item(identity, expired):
    """Time to live identifies itself (Developer Guide, "DynamoDB Streams and Time to Live")."""
    assert expired is read_record(deepcopy({**LAMBDA, "userIdentity": identity})).expired


def without(*names):
    told = {name: each for name, each in LAMBDA["dynamodb"].items() if name not in names}
    return {**{name: each for name, each in LAMBDA.items() if name not in names}, "dynamodb": told}


def with_told(**changed):
    return {**LAMBDA, "dynamodb": {**LAMBDA["dynamodb"], **changed}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (without("eventID"), "it has no 'eventID'"),
        (without("SequenceNumber"), "it has no 'SequenceNumber'"),
        (without("Keys"), "it has no 'Keys'"),
        ({}, "it has no 'dynamodb'"),
        ([], "could not be parsed"),
        (None, "could not be parsed"),
        ({**LAMBDA, "eventName": "DROP"}, "the event 'DROP' is not one of INSERT, MODIFY, REMOVE"),
        ({**LAMBDA, "eventName": []}, "is not one of INSERT"),
        ({**LAMBDA, "eventID": 7}, "is not text"),
        (with_told(Keys=[]), "an image is not an item of typed values"),
        (with_told(OldImage={"PK": "a"}), "an image is not an item of typed values"),
        (with_told(OldImage={"PK": {"B": "not base64"}}), "could not be parsed"),
        (with_told(ApproximateCreationDateTime="noon"), "could not be parsed"),
        ({**LAMBDA, "userIdentity": "me"}, "could not be parsed"),
    ],
)
def test_what_is_no_record(raw, message):
    """The error names the fault, and identifies the record as far as possible."""
    with pytest.raises(MalformedRecordError, match=message) as caught:
        read_record(deepcopy(raw))
    known = isinstance(raw, dict) and raw.get("dynamodb", {}).get("SequenceNumber")
    assert (known or None) == caught.value.sequence_number


def test_a_record_of_entities():
    """A record for tests of handlers is JSON, as Lambda delivers it."""
    account, before = Account(account_id="a1", visits=1), Account(account_id="a1")
    record = read_record(json.loads(json.dumps(record_of(new=account, sequence_number="7", event_id="e"))))
    assert ("INSERT", "7", "e", False) == (record.event, record.sequence_number, record.event_id, record.expired)
    assert account.serialize() == record.new
    assert {"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "ACCOUNT"}} == record.key
    assert ("MODIFY", "REMOVE") == tuple(
        read_record(each).event for each in (record_of(new=account, old=before), record_of(old=account))
    )
    keys_only = read_record(record_of(new=account, old=before, view="KEYS_ONLY"))
    assert (None, None, "KEYS_ONLY") == (keys_only.new, keys_only.old, keys_only.view)
    assert read_record(record_of(old=account, expired=True)).expired


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({}, "got neither new= nor old=. Give the entity as new=, as old="),
        ({"new": Account}, "got Account, which is not an instance of an entity. Give an instance"),
        ({"new": {"a": 1}}, "got dict, which is not an instance of an entity"),
        ({"new": SAME, "old": SAME}, "new= and old= are the same instance"),
        (
            {"new": SAME, "old": Account(account_id="b")},
            "have different primary keys, and no change alters a primary key",
        ),
        ({"new": SAME, "expired": True}, "expired=True means that the item was removed. Give only old="),
    ],
)
def test_a_record_of_what_cannot_happen(images, message):
    """A test with such a record would prove nothing."""
    with pytest.raises(MalformedRecordError, match=message):
        record_of(**images)


def test_a_whole_event_is_no_record():
    """The error names the function for events."""
    with pytest.raises(MalformedRecordError, match="a whole Lambda event, .* Give it to router.lambda_handler"):
        read_record({"Records": [LAMBDA]})
