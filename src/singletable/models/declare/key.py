"""Keys: the declaration on an entity, and the same key bound to the entity, to build, parse and ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from singletable.keys.text import plain, plain_names
from singletable.models.declare.attributes import not_to_be_set

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition
    from pynamodb.indexes import Index

    from singletable.keys import CompositeKey
    from singletable.keys.compiled import Build
    from singletable.models.table import Table
    from singletable.requests import Get, Query
    from singletable.requests.types import Handling

__all__ = ["PRIMARY", "BoundKey", "Key"]

PRIMARY = "key"
"""The name under which every entity declares its primary key."""

T = TypeVar("T", bound="Table")


class Key:
    """Declares one of an entity's keys: `key = Key(pk="USER#{user_id}", sk="PROFILE")`.

    The primary key has the name `key`; any other name is an index key's and says what it answers.

    Args:
        pk: The partition key's template.
        sk: The sort key's template; None only on an index that has no sort key.
        index: The index class (or its name) of the table; None for the primary key.
        when: Attributes and the value, or the values, that they must have for the item to be in the
            index: `when={"status": ("PENDING", "PAID")}`.
    """

    def __init__(
        self,
        *,
        pk: str | None = None,
        sk: str | None = None,
        index: type[Index] | Index | str | None = None,  # type: ignore[type-arg]  # of any model
        when: Mapping[str, Any] | None = None,
    ) -> None:
        self.pk = plain(pk)
        self.sk = plain(sk)
        self.index = plain(index)
        self.when: Mapping[str, Any] = plain_names(when) if isinstance(when, Mapping) else {} if when is None else when
        self._name = ""
        self._bound: dict[type, BoundKey[Any]] = {}

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    def __get__(self, instance: object, owner: type[T]) -> BoundKey[T]:
        found = self._bound.get(owner)
        if found is None:
            found = self._bound[owner] = BoundKey(owner, self._name)
        return found

    def __set__(self, instance: object, value: object) -> None:
        raise not_to_be_set(instance, self._name)

    def __repr__(self) -> str:
        return f"Key(pk={self.pk!r}, sk={self.sk!r}, index={self.index!r}, when={self.when!r})"


class BoundKey(Generic[T]):
    """A key of an entity: `Order.by_date`.

    Args:
        entity: The entity class.
        name: The key's name.
    """

    __slots__ = ("_build", "entity", "name")

    def __init__(self, entity: type[T], name: str) -> None:
        self.entity = entity
        self.name = name
        self._build: Build | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundKey) and (self.entity, self.name) == (other.entity, other.name)

    def __hash__(self) -> int:
        return hash((self.entity, self.name))

    @property
    def composite(self) -> CompositeKey:
        """The key's templates, as a pure value."""
        return self.entity._schema_of().keys[self.name]

    def build(self, **attributes: Any) -> tuple[str, str | None]:
        """The key of these attributes: partition key text and sort key text.

        Raises:
            MissingAttributesError: An attribute is missing.
            UnexpectedAttributesError: An attribute was given that the key does not use.
            InvalidKeyValueError: A value cannot stand in a key, or the key would be too long.
        """
        build = self._build
        if build is None:
            build = self._build = self.entity._schema_of().builder(self.name)
        return build(attributes)

    def parse(self, pk: str, sk: str | None = None) -> dict[str, Any]:
        """The attributes that a key was built from, projections (buckets, shards) left out.

        Raises:
            KeyParseError: The key is not one of this entity's.
        """
        schema = self.entity._schema_of()
        return schema.from_keys(schema.keys[self.name].parse(pk, sk))

    def query(
        self,
        *conditions: PynamoCondition,
        descending: bool = False,
        limit: int | None = None,
        filter: PynamoCondition | None = None,
        consistent: bool = False,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        live: bool = False,
        only: Sequence[str] | None = None,
        **attributes: Any,
    ) -> Query[T]:
        """A query on this key, as a value; see `Query`.

        Args:
            conditions: At most one PynamoDB condition, on the attribute after those that are given.
            descending: Whether the last sort key comes first.
            limit: How many items to return at most.
            filter: A PynamoDB condition on other attributes, applied by DynamoDB after reading.
            consistent: Whether to read what was last written, at twice the cost; not on an index.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; None for whole items. Reading any other raises.
            attributes: The attributes of the partition key, then leading ones of the sort key.

        Raises:
            MissingAttributesError: The partition is not determined; DynamoDB would have to scan.
            UnexpectedAttributesError: An attribute is not the key's, or one before it is missing.
            InvalidConditionError: The condition cannot be asked of this key.
            InvalidRequestError: The query cannot have one of the options.
            NotProjectedError: The filter or `live` reads an attribute that the index does not hold.
            InvalidKeyValueError: A value cannot stand in a key.
        """
        from singletable.models.reading.conditions import read_question
        from singletable.models.reading.targets import target_of
        from singletable.requests.query import make_query

        attributes = plain_names(attributes)
        schema = self.entity._schema_of()
        target = target_of(self.entity, self.name, only)
        equals, condition, filter = read_question(schema, target, conditions, attributes, filter)
        return make_query(
            target,
            equals,
            condition,
            descending=descending,
            limit=limit,
            filter=filter,
            consistent=consistent,
            unknown=unknown,
            malformed=malformed,
            live=live,
        )

    def item(
        self, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> Get[T] | Query[T]:
        """The request for one item, as a value; `one()` sends it.

        By the primary key it is a `Get`. Through an index it is a `Query` that must find one item,
        since DynamoDB does not keep index keys unique.

        Args:
            consistent: Whether to read what was last written, at twice the cost; not on an index.
            only: The attributes to read, by Python name; None for the whole item. Reading any other raises.
            attributes: The attributes of the key.

        Raises: as `query` does.
        """
        from singletable.models.reading.conditions import refuse_habits
        from singletable.models.reading.targets import target_of
        from singletable.requests.get import Get

        attributes = plain_names(attributes)
        schema = self.entity._schema_of()
        target = target_of(self.entity, self.name, only)
        if target.key.index is not None:
            return self.query(consistent=consistent, only=only, **attributes)
        refuse_habits(schema, target.key, attributes)
        target.key.refuse_unexpected(attributes, target.key.attributes)
        values = schema.to_keys(attributes)
        target.key.build(values)
        return Get(target, values, consistent)

    def get(self, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any) -> T:
        """One item.

        Raises:
            ItemDoesNotExist: There is none (`Order.DoesNotExist`).
            MultipleItemsFound: An index holds several; `count` says how many.
        """
        return self.item(consistent=consistent, only=only, **attributes).one()

    def __repr__(self) -> str:
        return f"<key {self.entity.__name__}.{self.name}>"
