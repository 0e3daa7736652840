"""Codecs: for each entity class a function that reads its stored items, and a function that writes them.

Both are generated when the class is first used: straight-line code over its attributes, without a loop, a descriptor or
a lookup of the class's declarations. `source` returns the code. They handle only the usual case: each attribute has
the type that its model declares, and no required value is missing. In every other case they raise an arbitrary error,
and the slow path runs (`_read_carefully` and `_write_carefully` of `StoredItem`). It follows PynamoDB's own rules,
attribute by attribute, and reports the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute
from pynamodb.models import Model

from singletable.keys.generated import Names, generate, source_of
from singletable.keys.text import plain, quoted
from singletable.models.declare.storing import store
from singletable.models.items.attribute_source import getter, reading, set_default, writer
from singletable.models.schema.table_schema import table_schema
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.models.schema.entity_schema import EntitySchema

__all__ = ["Codec", "make_codec", "source"]


@attrs.frozen
class Codec:
    """The functions that read and write the items of one entity.

    Args:
        load: Returns an instance with the contents of a stored item.
        read: Replaces the contents of an instance by those of a stored item.
        write: Returns an instance as an item, with all derived attributes.
    """

    load: Callable[[Item], Any]
    read: Callable[[Any, Item], None]
    write: Callable[[Any], Item]


def source(entity: type[StoredItem]) -> str:
    """Return the code that is generated for an entity, as Python source: its keys, then its reader and its writer."""
    schema = entity._schema_of()
    codec = entity._codec()
    parts = [source_of(key.build) for key in schema.keys.values()]
    for function in (codec.read, codec.write):
        if function is entity._read_carefully:
            continue
        inner = (each for each in vars(function)["__objects__"].values() if hasattr(each, "__reads__"))
        parts += [*map(source_of, inner), source_of(function)]
    return "\n\n".join(dict.fromkeys(parts))


def make_codec(schema: EntitySchema, base: type[StoredItem]) -> Codec:
    """Return the codec of an entity.

    Args:
        schema: The schema of the entity.
        base: The class whose methods an entity inherits if it does not override them.
    """
    read, write = _reader(schema), _writer(schema)
    if schema.entity.__setattr__ is not base.__setattr__:
        # An overridden `__setattr__` must be called for every attribute that is set.
        read = schema.entity._read_carefully
    return Codec(_loader(schema.entity, read, base), read, write)


# --- reading ---------------------------------------------------------------------------


def _loader(
    entity: type[StoredItem], read: Callable[[Any, Item], None], base: type[StoredItem]
) -> Callable[[Item], Any]:
    def load_as_declared(item: Item) -> StoredItem:
        instance = entity(_user_instantiated=False)
        instance.deserialize(item)
        return instance

    def load(item: Item) -> StoredItem:
        instance = new(entity)
        try:
            read(instance, item)
            return instance
        except Exception:  # noqa: S110 - any class may raise anything; the slow path reports it
            pass
        instance = entity(_user_instantiated=False)
        instance._read_carefully(item)
        return instance

    new = entity.__new__
    own = (entity.__init__, entity.deserialize, entity._container_deserialize, entity.__setattr__, new)
    ours = (
        base.__init__,
        Model.deserialize,
        base._container_deserialize,
        base.__setattr__,
        object.__new__,
    )
    # A class with its own `__init__` or `__new__` is instantiated by calling it.
    return load if own == ours else load_as_declared


def _reader(schema: EntitySchema) -> Callable[[Any, Item], None]:
    entity, layout = schema.entity, schema.layout
    declared = entity.get_attributes()
    attributes = {name: each for name, each in declared.items() if name != entity._discriminator}
    names = Names(entity=entity, set_default=set_default)
    key = [f"{name}: item[{name}]['S']" for name in map(quoted, layout.primary)]
    lines = [
        "def read(self, item):",
        "    held = self.__dict__",
        f"    held['attribute_values'] = values = {{{quoted(entity._discriminator)}: entity}}",
        "    get = item.get",
        *(f"    {line}" for line in reading(attributes, names, table_schema(entity).derived)),
        "    held['_extras'] = None",
        f"    held['_stored'] = {{{', '.join(key)}}}",
        "    held['_raw'] = item",
        "    held.pop('_form', None)",
        *(["    held['_set'] = frozenset()"] if schema.defaulted else []),
    ]
    return _generate("read", f"reading {schema.name}", lines, names)


# --- writing ---------------------------------------------------------------------------


def _writer(schema: EntitySchema) -> Callable[[Any], Item]:
    entity, layout = schema.entity, schema.layout
    # A later class with the same name may have replaced the class since.
    discriminator: Any = entity._get_discriminator_attribute()
    names = Names(unusual=_unusual, types=discriminator._class_map, entity=entity)
    stored = _derived_variables(schema)
    partition, sort = layout.primary
    declared = entity.get_attributes().items()
    derived = {name: stored[each.attr_name] for name, each in declared if each.attr_name in stored}
    primary = f"{{{quoted(partition)}: {stored[partition]}, {quoted(sort)}: {stored[sort]}}}"
    always = {
        layout.type_name: "types[entity]",
        partition: stored[partition],
        sort: stored[sort],
    }
    lines = [
        "def write(self):",
        "    values = self.attribute_values",
        "    get = values.get",
        *(f"    {line}" for line in _deriving(schema, stored, names)),
        f"    if self._stored is not None and self._stored != {primary}:",
        "        unusual()",
        *(f"    values[{quoted(name)}] = {variable}" for name, variable in derived.items()),
        "    item = {" + ", ".join(f"{quoted(name)}: {{'S': {content}}}" for name, content in always.items()) + "}",
        *(
            f"    if {variable} is not None: item[{quoted(name)}] = {{'S': {variable}}}"
            for name, variable in stored.items()
            if name not in layout.primary
        ),
        *(f"    {line}" for name, each in schema.attributes.items() for line in _writing(name, each, names)),
    ]
    if schema.expiry is not None:
        after = getter(schema.expiry.after, schema.attributes[schema.expiry.after])
        lines += [
            f"    if (seconds := {names.bind('expiry', schema.expiry.derive)}({after})) is not None:",
            f"        item[{quoted(schema.expiry.stored_name)}] = {{'N': str(seconds)}}",
        ]
    lines.append("    return self._completed(item)")
    return _generate("write", f"writing {schema.name}", lines, names)


def _derived_variables(schema: EntitySchema) -> dict[str, str]:
    """Return the variable that holds each derived key text, by stored name."""
    # An index may be on the discriminator, which is not derived.
    names = [
        name for name in schema.layout.key_names if name != schema.layout.type_name and name not in schema.foreign_keys
    ]
    return {name: f"key_{number}" for number, name in enumerate(names)}


def _deriving(schema: EntitySchema, stored: Mapping[str, str], names: Names) -> Iterator[str]:
    """Yield the statements that assign each derived key to its variable; None if the item is absent from an index."""
    sources = {name: f"source_{number}" for number, name in enumerate(schema.key_sources)}
    for name, variable in sources.items():
        attribute = schema.attributes[name]
        convert = schema.converters.get(name)
        value = getter(name, attribute)
        yield f"{variable} = " + (f"{names.bind('to_key', convert)}({value})" if convert else value)
    indexed = [variable for name, variable in stored.items() if name not in schema.layout.primary]
    if indexed:
        yield f"{' = '.join(indexed)} = None"
    for key in schema.keys.values():
        given = ", ".join(f"{quoted(name)}: {sources[name]}" for name in key.attributes)
        places = (stored.get(name or "", "_") for name in schema.layout.names_at(key.index))
        conditions = [
            f"{names.bind('plain', plain)}({sources[name]}) in {names.bind('allowed', allowed)}"
            for name, allowed in key.when
        ]
        if key.index is not None:
            conditions += [f"{sources[name]} is not None" for name in key.attributes]
        if conditions:
            yield f"if {' and '.join(conditions)}:"
        build = names.bind(f"build_{key.name}", key.build)
        yield ("    " if conditions else "") + f"{', '.join(places)} = {build}({{{given}}})"


def _writing(name: str, attribute: Attribute[Any], names: Names) -> Iterator[str]:
    place = f"item[{quoted(attribute.attr_name)}]"
    inline = writer(attribute, names)
    serialize = names.bind(f"serialize_{name}", _serializer(attribute))
    yield f"value = {getter(name, attribute)}"
    if inline is not None:
        yield f"if {inline.guard}:"
        yield f"    {place} = {{{quoted(attribute.attr_type)}: {inline.content}}}"
    # An empty set is serialized to None.
    yield f"{'elif' if inline else 'if'} value is not None and (content := {serialize}(value)) is not None:"
    yield f"    {place} = {{{quoted(attribute.attr_type)}: content}}"
    if not attribute.null:
        yield "else:"
        yield "    unusual()"


def _serializer(attribute: Attribute[Any]) -> Callable[[Any], Any]:
    return partial(store, attribute)


def _unusual() -> None:
    raise ValueError("to be written by the slow path")


def _generate(name: str, label: str, lines: list[str], names: Names) -> Callable[..., Any]:
    function = generate(name, label, lines, names.objects)
    function.__objects__ = names.objects  # type: ignore[attr-defined]  # functions take attributes
    return function
