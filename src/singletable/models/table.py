"""`Table`: the PynamoDB model that a single table's class, and every entity in it, derives from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE
from pynamodb.exceptions import PynamoDBException, TableError

from singletable.errors import (
    DeclarationError,
    InvalidBatchError,
    InvalidRequestError,
    MissingAttributesError,
    SingletableError,
    TableMissing,
)
from singletable.keys.text import plain
from singletable.models.key import PRIMARY
from singletable.models.writing import WritableItem

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition

    from singletable.models.batch import Batch
    from singletable.models.binding import Binding
    from singletable.models.collection import Collection
    from singletable.models.description import TableDescription
    from singletable.models.home import Home
    from singletable.models.key import BoundKey
    from singletable.models.transaction import Transaction
    from singletable.requests import Get, Observer, Query, Scan, Settings
    from singletable.requests.types import Handling, Item

__all__ = ["Table"]

T = TypeVar("T", bound="Table")


class Table(WritableItem):
    """The base of a table class; its subclasses are the entities of that table.

    A table class has `class Meta: table_name = "..."` and the indexes; it gets `pk` ("PK"), `sk` ("SK")
    and `entity_type` ("entityType"), or redeclares them under other stored names. An entity is a
    subclass with a discriminator and a primary key::

        class User(ShopTable, discriminator="USER"):
            user_id = UnicodeAttribute(attr_name="userId")
            key = Key(pk="USER#{user_id}", sk="PROFILE")

    `Meta` may also say `cursor_secret = ...` (a text of at least 16 bytes, or several, newest first; the
    environment variable SINGLETABLE_CURSOR_SECRET where it is left out) and `cursor_lifetime = 86_400` (seconds),
    with which cursors are sealed; `key_encoding = "raw"` (on the table), for keys that other code wrote, and
    `personal = ("email",)` (on an entity), for attributes whose values must never be shown.
    """

    if TYPE_CHECKING:
        Meta: Any
    else:

        class Meta:
            billing_mode = PAY_PER_REQUEST_BILLING_MODE
            cursor_lifetime = 86_400
            # Settings that PynamoDB does not have, or has under another name; None for one that is not given.
            endpoint_url = connect_timeout = read_timeout = timeouts = max_attempts = max_connections = None
            credentials = session = profile = role_arn = dax_endpoints = None

    _home: ClassVar[Home]
    _observers: ClassVar[tuple[Observer, ...]] = ()

    # --- reading ------------------------------------------------------------------

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
        cls._refuse_keys(keys)
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
        from singletable.models.conditions import read_question
        from singletable.models.targets import collection_target
        from singletable.requests.query import make_query

        name = plain(index) if index is None or isinstance(index, str) else index.Meta.index_name
        target = collection_target(cls._table_class(), entities, name, only)
        equals, _, loose = read_question(entities[0]._schema_of(), target, (), attributes, None)
        if loose is not None:
            raise InvalidRequestError(
                f"{target.key.label}: the partition key {target.key.partition.text!r} only holds a bucket or a shard"
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
        *,
        filter: PynamoCondition | None = None,
        limit: int | None = None,
        segment: int = 0,
        segments: int = 1,
        consistent: bool = False,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
        live: bool = False,
        only: Sequence[str] | None = None,
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
        """
        from singletable.models.conditions import check_filter
        from singletable.models.targets import whole_table
        from singletable.requests.scan import make_scan

        cls._refuse_replaced()
        mine = [schema.entity for schema in cls._schemas().values() if issubclass(schema.entity, cls)]
        if not mine:
            raise DeclarationError(
                f"{cls.__name__} has no entities to scan for.",
                remedy=f'Declare one: class Order({cls.__name__}, discriminator="ORDER").',
                rule="ST117",
                entity=cls.__name__,
            )
        target: Any = whole_table(cls._table_class(), mine, only)
        if filter is not None and cls._schema is not None:
            check_filter(cls._schema, target, filter, scanning=True)
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
        *,
        consistent: bool = False,
        workers: int = 1,
        unknown: Handling = "raise",
        malformed: Handling = "raise",
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

        Raises:
            BatchIncomplete: DynamoDB left keys unprocessed after ten attempts.
            UnknownItemError: An item is of no type that the table knows.
            MalformedItemError: An item's model cannot read it.
        """
        from singletable.models.batch import get_items
        from singletable.models.targets import TableSender

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
        from singletable.models.targets import load, target_of
        from singletable.requests.types import UnknownItem
        from singletable.requests.unreadable import unknown_item

        cls._refuse_replaced()
        entity = load(cls._table_class(), data)
        if isinstance(entity, UnknownItem):
            raise unknown_item(entity)
        if not isinstance(entity, cls):
            raise target_of(cls, PRIMARY).absent(f"The item is a {type(entity).__name__}, not a {cls.__name__}.")
        return entity

    def refresh(self, consistent_read: bool = False) -> None:
        """Read the item again, into this instance.

        Raises:
            ItemDoesNotExist: It is gone, or another entity by now.
            KeyChangeError: The primary key is another than the one it was read under.
        """
        from singletable.models.targets import target_of

        self._stored_key()
        names = self._schema_of().primary.attributes
        fresh = self.get(consistent=consistent_read, **{name: getattr(self, name) for name in names})
        if type(fresh) is not type(self):
            raise target_of(type(self), PRIMARY).absent(f"{self!r} is a {type(fresh).__name__} by now.")
        vars(self).update(vars(fresh))

    # --- many at once -------------------------------------------------------------

    @classmethod
    def batch(cls, *, workers: int = 1, unknown: Handling = "raise", malformed: Handling = "raise") -> Batch:
        """Many puts, deletes and gets of any entities of the table, in few requests; see `Batch`.

        Args:
            workers: How many requests may be under way at once.
            unknown: What a get does with an item of an unknown type, as in `batch_get`.
            malformed: What a get does with an item that its model cannot read, as in `batch_get`.
        """
        from singletable.models.batch import Batch

        return Batch(cls._table_class(), workers, unknown, malformed)

    @classmethod
    def batch_write(cls, auto_commit: bool = True) -> Batch:  # type: ignore[override]  # PynamoDB's commits when its block raises
        """The same, under PynamoDB's name.

        Args:
            auto_commit: False is PynamoDB's for "refuse a 26th item"; there is no such batch here.
        """
        if not auto_commit:
            raise InvalidBatchError(
                f"{cls.__name__}.batch_write(auto_commit=False) would refuse a 26th item.",
                remedy="Leave it out: a batch is sent when its block ends, in as many requests as it takes.",
            )
        return cls.batch()

    @classmethod
    def transaction(cls, *, token: str | None = None) -> Transaction:
        """Up to 100 writes and checks of any entities of the table, all or nothing; see `Transaction`.

        Args:
            token: A client request token of 1 to 36 characters; one is made if none is given. It names one request:
                writes that are planned again have other times, write tokens and first versions, and DynamoDB refuses
                them under the same token.
        """
        from singletable.models.transaction import Transaction

        return Transaction(cls._table_class(), token)

    @classmethod
    def transact_get(cls, *requests: Get[Any], unknown: Handling = "raise", malformed: Handling = "raise") -> list[Any]:
        """Up to 100 items of any entities as they were at one moment, in the order asked; None for a missing one.

        Args:
            requests: `Order.item(...)`, `User.item(...)`, ...
            unknown: What to do with an item of an unknown type, as in `batch_get`.
            malformed: What to do with an item that its model cannot read, as in `batch_get`.

        Raises:
            UnknownItemError: An item is of no type that the table knows.
            MalformedItemError: An item's model cannot read it.
            InvalidTransactionError: There are too many, or one is asked for twice.
            TransactionCancelled: Other writers were in the way every time.
        """
        from singletable.models.transaction import read_together

        return read_together(cls._table_class(), requests, unknown, malformed)

    @classmethod
    def load_collection(cls, /, *entities: type[T], **attributes: Any) -> Collection[T]:
        """Everything of several entity types in one partition, read consistently and written back as one unit.

        Args:
            entities: The entity classes.
            attributes: The attributes of the partition key.
        """
        from singletable.models.collection import Collection

        return Collection.load(cls._table_class(), entities, attributes)

    @classmethod
    def load_all(cls, entities: Iterable[Table]) -> Iterator[int]:
        """Put many entities, replacing what is there, 25 in a request; yields how many each request wrote.

        Nothing is sent until the result is iterated.

        Raises:
            BatchIncomplete: DynamoDB left items unprocessed after ten attempts.
        """
        from singletable.models.batch import load_all

        return load_all(cls._table_class(), entities)

    # --- the table ----------------------------------------------------------------

    @classmethod
    def describe(cls) -> TableDescription:
        """The table with its indexes, entities, keys and expiries, as one frozen value."""
        from singletable.models.description import describe

        return describe(cls._table_class())

    @classmethod
    def bind(
        cls,
        *,
        table_name: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        **settings: Any,
    ) -> Binding:
        """Bind the table and all its entities to a place: as a statement for the process, with `with` for the context.

        `T.bind(...)` holds for the process, until `undo()` is called on the returned binding. `with T.bind(...):` and
        `async with T.bind(...):` hold for the current context: other threads and tasks do not see it. A setting that
        is not given, or None, is inherited: from the binding around it, then from `Meta`, then from the AWS SDK.

        Args:
            table_name: The table's name there, or its ARN.
            region: The AWS region.
            endpoint_url: The URL of a server that speaks DynamoDB.
            settings: Other fields of `singletable.requests.Settings`: `session`, `profile`, `role_arn`, `timeouts`, ...

        Raises:
            UnexpectedAttributesError: A setting does not exist.
            InvalidValueError: A setting cannot have its value, or two of them name different credentials.
            EndpointUnreachable: `endpoint_url` is not a URL.
        """
        from singletable.models.binding import bind

        return bind(cls._table_class(), table_name=table_name, region=region, endpoint_url=endpoint_url, **settings)

    @classmethod
    def bound(cls) -> Settings:
        """Return the settings of a request that is made now: the table's name, its place, time-outs and attempts."""
        from singletable.models.binding import bound

        return bound(cls._table_class())

    @classmethod
    def create_table(cls, *args: Any, ignore_update_ttl_errors: bool = False, **kwargs: Any) -> Any:
        """Create the table with its indexes, and switch on its time to live where an entity expires.

        Args: as PynamoDB's `Model.create_table`: `wait`, `billing_mode`, ...
        """
        table = cls._table_class()
        if cls is not table:
            return table.create_table(*args, ignore_update_ttl_errors=ignore_update_ttl_errors, **kwargs)
        try:
            answer = super().create_table(*args, **kwargs)
        except TableError as error:
            raise cls._translate(error, "CreateTable") from error
        ttl = cls.describe().ttl
        if ttl is not None:
            try:
                cls._get_connection().update_time_to_live(ttl)
            except TableError as error:
                if not ignore_update_ttl_errors:
                    raise cls._translate(error, "UpdateTimeToLive") from error
        return answer

    @classmethod
    def delete_table(cls, *, wait: bool = False) -> Any:
        """Delete the table with everything in it."""
        try:
            return super().delete_table(wait=wait)
        except TableError as error:
            raise cls._translate(error, "DeleteTable") from error

    @classmethod
    def exists(cls) -> bool:
        """Whether the table is there."""
        from singletable.models.targets import TableSender

        sender = TableSender(cls._table_class())
        try:
            sender.send("DescribeTable", {"TableName": sender.table_name})
        except TableMissing:
            return False
        return True

    # --- inside -------------------------------------------------------------------

    @classmethod
    def _primary_key(cls: type[T]) -> BoundKey[T]:
        cls._schema_of()
        return cast("BoundKey[T]", getattr(cls, PRIMARY))

    @classmethod
    def _refuse_keys(cls, keys: tuple[Any, ...]) -> None:
        if keys:
            schema = cls._schema_of()
            raise MissingAttributesError(
                f"{cls.__name__}.get() takes attributes by name, not key text.",
                remedy=f"Give {', '.join(schema.primary.attributes)}.",
                entity=cls.__name__,
                missing=schema.primary.attributes,
            )

    @classmethod
    def _translate(cls, error: PynamoDBException, operation: str) -> SingletableError:
        """What PynamoDB wrapped, as the error that tells a person what to do."""
        from singletable.requests.sending import translate_any

        return translate_any(error, operation, cls._get_connection())

    @classmethod
    def _get_connection(cls) -> Any:
        from singletable.models.binding import connection_of

        return connection_of(cls._table_class())
