"""`Table`: the PynamoDB model from which the class of a table and its entities are derived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, PROVISIONED_BILLING_MODE
from pynamodb.exceptions import PynamoDBException, TableError

from singletable.errors import (
    InvalidBatchError,
    InvalidRequestError,
    SingletableError,
    TableMissingError,
)
from singletable.models.writing.writable import WritableItem
from singletable.steps import Stream, arun, run

if TYPE_CHECKING:
    from singletable.models.binding.binding import Binding
    from singletable.models.schema.description import TableDescription
    from singletable.models.writing.batch import Batch
    from singletable.models.writing.collection import Collection
    from singletable.models.writing.transaction import Transaction
    from singletable.requests import Get, Settings
    from singletable.requests.types import Handling, Item

__all__ = ["Table"]

T = TypeVar("T", bound="Table")


class Table(WritableItem):
    """The base of a table class; its subclasses are the entities of that table.

    A table class has `class Meta: table_name = "..."` and the indexes. It gets `pk` ("PK"), `sk` ("SK") and
    `entity_type` ("entityType"), or redeclares them with other stored names. An entity is a subclass with a
    discriminator and a primary key::

        class User(ShopTable, discriminator="USER"):
            user_id = UnicodeAttribute(attr_name="userId")
            key = Key(pk="USER#{user_id}", sk="PROFILE")

    Other options of `Meta` are `cursor_secret = ...` (a text of at least 16 bytes, or several, newest first; by
    default the environment variable SINGLETABLE_CURSOR_SECRET) and `cursor_lifetime = 86_400` (seconds), with which
    cursors are sealed; `key_encoding = "raw"` (on the table), for keys that other code wrote; and
    `personal = ("email",)` (on an entity), for attributes whose values must never be shown.
    """

    if TYPE_CHECKING:
        Meta: Any
    else:

        class Meta:
            billing_mode = PAY_PER_REQUEST_BILLING_MODE
            cursor_lifetime = 86_400
            # Settings that PynamoDB does not have, or has under another name. None means that a setting is not given.
            endpoint_url = connect_timeout = read_timeout = timeouts = max_attempts = max_connections = None
            transport = None
            credentials = session = profile = role_arn = dax_endpoints = None

    # --- dicts --------------------------------------------------------------------

    def to_dynamodb_dict(self) -> Item:
        """Return the item as DynamoDB's JSON, exactly, with base64 text for binary values.

        It holds keys, expiry, unknown attributes, and the values of personal attributes.

        Raises:
            InvalidValueError: An attribute cannot hold its value.
            PartialItemError: The instance was read with `only=`.
        """
        from singletable.models.items.dictionaries import as_dynamodb

        return as_dynamodb(self)

    def from_dynamodb_dict(self, d: Mapping[str, Any]) -> None:
        """Replace the contents by those of a dict that `to_dynamodb_dict()` returned; the dict is not changed.

        The instance is then like a new one with these values: it is not known to be stored, and its keys and its expiry
        are derived from its attributes. Unknown attributes are kept. If the entity has a version, `save()` expects the
        version in the dict.

        Args:
            d: The dict.

        Raises:
            InvalidValueError: The dict is not DynamoDB's JSON, or belongs to another entity.
            MalformedItemError: The model cannot read the item.
        """
        from singletable.models.items.dictionaries import fill, from_dynamodb

        fill(self, from_dynamodb(self, d))

    def to_simple_dict(self, *, force: bool = False) -> dict[str, Any]:
        """Return the item as plain JSON, with the same contents as `to_dynamodb_dict()`.

        Args:
            force: Whether to include binary values (as base64 text) and sets (as lists). The model must declare their
                types, by which `from_simple_dict()` restores them.

        Raises:
            InvalidValueError: Plain JSON cannot hold a value exactly: a binary value, a set, or a number with more
                digits than a float keeps.
            PartialItemError: The instance was read with `only=`.
        """
        from singletable.models.items.dictionaries import as_simple

        return as_simple(self, force=force)

    def from_simple_dict(self, d: Mapping[str, Any]) -> None:
        """Replace the contents by those of a dict that `to_simple_dict()` returned, as `from_dynamodb_dict()` does.

        Args:
            d: The dict. The model's types determine which texts are binary values and which lists are sets. A name
                that the model does not declare is an unknown attribute.

        Raises:
            InvalidValueError: A value cannot be stored exactly, or the dict belongs to another entity.
            MalformedItemError: The model cannot read the item.
        """
        from singletable.models.items.dictionaries import fill, from_simple

        fill(self, from_simple(self, d))

    # --- many at once -------------------------------------------------------------

    @classmethod
    def batch(cls, *, workers: int = 1, unknown: Handling = "raise", malformed: Handling = "raise") -> Batch:
        """Return a batch of puts, deletes and gets of any entities of the table, sent in few requests; see `Batch`.

        Args:
            workers: The most requests in progress at the same time.
            unknown: What a get does with an item of an unknown type, as in `batch_get`.
            malformed: What a get does with an item that its model cannot read, as in `batch_get`.
        """
        from singletable.models.writing.batch import Batch

        return Batch(cls._table_class(), workers, unknown, malformed)

    @classmethod
    def batch_write(cls, auto_commit: bool = True) -> Batch:  # type: ignore[override]  # PynamoDB's commits when its block raises
        """Return a batch, as `batch()` does; this is PynamoDB's name.

        Args:
            auto_commit: Must be True. With False, PynamoDB refuses a 26th item; such batches do not exist here.
        """
        if not auto_commit:
            raise InvalidBatchError(
                f"{cls.__name__}.batch_write(auto_commit=False) would refuse a 26th item.",
                remedy="Leave it out: a batch is sent when its block ends, in as many requests as are needed.",
            )
        return cls.batch()

    @classmethod
    def transaction(cls, *, token: str | None = None) -> Transaction:
        """Return a transaction of up to 100 writes and checks of any entities, all or nothing; see `Transaction`.

        Args:
            token: A client request token of 1 to 36 characters; a new one by default. It identifies the operations: if
                they are planned again with other times, IDs and versions, they are applied only once. Other operations
                under the same token are refused.
        """
        from singletable.models.writing.transaction import Transaction

        return Transaction(cls._table_class(), token)

    @classmethod
    def transact_get(cls, *requests: Get[Any], unknown: Handling = "raise", malformed: Handling = "raise") -> list[Any]:
        """Return up to 100 items as they were at one moment, in the order of the requests; None for a missing item.

        Args:
            requests: `Order.item(...)`, `User.item(...)`, ...
            unknown: What to do with an item of an unknown type, as in `batch_get`.
            malformed: What to do with an item that its model cannot read, as in `batch_get`.

        Raises:
            UnknownItemError: The table has no entity of an item's type.
            MalformedItemError: An item's model cannot read it.
            InvalidTransactionError: There are over 100 requests, or two requests for one item.
            TransactionCancelled: Each attempt conflicted with other writers.
        """
        from singletable.models.reading.transact_get import read_together

        return run(read_together(cls._table_class(), requests, unknown, malformed))

    @classmethod
    async def atransact_get(
        cls, *requests: Get[Any], unknown: Handling = "raise", malformed: Handling = "raise"
    ) -> list[Any]:
        """Return up to 100 items as they were at one moment, as `transact_get` does."""
        from singletable.models.reading.transact_get import read_together

        return await arun(read_together(cls._table_class(), requests, unknown, malformed))

    @classmethod
    def load_collection(cls, /, *entities: type[T], **attributes: Any) -> Collection[T]:
        """Return all items of several entity types in one partition, read consistently, to be written as one unit.

        Args:
            entities: The entity classes.
            attributes: The attributes of the partition key.
        """
        from singletable.models.writing.collection import Collection

        return run(Collection.load(cls._table_class(), entities, attributes))

    @classmethod
    async def aload_collection(cls, /, *entities: type[T], **attributes: Any) -> Collection[T]:
        """Return all items of several entity types in one partition, as `load_collection` does."""
        from singletable.models.writing.collection import Collection

        return await arun(Collection.load(cls._table_class(), entities, attributes))

    @classmethod
    def put_all(cls, entities: Iterable[Table]) -> Stream[int]:
        """Put many entities, 25 in a request, and yield the number of entities that each request wrote.

        Existing items are replaced. Nothing is sent until the result is iterated, with `for` or with `async for`.

        Raises:
            BatchIncompleteError: DynamoDB left items unprocessed after ten attempts.
        """
        from singletable.models.writing.batch import put_all

        return put_all(cls._table_class(), entities)

    # --- the table ----------------------------------------------------------------

    @classmethod
    def describe(cls) -> TableDescription:
        """Return a description of the table with its indexes, entities, keys and expiries, as one frozen value."""
        from singletable.models.schema.description import describe

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
        """Bind the table and all its entities to a place, for the process or for the current context.

        `T.bind(...)` holds for the process, until `undo()` is called on the returned binding. `with T.bind(...):` and
        `async with T.bind(...):` hold for the current context: other threads and tasks do not see the binding. A
        setting that is not given, or None, is inherited from the enclosing binding, then from `Meta`, then from the
        AWS SDK.

        Args:
            table_name: The name or the ARN of the table at the place.
            region: The AWS region.
            endpoint_url: The URL of a server with DynamoDB's API.
            settings: Other fields of `singletable.requests.Settings`: `session`, `profile`, `role_arn`, `timeouts`, ...

        Raises:
            UnexpectedAttributesError: A setting does not exist.
            InvalidValueError: The value of a setting is invalid, or two settings name different credentials.
            EndpointUnreachableError: `endpoint_url` is not a URL.
        """
        from singletable.models.binding.binding import bind

        return bind(cls._table_class(), table_name=table_name, region=region, endpoint_url=endpoint_url, **settings)

    @classmethod
    def bound(cls) -> Settings:
        """Return the settings of a request that is made now: the table's name, its place, time-outs and attempts."""
        from singletable.models.binding.binding import bound

        return bound(cls._table_class())

    @classmethod
    def create_table(
        cls,
        wait: bool = False,
        read_capacity_units: int | None = None,
        write_capacity_units: int | None = None,
        billing_mode: str | None = None,
        ignore_update_ttl_errors: bool = False,
    ) -> Any:
        """Create the table with its indexes unless it exists, and switch on its time to live if an entity expires.

        Args:
            wait: Whether to return only when the table can be used.
            read_capacity_units: The provisioned read capacity; by default from `Meta`.
            write_capacity_units: The provisioned write capacity; by default from `Meta`.
            billing_mode: `PAY_PER_REQUEST` or `PROVISIONED`; by default from `Meta`.
            ignore_update_ttl_errors: Whether to continue if the time to live cannot be switched on.

        Raises:
            InvalidRequestError: The billing mode does not exist, or its capacity is missing, or the table's time to
                live is on another attribute.
            RequestFailedError: DynamoDB refused the request.
        """
        from singletable.models.schema.options import billing_fault

        table = cls._table_class()
        mode = billing_mode or table.Meta.billing_mode
        declared = table.Meta if mode == PROVISIONED_BILLING_MODE else None
        read, write = (
            getattr(declared, name, None) if given is None else given
            for name, given in (
                ("read_capacity_units", read_capacity_units),
                ("write_capacity_units", write_capacity_units),
            )
        )
        fault = billing_fault(mode, read, write, created=True)
        if fault is not None:
            raise InvalidRequestError(f"{table.__name__}.create_table(): {fault[0]}.", remedy=fault[1])
        try:
            answer = super(Table, table).create_table(
                wait,
                read,
                write,
                mode,
                # PynamoDB's calls update_ttl() itself, also if no entity expires.
                ignore_update_ttl_errors=None,  # type: ignore[arg-type]  # it is passed on as it is
            )
        except TableError as error:
            raise table._translate(error, "CreateTable") from error
        if table.describe().ttl is not None:
            table.update_ttl(ignore_update_ttl_errors)
        return answer

    @classmethod
    async def acreate_table(
        cls,
        wait: bool = False,
        read_capacity_units: int | None = None,
        write_capacity_units: int | None = None,
        billing_mode: str | None = None,
        ignore_update_ttl_errors: bool = False,
    ) -> Any:
        """Create the table, as `create_table` does, in a thread."""
        return await _in_thread(
            cls.create_table,
            wait,
            read_capacity_units,
            write_capacity_units,
            billing_mode,
            ignore_update_ttl_errors,
        )

    @classmethod
    def update_ttl(cls, ignore_update_ttl_errors: bool | None = False) -> None:
        """Switch on the table's time to live for the attribute of its entities' `Expiry`, unless it is on.

        Args:
            ignore_update_ttl_errors: Whether to only log that it could not be switched on, with the logger
                `singletable`.

        Raises:
            InvalidRequestError: No entity of the table has an `Expiry`; or the table's time to live is on another
                attribute, or is being switched off.
            RequestFailedError: DynamoDB refused the request.
        """
        from singletable.models.writing.time_to_live import switch_on

        if ignore_update_ttl_errors is not None:
            switch_on(cls._table_class(), ignore_errors=ignore_update_ttl_errors)

    @classmethod
    async def aupdate_ttl(cls, ignore_update_ttl_errors: bool | None = False) -> None:
        """Switch on the table's time to live, as `update_ttl` does, in a thread."""
        await _in_thread(cls.update_ttl, ignore_update_ttl_errors)

    @classmethod
    def describe_table(cls) -> Any:
        """Return the answer of DescribeTable about the table.

        Raises:
            TableMissingError: The table does not exist.
        """
        from singletable.models.reading.targets import TableSender

        sender = TableSender(cls._table_class())
        return sender.send("DescribeTable", {"TableName": sender.table_name}).get("Table")

    @classmethod
    async def adescribe_table(cls) -> Any:
        """Return the answer of DescribeTable about the table, in a thread."""
        return await _in_thread(cls.describe_table)

    @classmethod
    def delete_table(cls, *, wait: bool = False) -> Any:
        """Delete the table and all its items."""
        try:
            return super().delete_table(wait=wait)
        except TableError as error:
            raise cls._translate(error, "DeleteTable") from error

    @classmethod
    async def adelete_table(cls, *, wait: bool = False) -> Any:
        """Delete the table and all its items, in a thread."""
        return await _in_thread(partial(cls.delete_table, wait=wait))

    @classmethod
    def exists(cls) -> bool:
        """Return whether the table exists."""
        try:
            cls.describe_table()
        except TableMissingError:
            return False
        return True

    @classmethod
    async def aexists(cls) -> bool:
        """Return whether the table exists, in a thread."""
        return bool(await _in_thread(cls.exists))

    @classmethod
    def _translate(cls, error: PynamoDBException, operation: str) -> SingletableError:
        """Return the error that PynamoDB wrapped, translated to an error with a remedy."""
        from singletable.requests.sending import translate_any

        return translate_any(error, operation, cls._get_connection())

    @classmethod
    def _get_connection(cls) -> Any:
        from singletable.models.binding.binding import connection_of

        return connection_of(cls._table_class())


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that blocks in another thread; operations on tables are rare."""
    import asyncio

    return await asyncio.to_thread(function, *arguments)
