"""Drift: the differences between a deployed table and its models, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from singletable.models.schema.description import TableDescription
from singletable.models.schema.layout import IndexLayout, described_indexes

__all__ = ["differences"]


def differences(
    description: TableDescription, table: Mapping[str, Any], ttl: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the differences between a table and its models; an empty list if they match.

    Args:
        description: The models.
        table: The description by DescribeTable.
        ttl: The description by DescribeTimeToLive; None if the server does not support time to live.
    """
    found = (
        _keys(description, table),
        _indexes(description, table),
        _ttl(description, ttl),
        _stream(description, table),
    )
    return [*chain.from_iterable(found)]


def _keys(description: TableDescription, table: Mapping[str, Any]) -> Iterator[str]:
    mine = _words_of((description.partition_name, description.sort_name))
    theirs = _key_of(table)
    if theirs != mine:
        yield f"The key of the table is {theirs}; in the models {mine}. A key never changes: migrate to a new table."
    for each in table.get("AttributeDefinitions", ()):
        if each["AttributeType"] != "S":
            fault = f"{each['AttributeName']} is of type {each['AttributeType']}"
            yield f"The key attribute {fault}; derived keys are text (S)."


def _indexes(description: TableDescription, table: Mapping[str, Any]) -> Iterator[str]:
    deployed = {index.name: (index, status) for index, status in described_indexes(table)}
    for index in description.indexes:
        if index.name not in deployed:
            yield f"The index {index.name} is missing."
            continue
        yield from _index(index, *deployed[index.name])
    known = {index.name for index in description.indexes}
    yield from (f"The index {name} is deployed, but no model has it." for name in deployed if name not in known)


def _index(index: IndexLayout, deployed: IndexLayout, status: str) -> Iterator[str]:
    if index.local != deployed.local:
        kinds = ("local", "global") if deployed.local else ("global", "local")
        yield f"The index {index.name} is {kinds[0]}; in the models {kinds[1]}."
    mine, theirs = (_words_of((each.partition_name, each.sort_name)) for each in (index, deployed))
    if mine != theirs:
        yield f"The key of the index {index.name} is {theirs}; in the models {mine}."
    declared, found = ((each.projection, frozenset(each.included)) for each in (index, deployed))
    if declared != found:
        deployed_as, declared_as = _projection(*found), _projection(*declared)
        yield f"The projection of the index {index.name} is {deployed_as}; in the models {declared_as}."
    if status != "ACTIVE":
        yield f"The index {index.name} is {status}."


def _ttl(description: TableDescription, ttl: Mapping[str, Any] | None) -> Iterator[str]:
    if ttl is None:
        return
    on = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    found = ttl.get("AttributeName") if on else None
    if found != description.ttl:
        yield f"Time to live is {_or_off(found)}; in the models {_or_off(description.ttl)}."


def _stream(description: TableDescription, table: Mapping[str, Any]) -> Iterator[str]:
    specification = table.get("StreamSpecification") or {}
    found = specification.get("StreamViewType") if specification.get("StreamEnabled") else None
    # If the models do not mention a stream, the infrastructure alone decides about it.
    if description.stream is not None and found != description.stream:
        yield f"The stream is {found or 'off'}; in the models {description.stream}."


def _key_of(described: Mapping[str, Any]) -> str:
    return _words_of(each["AttributeName"] for each in described["KeySchema"])


def _words_of(names: Any) -> str:
    return " and ".join(filter(None, names))


def _projection(kind: str | None, included: frozenset[str]) -> str:
    return f"{kind} ({', '.join(sorted(included))})" if included else str(kind)


def _or_off(name: str | None) -> str:
    return f"on {name}" if name else "off"
