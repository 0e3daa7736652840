"""Reads of an entity: by primary key, by query, by scan, and in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from singletable.errors import (
    DeclarationError,
    InvalidRequestError,
    MissingAttributesError,
)
from singletable.keys.text import plain
from singletable.models.items.item import StoredItem
from singletable.models.schema.layout import PRIMARY
from singletable.models.schema.table_schema import table_schema
from singletable.steps import Steps, arun, run

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition

    from singletable.models.reading.bound_key import BoundKey
    from singletable.requests import Get, Query, Scan
    from singletable.requests.types import Handling, Item

__all__ = ["ReadableItem"]

T = TypeVar("T", bound="ReadableItem")


class ReadableItem(StoredItem):
    """An entity whose class reads items; each method makes a request, and sends it if it returns items."""

    @classmethod
    def item(
        cls: type[T], /, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> Get[T]:
        """Return the request for one item by its primary key, as a value; `one()` sends it. See `BoundKey.item`."""
        return cast("Get[T]", cls._primary_key().item(consistent=consistent, only=only, **attributes))

    @classmethod
    def get(
        cls: type[T], /, *keys: Any, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> T:
        """Return one item by its primary key: `Order.get(user_id="u1", order_id="o1")`.

        Raises:
            ItemDoesNotExist: The item does not exist; each entity has its own subclass, such as `Order.DoesNotExist`.
            UnknownItemError: The item with this key has a type that the table does not know.
        """
        cls._refuse_keys(keys, "get")
        return cls.item(consistent=consistent, only=only, **attributes).one()

    @classmethod
    async def aget(
        cls: type[T], /, *keys: Any, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> T:
        """Return one item by its primary key, as `get` does."""
        cls._refuse_keys(keys, "aget")
        return await cls.item(consistent=consistent, only=only, **attributes).aone()

    @classmethod
    def query(  # type: ignore[override]  # PynamoDB's takes key text, this one attributes
        cls: type[T],
        /,
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
        """Return a query on the primary key's partition, as a value; see `BoundKey.query`."""
        return cls._primary_key().query(
            *conditions,
            descending=descending,
            limit=limit,
            filter=filter,
            consistent=consistent,
            unknown=unknown,
            malformed=malformed,
            live=live,
            only=only,
            **attributes,
        )

    @classmethod
    def collection(
        cls,
        /,
        *entities: type[T],
        index: Any = None,
        descending: bool = False,
        limit: int | None = None,
        consistent: bool = False,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        live: bool = False,
        only: Sequence[str] | None = None,
        **attributes: Any,
    ) -> Query[T]:
        """Return a query for several entity types of one partition, in the order of their sort keys.

        Args:
            entities: The entity classes; items of other known types are left out.
            index: The index class or name; None for the table itself.
            descending: Whether the last sort key comes first.
            limit: How many items to return at most.
            consistent: Whether the read is strongly consistent, at twice the cost; not on an index.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; at least one entity must have each. None for whole items.
            attributes: The attributes of the partition key.

        Raises:
            InvalidRequestError: The entities do not share a partition, or the query does not support an option.
        """
        from singletable.models.reading.conditions import read_question
        from singletable.models.reading.targets import collection_target
        from singletable.requests.query import make_query

        name = plain(index) if index is None or isinstance(index, str) else index.Meta.index_name
        target = collection_target(cls._table_class(), entities, name, only)
        equals, _, loose = read_question(entities[0]._schema_of(), target.place, (), attributes, None)
        if loose is not None:
            key = target.place.key
            raise InvalidRequestError(
                f"{key.label}: the partition key {key.partition.text!r} only holds a bucket or a shard"
                " of the given values, so rows of other values are in the same partition.",
                remedy="Query each entity separately.",
                index=name,
            )
        return make_query(
            target,
            equals,
            None,
            descending=descending,
            limit=limit,
            consistent=consistent,
            unknown=unknown,
            malformed=malformed,
            live=live,
        )

    @classmethod
    def scan(  # type: ignore[override]  # PynamoDB's leaves out items of unknown types
        cls: type[T],
        *conditions: NoReturn,
        filter: PynamoCondition | None = None,
        limit: int | None = None,
        segment: int = 0,
        segments: int = 1,
        consistent: bool = False,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        live: bool = False,
        only: Sequence[str] | None = None,
        **options: NoReturn,
    ) -> Scan[T]:
        """Return a scan for all items of this entity, or of all entities on the table class; see `Scan`.

        It reads the whole table.

        Args:
            filter: A PynamoDB condition, applied by DynamoDB after reading.
            limit: How many items to return at most.
            segment: The number of this segment of a parallel scan, from 0.
            segments: The number of segments of the parallel scan.
            consistent: Whether the read is strongly consistent, at twice the cost.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; None for whole items. Reading any other raises.
            conditions: Must be empty; PynamoDB's first argument is `filter=` here.
            options: Must be empty; the error for an option of PynamoDB names the option to use instead.
        """
        from singletable.models.reading.conditions import check_filter, is_consistent, refuse_options
        from singletable.models.reading.targets import whole_table
        from singletable.requests.scan import make_scan

        consistent = is_consistent(consistent, options)
        refuse_options(f"{cls.__name__}.scan()", conditions, options)
        cls._refuse_replaced()
        mine = [schema.entity for schema in table_schema(cls).entities.values() if issubclass(schema.entity, cls)]
        if not mine:
            raise DeclarationError(
                f"{cls.__name__} has no entities to scan for.",
                remedy=f'Declare one: class Order({cls.__name__}, discriminator="ORDER").',
                rule="ST117",
                entity=cls.__name__,
            )
        target: Any = whole_table(cls._table_class(), mine, only)
        if filter is not None and cls._schema is not None:
            check_filter(cls._schema, target.place, filter, scanning=True)
        return make_scan(
            target,
            filter,
            limit=limit,
            segment=segment,
            segments=segments,
            consistent=consistent,
            unknown=unknown,
            malformed=malformed,
            live=live,
        )

    @classmethod
    def batch_get(  # type: ignore[override]  # PynamoDB's loses the order and retries without end
        cls: type[T],
        items: Iterable[Mapping[str, Any] | Get[Any]],
        *arguments: NoReturn,
        consistent: bool = False,
        workers: int = 1,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        **options: NoReturn,
    ) -> list[T | None]:
        """Return many items by primary key, in the given order; None for an item that does not exist.

        Args:
            items: The attributes of each primary key, as mappings; or requests such as `Order.item(...)`, also of
                several entities: `ShopTable.batch_get([Order.item(...), User.item(...)])`.
            consistent: Whether the read is strongly consistent, at twice the cost.
            workers: The most requests in progress at the same time.
            unknown: What to do with an item of an unknown type: `raise`; `yield` returns `UnknownItem` in its place,
                and `skip` None.
            malformed: What to do with an item that its model cannot read: `raise`; `yield` returns `MalformedItem` in
                its place, and `skip` None.
            arguments: Must be empty; options are given by name.
            options: Must be empty; the error for an option of PynamoDB names the option to use instead.

        Raises:
            BatchIncompleteError: DynamoDB left keys unprocessed after ten attempts.
            UnknownItemError: The table has no entity of an item's type.
            MalformedItemError: An item's model cannot read it.
        """
        return run(cls._batch_get("batch_get", items, arguments, options, consistent, workers, unknown, malformed))

    @classmethod
    async def abatch_get(
        cls: type[T],
        items: Iterable[Mapping[str, Any] | Get[Any]],
        *arguments: NoReturn,
        consistent: bool = False,
        workers: int = 1,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        **options: NoReturn,
    ) -> list[T | None]:
        """Return many items by primary key, as `batch_get` does."""
        return await arun(
            cls._batch_get("abatch_get", items, arguments, options, consistent, workers, unknown, malformed)
        )

    @classmethod
    def _batch_get(
        cls,
        method: str,
        items: Iterable[Mapping[str, Any] | Get[Any]],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        consistent: bool,
        workers: int,
        unknown: Handling,
        malformed: Handling,
    ) -> Steps[list[Any]]:
        from singletable.models.reading.batch_get import get_items
        from singletable.models.reading.conditions import is_consistent, refuse_options
        from singletable.models.reading.targets import TableSender

        consistent = is_consistent(consistent, options)
        refuse_options(f"{cls.__name__}.{method}()", arguments, options)
        gets = [cls._get_request(each) for each in items]
        return get_items(
            TableSender(cls._table_class()),
            gets,
            workers,
            consistent=consistent or None,
            unknown=unknown,
            malformed=malformed,
        )

    @classmethod
    def _get_request(cls, asked: Mapping[str, Any] | Get[Any]) -> Get[Any]:
        from singletable.requests.get import Get

        if isinstance(asked, Get):
            return asked
        if not isinstance(asked, Mapping):
            raise MissingAttributesError(
                f"{cls.__name__}.batch_get() takes mappings of attributes, not a {type(asked).__name__}.",
                remedy=f"Give {', '.join(cls._schema_of().primary.attributes)} of each item.",
                entity=cls.__name__,
                missing=cls._schema_of().primary.attributes,
            )
        return cls.item(**asked)

    @classmethod
    def count(cls, /, *conditions: Any, **attributes: Any) -> int:
        """Return the number of items of a query; without a key PynamoDB counts the whole table, as of hours ago."""
        return cls.query(*conditions, **attributes).count()

    @classmethod
    async def acount(cls, /, *conditions: Any, **attributes: Any) -> int:
        """Return the number of items of a query."""
        return await cls.query(*conditions, **attributes).acount()

    @classmethod
    def from_raw_data(cls: type[T], data: Item) -> T:
        """Return an instance from an item as DynamoDB sends it.

        Raises:
            ItemDoesNotExist: The item belongs to another entity of the table.
            UnknownItemError: The table has no entity of the item's type.
        """
        from singletable.models.items.dictionaries import copied
        from singletable.models.reading.targets import load, target_of
        from singletable.requests.types import UnknownItem
        from singletable.requests.unreadable import unknown_item

        cls._refuse_replaced()
        cls._refuse_no_item(data)
        # A copy, since the caller may change the given item.
        entity = load(cls._table_class(), copied(data))
        if isinstance(entity, UnknownItem):
            raise unknown_item(entity)
        if not isinstance(entity, cls):
            raise target_of(cls, PRIMARY).loader.absent(f"The item is a {type(entity).__name__}, not a {cls.__name__}.")
        return entity

    def refresh(  # type: ignore[override]  # PynamoDB's has consistent_read first
        self, consistent: bool = False, *, consistent_read: bool = False
    ) -> None:
        """Read the item again into this instance.

        Args:
            consistent: Whether the read is strongly consistent, at twice the cost.
            consistent_read: PynamoDB's name for `consistent`.

        Raises:
            ItemDoesNotExist: The item was deleted, or is now another entity.
            KeyChangeError: The primary key differs from the one with which the instance was read.
        """
        run(self._refresh(consistent or consistent_read))

    async def arefresh(self, consistent: bool = False, *, consistent_read: bool = False) -> None:
        """Read the item again into this instance, as `refresh` does."""
        await arun(self._refresh(consistent or consistent_read))

    def _refresh(self, consistent: bool) -> Steps[None]:
        from singletable.models.reading.targets import target_of

        self._stored_key()
        names = self._schema_of().primary.attributes
        fresh = yield from self.item(consistent=consistent, **{name: getattr(self, name) for name in names}).one_steps()
        if type(fresh) is not type(self):
            raise target_of(type(self), PRIMARY).loader.absent(f"{self!r} is now a {type(fresh).__name__}.")
        vars(self).update({**vars(fresh), "_form": None})

    @classmethod
    def _bind_key(cls: type[T], name: str) -> BoundKey[T]:
        from singletable.models.reading.bound_key import BoundKey

        return BoundKey(cls, name)

    @classmethod
    def _primary_key(cls: type[T]) -> BoundKey[T]:
        cls._schema_of()
        return cast("BoundKey[T]", getattr(cls, PRIMARY))

    @classmethod
    def _refuse_keys(cls, keys: tuple[Any, ...], method: str) -> None:
        if keys:
            schema = cls._schema_of()
            raise MissingAttributesError(
                f"{cls.__name__}.{method}() takes attributes by name, not key text.",
                remedy=f"Give {', '.join(schema.primary.attributes)}.",
                entity=cls.__name__,
                missing=schema.primary.attributes,
            )
