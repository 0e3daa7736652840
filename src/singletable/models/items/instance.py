"""Entities in memory: their attributes, their unknown attributes, and the schemas of their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.models import Model

from singletable.errors import (
    DeclarationError,
    InvalidValueError,
    MalformedItemError,
    SingletableError,
    UnexpectedAttributesError,
)
from singletable.keys.text import plain_names
from singletable.models.declare.storing import FAULTS, class_name
from singletable.models.declare.typed_maps import comparable
from singletable.models.declare.value_faults import fault, located, similar
from singletable.models.schema.metaclass import TableMeta
from singletable.models.schema.table_schema import TableSchema, table_schema
from singletable.requests.stored_values import NESTING, is_too_deep, same_item

if TYPE_CHECKING:
    from singletable.models.binding.home import Home
    from singletable.models.items.codec import Codec
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.models.table import Table
    from singletable.requests.observing import Observer
    from singletable.requests.types import Item

__all__ = ["EntityInstance"]

S = TypeVar("S", bound="EntityInstance")


class EntityInstance(Model, metaclass=TableMeta):
    """An entity in memory; subclasses read and write it."""

    if TYPE_CHECKING:
        _discriminator: str

    _home: ClassVar[Home]
    _observers: ClassVar[tuple[Observer, ...]] = ()
    _owns_table: ClassVar[bool] = False
    _table_schema: ClassVar[TableSchema | None] = None
    _schema: ClassVar[EntitySchema | None] = None
    _attributes: ClassVar[dict[str, Attribute[Any]]]
    _makes_instances: ClassVar[bool] = False
    """Whether the class has its own `__init__` or `__new__`."""

    _made_codec: ClassVar[Codec | None] = None
    _is_replaced: ClassVar[bool] = False
    """Whether a class of the same name has replaced this one, since its module was reloaded."""

    _extras: Item | None
    """The value of `extra_attributes` after it was read or set; None before."""

    _stored: dict[str, str] | None
    """The primary key under which the instance was read or written last."""

    _outgoing: Item = {}  # replaced, and never changed
    """The item that was serialized last, to be written."""

    _raw: Item | None
    """The item as it was read or written last; None if the instance was never read or written."""

    _set: frozenset[str] = frozenset()
    """The attributes with a default that were set since the item was read."""

    _form: Item | None = None
    """The item from which an instance was made that is not known to be stored, as by `from_dynamodb_dict()`."""

    _generated: Mapping[str, Any] = {}  # replaced, and never changed
    """The values of a new instance that its class made by calling a default, such as times and IDs."""

    _pending: Callable[[], None] | None = None
    """The function to call after a transaction of PynamoDB has succeeded, which remembers the written item."""

    def __init__(self, *keys: Any, _user_instantiated: bool = True, **attributes: Any) -> None:
        of_table = self._table_schema
        if keys or not (of_table is None or of_table.derived.isdisjoint(attributes)):
            derived = [name for name in attributes if of_table is not None and name in of_table.derived]
            raise UnexpectedAttributesError(
                f"{type(self).__name__}: {', '.join(derived) or 'the key'} is derived, and cannot be given.",
                remedy="Give the attributes that it is derived from, by name.",
                entity=type(self).__name__,
                unexpected=tuple(derived),
            )
        if _user_instantiated:
            self._schema_of()
            if not attributes.keys() <= self.get_attributes().keys():
                attributes = plain_names(attributes)
                unknown = tuple(name for name in attributes if name not in self.get_attributes())
                if unknown:
                    raise UnexpectedAttributesError(
                        f"{type(self).__name__} has no attribute {', '.join(unknown)}.",
                        remedy=f"It has: {', '.join(self._schema_of().attributes)}.",
                        entity=type(self).__name__,
                        unexpected=unknown,
                    )
        self._extras = None
        self._stored = None
        self._raw = None
        super().__init__(_user_instantiated=_user_instantiated, **attributes)
        if _user_instantiated:
            made = self._schema_of().made_by_default
            values = self.attribute_values
            self._generated = {name: values.get(name) for name in made if name not in attributes}

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if name in kind._attributes:
            self._set_attribute(name, value)
        elif name.startswith("_") or name in vars(self) or hasattr(kind, name) or name == "attribute_values":
            object.__setattr__(self, name, value)
        elif kind._makes_instances and "_made" not in vars(self):
            # The class's own `__init__` or `__new__` may add attributes.
            object.__setattr__(self, name, value)
        else:
            raise UnexpectedAttributesError(
                f"{kind.__name__} has no attribute {name!r}.",
                remedy=similar(name, kind._attributes) or f"It has: {', '.join(kind._schema_of().attributes)}.",
                entity=kind.__name__,
                unexpected=(name,),
            )

    def _set_attribute(self, name: str, value: Any) -> None:
        """Set a declared attribute; an error names the attribute and hides a personal value."""
        schema = self._schema
        try:
            object.__setattr__(self, name, value)
            if schema is not None and name in schema.defaulted:
                self._set |= {name}
            return
        except InvalidValueError as error:
            located(error, entity=type(self).__name__)
            if error.reason or schema is None or name not in schema.personal:
                raise
        except SingletableError:
            raise
        except FAULTS as error:
            cause = None if schema is None or name in schema.personal else error
        # Raised outside the handler: PynamoDB's error quotes a name within a map.
        attribute = self._attributes[name]
        reason = f"{class_name(attribute)} does not take a {type(value).__name__}"
        found = fault(attribute, value, reason, "Give a value of its type.")
        raise located(found, entity=type(self).__name__, attribute=name) from cause

    @property
    def extra_attributes(self) -> Item:
        """The attributes of the stored item that its model does not declare; `save()` keeps them."""
        if self._extras is None:
            # A copy, so that a change within an attribute can be compared with the item that was read.
            self._refuse_deep_nesting(self._unknown())
            self._extras = deepcopy(self._unknown())
        return self._extras

    @extra_attributes.setter
    def extra_attributes(self, attributes: Item) -> None:
        if not isinstance(attributes, Mapping):
            raise InvalidValueError(
                f"{type(self).__name__}.extra_attributes is a dict of stored values, not a"
                f" {type(attributes).__name__}.",
                remedy='Write for example {"legacy": {"S": "x"}}.',
                entity=type(self).__name__,
                attribute="extra_attributes",
            )
        self._extras = attributes

    def _generated_now(self) -> frozenset[str]:
        """Return the names of the attributes that still have their generated values."""
        values = self.attribute_values
        return frozenset(name for name, made in self._generated.items() if values.get(name) is made)

    def _unknown(self) -> Item:
        """Return the unknown attributes for reading only, without the copy that `extra_attributes` makes."""
        if self._extras is not None:
            return self._extras
        raw = self._raw or self._form
        known = self._schema_of().stored_attributes
        if raw is None or known.issuperset(raw):
            return {}
        expiry = table_schema(self).expiry_name
        return {name: value for name, value in raw.items() if name not in known and name != expiry}

    @classmethod
    def _table_class(cls) -> type[Table]:
        return table_schema(cls).table

    @classmethod
    def _schema_of(cls) -> EntitySchema:
        schema = cls._schema
        if schema is None or schema.entity is not cls:
            cls._refuse_replaced()
            siblings = [] if cls._table_schema is None else [each.name for each in cls._table_schema.entities.values()]
            raise DeclarationError(
                f"{cls.__name__} is not an entity, but a table or an abstract base.",
                remedy=f"Use one of its entities: {', '.join(siblings)}."
                if siblings
                else f'Declare one: class Order({cls.__name__}, discriminator="ORDER").',
                rule="ST117",
                entity=cls.__name__,
            )
        return schema

    @classmethod
    def _refuse_replaced(cls) -> None:
        if vars(cls).get("_is_replaced"):
            raise DeclarationError(
                f"{cls.__name__} was declared again, since {cls.__module__} was run again; this is the earlier class.",
                remedy="Import the class again, and create or read its instances again.",
                rule="ST117",
                entity=cls.__name__,
            )

    def _refuse_deep_nesting(self, item: Item) -> None:
        from singletable.models.items.rows import unknown_of

        for stored, content in item.items():
            if is_too_deep(content):
                raise MalformedItemError(
                    f"An item of {type(self).__name__} holds {stored!r}, which is nested over {NESTING} levels.",
                    remedy="DynamoDB does not store such values: check which server responded.",
                    entity=type(self).__name__,
                    key=unknown_of(table_schema(self).layout, item).key,
                )

    def _serialized(self) -> Item:
        """Return the values of the declared attributes in the stored form of their classes."""
        from singletable.models.items.deriving import serialize

        schema = self._schema_of()
        held: Item = {}
        for name, attribute in schema.attributes.items():
            value = getattr(self, name)
            serialized = None if value is None else serialize(schema, name, value)
            # An empty set is serialized to None.
            if serialized is not None:
                held[attribute.attr_name] = {attribute.attr_type: serialized}
        return held

    def __getstate__(self) -> dict[str, Any]:
        # PynamoDB's transactions leave a function in the instance, which cannot be pickled.
        state = vars(self)
        return {**state, "_pending": None} if "_pending" in state else state

    def __copy__(self: S) -> S:
        """Return another instance with the same values and the same stored item."""
        other = object.__new__(type(self))
        vars(other).update(self.__getstate__(), attribute_values=copy(self.attribute_values))
        return other

    def __eq__(self, other: object) -> bool:
        """Return whether two entities of one class have the same values; whether they were stored does not matter."""
        if type(other) is not type(self):
            return NotImplemented
        try:
            same = same_item(self._serialized(), other._serialized())
        except InvalidValueError:
            # A value that cannot be stored is equal only to itself.
            same = self._contents() == other._contents()
        return same and same_item(self._unknown(), other._unknown())

    # An entity is mutable.
    __hash__ = None  # type: ignore[assignment]  # as Python sets it

    def _contents(self) -> dict[str, Any]:
        values = self.attribute_values
        return {name: comparable(dict.get(values, name)) for name in self._schema_of().attributes}

    def __repr__(self) -> str:
        # Only identifiers are shown: values stay out of logs, and personal values are always hidden.
        schema = self._schema_of()
        shown = (
            f"{name}={'‹personal›' if schema.is_personal(name) else repr(getattr(self, name))}"
            for name in schema.primary.attributes
        )
        return f"{type(self).__name__}({', '.join(shown)})"
