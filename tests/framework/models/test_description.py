"""The description: frozen, comparable, convertible to and from JSON, and without internals of the metaclass."""

import json

import attrs
import pytest

from singletable.models import TableDescription
from tests.framework.app import AppTable


def test_json_round_trip():
    """The description that checks and migrations read can be stored as JSON."""
    described = AppTable.describe()
    assert described == TableDescription.from_dict(json.loads(json.dumps(described.to_dict())))


def test_what_it_says():
    """It has the table, indexes, entities, keys with the encodings of their fields, expiry and personal attributes."""
    described = AppTable.describe()
    assert (described.partition_name, described.sort_name, described.type_name) == ("PK", "SK", "entityType")
    assert [(index.name, index.projection) for index in described.indexes] == [
        ("GSI1", "ALL"),
        ("GSI2", "KEYS_ONLY"),
        ("GSI3", "INCLUDE"),
    ]
    assert described.ttl == "ttl"
    data = {entity["name"]: entity for entity in described.to_dict()["entities"]}
    urgent = next(key for key in data["Event"]["keys"] if key["name"] == "urgent")
    assert urgent == {
        "name": "urgent",
        "index": "GSI1",
        "pk": "LEVEL#{level}#{seq:shard(3)}",
        "sk": "{at}#{seq:06d}",
        "when": {"level": ["WARN", "ERROR"]},
        "fields": {
            "{level}": "choice of 3",
            "{seq:shard(3)}": "shard of 3",
            "{at}": "timestamp",
            "{seq:06d}": "integer of 6 digits",
        },
    }
    assert described.entity("Account").attribute("email").personal
    assert data["Event"]["expiry"] == {"after": "at", "days": 30, "stored_name": "ttl"}


def test_it_is_frozen():
    """Definitions are values."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        AppTable.describe().name = "other"
