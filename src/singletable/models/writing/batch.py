"""Batches: many puts, deletes and gets of mixed entities, in few requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from singletable.errors import BatchIncomplete, InvalidBatchError
from singletable.models.reading.batch_get import get_items
from singletable.models.reading.targets import TableSender, require_member
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing import plan
from singletable.requests import Get
from singletable.requests.batch_requests import BatchOperation, identity, write_all
from singletable.requests.types import Handling, Item
from singletable.requests.unreadable import check_handling

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["Batch", "put_all"]


class Batch:
    """Puts, deletes and gets that are sent together when the block ends; nothing is sent if it raises.

    ::

        with ShopTable.batch() as batch:
            batch.put(user, product)
            batch.delete(order)
            batch.put_all(line for line in lines())  # taken only when it is sent
            batch.get(Order.item(user_id="u1", order_id="o1"))
        (found,) = batch.items

    A batch is many writes, not one: each is whole, and they may be seen one by one. Of several writes of
    one item the last one wins, as if they had been sent one after another; `folded` counts the others.
    DynamoDB takes no conditions in a batch, so an entity with a version is refused.

    A batch goes to the place to which the table is bound when the batch is made, whatever is bound when it is sent.

    What DynamoDB leaves unprocessed is sent again, up to ten times, with exponential backoff and full jitter.

    Args:
        table: The table class.
        workers: How many requests may be under way at once.
        unknown: What a get does with an item of an unknown type: `raise`; `yield` gives `UnknownItem`, `skip` None.
        malformed: What a get does with an item that its model cannot read: `raise`; `yield` gives `MalformedItem`,
            `skip` None.
    """

    def __init__(
        self, table: type[StoredItem], workers: int = 1, unknown: Handling = "raise", malformed: Handling = "raise"
    ) -> None:
        check_handling(unknown=unknown, malformed=malformed)
        if workers < 1:
            raise InvalidBatchError(f"A batch with {workers} workers does nothing.", value=workers)
        self._table = table
        self._sender = TableSender(table)
        self._workers = workers
        self._unknown, self._malformed = unknown, malformed
        self._operations: list[Iterable[BatchOperation]] = []
        self._gets: list[Get[Any]] = []
        self._ended = False
        self.items: list[Any] = []
        """The results of the gets, in their order; None for an item that does not exist, or is skipped."""
        self.folded = 0
        """How many writes were left out, since a later one of the batch was on the same item."""

    def put(self, *entities: StoredItem) -> None:
        """Write entities, replacing what is there.

        Raises:
            InvalidBatchError: One is of another table, or has a version.
            InvalidValueError: An attribute cannot hold its value, or an item would be over 400 KB.
        """
        self._add([self._put(entity) for entity in entities])

    save = put
    """PynamoDB's name for it."""

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
        """The same for an iterable, whose entities are taken as they are sent: any number, in constant memory."""
        self._add(map(self._put, entities))

    def delete(self, *entities: StoredItem) -> None:
        """Delete entities. One that is not there is not missed.

        Raises:
            InvalidBatchError: One is of another table, or has a version.
        """
        self._add([self._delete(entity) for entity in entities])

    def delete_all(self, entities: Iterable[StoredItem]) -> None:
        """The same for an iterable, whose entities are taken as they are sent."""
        self._add(map(self._delete, entities))

    def resume(self, error: BatchIncomplete) -> None:
        """Take up what another batch had not done, puts and deletes as they were.

        Raises:
            InvalidBatchError: The other batch held reads, which must be requested again, or was made for another place.
        """
        if "get" in error.verbs:
            raise InvalidBatchError("A batch cannot take up reads.", remedy="Ask for error.unprocessed again.")
        if error.sender is not None:
            self._sender.require(error, InvalidBatchError, "A batch")
        self._add(error.pending)

    def get(self, *requests: Get[Any]) -> None:
        """Ask for items: `batch.get(Order.item(...), User.item(...))`. They are read before anything is written."""
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
        """Send everything; done by the end of the block.

        Raises:
            BatchIncomplete: DynamoDB left something unprocessed; `unprocessed` and `rest` hold what was not done.
        """
        gets, self._gets = self._gets, []
        self.items.extend(
            get_items(self._sender, gets, self._workers, unknown=self._unknown, malformed=self._malformed)
        )
        for _ in self.sending():
            pass

    def sending(self) -> Iterator[int]:
        """Send the writes; yields how many each request wrote."""
        operations, self._operations = self._operations, []
        taken = done = 0

        def counted() -> Iterator[BatchOperation]:
            nonlocal taken
            for operation in chain.from_iterable(operations):
                taken += 1
                yield operation

        primary = table_schema(self._table).layout.primary
        try:
            for chunk in write_all(self._sender, counted(), primary, workers=self._workers):
                for operation in chunk:
                    if operation.write is not None:
                        operation.write.finish(None)
                done += len(chunk)
                yield len(chunk)
        except BatchIncomplete as error:
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
                f"{entity!r} has a version, and DynamoDB checks nothing in a batch.",
                remedy="Use save(), or transaction(), which check it.",
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


class _Loading(Batch):
    """A batch that also takes entities with a version, as if each were new."""

    def _check(self, entity: StoredItem) -> None:
        require_member(self._table, entity, InvalidBatchError)


def put_all(table: type[StoredItem], entities: Iterable[StoredItem]) -> Iterator[int]:
    """Put many entities, replacing what is there; yields how many each request wrote."""
    loading = _Loading(table)
    loading.put_all(entities)
    return loading.sending()
