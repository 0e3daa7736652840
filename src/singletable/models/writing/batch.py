"""Batches: many puts, deletes and gets of mixed entities, in few requests."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from singletable.errors import BatchIncompleteError, InvalidBatchError
from singletable.models.reading.batch_get import get_items
from singletable.models.reading.targets import TableSender, require_member
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing import plan
from singletable.requests import Get
from singletable.requests.batch_requests import BatchOperation, identity, write_all
from singletable.requests.types import Handling, Item
from singletable.requests.unreadable import check_handling
from singletable.steps import Steps, Stream, Waitable, arun, run

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["Batch", "put_all"]


class Batch:
    """Puts, deletes and gets that are sent together when the block ends; nothing is sent if it raises.

    ::

        with ShopTable.batch() as batch:
            batch.put(user, product)
            batch.delete(order)
            batch.put_all(line for line in lines())  # iterated when the batch is sent
            batch.get(Order.item(user_id="u1", order_id="o1"))
        (found,) = batch.items

    A batch is many writes: each write is atomic, but readers may see some writes before others. If a batch has several
    writes of one item, only the last one is sent, as if all were sent one after another; `folded` counts the others.
    DynamoDB does not support conditions in a batch, so an entity with a version is refused.

    A batch is sent to the place to which the table is bound when the batch is made, not when it is sent.

    Items that DynamoDB leaves unprocessed are sent again, up to ten times, with exponential backoff and full jitter.

    Args:
        table: The table class.
        workers: The most requests in progress at the same time.
        unknown: What a get does with an item of an unknown type: `raise`; `yield` returns `UnknownItem`, `skip` None.
        malformed: What a get does with an item that its model cannot read: `raise`; `yield` returns `MalformedItem`,
            `skip` None.
    """

    def __init__(
        self, table: type[StoredItem], workers: int = 1, unknown: Handling = "raise", malformed: Handling = "raise"
    ) -> None:
        check_handling(unknown=unknown, malformed=malformed)
        if workers < 1:
            raise InvalidBatchError(f"A batch has workers={workers}.", remedy="Use at least 1.", value=workers)
        self._table = table
        self._sender = TableSender(table)
        self._workers = workers
        self._unknown, self._malformed = unknown, malformed
        self._operations: list[Iterable[BatchOperation]] = []
        self._gets: list[Get[Any]] = []
        self._ended = False
        self.items: list[Any] = []
        """The results of the gets, in their order; None for an item that does not exist or is skipped."""
        self.folded = 0
        """The number of writes that were not sent, since a later write of the batch was on the same item."""

    def put(self, *entities: StoredItem) -> None:
        """Write entities, and replace existing items.

        Raises:
            InvalidBatchError: An entity belongs to another table, or has a version.
            InvalidValueError: An attribute cannot hold its value, or an item would be over 400 KB.
        """
        self._add([self._put(entity) for entity in entities])

    save = put
    """PynamoDB's name for `put`."""

    def create(self, *entities: StoredItem) -> NoReturn:
        """Refuse entities that must not exist yet: DynamoDB has no conditions in a batch.

        Raises:
            InvalidBatchError: Always; `create()` of the entities and of a transaction write such entities.
        """
        raise InvalidBatchError(
            f"A batch cannot create {', '.join(map(repr, entities)) or 'entities'}: DynamoDB has no conditions in a"
            " batch, so an existing item would be replaced.",
            remedy="Use create() of each entity, or transaction().create(...); or put() if it may be replaced.",
        )

    def put_all(self, entities: Iterable[StoredItem]) -> None:
        """Write any number of entities of an iterable, which is iterated while they are sent, in constant memory."""
        self._add(map(self._put, entities))

    def delete(self, *entities: StoredItem) -> None:
        """Delete entities; items that do not exist are ignored.

        Raises:
            InvalidBatchError: An entity belongs to another table, or has a version.
        """
        self._add([self._delete(entity) for entity in entities])

    def delete_all(self, entities: Iterable[StoredItem]) -> None:
        """Delete the entities of an iterable, which is iterated while they are sent."""
        self._add(map(self._delete, entities))

    def resume(self, error: BatchIncompleteError) -> None:
        """Add the puts and deletes that another batch did not finish.

        Raises:
            InvalidBatchError: The other batch has reads, which must be requested again, or was made for another place.
        """
        if "get" in error.verbs:
            raise InvalidBatchError("A batch cannot resume reads.", remedy="Read the items of error.unprocessed again.")
        if error.sender is not None:
            self._sender.require(error, InvalidBatchError, "A batch")
        self._add(error.pending)

    def get(self, *requests: Get[Any]) -> None:
        """Read items with `batch.get(Order.item(...), User.item(...))`; all reads are sent before the writes."""
        for request in requests:
            if not isinstance(request, Get):
                raise InvalidBatchError(
                    f"A batch gets items by primary key, not by a {type(request).__name__}.",
                    remedy="Write batch.get(Order.item(user_id=..., order_id=...)).",
                )
            self._sender.require(request.target, InvalidBatchError, "A batch")
        self._require_open()
        self._gets.extend(requests)

    def send(self) -> None:
        """Send all operations; the end of the block does this.

        Raises:
            BatchIncompleteError: DynamoDB left operations unprocessed; they are in `unprocessed` and `rest`.
        """
        run(self._send())

    async def asend(self) -> None:
        """Send all operations, as `send` does."""
        await arun(self._send())

    def sending(self) -> Stream[int]:
        """Return the steps that send the writes; their values are the numbers of items that the requests wrote."""
        return Stream(self._sending())

    def _send(self) -> Steps[None]:
        gets, self._gets = self._gets, []
        self.items.extend(
            (yield from get_items(self._sender, gets, self._workers, unknown=self._unknown, malformed=self._malformed))
        )
        writes = self.sending()
        while (yield from writes.take()) is not None:
            pass

    def _sending(self) -> Generator[Waitable | list[int], Any, None]:
        operations, self._operations = self._operations, []
        taken = done = 0

        def counted() -> Iterator[BatchOperation]:
            nonlocal taken
            for operation in chain.from_iterable(operations):
                taken += 1
                yield operation

        primary = table_schema(self._table).layout.primary
        writes = Stream(write_all(self._sender, counted(), primary, workers=self._workers))
        try:
            while (chunk := (yield from writes.take())) is not None:
                for operation in chunk:
                    if operation.write is not None:
                        operation.write.finish(None)
                done += len(chunk)
                yield [len(chunk)]
        except BatchIncompleteError as error:
            error.sender = self._sender
            raise
        self.folded += taken - done

    def _add(self, operations: Iterable[BatchOperation]) -> None:
        self._require_open()
        self._operations.append(operations)

    def _require_open(self) -> None:
        if self._ended:
            raise InvalidBatchError(
                "The batch's block has ended; nothing can be added.", remedy="Open another batch()."
            )

    def _put(self, entity: StoredItem) -> BatchOperation:
        self._check(entity)
        write = plan.save(entity)
        return self._operation(entity, write.item, {"PutRequest": {"Item": write.item}}, write)

    def _delete(self, entity: StoredItem) -> BatchOperation:
        self._check(entity)
        key = entity._key_item()
        return self._operation(entity, key, {"DeleteRequest": {"Key": key}})

    def _operation(self, entity: StoredItem, item: Item, request: dict[str, Any], write: Any = None) -> BatchOperation:
        return BatchOperation(identity(item, table_schema(self._table).layout.primary), request, entity, write)

    def _check(self, entity: StoredItem) -> None:
        require_member(self._table, entity, InvalidBatchError)
        if entity._schema_of().version is not None:
            raise InvalidBatchError(
                f"{entity!r} has a version, but DynamoDB does not check conditions in a batch.",
                remedy="Use save() or transaction(), which check the version.",
                entity=type(entity).__name__,
            )

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if kind is None:
            self.send()

    async def __aenter__(self) -> Batch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if kind is None:
            await self.asend()


class _Loading(Batch):
    """A batch that also accepts entities with a version, which it writes as new items."""

    def _check(self, entity: StoredItem) -> None:
        require_member(self._table, entity, InvalidBatchError)


def put_all(table: type[StoredItem], entities: Iterable[StoredItem]) -> Stream[int]:
    """Put many entities, replace existing items, and return a stream of the number of items that each request wrote."""
    loading = _Loading(table)
    loading.put_all(entities)
    return loading.sending()
