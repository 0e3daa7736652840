"""A key of an entity, which builds and parses key texts and reads items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from singletable.keys.text import plain_names
from singletable.models.reading.conditions import is_consistent, read_question, refuse_habits
from singletable.models.reading.targets import target_of
from singletable.requests.get import Get
from singletable.requests.query import make_query

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition

    from singletable.keys import CompositeKey
    from singletable.keys.compiled import Build
    from singletable.models.items.item import StoredItem
    from singletable.requests.query import Query
    from singletable.requests.types import Handling

__all__ = ["BoundKey"]

T = TypeVar("T", bound="StoredItem")


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
        """Return the key of these attributes: the text of the partition key and the text of the sort key.

        Raises:
            MissingAttributesError: An attribute is missing.
            UnexpectedAttributesError: The key does not use a given attribute.
            InvalidKeyValueError: A value cannot be part of a key, or the key would be too long.
        """
        build = self._build
        if build is None:
            build = self._build = self.entity._schema_of().builder(self.name)
        return build(attributes)

    def parse(self, pk: str, sk: str | None = None) -> dict[str, Any]:
        """Return the attributes from which a key was built, without projections (buckets, shards).

        Raises:
            KeyParseError: The key is not a key of this entity.
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
        """Return a query on this key, as a value; see `Query`.

        Args:
            conditions: At most one PynamoDB condition, on the key's next attribute after the given ones.
            descending: Whether the last sort key comes first.
            limit: How many items to return at most.
            filter: A PynamoDB condition on other attributes, applied by DynamoDB after reading.
            consistent: Whether the read is strongly consistent, at twice the cost; not on an index.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; None for whole items. Reading any other raises.
            attributes: The attributes of the partition key, and leading attributes of the sort key.

        Raises:
            MissingAttributesError: The partition is not determined; DynamoDB would have to scan.
            UnexpectedAttributesError: The key does not have an attribute, or an attribute before it is missing.
            InvalidConditionError: The key does not support the condition.
            InvalidRequestError: The query does not support an option.
            NotProjectedError: The filter or `live` reads an attribute that the index does not hold.
            InvalidKeyValueError: A value cannot be part of a key.
        """
        attributes = plain_names(attributes)
        schema = self.entity._schema_of()
        consistent = is_consistent(consistent, attributes, schema)
        target = target_of(self.entity, self.name, only)
        equals, condition, filter = read_question(schema, target.place, conditions, attributes, filter)
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
        """Return the request for one item, as a value; `one()` sends it.

        For the primary key it is a `Get`. For an index key it is a `Query` that must find one item, since DynamoDB
        does not keep index keys unique.

        Args:
            consistent: Whether the read is strongly consistent, at twice the cost; not on an index.
            only: The attributes to read, by Python name; None for the whole item. Reading any other raises.
            attributes: The attributes of the key.

        Raises: as `query` does.
        """
        attributes = plain_names(attributes)
        schema = self.entity._schema_of()
        consistent = is_consistent(consistent, attributes, schema)
        target = target_of(self.entity, self.name, only)
        if target.place.key.index is not None:
            return self.query(consistent=consistent, only=only, **attributes)
        refuse_habits(schema, target.place.key, attributes)
        target.place.key.refuse_unexpected(attributes, target.place.key.attributes)
        values = schema.to_keys(attributes)
        target.place.key.build(values)
        return Get(target, values, consistent)

    def get(self, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any) -> T:
        """Return one item by this key.

        Raises:
            ItemDoesNotExist: The item does not exist (`Order.DoesNotExist`).
            MultipleItemsFoundError: An index holds several items with this key; `count` is their number.
        """
        return self.item(consistent=consistent, only=only, **attributes).one()

    async def aget(self, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any) -> T:
        """Return one item by this key, as `get` does."""
        return await self.item(consistent=consistent, only=only, **attributes).aone()

    def __repr__(self) -> str:
        return f"<key {self.entity.__name__}.{self.name}>"
