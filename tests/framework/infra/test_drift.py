"""Drift: each possible difference of a deployed table has its sentence; a matching table has none."""

import attrs
import pytest

from models import ShopTable
from singletable.engine import embedded
from singletable.infra.drift import differences
from singletable.models.binding.binding import connection_of


@pytest.fixture
def deployed():
    """Return the descriptions of the shop's own table."""
    with embedded(ShopTable):
        client = connection_of(ShopTable).connection.client
        table = client.describe_table(TableName="shop")["Table"]
        ttl = client.describe_time_to_live(TableName="shop")["TimeToLiveDescription"]
    return table, ttl


def changed(table, **changes):
    return {**table, **changes}


def test_the_models_own_table_does_not_differ(deployed):
    assert differences(ShopTable.describe(), *deployed) == []


def index_of(table, name, **changes):
    indexes = [{**each, **(changes if each["IndexName"] == name else {})} for each in table["GlobalSecondaryIndexes"]]
    return changed(table, GlobalSecondaryIndexes=indexes)


def keys(*names):
    kinds = ("HASH", "RANGE")[: len(names)]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=True)]


CASES = {
    "another key": (
        lambda table: changed(table, KeySchema=keys("id")),
        "The key of the table is id; in the models PK and SK. A key never changes: migrate to a new table.",
    ),
    "a number in a key": (
        lambda table: changed(table, AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "N"}]),
        "The key attribute PK is of type N; derived keys are text (S).",
    ),
    "a missing index": (
        lambda table: changed(table, GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"][:2]),
        "The index GSI3 is missing.",
    ),
    "an index too many": (
        lambda table: changed(
            table,
            GlobalSecondaryIndexes=[
                *table["GlobalSecondaryIndexes"],
                {**table["GlobalSecondaryIndexes"][0], "IndexName": "GSI9"},
            ],
        ),
        "The index GSI9 is deployed, but no model has it.",
    ),
    "another key of an index": (
        lambda table: index_of(table, "GSI2", KeySchema=keys("GSI1PK", "GSI1SK")),
        "The key of the index GSI2 is GSI1PK and GSI1SK; in the models GSI2PK and GSI2SK.",
    ),
    "another projection": (
        lambda table: index_of(table, "GSI1", Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"]}),
        "The projection of the index GSI1 is INCLUDE (a, b); in the models ALL.",
    ),
    "an index in the making": (
        lambda table: index_of(table, "GSI1", IndexStatus="CREATING"),
        "The index GSI1 is CREATING.",
    ),
    "a local index": (
        lambda table: changed(
            table,
            GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"][1:],
            LocalSecondaryIndexes=table["GlobalSecondaryIndexes"][:1],
        ),
        "The index GSI1 is local; in the models global.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_difference_is_told(deployed, name):
    change, words = CASES[name]
    table, ttl = deployed
    table["GlobalSecondaryIndexes"].sort(key=lambda index: index["IndexName"])
    assert differences(ShopTable.describe(), change(table), ttl) == [words]


def test_time_to_live(deployed):
    table, _ = deployed
    off = {"TimeToLiveStatus": "DISABLED"}
    assert differences(ShopTable.describe(), table, off) == ["Time to live is off; in the models on ttl."]
    other = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    assert differences(ShopTable.describe(), table, other) == ["Time to live is on expires; in the models on ttl."]
    assert differences(ShopTable.describe(), table, None) == [], "the server has no time to live"


def test_a_stream_is_compared_where_the_models_name_one(deployed):
    table, ttl = deployed
    described = attrs.evolve(ShopTable.describe(), stream="NEW_IMAGE")
    assert differences(described, table, ttl) == ["The stream is NEW_AND_OLD_IMAGES; in the models NEW_IMAGE."]
    off = {**table, "StreamSpecification": {"StreamEnabled": False}}
    assert differences(described, off, ttl) == ["The stream is off; in the models NEW_IMAGE."]
