"""Every public name of PynamoDB's `Model`, with every parameter: it works with derived keys, or is refused.

`CHECKS` has one check for each name. A name, a parameter or an option of `Meta` that PynamoDB adds fails a test here.
"""

import json
import logging
from collections import Counter
from copy import deepcopy
from datetime import datetime, timezone
from decimal import Decimal
from inspect import signature

import pytest
from pynamodb.attributes import (
    BinaryAttribute,
    BinarySetAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import MetaProtocol, Model
from pynamodb.transactions import TransactGet, TransactWrite

from singletable import Expiry, Key, Table
from singletable.engine import embedded
from singletable.errors import (
    ConcurrentUpdateError,
    ConditionFailed,
    DeclarationError,
    InvalidRequestError,
    InvalidValueError,
    ItemDoesNotExist,
    MalformedItemError,
    PartialItemError,
    SingletableError,
    TableMissingError,
)
from singletable.models.reading.targets import TableSender
from singletable.testing.faults import Throttling, inject


class Mailed(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class Foreign(GlobalSecondaryIndex):
    """An index on which the entity has no key; other code writes its attributes."""

    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class SurfaceTable(Table):
    class Meta:
        table_name = "surface"

    mailed = Mailed()
    foreign = Foreign()


class Size(MapAttribute):
    width = NumberAttribute()
    stamp = BinaryAttribute(null=True, legacy_encoding=False)


class Doc(SurfaceTable, discriminator="DOC"):
    class Meta:
        personal = ("email",)

    doc_id = UnicodeAttribute(attr_name="docId")
    at = UTCDateTimeAttribute()
    email = UnicodeAttribute(null=True)
    total = NumberAttribute(null=True)
    raw = MapAttribute(null=True)
    lines = ListAttribute(null=True)
    sizes = ListAttribute(of=Size, null=True)
    tags = UnicodeSetAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    blob = BinaryAttribute(null=True, legacy_encoding=False)
    blobs = BinarySetAttribute(null=True, legacy_encoding=False)
    version = VersionAttribute()

    key = Key(pk="DOC#{doc_id}", sk="DOC")
    by_email = Key(index=Mailed, pk="EMAIL#{email}", sk="{at}")

    expires_at = Expiry(after="at", days=1)


class Other(SurfaceTable, discriminator="OTHER"):
    other_id = UnicodeAttribute(attr_name="otherId")

    key = Key(pk="OTHER#{other_id}", sk="OTHER")


AT = datetime(2030, 1, 1, tzinfo=timezone.utc)
TTL = {"N": str(int(AT.timestamp()) + 86_400)}
DIGITS = "12345678901234567890123456789012345678"
KEY = {"PK": {"S": "DOC#1"}, "SK": {"S": "DOC"}}
STORED = {
    **KEY,
    "entityType": {"S": "DOC"},
    "docId": {"S": "1"},
    "at": {"S": "2030-01-01T00:00:00Z"},
    "email": {"S": "eve@example.com"},
    "GSI1PK": {"S": "EMAIL#eve@example.com"},
    "GSI1SK": {"S": "2030-01-01T00:00:00.000000Z"},
    "GSI2PK": {"S": "of other code"},
    "GSI2SK": {"S": "0"},
    "total": {"N": DIGITS},
    "raw": {"M": {"b": {"B": b"\x00\xff"}, "set": {"NS": ["1", DIGITS]}, "price": {"N": "1.5"}, "in": {"M": {}}}},
    "lines": {"L": [{"BS": [b"\x01"]}, {"N": f"0.{DIGITS}"}, {"NULL": True}]},
    "sizes": {"L": [{"M": {"width": {"N": "2"}, "stamp": {"B": b"\xfe"}, "undeclared": {"S": "kept"}}}]},
    "tags": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", DIGITS]},
    "blob": {"B": b"\x80blob"},
    "blobs": {"BS": [b"\x81", b"\x82"]},
    "version": {"N": "7"},
    "ttl": TTL,
    "legacy": {"M": {"blob": {"B": b"\x83"}, "digits": {"N": DIGITS}}},
}
"""An item with every attribute, some in a form that the model would not write."""

PLAIN = {
    name: value
    for name, value in STORED.items()
    if name not in ("raw", "lines", "legacy", "sizes", "tags", "numbers", "blob", "blobs")
} | {
    "raw": {"M": {"price": {"N": "1.5"}, "in": {"M": {"none": {"NULL": True}}}}},
    "lines": {"L": [{"S": "x"}, {"BOOL": True}]},
    "legacy": {"L": [{"N": DIGITS}, {"S": "x"}]},
}
"""An item that can be plain JSON."""

CHECKS, PARAMETERS = {}, {}


def of(name, *parameters):
    """Register a check of a name of `Model`, with the parameters that it covers."""

    def register(check):
        CHECKS[name], PARAMETERS[name] = check, set(parameters)
        return check

    return register


def send(operation, **params):
    return TableSender(SurfaceTable).send(operation, {"TableName": "surface", **params})


def put(item=STORED):
    send("PutItem", Item=deepcopy(item))


def stored(doc_id="1"):
    return send("GetItem", Key={"PK": {"S": f"DOC#{doc_id}"}, "SK": {"S": "DOC"}}).get("Item")


def same(item):
    """Return an item with sorted sets."""
    if isinstance(item, dict):
        return {
            name: Counter(each) if name in ("SS", "NS", "BS") and isinstance(each, list) else same(each)
            for name, each in item.items()
        }
    return [same(each) for each in item] if isinstance(item, list) else item


def read():
    put()
    return Doc.get(doc_id="1")


def made(doc_id="1", **attributes):
    return Doc(doc_id=doc_id, at=AT, **attributes)


def refused(message, call, kind=SingletableError):
    """Assert that a call raises an error of singletable with a remedy and without personal values."""
    error = failed(message, call, kind)
    assert error.remedy


def failed(message, call, kind):
    """Assert that a call raises the error for a missing or unexpected stored item."""
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "eve@" not in str(caught.value)
    return caught.value


@pytest.fixture
def surface():
    with embedded(SurfaceTable):
        yield


# --- reading --------------------------------------------------------------------------------


@of("DoesNotExist")
def check_does_not_exist():
    with pytest.raises(Doc.DoesNotExist):
        Doc.get(doc_id="1")
    assert issubclass(Doc.DoesNotExist, (ItemDoesNotExist, Model.DoesNotExist))


@of("get", "hash_key", "range_key", "consistent_read", "attributes_to_get")
def check_get():
    put()
    for name in ("consistent", "consistent_read"):
        assert Doc.item(doc_id="1", **{name: True}).params()["ConsistentRead"]
        assert Decimal(DIGITS) == Doc.get(doc_id="1", **{name: True}).total
    refused("takes attributes by name, not key text. Give doc_id", lambda: Doc.get("DOC#1", "DOC"))
    for name, remedy in (
        ("hash_key", "Give the attributes"),
        ("range_key", "Give the attributes"),
        ("attributes_to_get", "Write only="),
    ):
        refused(f"does not take {name}. {remedy}", lambda name=name: Doc.get(doc_id="1", **{name: "x"}))
        refused(f"does not take {name}. {remedy}", lambda name=name: Doc.by_email.get(email="x", at=AT, **{name: "x"}))


READS = {
    "filter_condition": "Write filter=",
    "index_name": "Query the key on the index",
    "last_evaluated_key": r"Use page\(",
    "attributes_to_get": "Write only=",
    "page_size": r"Use page\(",
    "rate_limit": "Reads have no rate limit",
}
QUERIES = {
    **READS,
    "hash_key": "Give the attributes",
    "range_key_condition": "Give the condition on the attribute first",
    "scan_index_forward": "Write descending=True",
}


@of("query", "limit", "consistent_read", *QUERIES)
def check_query():
    put()
    assert ["1"] == [each.doc_id for each in Doc.query(doc_id="1", limit=1)]
    assert Doc.query(doc_id="1", consistent_read=True) == Doc.query(doc_id="1", consistent=True)
    refused("a str is not a condition. Give attributes by name", lambda: Doc.query("DOC#1"))
    for name, remedy in QUERIES.items():
        refused(f"does not take {name}. {remedy}", lambda name=name: Doc.query(doc_id="1", **{name: "x"}))


@of(
    "count",
    "limit",
    "consistent_read",
    *(
        name
        for name in QUERIES
        if name not in ("scan_index_forward", "last_evaluated_key", "attributes_to_get", "page_size")
    ),
)
def check_count():
    put()
    assert 1 == Doc.count(doc_id="1", limit=1, consistent_read=True)
    refused("a str is not a condition", lambda: Doc.count("DOC#1"))
    for name, remedy in QUERIES.items():
        refused(f"does not take {name}. {remedy}", lambda name=name: Doc.count(doc_id="1", **{name: "x"}))


@of("scan", "segment", "total_segments", "limit", "consistent_read", *READS)
def check_scan():
    put()
    assert ["1"] == [each.doc_id for each in Doc.scan(segment=0, segments=1, limit=1)]
    assert Doc.scan(consistent_read=True) == Doc.scan(consistent=True)
    refused("takes its options by name.*filter=", lambda: Doc.scan(Doc.total > 1))
    for name, remedy in {**READS, "total_segments": "Write segments="}.items():
        refused(f"does not take {name}. {remedy}", lambda name=name: Doc.scan(**{name: "x"}))
    refused("does not take nonsense", lambda: Doc.scan(nonsense=1))


@of("batch_get", "items", "consistent_read", "attributes_to_get")
def check_batch_get():
    put()
    assert ["1", None] == [each and each.doc_id for each in Doc.batch_get([{"doc_id": "1"}, {"doc_id": "2"}])]
    for item in (("DOC#1", "DOC"), "DOC#1"):
        refused("takes mappings of attributes.*Give doc_id of each", lambda item=item: Doc.batch_get([item]))
    refused("by name", lambda: Doc.batch_get([{"doc_id": "1"}], True))
    assert [None] == Doc.batch_get([{"doc_id": "2"}], consistent_read=True)
    refused(
        f"does not take attributes_to_get. {READS['attributes_to_get']}",
        lambda: Doc.batch_get([{"doc_id": "1"}], attributes_to_get=["total"]),
    )


@of("from_raw_data", "data")
def check_from_raw_data():
    given = deepcopy(STORED)
    doc = Doc.from_raw_data(given)
    assert STORED == given
    # The caller's item and the instance's are separate.
    given["legacy"]["M"]["digits"]["N"] = "0"
    assert STORED["legacy"] == doc.extra_attributes["legacy"]
    other = Other(other_id="1").serialize()
    failed("is a Other, not a Doc", lambda: Doc.from_raw_data(other), ItemDoesNotExist)
    refused("which is not an item. Give an item", lambda: Doc.from_raw_data(None))


@of("refresh", "consistent_read")
def check_refresh():
    doc = read()
    put({**STORED, "total": {"N": "8"}, "version": {"N": "8"}})
    doc.refresh(consistent_read=True)
    assert (8, 8) == (doc.total, doc.version)
    doc.refresh(consistent=True)
    doc.refresh(True)
    send("DeleteItem", Key=KEY)
    failed("No Doc at PK", doc.refresh, ItemDoesNotExist)


@of("deserialize", "attribute_values")
def check_deserialize():
    given, doc = deepcopy(STORED), made("2")
    doc.deserialize(given)
    assert STORED == given
    assert same(STORED) == same(doc.serialize())
    refused("which is not an item. Give an item", lambda: doc.deserialize(None))


# --- writing --------------------------------------------------------------------------------


@of("save", "condition", "add_version_condition")
def check_save():
    doc = read()
    doc.save(Doc.total > 1)
    assert same({**STORED, "version": {"N": "8"}}) == same(stored())
    refused("does not meet the condition", lambda: doc.save(Doc.total == 1), ConditionFailed)
    put()
    refused("its version has changed", doc.save, ConcurrentUpdateError)
    doc.save(add_version_condition=False)
    assert {"N": "9"} == stored()["version"]
    refused("condition= was given a str", lambda: doc.save("x"))


@of("delete", "condition", "add_version_condition")
def check_delete():
    doc = read()
    refused("does not meet the condition", lambda: doc.delete(Doc.total == 1), ConditionFailed)
    put({**STORED, "version": {"N": "8"}})
    refused("its version has changed", doc.delete, ConcurrentUpdateError)
    doc.delete(Doc.total > 1, add_version_condition=False)
    assert stored() is None
    refused("condition= was given a str", lambda: read().delete("x"))


@of("update", "actions", "condition", "add_version_condition")
def check_update():
    doc, actions = read(), [Doc.email.set("eve@example.org")]
    doc.update(actions=actions, condition=Doc.total > 1)
    assert 1 == len(actions)
    after = {
        **STORED,
        "email": {"S": "eve@example.org"},
        "GSI1PK": {"S": "EMAIL#eve@example.org"},
        "version": {"N": "8"},
    }
    assert same(after) == same(stored())
    refused("does not meet the condition", lambda: doc.update(actions, Doc.total == 1), ConditionFailed)
    put()
    refused("its version has changed", lambda: doc.update(actions), ConcurrentUpdateError)
    doc.update([Doc.total.set(1)], add_version_condition=False)
    assert {"N": "1"} == stored()["total"]
    for nothing in (None, []):
        refused("given neither", lambda nothing=nothing: doc.update(nothing))
    refused("derived", lambda: doc.update([Doc.pk.set("x")]))


@of("batch_write", "auto_commit")
def check_batch_write():
    with SurfaceTable.batch_write() as batch:
        batch.save(Other(other_id="1"))
    assert "1" == Other.get(other_id="1").other_id
    with SurfaceTable.batch_write(auto_commit=True) as batch:
        batch.delete(Other(other_id="1"))
    assert [] == Other.scan().all()
    refused("would refuse a 26th item. Leave it out", lambda: Doc.batch_write(auto_commit=False))
    refused("version", lambda: SurfaceTable.batch_write().save(made()))


# --- the hooks of PynamoDB's transactions -----------------------------------------------------


def connection():
    return SurfaceTable._get_connection().connection


@of("get_save_kwargs_from_instance", "condition", "return_values_on_condition_failure")
def check_get_save_kwargs():
    sent = read().get_save_kwargs_from_instance(Doc.total > 1, "ALL_OLD")
    assert same({**STORED, "version": {"N": "8"}}) == same(sent["Item"])
    assert "ALL_OLD" == sent["ReturnValuesOnConditionCheckFailure"]
    assert "(#0 > :0 AND #1 = :1)" == sent["ConditionExpression"]
    doc = read()
    with TransactWrite(connection=connection()) as transaction:
        transaction.save(doc)
    assert same({**STORED, "version": {"N": "8"}}) == same(stored())
    assert 8 == doc.version
    refused("condition= was given a str", lambda: doc.get_save_kwargs_from_instance("x"))


@of(
    "get_update_kwargs_from_instance",
    "actions",
    "condition",
    "return_values_on_condition_failure",
    "add_version_condition",
)
def check_get_update_kwargs():
    doc, actions = read(), [Doc.email.set("eve@example.org")]
    sent = doc.get_update_kwargs_from_instance(actions, Doc.total > 1, "ALL_OLD", add_version_condition=False)
    assert 1 == len(actions)
    assert "ALL_OLD" == sent["ReturnValuesOnConditionCheckFailure"]
    assert {"S": "EMAIL#eve@example.org"} in sent["ExpressionAttributeValues"].values()
    with TransactWrite(connection=connection()) as transaction:
        transaction.update(doc, actions)
    assert ({"S": "EMAIL#eve@example.org"}, {"N": "8"}) == (stored()["GSI1PK"], stored()["version"])
    for nothing in (None, []):
        refused("was given no actions", lambda nothing=nothing: doc.get_update_kwargs_from_instance(nothing))
    refused("condition= was given a str", lambda: doc.get_update_kwargs_from_instance(actions, "x"))


@of("get_delete_kwargs_from_instance", "condition", "return_values_on_condition_failure", "add_version_condition")
def check_get_delete_kwargs():
    doc = read()
    sent = doc.get_delete_kwargs_from_instance(Doc.total > 1, "ALL_OLD")
    assert (KEY, "ALL_OLD") == (sent["Key"], sent["ReturnValuesOnConditionCheckFailure"])
    assert "(#0 > :0 AND #1 = :1)" == sent["ConditionExpression"]
    assert "ConditionExpression" not in doc.get_delete_kwargs_from_instance(add_version_condition=False)
    with TransactWrite(connection=connection()) as transaction:
        transaction.delete(doc)
    assert stored() is None
    refused("condition= was given a str", lambda: doc.get_delete_kwargs_from_instance("x"))
    refused("compares with None", lambda: doc.get_delete_kwargs_from_instance(Doc.total == None))  # noqa: E711


@of("get_operation_kwargs_from_class", "hash_key", "range_key", "condition")
def check_get_operation_kwargs():
    put()
    assert KEY == Doc.get_operation_kwargs_from_class("DOC#1", "DOC")["Key"]
    with TransactGet(connection=connection()) as transaction:
        found = transaction.get(Doc, *Doc.key.build(doc_id="1"))
    assert Decimal(DIGITS) == found.get().total
    with TransactWrite(connection=connection()) as transaction:
        transaction.condition_check(Doc, "DOC#1", "DOC", Doc.total > 1)
    for key in (("1",), ("DOC#1",), ("1", "DOC"), ("OTHER#1", "OTHER"), (1, 2), (None, None), ("eve@", "DOC")):
        message = r"not a primary key of this entity. Write \*Doc.key.build\(doc_id=...\)"
        refused(message, lambda key=key: Doc.get_operation_kwargs_from_class(*key))
    refused("Use one of its entities", lambda: SurfaceTable.get_operation_kwargs_from_class("DOC#1", "DOC"))
    refused("was given a str", lambda: Doc.get_operation_kwargs_from_class("DOC#1", "DOC", "x"))


@of("update_local_version_attribute")
def check_update_local_version_attribute():
    doc = read()
    doc.get_save_kwargs_from_instance()
    doc.update_local_version_attribute()
    assert 8 == doc.version
    doc = read()
    refused("so its version may not have changed. Call refresh", doc.update_local_version_attribute)
    assert 7 == doc.version
    Other(other_id="1").update_local_version_attribute()


# --- dicts ----------------------------------------------------------------------------------


@of("get_attributes")
def check_get_attributes():
    assert {"pk", "sk", "entity_type", "doc_id", "mailed_pk", "foreign_sk"} <= set(Doc.get_attributes())


@of("serialize", "null_check")
def check_serialize():
    doc = read()
    item = doc.serialize()
    assert same(STORED) == same(item)
    # The caller may change the item.
    item["legacy"]["M"]["digits"]["N"] = "0"
    item["raw"]["M"].clear()
    assert same(STORED) == same(doc.serialize())
    fresh = made(email="eve@example.com").serialize()
    assert (TTL, {"S": "EMAIL#eve@example.com"}) == (fresh["ttl"], fresh["GSI1PK"])
    assert {"entityType": {"S": "DOC"}} == Doc().serialize(null_check=False)
    refused("needs doc_id", lambda: Doc().serialize())


@of("to_dynamodb_dict")
def check_to_dynamodb_dict():
    doc = read()
    found = json.loads(json.dumps(doc.to_dynamodb_dict()))
    assert {"M": {"blob": {"B": "gw=="}, "digits": {"N": DIGITS}}} == found["legacy"]
    assert {"B": "AP8="} == found["raw"]["M"]["b"]
    assert (TTL, STORED["GSI2PK"]) == (found["ttl"], found["GSI2PK"])
    assert set(STORED) == set(found)
    assert same(STORED) == same(doc.serialize()), "the instance is not changed"
    doc.save()
    assert same({**STORED, "version": {"N": "8"}}) == same(stored())
    assert TTL == made().to_dynamodb_dict()["ttl"]
    assert {"entityType": {"S": "DOC"}} == Doc().to_dynamodb_dict()
    partial = Doc.query(doc_id="1", only=("total",)).one()
    refused("was read with only=", partial.to_dynamodb_dict, PartialItemError)
    doc.extra_attributes["odd"] = {"X": 1}
    refused("odd is not a DynamoDB value", doc.to_dynamodb_dict)


@of("from_dynamodb_dict", "d")
def check_from_dynamodb_dict():
    given = json.loads(json.dumps(read().to_dynamodb_dict()))
    before, doc = deepcopy(given), Doc()
    doc.from_dynamodb_dict(given)
    assert before == given
    assert Doc.get(doc_id="1") == doc
    assert same(STORED) == same(doc.serialize())

    # It was not read from the table, so its version is compared with the stored one, and its key may differ.
    doc.save()
    assert same({**STORED, "version": {"N": "8"}}) == same(stored())
    doc.from_dynamodb_dict(given)
    refused("its version has changed", doc.save, ConcurrentUpdateError)
    doc.doc_id = "2"
    doc.create()
    copy = stored("2")
    copied = {**STORED, "PK": {"S": "DOC#2"}, "docId": {"S": "2"}, "version": copy["version"]}
    assert same(copied) == same(copy)
    doc.from_dynamodb_dict({**given, "version": {"N": "8"}})
    doc.update(email="eve@example.org")
    assert same(
        {
            **STORED,
            "email": {"S": "eve@example.org"},
            "GSI1PK": {"S": "EMAIL#eve@example.org"},
            "version": {"N": "9"},
        }
    ) == same(stored())

    # Derived values in the dict do not count.
    doc.from_dynamodb_dict({**given, "GSI1PK": {"S": "wrong"}, "ttl": {"N": "1"}})
    assert same(STORED) == same(doc.serialize())

    # A failed call changes nothing.
    for message, wrong in (
        ("has the entity type 'OTHER'. Fill an instance of that", {**given, "entityType": {"S": "OTHER"}}),
        ("binary value that is not base64", {**given, "blob": {"B": b"\x80"}}),
        ("binary value that is not base64", {**given, "blob": {"B": "!"}}),
        ("not a type with its content", {**given, "total": 1}),
        ("not a type with its content", {**given, "raw": {"M": {"x": {"S": "eve@", "N": "1"}}}}),
        ("is not a number", {**given, "total": {"N": "eve@"}}),
        ("more than 38 significant digits", {**given, "total": {"N": DIGITS + "1"}}),
        ("not a dict with texts as keys", {1: {"S": "x"}}),
        ("not a dict with texts as keys", None),
    ):
        refused(message, lambda wrong=wrong: doc.from_dynamodb_dict(wrong), InvalidValueError)
    refused("holds 'at' as N", lambda: doc.from_dynamodb_dict({**given, "at": {"N": "1"}}), MalformedItemError)
    deep = {"S": "x"}
    for _ in range(5_000):
        deep = {"L": [deep]}
    refused("nested over 32 levels", lambda: doc.from_dynamodb_dict({**given, "raw": deep}))
    assert same(STORED) == same(doc.serialize())


@of("to_simple_dict", "force")
def check_to_simple_dict():
    put(PLAIN)
    doc = Doc.get(doc_id="1")
    found = json.loads(json.dumps(doc.to_simple_dict()))
    assert (int(DIGITS), {"price": 1.5, "in": {"none": None}}) == (found["total"], found["raw"])
    assert [int(DIGITS), "x"] == found["legacy"]
    assert same(PLAIN) == same(doc.serialize())
    put({**PLAIN, **{name: STORED[name] for name in ("tags", "numbers", "blob", "blobs", "sizes")}})
    doc = Doc.get(doc_id="1")
    for name in ("tags", "numbers", "blob", "blobs"):
        one = made(**{name: getattr(doc, name)})
        refused(f"'{name}' cannot be converted: .* plain JSON lacks.*force=True", one.to_simple_dict)
    found = doc.to_simple_dict(force=True)
    assert (["a", "b"], "gGJsb2I=", "/g==") == (sorted(found["tags"]), found["blob"], found["sizes"][0]["stamp"])
    for value in ({"b": b"x"}, {"s": {"x"}}):
        refused("declares no type", lambda value=value: made(raw=value).to_simple_dict(force=True))
    refused("more digits than a float keeps", lambda: made(total=Decimal(f"0.{DIGITS}")).to_simple_dict(force=True))
    doc.extra_attributes["blob2"] = {"B": b"x"}
    refused("'blob2' cannot be converted.*Use to_dynamodb_dict", lambda: doc.to_simple_dict(force=True))
    refused("was read with only=", Doc.query(doc_id="1", only=("total",)).one().to_simple_dict, PartialItemError)


@of("from_simple_dict", "d")
def check_from_simple_dict():
    everything = {**PLAIN, **{name: STORED[name] for name in ("tags", "numbers", "blob", "blobs", "sizes")}}
    put(everything)
    given = json.loads(json.dumps(Doc.get(doc_id="1").to_simple_dict(force=True)))
    before, doc = deepcopy(given), Doc()
    doc.from_simple_dict(given)
    assert before == given
    assert same(everything) == same(doc.serialize())
    doc.save()
    assert same({**everything, "version": {"N": "8"}}) == same(stored())
    doc.from_simple_dict({**given, "new": 0.1, "tags": [], "total": Decimal(DIGITS)})
    assert ({"N": "0.1"}, None, Decimal(DIGITS)) == (doc.extra_attributes["new"], doc.tags, doc.total)
    before = doc.serialize()
    for message, wrong in (
        ("has the entity type 'OTHER'", {**given, "entityType": "OTHER"}),
        ("not base64", {**given, "blob": "!"}),
        ("not base64", {**given, "blobs": [1]}),
        ("a str instead of a number", {**given, "numbers": ["eve@"]}),
        ("not a finite number", {**given, "total": float("nan")}),
        ("more than 38 significant digits", {**given, "total": int(DIGITS + "1")}),
        ("it holds a set, which plain JSON lacks", {**given, "raw": {"x": {"eve@"}}}),
        ("not a dict with texts as keys", []),
    ):
        refused(message, lambda wrong=wrong: doc.from_simple_dict(wrong), InvalidValueError)
    assert same(before) == same(doc.serialize())


# --- the table --------------------------------------------------------------------------------


def time_to_live():
    found = send("DescribeTimeToLive")["TimeToLiveDescription"]
    return found.get("AttributeName") if found["TimeToLiveStatus"] == "ENABLED" else None


def set_time_to_live(name, *, enabled):
    send("UpdateTimeToLive", TimeToLiveSpecification={"AttributeName": name, "Enabled": enabled})


@of("exists")
def check_exists():
    assert Doc.exists()
    SurfaceTable.delete_table()
    assert not Doc.exists()


@of("describe_table")
def check_describe_table():
    assert ["GSI1", "GSI2"] == sorted(each["IndexName"] for each in Doc.describe_table()["GlobalSecondaryIndexes"])
    SurfaceTable.delete_table()
    refused("does not exist", Doc.describe_table, TableMissingError)


@of("delete_table", "wait")
def check_delete_table():
    Doc.delete_table(wait=True)
    assert not SurfaceTable.exists()
    refused("does not exist", SurfaceTable.delete_table, TableMissingError)


@of(
    "create_table",
    "wait",
    "read_capacity_units",
    "write_capacity_units",
    "billing_mode",
    "ignore_update_ttl_errors",
)
def check_create_table():
    assert "ttl" == time_to_live()
    SurfaceTable.create_table(wait=True)
    SurfaceTable.delete_table()
    for message, given in (
        ("billing_mode is 'X'. Use", {"billing_mode": "X"}),
        ("capacity is not given. Give read", {"billing_mode": "PROVISIONED", "read_capacity_units": 1}),
        ("read_capacity_units would be ignored", {"read_capacity_units": 1}),
        ("write_capacity_units would be ignored", {"write_capacity_units": 1}),
    ):
        refused(message, lambda given=given: Doc.create_table(**given), InvalidRequestError)
    assert not Doc.exists()
    Doc.create_table(True, 2, 3, "PROVISIONED", True)
    described = Doc.describe_table()["ProvisionedThroughput"]
    assert (2, 3) == (described["ReadCapacityUnits"], described["WriteCapacityUnits"])
    assert "ttl" == time_to_live()
    set_time_to_live("ttl", enabled=False)
    set_time_to_live("other", enabled=True)
    SurfaceTable.create_table(ignore_update_ttl_errors=True)
    refused("expire by 'other'", SurfaceTable.create_table)


@of("update_ttl", "ignore_update_ttl_errors")
def check_update_ttl():
    set_time_to_live("ttl", enabled=False)
    assert time_to_live() is None
    Doc.update_ttl(False)
    assert "ttl" == time_to_live()
    with inject(SurfaceTable) as injected:
        SurfaceTable.update_ttl()
    assert ["DescribeTimeToLive"] == injected.calls
    set_time_to_live("ttl", enabled=False)
    set_time_to_live("other", enabled=True)
    message = r"expire by 'other'.*declares 'ttl'.*Declare Expiry\(attr_name='other'\).*one change an hour"
    refused(message, lambda: SurfaceTable.update_ttl(ignore_update_ttl_errors=False))
    SurfaceTable.update_ttl(ignore_update_ttl_errors=True)
    assert "other" == time_to_live()


# --- the catalog, after all checks are registered ---------------------------------------------


def test_every_public_name_has_a_check():
    """A name that PynamoDB adds or removes fails here: decide whether it works or is refused, and add a check."""
    assert {name for name in dir(Model) if not name.startswith("_")} == set(CHECKS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_parameter_is_checked(name):
    """A parameter that PynamoDB adds or removes also fails here."""
    member = getattr(Model, name)
    names = set() if isinstance(member, type) else set(signature(member).parameters) - {"self"}
    assert names == PARAMETERS[name]


@pytest.mark.usefixtures("surface")
@pytest.mark.parametrize("name", sorted(CHECKS))
def test_it_works_or_is_refused(name):
    CHECKS[name]()


def test_a_table_without_an_expiry_has_no_time_to_live():
    class Bare(Table):
        class Meta:
            table_name = "bare"

    class Thing(Bare, discriminator="THING"):
        ident = UnicodeAttribute()
        key = Key(pk="T#{ident}", sk="T")

    with embedded(Bare):
        refused("no entity of the table has an Expiry. Declare an expiry", lambda: Thing.update_ttl(True))


@pytest.mark.usefixtures("surface")
def test_a_failed_update_of_the_time_to_live_is_logged_if_it_is_ignored(caplog):
    set_time_to_live("ttl", enabled=False)
    with caplog.at_level(logging.INFO, "singletable"), inject(SurfaceTable, Throttling(rate=1.0)):
        refused("throttled", SurfaceTable.update_ttl)
        SurfaceTable.update_ttl(True)
    assert "The time to live of surface is not on: DescribeTimeToLive" in caplog.text


# --- Meta -----------------------------------------------------------------------------------

OPTIONS = {
    "table_name": "meta",
    "read_capacity_units": 2,
    "write_capacity_units": 3,
    "region": "eu-central-1",
    "host": "http://127.0.0.1:1",
    "connect_timeout_seconds": 2,
    "read_timeout_seconds": 3,
    "max_retry_attempts": 5,
    "max_pool_connections": 6,
    "extra_headers": {"x-team": "shop"},
    "aws_access_key_id": "id",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "billing_mode": "PROVISIONED",
    "tags": {"team": "shop"},
    "stream_view_type": "NEW_IMAGE",
}
"""A value for each option of PynamoDB's Meta."""


def table_with(**options):
    return type(Table)("MetaTable", (Table,), {"Meta": type("Meta", (), {"table_name": "meta", **options})})


def test_every_option_of_meta_is_known():
    """An option that PynamoDB adds fails here: decide whether it is supported or refused."""
    assert set(MetaProtocol.__annotations__) == set(OPTIONS)


def test_every_option_of_meta_holds():
    table = table_with(**OPTIONS)
    bound = table.bound()
    assert ("meta", "eu-central-1", "http://127.0.0.1:1") == (bound.table_name, bound.region, bound.endpoint_url)
    assert (2, 3, 6, 6) == (bound.connect_timeout, bound.read_timeout, bound.max_attempts, bound.max_connections)
    assert ({"x-team": "shop"}, ("id", "secret", "token")) == (bound.extra_headers, bound.credentials)
    with embedded(table, create=False), inject(table) as injected:
        table.create_table(wait=True)
        described = table.describe_table()
    assert "CreateTable" in injected.calls
    throughput = described["ProvisionedThroughput"]
    assert (2, 3) == (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"])
    assert "NEW_IMAGE" == described["StreamSpecification"]["StreamViewType"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_backoff_ms": 50}, "Meta.base_backoff_ms has no effect.*max_attempts = 4"),
        ({"request_timeout_seconds": 5}, "Meta.request_timeout_seconds has no effect.*read_timeout = 30"),
        ({"retry_configuration": {}}, "Meta.retry_configuration has no effect.*max_attempts = 4"),
        ({"session_cls": dict}, "Meta.session_cls has no effect.*session ="),
        ({"read_capacity_units": 5}, "read_capacity_units would be ignored.*PROVISIONED"),
        ({"write_capacity_units": 5}, "write_capacity_units would be ignored.*PROVISIONED"),
        ({"billing_mode": "FREE"}, "billing_mode is 'FREE'. Use"),
        ({"stream_view_type": "ALL"}, "stream_view_type is 'ALL'"),
    ],
)
def test_an_option_without_effect_is_refused(options, message):
    refused(message, lambda: table_with(**options), DeclarationError)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_option_of_the_table_is_refused_on_an_entity(name):
    table = table_with()

    def entity(value):
        body = {
            "Meta": type("Meta", (), {name: value}),
            "ident": UnicodeAttribute(),
            "key": Key(pk="T#{ident}", sk="T"),
        }
        return type(table)("Thing", (table,), body, discriminator="THING")

    if name != "table_name":
        refused(f"Meta.{name} has no effect on an entity.*Move {name}", lambda: entity(OPTIONS[name]), DeclarationError)
    # An entity may repeat the table's own value.
    entity(getattr(table.Meta, name, None))
