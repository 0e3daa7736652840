"""The frozen description of a table, which checks, migrations, infrastructure and docs read.

Descriptions can be compared and converted to JSON and back:
`TableDescription.from_dict(description.to_dict()) == description`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute

from singletable.keys import CompositeKey, Encoding, Source, Template, ValueKind, encoding_for, parse_template
from singletable.models.declare.attributes import EnumAttribute
from singletable.models.declare.expiry import ExpiryRule
from singletable.models.declare.key_values import is_standard
from singletable.models.declare.timestamps import UpdatedAtAttribute
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import IndexLayout, TableLayout
from singletable.models.schema.table_schema import table_schema

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = [
    "AttributeDescription",
    "EntityDescription",
    "TableDescription",
    "describe",
]


@attrs.frozen
class AttributeDescription:
    """One declared attribute.

    Args:
        name: Its Python name.
        stored_name: Its name in the item.
        type: DynamoDB's type: `S`, `N`, `B`, `BOOL`, `M`, `L`, ...
        kind: The kind of its values in keys; None if it cannot be part of a key.
        nullable: Whether an item may lack it.
        choices: All values of an enumeration.
        personal: Whether its values must never be shown.
        standard: Whether it is stored as the framework's own attribute class of its kind stores values. Only then
            can code that does not import the model read it.
        default: The stored value that replaces a missing one when an item is read, such as `{"S": "NEW"}`; None if
            there is no default, or if it is computed each time.
        required: Whether an item without it cannot be read: it is not nullable and has no default of any kind.
    """

    name: str
    stored_name: str
    type: str
    kind: str | None
    nullable: bool
    choices: tuple[str, ...] = ()
    personal: bool = False
    standard: bool = True
    default: Mapping[str, Any] | None = None
    required: bool = False

    @property
    def source(self) -> Source | None:
        """The facts about the attribute that templates need; None if it cannot be part of a key."""
        if self.kind is None:
            return None
        return Source(ValueKind(self.kind), self.choices, self.nullable, self.personal)


@attrs.frozen
class EntityDescription:
    """One entity.

    Args:
        name: The class's name.
        discriminator: The entity type that its items store.
        attributes: Its declared attributes, by name.
        keys: Its keys: the primary key first, then the index keys by name.
        expiry: The rule by which its items expire; None if they do not expire.
        shares_keys_with: Names of the entities whose primary key it inherited, or that inherited its primary key.
        stamp: The stored attribute that every write sets to the current time; None if it has none.
    """

    name: str
    discriminator: str
    attributes: tuple[AttributeDescription, ...]
    keys: tuple[CompositeKey, ...]
    expiry: ExpiryRule | None = None
    shares_keys_with: tuple[str, ...] = ()
    stamp: str | None = None

    @property
    def primary(self) -> CompositeKey:
        """The primary key."""
        return self.keys[0]

    def attribute(self, name: str) -> AttributeDescription:
        """Return the attribute with this Python name."""
        return next(each for each in self.attributes if each.name == name)


@attrs.frozen
class TableDescription:
    """A table with its indexes and entities.

    Args:
        name: The table class's name; the table's name in DynamoDB depends on the binding.
        partition_name: The stored attribute of the partition key.
        sort_name: The stored attribute of the sort key.
        type_name: The stored attribute that holds an item's entity type.
        key_encoding: `escaped`, or `raw` if keys hold values as they are.
        indexes: Its indexes, by name.
        entities: Its entities, by discriminator.
        ttl: The stored attribute of the time to live; None if no entity expires.
        stream: The view type of the table's stream (`Meta.stream_view_type`); None for no stream.
    """

    name: str
    partition_name: str
    sort_name: str
    type_name: str
    key_encoding: str
    indexes: tuple[IndexLayout, ...]
    entities: tuple[EntityDescription, ...]
    ttl: str | None = None
    stream: str | None = None

    @property
    def global_indexes(self) -> tuple[IndexLayout, ...]:
        """The table's global indexes, which have their own capacity."""
        return tuple(index for index in self.indexes if not index.local)

    def entity(self, name: str) -> EntityDescription:
        """Return the entity with this class name."""
        return next(each for each in self.entities if each.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data that JSON can hold."""
        return {
            **attrs.asdict(self, filter=lambda field, _: field.name not in ("entities", "indexes")),
            "indexes": [{**attrs.asdict(index), "included": list(index.included)} for index in self.indexes],
            "entities": [_entity_to_dict(entity) for entity in self.entities],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableDescription:
        """Return the description from the data that `to_dict` returned."""
        raw = data["key_encoding"] == "raw"
        indexes = tuple(IndexLayout(**{**each, "included": tuple(each["included"])}) for each in data["indexes"])
        entities = tuple(_entity_from_dict(each, raw=raw) for each in data["entities"])
        return cls(**{**data, "indexes": indexes, "entities": entities})


def describe(table: type[Table]) -> TableDescription:
    """Return the description of a table class."""
    layout: TableLayout = table_schema(table).layout
    schemas = table_schema(table).entities
    expiries = [schema.expiry for schema in schemas.values() if schema.expiry]
    return TableDescription(
        name=table.__name__,
        partition_name=layout.partition_name,
        sort_name=layout.sort_name,
        type_name=layout.type_name,
        key_encoding="raw" if layout.raw else "escaped",
        indexes=tuple(layout.indexes.values()),
        entities=tuple(_entity(schemas[each], schemas) for each in sorted(schemas)),
        ttl=expiries[0].stored_name if expiries else None,
        stream=getattr(table.Meta, "stream_view_type", None),
    )


def _entity(schema: EntitySchema, schemas: Mapping[str, EntitySchema]) -> EntityDescription:
    attributes = []
    for name in sorted(schema.attributes):
        attribute, source = schema.attributes[name], schema.sources.get(name)
        attributes.append(
            AttributeDescription(
                name=name,
                stored_name=attribute.attr_name,
                type=attribute.attr_type,
                kind=source.kind.value if source else None,
                nullable=bool(attribute.null),
                choices=source.choices if source else (),
                personal=schema.is_personal(name),
                standard=is_standard(attribute),
                default=_default(attribute),
                required=not attribute.null and attribute.default is None,
            )
        )
    others = sorted(name for name in schema.keys if name != "key")
    # Entities with a key of an abstract base do not share keys. An entity shares its keys with its subclasses.
    owner, everyone = schema.key_owner, schemas.values()
    family = tuple(
        sorted(
            other.name
            for other in everyone
            if other is not schema and other.key_owner is owner and any(owner is e.entity for e in everyone)
        )
    )
    return EntityDescription(
        name=schema.name,
        discriminator=schema.discriminator,
        attributes=tuple(attributes),
        keys=(schema.primary, *(schema.keys[name] for name in others)),
        expiry=schema.expiry,
        shares_keys_with=family,
        stamp=next(
            (each.attr_name for each in schema.attributes.values() if isinstance(each, UpdatedAtAttribute)), None
        ),
    )


def _default(attribute: Attribute[Any]) -> dict[str, Any] | None:
    """Return the stored default of an attribute; None for a function, which may return another value each time."""
    default = attribute.default
    if isinstance(attribute, EnumAttribute) and isinstance(default, partial):
        default = default()  # EnumAttribute keeps a member as a partial, which always returns the same value
    if default is None or callable(default):
        return None
    return {attribute.attr_type: attribute.serialize(default)}


def _entity_to_dict(entity: EntityDescription) -> dict[str, Any]:
    return {
        "name": entity.name,
        "discriminator": entity.discriminator,
        "attributes": [{**attrs.asdict(each), "choices": list(each.choices)} for each in entity.attributes],
        "keys": [
            {
                "name": key.name,
                "index": key.index,
                "pk": key.partition.text,
                "sk": key.sort.text if key.sort else None,
                "when": {name: [_plain(entity, name).encode(each) for each in values] for name, values in key.when},
                "fields": _fields(key),
            }
            for key in entity.keys
        ],
        "expiry": attrs.asdict(entity.expiry) if entity.expiry else None,
        "shares_keys_with": list(entity.shares_keys_with),
        "stamp": entity.stamp,
    }


def _plain(entity: EntityDescription, name: str) -> Encoding:
    """Return the encoding of a value of `when` in JSON: as key text without a width."""
    source = entity.attribute(name).source
    assert source is not None
    return encoding_for(source, "")


def _fields(key: CompositeKey) -> dict[str, str]:
    """Return the format of each field of a key, for people who read the JSON."""
    return {str(field): field.encoding.describe for template in key.templates for field in template.fields}


def _entity_from_dict(data: Mapping[str, Any], *, raw: bool) -> EntityDescription:
    attributes = tuple(
        AttributeDescription(**{**each, "choices": tuple(each["choices"])}) for each in data["attributes"]
    )
    sources = {each.name: each.source for each in attributes if each.source}
    return EntityDescription(
        name=data["name"],
        discriminator=data["discriminator"],
        attributes=attributes,
        keys=tuple(_key_from_dict(each, sources, data["name"], raw=raw) for each in data["keys"]),
        expiry=ExpiryRule(**data["expiry"]) if data["expiry"] else None,
        shares_keys_with=tuple(data["shares_keys_with"]),
        stamp=data["stamp"],
    )


def _key_from_dict(data: Mapping[str, Any], sources: Mapping[str, Any], owner: str, *, raw: bool) -> CompositeKey:
    sort: Template | None = None
    if data["sk"] is not None:
        sort = parse_template(data["sk"], sources, raw=raw, sort_key=True)
    when = tuple(
        (name, tuple(encoding_for(sources[name], "").decode(each) for each in values))
        for name, values in data["when"].items()
    )
    return CompositeKey(data["name"], data["index"], parse_template(data["pk"], sources, raw=raw), sort, when, owner)
