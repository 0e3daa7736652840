"""A faster serializer for the answers of moto's DynamoDB, which only handles the members that a value has.

For each value of an item, moto's own serializer looks for all ten members of an `AttributeValue`, each under several
names. That takes three quarters of the time of a query that returns 20 items. A value that is a plain dictionary of
members does not have other members, and their names are final.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["serialize_quickly"]

_SERVICES = ("dynamodb", "dynamodbstreams")


def serialize_quickly() -> None:
    """Make moto serialize the answers of DynamoDB with `quick_serializer()`, in the whole process.

    The answers stay the same, also those of `mock_aws()`. A version of moto without a registry of serializers, or with
    its own serializer for DynamoDB, is not changed.
    """
    try:
        from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS
    except ImportError:
        return
    for service in _SERVICES:
        SERVICE_SPECIFIC_SERIALIZERS.setdefault(service, {}).setdefault("json", quick_serializer())


@lru_cache(maxsize=1)
def quick_serializer() -> type[Any]:
    """Return moto's JSON serializer with a short path for the values of items."""
    from moto.core.serialize import JSONSerializer

    class QuickSerializer(JSONSerializer):
        def _serialize_type_structure(self, serialized: Any, value: Any, shape: Any, key: str) -> None:
            members = shape.members
            if shape.name == "AttributeValue" and type(value) is dict and value.keys() <= members.keys() and key:
                wrapper: dict[str, Any] = {}
                for name, content in value.items():
                    if content is not None:
                        self._serialize(wrapper, content, members[name], name)
                self._default_serialize(serialized, wrapper, shape, key)
            else:
                super()._serialize_type_structure(serialized, value, shape, key)

    return QuickSerializer
