"""An instance as a stored item: its attributes in and out, its keys and expiry derived on every way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from pynamodb.attributes import ListAttribute, MapAttribute
from pynamodb.constants import ATTRIBUTE_TYPES, NULL
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.models import Model

from singletable.chains import unchained
from singletable.errors import (
    DeclarationError,
    InvalidValueError,
    KeyChangeError,
    MalformedItemError,
    SingletableError,
    UnexpectedAttributesError,
)
from singletable.keys.text import plain_names
from singletable.models.attributes import class_name
from singletable.models.meta import TableMeta
from singletable.requests.values import NESTING, is_too_deep

if TYPE_CHECKING:
    from singletable.models.layout import TableLayout
    from singletable.models.schema import EntitySchema
    from singletable.models.table import Table
    from singletable.requests.types import Item

__all__ = ["StoredItem"]

S = TypeVar("S", bound="StoredItem")


class StoredItem(Model, metaclass=TableMeta):
    """What `Table` is below its public face: PynamoDB's serialisation, with everything derived."""

    if TYPE_CHECKING:
        _discriminator: str

    _owns_table: ClassVar[bool] = False
    _derived: ClassVar[frozenset[str]] = frozenset()
    _layout: ClassVar[TableLayout | None] = None
    _entities: ClassVar[dict[str, EntitySchema]] = {}
    _schema: ClassVar[EntitySchema | None] = None

    extra_attributes: Item
    """What a stored item holds beyond its model; kept, and written back by `save()`."""

    _stored: dict[str, str] | None
    """The primary key under which the instance was read or written last."""

    _outgoing: Item = {}  # replaced, and never changed
    """What was serialised last, on its way to be written."""

    _raw: Item | None
    """The item as it was read or written last; None for an instance that never was."""

    _pending: Callable[[], None] | None = None
    """What is to be remembered once a transaction of PynamoDB's has succeeded."""

    def __init__(self, *keys: Any, _user_instantiated: bool = True, **attributes: Any) -> None:
        if keys or not self._derived.isdisjoint(attributes):
            derived = [name for name in attributes if name in self._derived]
            raise UnexpectedAttributesError(
                f"{type(self).__name__}: {', '.join(derived) or 'the key'} is derived, and cannot be given.",
                remedy="Give the attributes that it is made of, by name.",
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
        self.extra_attributes = {}
        self._stored = None
        self._raw = None
        super().__init__(_user_instantiated=_user_instantiated, **attributes)

    def _set_attributes(self, **attributes: Any) -> None:
        try:
            for name, value in attributes.items():
                setattr(self, name, value)
            return
        except (TypeError, ValueError):
            if name not in self._schema_of().personal:
                raise
        # PynamoDB's error quotes a name within the map, and the error below must not lead to it.
        raise InvalidValueError(
            f"{type(self).__name__}.{name}: {type(self.get_attributes()[name]).__name__} does not take this"
            f" {type(value).__name__}.",
            remedy="Give a value of its type; a map has the attributes that its class declares.",
            entity=type(self).__name__,
            attribute=name,
        )

    @classmethod
    def _table_class(cls) -> type[Table]:
        for base in cls.__mro__:
            if vars(base).get("_owns_table"):
                return cast("type[Table]", base)
        raise DeclarationError(
            f"{cls.__name__} is no table, since its Meta has no table_name.",
            remedy='Add `class Meta: table_name = "..."`.',
            rule="ST107",
            entity=cls.__name__,
        )

    @classmethod
    def _layout_of(cls) -> TableLayout:
        layout = cls._table_class()._layout
        assert layout is not None
        return layout

    @classmethod
    def _schemas(cls) -> Mapping[str, EntitySchema]:
        return cls._table_class()._entities

    @classmethod
    def _schema_of(cls) -> EntitySchema:
        schema = cls._schema
        if schema is None or schema.entity is not cls:
            raise DeclarationError(
                f"{cls.__name__} is no entity, but a table or an abstract base.",
                remedy="Use one of its entities: " + ", ".join(each.name for each in cls._entities.values()) + "."
                if cls._entities
                else f'Declare one: class Order({cls.__name__}, discriminator="ORDER").',
                rule="ST117",
                entity=cls.__name__,
            )
        return schema

    @classmethod
    def _expiry_name(cls) -> str | None:
        """Where the table's items hold when they expire: all of them, also those of entities that never do."""
        return next((each.expiry.stored_name for each in cls._schemas().values() if each.expiry), None)

    @classmethod
    def _derived_names(cls) -> frozenset[str]:
        return cls._table_class()._derived

    @classmethod
    def _from_item(cls: type[S], item: Item) -> S:
        return cls._schema_of().codec.load(item)  # type: ignore[no-any-return]  # an instance of cls

    def _container_deserialize(self, attribute_values: Item) -> None:
        """Take the attributes of an item as DynamoDB sends it; what the model does not know is kept."""
        try:
            self._schema_of().codec.read(self, attribute_values)
            return
        except Exception:  # noqa: S110 - any class may raise anything; the slow path reports it
            pass
        self._read_carefully(attribute_values)

    @unchained
    def _read_carefully(self, attribute_values: Item) -> None:
        """The same by PynamoDB's own rules, attribute by attribute; whatever is wrong is raised here."""
        from singletable.models.deriving import FAULTS
        from singletable.models.rows import unknown_of

        for stored, content in attribute_values.items():
            if is_too_deep(content):
                raise MalformedItemError(
                    f"An item of {type(self).__name__} holds {stored!r}, which is nested over {NESTING} levels.",
                    remedy="DynamoDB stores no such value: check which server answers.",
                    entity=type(self).__name__,
                    key=unknown_of(self._layout_of(), attribute_values).key,
                )
        self.attribute_values = {}
        self._set_discriminator()
        self._set_defaults(_user_instantiated=False)
        known: set[str] = set()
        derived, personal = self._derived_names(), self._schema_of().personal
        for name, attribute in self.get_attributes().items():
            known.add(attribute.attr_name)
            value = attribute_values.get(attribute.attr_name)
            if not value or NULL in value or name == self._discriminator:
                continue
            try:
                read = attribute.deserialize(attribute.get_value(value))
                if name in derived:
                    self.attribute_values[name] = read
                else:
                    setattr(self, name, read)
            except Exception as error:  # a class of a user's own may raise anything, and quote the value
                if not isinstance(error, (AttributeDeserializationError, *FAULTS)) and name not in personal:
                    raise
                kind = "/".join(value) if set(value).issubset(ATTRIBUTE_TYPES) else "an unknown type"
                raise MalformedItemError(
                    f"An item of {type(self).__name__} holds {attribute.attr_name!r} as {kind}, which"
                    f" {class_name(attribute)} cannot read ({type(error).__name__}).",
                    remedy="Other code wrote it; mend the item, or the attribute's class.",
                    entity=type(self).__name__,
                    attribute=name,
                    key=unknown_of(self._layout_of(), attribute_values).key,
                ) from None
        expiry = self._expiry_name()
        if expiry is not None:
            known.add(expiry)
        extras = {name: value for name, value in attribute_values.items() if name not in known}
        # A copy, so that a change within one is told from what was read.
        self.extra_attributes = deepcopy(extras) if extras else extras
        self._remember(attribute_values)

    def _container_serialize(self, null_check: bool = True) -> Item:
        """Every way out goes through here: save, batch_write, transactions, to_dynamodb_dict."""
        try:
            self._outgoing = self._write() if null_check else self._write_carefully(null_check=False)
        except RecursionError as error:
            raise self._diagnose(error) from None
        return dict(self._outgoing)

    def _write(self) -> Item:
        try:
            return self._schema_of().codec.write(self)
        except Exception:  # noqa: S110 - any class may raise anything; the slow path reports it
            pass
        return self._write_carefully()

    @unchained
    def _write_carefully(self, null_check: bool = True) -> Item:
        """The same by PynamoDB's own rules, attribute by attribute; whatever is wrong is raised here."""
        from singletable.models.deriving import FAULTS, derived_values

        schema = self._schema_of()
        values = schema.key_values(self)
        complete = all(values.get(name) is not None for name in schema.primary.attributes)
        if null_check or complete:
            self._derive(derived_values(schema, values))
        try:
            item: Item = super()._container_serialize(null_check=null_check)
        except Exception as error:  # a class of a user's own may raise anything, and quote a value
            if not schema.personal and (isinstance(error, SingletableError) or not isinstance(error, FAULTS)):
                raise
            raise self._diagnose(error) from None if schema.personal else error
        seconds = schema.expiry.derive(getattr(self, schema.expiry.after)) if schema.expiry else None
        if schema.expiry and seconds is not None:
            item[schema.expiry.stored_name] = {"N": str(seconds)}
        self._refuse_known_extras()
        self._keep_unknown_inside(item)
        return {**self.extra_attributes, **item}

    def _keep_unknown_inside(self, item: Item) -> None:
        """Leave a map or list that was not changed as it was read, with what its model does not know."""
        from singletable.requests.values import same_value

        if self._raw is None:
            return
        for attribute in self.get_attributes().values():
            if not isinstance(attribute, (ListAttribute, MapAttribute)):
                continue
            now, read = item.get(attribute.attr_name), self._raw.get(attribute.attr_name, {})
            if now is None or attribute.attr_type not in read or now == read:
                continue
            again = attribute.serialize(attribute.deserialize(attribute.get_value(read)))  # type: ignore[no-untyped-call]
            if same_value(now, {attribute.attr_type: again}):
                item[attribute.attr_name] = read

    def _refuse_known_extras(self) -> None:
        """Refuse extras that the model knows: something derived would be stored that was not derived."""
        if not self.extra_attributes:
            return
        known = {self._expiry_name(), *(attribute.attr_name for attribute in self.get_attributes().values())}
        wrong = sorted(name for name in self.extra_attributes if name in known)
        if wrong:
            raise UnexpectedAttributesError(
                f"{self!r}: extra_attributes: {', '.join(wrong)} is an attribute of the model, or derived by it.",
                remedy="Set the attribute; extra_attributes is for what the model does not know.",
                entity=type(self).__name__,
                unexpected=tuple(wrong),
            )

    def _diagnose(self, error: Exception) -> SingletableError:
        """What PynamoDB could not serialise, in words that say which attribute and why."""
        from singletable.models.deriving import serialize

        schema = self._schema_of()
        for name, attribute in schema.attributes.items():
            value = getattr(self, name)
            if value is None and not attribute.null:
                return InvalidValueError(
                    f"{schema.name}.{name} is None.",
                    remedy="Give a value, or declare the attribute with null=True.",
                    entity=schema.name,
                    attribute=name,
                )
            try:
                if value is not None:
                    serialize(schema, name, value)
            except InvalidValueError as invalid:
                return invalid
        return InvalidValueError(
            f"A {schema.name} cannot be stored ({type(error).__name__}): a nested attribute is missing, or of the wrong"
            " type.",
            entity=schema.name,
        )

    def _derive(self, derived: Mapping[str, str | None]) -> None:
        layout = self._layout_of()
        self._refuse_other_key({name: derived[name] for name in layout.primary})
        for name, attribute in self.get_attributes().items():
            if attribute.attr_name in derived:
                self.attribute_values[name] = derived[attribute.attr_name]

    def _refuse_other_key(self, key: Mapping[str, str | None]) -> None:
        if self._stored is not None and self._stored != key:
            raise KeyChangeError(
                f"{self!r}: its primary key is not the one under which it was read; saving it would leave the old item"
                " behind.",
                remedy="Use move() with the new attributes, which writes it anew and deletes the old one.",
                entity=type(self).__name__,
            )

    def _remember(self, item: Item) -> None:
        """Keep what is stored now."""
        key = {name: item.get(name, {}).get("S") for name in self._layout_of().primary}
        self._stored = None if None in key.values() else {name: str(text) for name, text in key.items()}
        self._raw = item

    def _forget(self) -> None:
        """Nothing is stored any more: the instance is as good as new."""
        self._stored = self._raw = None
        version = self._schema_of().version
        if version is not None:
            self.attribute_values.pop(version, None)

    def _known(self) -> Item:
        """The item as it is stored, as far as the instance knows: as it holds it where it was never read."""
        return self._held() if self._raw is None else self._raw

    def _held(self) -> Item:
        """The declared attributes as they would be stored; nothing that is derived is among them."""
        from singletable.models.deriving import serialize

        schema = self._schema_of()
        held: Item = {}
        for name, attribute in schema.attributes.items():
            value = getattr(self, name)
            serialized = None if value is None else serialize(schema, name, value)
            # An empty set is serialised to nothing.
            if serialized is not None:
                held[attribute.attr_name] = {attribute.attr_type: serialized}
        return held

    def __getstate__(self) -> dict[str, Any]:
        # PynamoDB's transactions leave a function here, which cannot be pickled.
        state = vars(self)
        return {**state, "_pending": None} if "_pending" in state else state

    def _copy(self: S) -> S:
        """Another instance with the same values, about the same stored item."""
        other = copy(self)
        other.attribute_values = dict(self.attribute_values)
        return other

    def _stamp(self, version: int | None = None) -> None:
        """Set the attributes that every write sets; and the version, where one is given."""
        schema = self._schema_of()
        for name, stamp in schema.stamps.items():
            setattr(self, name, stamp.fresh())
        if schema.version is not None and version is not None:
            setattr(self, schema.version, version)

    def _adopt(self, written: StoredItem, item: Item) -> None:
        """Take over what a copy was stamped with, now that it is stored."""
        schema = self._schema_of()
        for name in (*schema.stamps, *([schema.version] if schema.version else [])):
            setattr(self, name, getattr(written, name))
        self._remember(item)

    def _assume(self, after: Item | None) -> None:
        """Take what an update must have left, where nothing said what it did: a transaction tells nothing."""
        read = self._raw is not None
        if after is None:
            self._raw = None
            return
        layout, schema = self._layout_of(), self._schema_of()
        self.deserialize({**after, **self._key_item(), layout.type_name: {"S": schema.discriminator}})
        if not read:
            self._raw = None

    def _stored_key(self) -> dict[str, str]:
        """The item's primary key, derived afresh and held against the one it was read under."""
        schema, layout = self._schema_of(), self._layout_of()
        # Only the primary key: an index key that cannot be built must not stand in the way of mending it.
        values = schema.to_keys({name: getattr(self, name) for name in schema.primary.attributes})
        partition, sort = schema.primary.build(values)
        key = {layout.partition_name: partition, layout.sort_name: str(sort)}
        self._refuse_other_key(key)
        return key

    def _key_item(self) -> Item:
        """The same, as a request has it."""
        return {name: {"S": text} for name, text in self._stored_key().items()}

    def _get_hash_range_key_serialized_values(self) -> tuple[Any, Any | None]:
        key, layout = self._stored_key(), self._layout_of()
        return key[layout.partition_name], key[layout.sort_name]

    def _get_serialized_keys(self) -> tuple[Any, Any]:
        return self._get_hash_range_key_serialized_values()

    def __repr__(self) -> str:
        # Identifiers only: values stay out of logs, and personal ones out of everything.
        schema = self._schema_of()
        shown = (
            f"{name}={'‹personal›' if schema.is_personal(name) else repr(getattr(self, name))}"
            for name in schema.primary.attributes
        )
        return f"{type(self).__name__}({', '.join(shown)})"
