"""Declared keys: make composite keys from an entity's `Key` declarations, and check them when the class is created."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute

from singletable.errors import DeclarationError
from singletable.keys import CompositeKey, Source, encoding_for, parse_template
from singletable.keys.encoding import EncodingError
from singletable.keys.text import plain
from singletable.models.declare.key import Key
from singletable.models.declare.key_values import key_kind, to_key
from singletable.models.declare.storing import class_name
from singletable.models.schema.layout import PRIMARY, TableLayout

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["composite_keys", "key_declarations", "refuse_wavering"]


def key_declarations(entity: type[Table]) -> dict[str, tuple[Key, type]]:
    """Return the keys of a class and of its bases, each with the class that declares it.

    The nearest declaration takes precedence, and None removes an inherited key.

    Raises:
        DeclarationError: The class has no primary key.
    """
    declared = dict(_declarations(entity))
    if PRIMARY not in declared:
        raise DeclarationError(
            "The entity has no primary key.",
            remedy=f'Declare one: {PRIMARY} = Key(pk="{entity.__name__.upper()}#{{...}}", sk="...").',
            rule="ST106",
        )
    return declared


def composite_keys(
    entity: type[Table],
    declared: Mapping[str, tuple[Key, type]],
    discriminator: str,
    attributes: Mapping[str, Attribute[Any]],
    sources: Mapping[str, Source],
    layout: TableLayout,
) -> dict[str, CompositeKey]:
    """Return the composite keys of an entity, by name.

    Raises:
        DeclarationError: A key breaks a rule, or two keys conflict.
    """
    primary = declared[PRIMARY][0]
    workshop = _Workshop(
        entity=entity,
        attributes=attributes,
        sources=sources,
        layout=layout,
        fixed={
            layout.partition_name: primary.pk,
            layout.sort_name: primary.sk,
            layout.type_name: discriminator.replace("{", "{{").replace("}", "}}"),
        },
    )
    keys = {name: _composite(workshop, name, key) for name, (key, _) in declared.items()}
    _refuse_nullable_key(keys[PRIMARY], sources)
    _refuse_lone_projection(keys[PRIMARY])
    _check_one_key_per_index(keys)
    _check_shared_attributes(keys, layout)
    return keys


@attrs.frozen(eq=False)
class _Workshop:
    """The inputs from which the keys of an entity are made.

    Args:
        entity: The class.
        attributes: Its attributes.
        sources: The attributes that can be part of a key.
        layout: Its table's layout.
        fixed: The templates of stored attributes that every item of the table has.
    """

    entity: type[Table]
    attributes: Mapping[str, Attribute[Any]]
    sources: Mapping[str, Source]
    layout: TableLayout
    fixed: Mapping[str | None, str | None]


def _declarations(entity: type[Table]) -> Iterator[tuple[str, tuple[Key, type]]]:
    seen: set[str] = set()
    for owner in entity.__mro__:
        for name, value in vars(owner).items():
            if name in seen:
                continue
            if isinstance(value, Key):
                yield name, (value, owner)
            seen.add(name)


def _composite(workshop: _Workshop, name: str, key: Key) -> CompositeKey:
    layout, sources = workshop.layout, workshop.sources
    for half, text in (("pk", key.pk), ("sk", key.sk)):
        if text is not None and not isinstance(text, str):
            raise DeclarationError(
                f"{name}: {half} is a {type(text).__name__}, not a template.",
                remedy='Write a template: "USER#{user_id}".',
                rule="ST105",
            )
    if not isinstance(key.when, Mapping):
        raise DeclarationError(
            f"{name}: when= is a {type(key.when).__name__}, not a mapping.",
            remedy='Write when={"status": "PAID"}.',
            rule="ST109",
        )
    index = _index_name(name, key, layout, workshop.entity)
    partition_text, sort_text = key.pk, key.sk
    if index is not None:
        partition_text = _fixed(name, "pk", key.pk, layout.names_at(index)[0], workshop.fixed)
        sort_text = _fixed(name, "sk", key.sk, layout.names_at(index)[1], workshop.fixed)
    if partition_text is None:
        raise DeclarationError(f"{name}: the key has no pk.", remedy="Give pk a template.", rule="ST106")
    wants_sort = layout.names_at(index)[1] is not None
    if wants_sort != (sort_text is not None):
        where = f"the index {index}" if index else "the table"
        raise DeclarationError(
            f"{name}: {where} has {'a' if wants_sort else 'no'} sort key, but the key has"
            f" {'no' if wants_sort else 'an'} sk.",
            remedy="Give sk a template." if wants_sort else "Leave sk out.",
            rule="ST106",
            index=index,
        )
    if key.when and index is not None and set(layout.names_at(index)) <= {*workshop.fixed, None}:
        raise DeclarationError(
            f"{name}: every item has all key attributes of the index {index}, so when= cannot keep an item out of it.",
            remedy="Leave when= out, or give the index its own key attribute.",
            rule="ST109",
            index=index,
        )
    _refuse_unusable(key, sources, workshop.attributes)
    partition = parse_template(partition_text, sources, raw=layout.raw)
    sort = None if sort_text is None else parse_template(sort_text, sources, raw=layout.raw, sort_key=True)
    return CompositeKey(name, index, partition, sort, _when(name, key, workshop.attributes), workshop.entity.__name__)


def _fixed(
    name: str, half: str, given: str | None, stored: str | None, fixed: Mapping[str | None, str | None]
) -> str | None:
    """Return the template of an index's key attribute that the table already has: its own key, or the discriminator."""
    if stored not in fixed:
        return given
    if given not in (None, fixed[stored]):
        raise DeclarationError(
            f"{name}: the index shares {stored!r} with the table.", remedy=f"Leave {half} out.", rule="ST106"
        )
    return fixed[stored]


