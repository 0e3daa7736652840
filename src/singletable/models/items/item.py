"""Instances as stored items: reading and writing attributes, and deriving keys and expiry in every serialization."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

from pynamodb.constants import ATTRIBUTE_TYPES, NULL
from pynamodb.exceptions import AttributeDeserializationError

from singletable.chains import unchained
from singletable.errors import (
    InvalidValueError,
    KeyChangeError,
    MalformedItemError,
    UnexpectedAttributesError,
)
from singletable.models.declare.defaults import stored_default
from singletable.models.declare.storing import FAULTS, class_name, rewritten
from singletable.models.items.instance import EntityInstance
from singletable.models.schema.table_schema import table_schema
from singletable.requests.merging import keep_read, leave_out
from singletable.requests.stored_values import check_item

if TYPE_CHECKING:
    from singletable.models.items.codec import Codec
    from singletable.requests.types import Item

__all__ = ["StoredItem", "copy_as_new", "key_of", "known_item"]

S = TypeVar("S", bound="StoredItem")


class StoredItem(EntityInstance):
    """An entity as a stored item: PynamoDB's serialization, which derives keys and expiry each time."""

    @classmethod
    def _codec(cls) -> Codec:
        """Return the functions that read and write items of the entity; they are generated at the first use."""
        schema = cls._schema_of()
        codec: Codec | None = vars(cls).get("_made_codec")
        if codec is None:
            from singletable.models.items.codec import make_codec

            codec = cls._made_codec = make_codec(schema, StoredItem)
        return codec

    @classmethod
    def _from_item(cls: type[S], item: Item) -> S:
        return cls._codec().load(item)  # type: ignore[no-any-return]  # an instance of cls

    def _container_deserialize(self, attribute_values: Item) -> None:
        """Read the attributes of an item as DynamoDB sends it, and keep those that the model does not declare."""
        try:
            self._codec().read(self, attribute_values)
            return
        except Exception:  # noqa: S110 - any class may raise anything; the slow path reports it
            pass
        self._read_carefully(attribute_values)

    @unchained
    def _read_carefully(self, attribute_values: Item) -> None:
        """Read an item by PynamoDB's own rules, attribute by attribute, and raise an error for each fault."""
        from singletable.models.items.rows import unknown_of

        self._refuse_no_item(attribute_values)
        self._refuse_deep_nesting(attribute_values)
        self.attribute_values = {}
        self._set_discriminator()
        self._set_defaults(_user_instantiated=False)
        derived, personal = table_schema(self).derived, self._schema_of().personal
        for name, attribute in self.get_attributes().items():
            value = attribute_values.get(attribute.attr_name)
            if not value or NULL in value or name == self._discriminator:
                continue
            try:
                read = attribute.deserialize(attribute.get_value(value))
                if name in derived:
                    self.attribute_values[name] = read
                else:
                    setattr(self, name, read)
            except Exception as error:  # a user's own class may raise anything, and quote the value
                if not isinstance(error, (AttributeDeserializationError, *FAULTS)) and name not in personal:
                    raise
                kind = "/".join(value) if set(value).issubset(ATTRIBUTE_TYPES) else "an unknown type"
                raise MalformedItemError(
                    f"An item of {type(self).__name__} holds {attribute.attr_name!r} as {kind}, which"
                    f" {class_name(attribute)} cannot read ({type(error).__name__}).",
                    remedy="Other code wrote it; fix the item, or the attribute's class.",
                    entity=type(self).__name__,
                    attribute=name,
                    key=unknown_of(table_schema(self).layout, attribute_values).key,
                ) from None
        self._extras = None
        if self._schema_of().defaulted:
            self._set = frozenset()
        self._remember(attribute_values)

    @classmethod
    def _refuse_no_item(cls, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise InvalidValueError(
                f"{cls.__name__} cannot be read from a {type(item).__name__}, which is not an item.",
                remedy='Give an item as DynamoDB sends it, such as {"PK": {"S": "..."}, ...}.',
                entity=cls.__name__,
            )

    def serialize(self, null_check: bool = True) -> Item:
        """Return the item as it would be written, with keys and expiry derived.

        Args:
            null_check: Whether each attribute that is not declared with `null=True` must have a value.
        """
        from singletable.models.items.dictionaries import copied

        item = self._container_serialize(null_check=null_check)
        # Unchanged values are those of the item as read, which the caller must not change.
        return item if self._raw is None and self._form is None else copied(item)

    def _container_serialize(self, null_check: bool = True) -> Item:
        """Return the item to write; save, batch_write, transactions and to_dynamodb_dict all call this."""
        self._outgoing = self._write() if null_check else self._write_carefully(null_check=False)
        return dict(self._outgoing)

    def _write(self) -> Item:
        try:
            return self._codec().write(self)
        except Exception:  # noqa: S110 - any class may raise anything; the slow path reports it
            pass
        return self._write_carefully()

    @unchained
    def _write_carefully(self, null_check: bool = True) -> Item:
        """Return the item, written attribute by attribute; raise an error for each fault."""
        from singletable.models.items.deriving import derived_values

        schema = self._schema_of()
        values = schema.key_values(self)
        complete = all(values.get(name) is not None for name in schema.primary.attributes)
        if null_check or complete:
            self._derive(derived_values(schema, values))
        item: Item = {}
        for name, attribute in self.get_attributes().items():
            value = getattr(self, name)
            content = None if value is None else self._content(name, value, null_check=null_check)
            if content is not None:
                item[attribute.attr_name] = {attribute.attr_type: content}
            elif null_check and not attribute.null:
                raise InvalidValueError(
                    f"{schema.name}.{name} is None.",
                    remedy="Give a value, or declare the attribute with null=True.",
                    entity=schema.name,
                    attribute=name,
                )
        seconds = schema.expiry.derive(getattr(self, schema.expiry.after)) if schema.expiry else None
        if schema.expiry and seconds is not None:
            item[schema.expiry.stored_name] = {"N": str(seconds)}
        return self._completed(item)

    def _completed(self, item: Item) -> Item:
        """Return the complete item to write: with unknown attributes, and with unchanged values as they were read."""
        if self._extras:
            self._refuse_known_extras()
        raw = self._raw or self._form
        if raw is None:
            return {**self._extras, **item} if self._extras else item
        if self._extras is None and item == raw:
            return item
        self._keep_unchanged(item, raw)
        self._leave_out_defaults(item, raw)
        return {**self._unknown(), **item, **self._foreign()}

    def _leave_out_defaults(self, item: Item, raw: Item) -> None:
        """Remove from an item, in place, the defaults that were not stored in it and that were not set since."""
        attributes = self._schema_of().attributes
        untouched = {attributes[name].attr_name: name for name in self._schema_of().defaulted if name not in self._set}

        def default(stored: str) -> dict[str, Any] | None:
            name = untouched[stored]
            return stored_default(attributes[name], lambda value: self._content(name, value, null_check=True))

        leave_out(item, raw, untouched, default)

    def _foreign(self) -> Item:
        """Return the attributes of indexes on which the entity has no key, as they were read."""
        raw = self._raw or self._form or {}
        return {name: raw[name] for name in self._schema_of().foreign_keys if name in raw}

    def _keep_unchanged(self, item: Item, raw: Item) -> None:
        """Restore in an item, in place, the stored form of all attributes whose values were not changed."""
        schema = self._schema_of()
        names = schema.stored_names
        keep_read(item, raw, names, lambda name, stored: rewritten(schema.attributes[names[name]], stored))

    def _refuse_unstorable(self, item: Item) -> None:
        """Refuse an item of this entity that DynamoDB would refuse."""
        schema = self._schema_of()
        try:
            check_item(self, item, schema.personal_stored)
        except InvalidValueError as error:
            schema.named(error)
            raise

    def _refuse_known_extras(self) -> None:
        """Refuse declared or derived attributes in `extra_attributes`, which would replace the model's values."""
        known = {table_schema(self).expiry_name, *(attribute.attr_name for attribute in self.get_attributes().values())}
        wrong = sorted(name for name in self._extras or () if name in known)
        if wrong:
            raise UnexpectedAttributesError(
                f"{self!r}: extra_attributes: {', '.join(wrong)} is an attribute of the model, or derived by it.",
                remedy="Set the attribute; extra_attributes is for attributes that the model does not declare.",
                entity=type(self).__name__,
                unexpected=tuple(wrong),
            )

    def _content(self, name: str, value: Any, *, null_check: bool) -> Any:
        """Return the stored form of an attribute's value, without its type."""
        from singletable.models.items.deriving import serialize

        schema = self._schema_of()
        if name in schema.attributes:
            return serialize(schema, name, value, null_check=null_check)
        return self._attributes[name].serialize(value)

    def _derive(self, derived: Mapping[str, str | None]) -> None:
        layout = table_schema(self).layout
        self._refuse_other_key({name: derived[name] for name in layout.primary})
        for name, attribute in self.get_attributes().items():
            if attribute.attr_name in derived:
                self.attribute_values[name] = derived[attribute.attr_name]

    def _refuse_other_key(self, key: Mapping[str, str | None]) -> None:
        if self._stored is not None and self._stored != key:
            raise KeyChangeError(
                f"{self!r}: its primary key is not the one under which it was read; saving it would not delete the old"
                " item.",
                remedy="Use move() with the new attributes, which writes the new item and deletes the old one.",
                entity=type(self).__name__,
            )

    def _remember(self, item: Item) -> None:
        """Remember the item that is now stored."""
        key = {name: item.get(name, {}).get("S") for name in table_schema(self).layout.primary}
        self._stored = None if None in key.values() else {name: str(text) for name, text in key.items()}
        self._raw = item
        vars(self).pop("_form", None)

    def _forget(self) -> None:
        """Forget the stored item, so that the instance is like a new one."""
        self._stored = self._raw = self._form = None
        version = self._schema_of().version
        if version is not None:
            self.attribute_values.pop(version, None)

    def _known(self) -> Item:
        """Return the stored item as far as the instance knows it; its own values if it was never read."""
        return self._held() if self._raw is None else self._raw

    def _held(self) -> Item:
        """Return the declared attributes as they would be stored, without derived ones."""
        held = self._serialized()
        raw = self._raw or self._form
        if raw is not None:
            self._keep_unchanged(held, raw)
        if self._raw is not None:
            self._leave_out_defaults(held, self._raw)
        return held

    def _stamp(self, version: int | None = None) -> None:
        """Set the attributes that every write sets, and the version if it is given."""
        schema = self._schema_of()
        for name, stamp in schema.stamps.items():
            setattr(self, name, stamp.fresh())
        if schema.version is not None and version is not None:
            setattr(self, schema.version, version)

    def _adopt(self, written: StoredItem, item: Item) -> None:
        """Take the stamps and the version from a copy of the instance that was stored."""
        schema = self._schema_of()
        for name in schema.set_by_writes:
            setattr(self, name, getattr(written, name))
        self._remember(item)

    def _assume(self, after: Item | None) -> None:
        """Apply an update's predicted result to the instance (transactions return no attributes)."""
        read = self._raw is not None
        if after is None:
            self._raw = None
            return
        layout, schema = table_schema(self).layout, self._schema_of()
        self.deserialize({**after, **self._key_item(), layout.type_name: {"S": schema.discriminator}})
        if not read:
            self._raw = None

    def _stored_key(self) -> dict[str, str]:
        """Return the item's primary key, derived again; refuse one that differs from the key that was read."""
        schema, layout = self._schema_of(), table_schema(self).layout
        # Only the primary key: an item with an index key that cannot be built must remain fixable.
        values = schema.to_keys({name: getattr(self, name) for name in schema.primary.attributes})
        partition, sort = schema.primary.build(values)
        key = {layout.partition_name: partition, layout.sort_name: str(sort)}
        self._refuse_other_key(key)
        return key

    def _key_item(self) -> Item:
        """Return the item's primary key in the form of a request."""
        return {name: {"S": text} for name, text in self._stored_key().items()}

    def _get_hash_range_key_serialized_values(self) -> tuple[Any, Any | None]:
        key, layout = self._stored_key(), table_schema(self).layout
        return key[layout.partition_name], key[layout.sort_name]

    def _get_serialized_keys(self) -> tuple[Any, Any]:
        return self._get_hash_range_key_serialized_values()


def copy_as_new(entity: S) -> S:
    """Return a copy of an instance that is not known to be stored."""
    other = copy(entity)
    other._forget()
    return other


def key_of(entity: StoredItem) -> Item:
    """Return the primary key of an instance for a request: `{"PK": {"S": "USER#u1"}, "SK": {"S": "PROFILE"}}`.

    Raises:
        KeyChangeError: The instance was read with another key.
        MissingAttributesError: The instance lacks an attribute of the key.
    """
    return entity._key_item()


def known_item(entity: StoredItem) -> Item:
    """Return the stored item as far as an instance knows it; its own values in stored form if it was never read."""
    return entity._known()
