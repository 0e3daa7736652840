"""`key_invariants(ShopTable)` and `check_pattern(pattern)`: tests of the keys and of the access patterns of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singletable.errors import CursorError
from singletable.keys import SEPARATOR, CompositeKey
from singletable.models import Table
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import PRIMARY
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.patterns import AccessPattern, draw_arguments, requests_of
from singletable.requests import Query
from singletable.testing.oracle import agrees, fingerprint, identity_of
from singletable.testing.strategies.instances import entities

__all__ = ["check_pattern", "key_invariants"]

_LARGEST_PAGE = 3


def key_invariants(table: type[Table], **given_strategies: Mapping[str, st.SearchStrategy[Any]]) -> Callable[..., None]:
    """Return the property tests of a table's keys: `test_keys = key_invariants(ShopTable)`.

    They check every key of every entity on pairs of instances drawn by `entities`: different values never have the same
    key (injective), parsing a key returns its values (round trip), sort keys have the order of their values (order),
    and no partition key is a prefix of another one up to a separator (prefix). Each key gets a fifth of the examples of
    your Hypothesis profile.

    Args:
        table: The table class.
        given_strategies: Strategies for attributes that need their own, by entity:
            `Review={"rating": st.integers(1, 5)}`.
    """
    schemas = sorted(table_schema(table).entities.values(), key=lambda schema: schema.name)
    cases = [
        pytest.param(schema.entity, name, id=f"{schema.name}.{name}") for schema in schemas for name in schema.keys
    ]

    @pytest.mark.parametrize(("entity", "name"), cases)
    # A slow machine must not fail the test.
    @settings(max_examples=max(1, settings().max_examples // 5), deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_keys(entity: type[Table], name: str, data: st.DataObject) -> None:
        drawn = entities(entity, **given_strategies.get(entity.__name__, {}))
        one, other = data.draw(drawn), data.draw(drawn)
        # Some attributes are made equal, because faults are most likely between similar keys.
        schema = entity_schema(entity)
        key = schema.keys[name]
        shared = data.draw(st.sets(st.sampled_from(sorted(key.sources)))) if key.sources else set()
        for each in shared:
            setattr(other, each, getattr(one, each))
        check_key(key, schema.key_values(one), schema.key_values(other))
        for each_one in (one, other):
            check_conversions(schema, key, each_one)
        if name == PRIMARY:
            check_identity(schema, one, other)

    test_keys.__doc__ = f"Keys of {table.__name__} are injective, parsed back and ordered; none is a prefix of another."
    made: Callable[..., None] = test_keys
    return made


def check_key(key: CompositeKey, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Assert the promises of a key on the values of two items."""
    first, second = key.derive(one), key.derive(other)
    if first is None or second is None:
        return
    kept = key.recoverable
    mine, theirs = ({name: values[name] for name in kept} for values in (one, other))
    for built, values in ((first, mine), (second, theirs)):
        assert key.parse(*built) == values, f"{key.label}: not parsed back"
    # Only buckets and shards may be equal for different values.
    assert mine == theirs or first != second, f"{key.label}: not injective"
    assert key.pick(one) != key.pick(other) or first == second, f"{key.label}: one value, two keys"
    if key.sort is not None and first[0] == second[0]:
        names = key.sort.recoverable
        tuples = [tuple(values[name] for name in names) for values in (one, other)]
        texts = [str(built[1]).encode() for built in (first, second)]
        if not any(field.encoding.projection for field in key.sort.fields):
            assert (tuples[0] < tuples[1]) == (texts[0] < texts[1]), f"{key.label}: not in the order of the values"
    if first[0] != second[0]:
        for a, b in ((first[0], second[0]), (second[0], first[0])):
            assert not a.startswith(b + SEPARATOR) or len(key.partition.fields) == 0, f"{key.label}: a prefix"


def check_conversions(schema: EntitySchema, key: CompositeKey, entity: Table) -> None:
    """Assert that `from_key` undoes `to_key`, for the attributes of a key whose classes have both."""
    values = schema.key_values(entity)
    for name in key.recoverable:
        if values[name] is not None and hasattr(schema.attributes[name], "from_key"):
            again = schema.to_keys(schema.from_keys({name: values[name]}))[name]
            assert again == values[name], f"{key.label}: from_key() of {name} does not undo its to_key()"


def check_identity(schema: EntitySchema, one: Table, other: Table) -> None:
    """Assert that items with equal primary keys have equal stored values in it, so that no item replaces another one.

    The encodings of keys are checked on the values that `to_key` returns; this checks the values that it is given.
    """
    texts = [schema.primary.derive(schema.key_values(each)) for each in (one, other)]
    assert texts[0] != texts[1] or identity_of(one) == identity_of(other), (
        f"{schema.primary.label}: not injective, since to_key() makes different values of an attribute alike"
    )


def check_pattern(pattern: AccessPattern[..., Any], stored: Iterable[Table] | None = None, **arguments: Any) -> int:
    """Run an access pattern, and compare its answer with the expected one, which is computed without keys.

    The items, their count and the sequence of pages must agree. A cursor must be refused for another tenant and in the
    other direction. The expected answer follows from the pattern's request. If the pattern makes a request that does
    not fit its name, only a test of yours with an example can find that.

    Args:
        pattern: The access pattern.
        stored: All items of the table; None reads them by a scan.
        arguments: The arguments of the pattern; without any, they are drawn from the stored items.

    Returns:
        The number of items in the answer; 0 if no arguments can be drawn from the stored items.

    Raises:
        AssertionError: An answer is wrong; the message describes the fault.
    """
    everything = list(pattern.table.scan(consistent=True) if stored is None else stored)
    drawn = arguments or draw_arguments(pattern, everything)
    if drawn is None:
        return 0
    count = 0
    for request in requests_of(pattern, pattern(**drawn)):
        answer = request.all()
        wrong = agrees(request, answer, everything)
        assert wrong is None, f"{pattern.name}: the answer to {request!r} is wrong: {wrong}"
        count += len(answer)
        if isinstance(request, Query) and request.limit is None:
            assert request.count() == len(answer), (
                f"{pattern.name}: {request!r} has {len(answer)} items, and its count() is {request.count()}"
            )
            _check_pages(pattern, request, answer)
    return count


def _check_pages(pattern: AccessPattern[..., Any], request: Query[Any], answer: list[Table]) -> None:
    found: list[Table] = []
    cursor: str | None = None
    # An answer of two or more items has at least two pages, so that a cursor is used.
    size = max(1, min(_LARGEST_PAGE, len(answer) - 1))
    while True:
        page = request.page(size, cursor, context="one tenant")
        found += page
        cursor = page.cursor
        if cursor is None:
            break
        with pytest.raises(CursorError):
            request.page(size, cursor, context="another tenant")
        with pytest.raises(CursorError):
            attrs.evolve(request, descending=not request.descending).page(size, cursor, context="one tenant")
    only = request.target.place.only
    pages, whole = ([fingerprint(each, only) for each in entities] for entities in (found, answer))
    assert pages == whole, f"{pattern.name}: the pages differ from the whole answer"