def _index_name(name: str, key: Key, layout: TableLayout, entity: type[Table]) -> str | None:
    if key.index is None:
        if name != PRIMARY:
            raise DeclarationError(
                f"The key {name!r} has no index, and is not the primary key, whose name is {PRIMARY!r}.",
                remedy=f"Add index=..., or name it {PRIMARY!r}.",
                rule="ST106",
            )
        return None
    if name == PRIMARY:
        raise DeclarationError(
            f"The primary key {PRIMARY!r} names an index.", remedy="Give the index key another name.", rule="ST106"
        )
    index: Any = key.index
    found: str = index if isinstance(index, str) else getattr(getattr(index, "Meta", None), "index_name", repr(index))
    if found not in layout.indexes:
        known = ", ".join(layout.indexes) or "none"
        raise DeclarationError(
            f"{name}: {found!r} is not an index of {entity._table_class().__name__}.",
            remedy=f"Declare it on the table class. It has: {known}.",
            rule="ST107",
            index=found,
        )
    return plain(found)


def _refuse_unusable(key: Key, sources: Mapping[str, Source], attributes: Mapping[str, Attribute[Any]]) -> None:
    """Refuse a field whose attribute exists but cannot be part of a key; `parse_template` would call it unknown."""
    named: list[str | None] = []
    for text in (key.pk, key.sk):
        # `parse_template` reports a malformed template.
        with contextlib.suppress(ValueError):
            named += [name for _, name, _, _ in Formatter().parse(text or "")]
    for name in named:
        if name is not None and name in attributes and name not in sources:
            raise DeclarationError(
                f"{{{name}}}: a {class_name(attributes[name])} cannot be part of a key.",
                remedy="Keys take texts, numbers, datetimes, dates, UUIDs, bools, bytes and enumerations. Your own"
                " attribute class names its kind of values as key_kind.",
                rule="ST105",
                attribute=name,
            )


