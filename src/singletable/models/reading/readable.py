"""Reads of an entity: by its primary key, as a query, as a scan, in batches."""

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

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition

    from singletable.models.reading.bound_key import BoundKey
    from singletable.requests import Get, Query, Scan
    from singletable.requests.types import Handling, Item

__all__ = ["ReadableItem"]

T = TypeVar("T", bound="ReadableItem")


class ReadableItem(StoredItem):
    """An entity whose class reads items: each method makes a request, and sends it if it returns items."""

    @classmethod
    def item(
        cls: type[T], /, *, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> Get[T]:
        """The request for one item by its primary key, as a value; `one()` sends it. See `BoundKey.item`."""
        return cast("Get[T]", cls._primary_key().item(consistent=consistent, only=only, **attributes))

    @classmethod
    def get(
        cls: type[T], /, *keys: Any, consistent: bool = False, only: Sequence[str] | None = None, **attributes: Any
    ) -> T:
        """One item by its primary key: `Order.get(user_id="u1", order_id="o1")`.

        Raises:
            ItemDoesNotExist: There is none; each entity has its own, `Order.DoesNotExist`.
            UnknownItemError: What is there is of no type that the table knows.
        """
        cls._refuse_keys(keys, "get")
        return cls.item(consistent=consistent, only=only, **attributes).one()

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
        """A query on the primary key's partition, as a value; see `BoundKey.query`."""
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
        """Several entity types of one partition in one request, in the order of their sort keys.

        Args:
            entities: The entity classes; items of other known types are left out.
            index: The index class or name; None for the table itself.
            descending: Whether the last sort key comes first.
            limit: How many items to return at most.
            consistent: Whether to read what was last written, at twice the cost; not on an index.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; each is one of at least one entity. None for whole items.
            attributes: The attributes of the partition key.

        Raises:
            InvalidRequestError: The entities do not share a partition, or the query cannot have one of the options.
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
                " of what was given, and rows of other values share it.",
                remedy="Ask each entity for itself.",
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
        """Every item of this entity, or of all on the table class; it reads the whole table. See `Scan`.

        Args:
            filter: A PynamoDB condition, applied by DynamoDB after reading.
            limit: How many items to return at most.
            segment: Which segment of a parallel scan, from 0.
            segments: How many segments the scan is cut into.
            consistent: Whether to read what was last written, at twice the cost.
            unknown: What to do with an item of an unknown type: `raise`, `yield`, `skip`.
            malformed: What to do with an item that its model cannot read: `raise`, `yield`, `skip`.
            live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
            only: The attributes to read, by Python name; None for whole items. Reading any other raises.
            conditions: None; PynamoDB's first argument is `filter=` here.
            options: None; an option of PynamoDB's is refused with the one to write here.
        """
        from singletable.models.reading.conditions import check_filter, refuse_options
        from singletable.models.reading.targets import whole_table
        from singletable.requests.scan import make_scan

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
        """Many items by primary key, in the order asked; None for one that does not exist.

        Args:
            items: The attributes of each primary key, as mappings; or requests such as `Order.item(...)`, also of
                several entities: `ShopTable.batch_get([Order.item(...), User.item(...)])`.
            consistent: Whether to read what was last written, at twice the cost.
            workers: How many requests may be under way at once.
            unknown: What to do with an item of an unknown type: `raise`; `yield` gives `UnknownItem` in its place, and
                `skip` None.
            malformed: What to do with an item that its model cannot read: `raise`; `yield` gives `MalformedItem` in its
                place, and `skip` None.
            arguments: None; the options go by name.
            options: None; an option of PynamoDB's is refused with the one to write here.

        Raises:
            BatchIncomplete: DynamoDB left keys unprocessed after ten attempts.
            UnknownItemError: An item is of no type that the table knows.
            MalformedItemError: An item's model cannot read it.
        """
        from singletable.models.reading.batch_get import get_items
        from singletable.models.reading.conditions import refuse_options
        from singletable.models.reading.targets import TableSender

        refuse_options(f"{cls.__name__}.batch_get()", arguments, options)
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
        """How many items a query has. PynamoDB's count without a key is the whole table's, hours old."""
        return cls.query(*conditions, **attributes).count()

    @classmethod
    def from_raw_data(cls: type[T], data: Item) -> T:
        """An instance from an item as DynamoDB sends it.

        Raises:
            ItemDoesNotExist: It is another entity of the table.
            UnknownItemError: It is of no type that the table knows.
        """
        from singletable.models.items.dictionaries import copied
        from singletable.models.reading.targets import load, target_of
        from singletable.requests.types import UnknownItem
        from singletable.requests.unreadable import unknown_item

        cls._refuse_replaced()
        cls._refuse_no_item(data)
        # A copy: the caller may change its own.
        entity = load(cls._table_class(), copied(data))
        if isinstance(entity, UnknownItem):
            raise unknown_item(entity)
        if not isinstance(entity, cls):
            raise target_of(cls, PRIMARY).loader.absent(f"The item is a {type(entity).__name__}, not a {cls.__name__}.")
        return entity

    def refresh(  # type: ignore[override]  # PynamoDB's has consistent_read first
        self, consistent: bool = False, *, consistent_read: bool = False
    ) -> None:
        """Read the item again, into this instance.

        Args:
            consistent: Whether to read what was last written, at twice the cost.
            consistent_read: PynamoDB's name for `consistent`.

        Raises:
            ItemDoesNotExist: It is gone, or another entity by now.
            KeyChangeError: The primary key is another than the one it was read under.
        """
        from singletable.models.reading.targets import target_of

        self._stored_key()
        names = self._schema_of().primary.attributes
        fresh = self.get(consistent=consistent or consistent_read, **{name: getattr(self, name) for name in names})
        if type(fresh) is not type(self):
            raise target_of(type(self), PRIMARY).loader.absent(f"{self!r} is a {type(fresh).__name__} by now.")
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