def _when(name: str, key: Key, attributes: Mapping[str, Attribute[Any]]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    conditions = []
    for attribute, allowed in key.when.items():
        if attribute not in attributes or key_kind(attributes[attribute]) is None:
            fault = (
                f"which is a {class_name(attributes[attribute])}: a key cannot depend on it"
                if attribute in attributes
                else "but the entity has no such attribute"
            )
            raise DeclarationError(
                f"{name}: when= names {attribute!r}, {fault}.",
                remedy=f"Use one of: {', '.join(each for each in attributes if key_kind(attributes[each]))}.",
                rule="ST109" if attribute in attributes else "ST101",
                attribute=attribute,
            )
        if isinstance(allowed, (set, frozenset)):
            # A set has no order for a description to keep.
            allowed = sorted(allowed, key=str)
        values = tuple(allowed) if isinstance(allowed, (tuple, list)) else (allowed,)
        if not values:
            raise DeclarationError(
                f"{name}: when= has no value for {attribute!r}.", remedy="Give at least one value.", rule="ST109"
            )
        try:
            conditions.append((attribute, tuple(_allowed(attributes[attribute], value) for value in values)))
        except (ArithmeticError, AttributeError, EncodingError, TypeError, ValueError):
            choices = getattr(attributes[attribute], "choices", ())
            raise DeclarationError(
                f"{name}: when= has a value that {attribute!r} cannot have: {', '.join(map(repr, values))}.",
                remedy=f"It has: {', '.join(choices)}."
                if choices
                else "Give values of the attribute's type that are not empty.",
                rule="ST109",
                attribute=attribute,
            ) from None
    if conditions and key.index is None:
        raise DeclarationError(
            f"{name}: the primary key cannot depend on a condition.",
            remedy="Use when= only for index keys.",
            rule="ST109",
        )
    return tuple(conditions)


def _allowed(attribute: Attribute[Any], value: Any) -> Any:
    """Return a value of when= in the form that is compared; the attribute must be able to hold it, also in a key."""
    kind = key_kind(attribute)
    assert kind is not None
    stored = to_key(attribute, attribute.deserialize(attribute.serialize(value)))
    encoding_for(Source(kind, tuple(getattr(attribute, "choices", ()))), "").encode(stored)
    return stored


def _refuse_nullable_key(primary: CompositeKey, sources: Mapping[str, Source]) -> None:
    for name in primary.attributes:
        if sources[name].nullable:
            raise DeclarationError(
                f"The primary key uses {name}, which may be None.",
                remedy="Remove null=True, or use another attribute: every item needs a primary key.",
                rule="ST102",
                attribute=name,
            )


def refuse_wavering(names: Iterable[str], attributes: Mapping[str, Attribute[Any]]) -> None:
    """Refuse a source of a key or an expiry that may be removed and is then read as its default.

    Raises:
        DeclarationError: An attribute has both null=True and default=.
    """
    for name in names:
        if attributes[name].null and attributes[name].default is not None:
            raise DeclarationError(
                f"{name} has null=True and default=, and a key or an expiry depends on it: after it is removed from an"
                " item, instances read the default.",
                remedy="Remove one of the two; default_for_new= applies only to new instances.",
                rule="ST112",
                attribute=name,
            )


def _refuse_lone_projection(primary: CompositeKey) -> None:
    for name in primary.attributes:
        if name not in primary.recoverable:
            raise DeclarationError(
                f"The primary key holds {name} only as a bucket or a shard, so two values could give the same key.",
                remedy=f"Also put {{{name}}} itself into the key, or leave it out.",
                rule="ST111",
                attribute=name,
            )


def _check_one_key_per_index(keys: Mapping[str, CompositeKey]) -> None:
    by_index: dict[str | None, str] = {}
    for name, key in keys.items():
        other = by_index.setdefault(key.index, name)
        if other != name:
            raise DeclarationError(
                f"Both {other} and {name} are keys of the index {key.index}, but an item has only one key in an index.",
                remedy="Use another index for one of them.",
                rule="ST106",
                index=key.index,
            )


def _check_shared_attributes(keys: Mapping[str, CompositeKey], layout: TableLayout) -> None:
    """Refuse keys of two indexes that share a stored attribute and derive different texts for it."""
    written: dict[str, tuple[str, Any]] = {}
    for name, key in keys.items():
        for stored, template in zip(layout.names_at(key.index), (key.partition, key.sort), strict=True):
            own = (layout.partition_name, layout.sort_name, layout.type_name)
            if stored is None or template is None or stored in own:
                continue
            mine = (template.segments, key.when, frozenset(key.sources))
            other, theirs = written.setdefault(stored, (name, mine))
            if theirs != mine:
                raise DeclarationError(
                    f"{other} and {name} are on indexes that share the stored attribute {stored!r}, but derive"
                    " different texts for it.",
                    remedy="Give one of the indexes another attr_name, or both keys the same template and condition.",
                    rule="ST106",
                    index=key.index,
                )
