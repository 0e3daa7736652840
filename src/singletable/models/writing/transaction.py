"""Transactions: writes and checks of mixed entities, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action

from singletable.errors import InvalidTransactionError
from singletable.models.items.internal_items import is_beside
from singletable.models.reading.targets import TableSender, require_member
from singletable.models.writing import plan
from singletable.models.writing.applied import Record, record_of
from singletable.models.writing.transaction_sending import TransactionSending, transaction_request
from singletable.models.writing.writes import Write
from singletable.requests.transaction_requests import check_token, new_token
from singletable.requests.types import Params
from singletable.steps import Steps, arun, run

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["Transaction"]


class Transaction:
    """Writes that are applied together when the block ends, or not at all; nothing is sent if the block raises.

    ::

        with ShopTable.transaction() as transaction:
            transaction.create(order)
            transaction.update(product, actions=[Product.stock.set(Product.stock - 1)], condition=Product.stock >= 1)
            transaction.check(user, User.status == UserStatus.ACTIVE)

    Each write is planned when it is added, as it would be alone, with keys, expiry, timestamps and versions.
    If keys must be derived again since another writer was faster, or if DynamoDB reports a conflict, the transaction is
    sent again a bounded number of times. With the client request token DynamoDB applies it only once, even if the SDK
    sends it twice because an answer was lost.

    Afterwards the instances have the written values. A transaction returns no attributes: after an update, values that
    other writers changed meanwhile are seen only after `refresh()`.

    A transaction is sent to the place to which the table is bound when the transaction is made, not when writes are
    added.

    Args:
        table: The table class.
        token: The client request token; a new one by default. A caller's token identifies the operations: if they are
            planned again with other times, IDs and versions, they are applied only once, and other operations are
            refused. If plans contain such values, a record of the operations is also written (see `applied`).
        sender: The sender; None for the place to which the table is bound now.
    """

    def __init__(self, table: type[StoredItem], token: str | None = None, sender: TableSender | None = None) -> None:
        self._table = table
        self._sender = TableSender(table) if sender is None else sender
        self._token = new_token() if token is None else token
        self._is_named = token is not None
        check_token(self._token)
        self._writes: list[Write[Any]] = []
        self._ended = False

    # --- its operations -------------------------------------------------------

    def create(self, *entities: StoredItem) -> None:
        """Put entities that must not exist yet."""
        self._take(*[plan.create(self._mine(entity)) for entity in entities])

    def put(self, entity: StoredItem, condition: PynamoCondition | None = None) -> None:
        """Put an entity, which replaces a stored item."""
        self._take(plan.save(self._mine(entity), condition))

    save = put
    """PynamoDB's name for `put`."""

    def update(
        self,
        entity: StoredItem,
        actions: Sequence[Action] | None = None,
        condition: PynamoCondition | None = None,
        **values: Any,
    ) -> None:
        """Change attributes of a stored entity, by values or by actions."""
        self._take(plan.update(self._mine(entity), actions, condition, **values))

    def upsert(
        self,
        entity: StoredItem,
        actions: Sequence[Action] | None = None,
        condition: PynamoCondition | None = None,
        **values: Any,
    ) -> None:
        """Change attributes of a stored entity, or create it; `refresh()` then shows the stored item."""
        self._take(plan.upsert(self._mine(entity), actions, condition, **values))

    def delete(
        self,
        entity: StoredItem,
        condition: PynamoCondition | None = None,
        *,
        missing: Literal["ignore", "raise"] = "ignore",
    ) -> None:
        """Delete an entity; `missing` decides whether one that does not exist is ignored or cancels the transaction."""
        self._take(plan.delete(self._mine(entity), condition, missing=missing))

    def check(self, entity: StoredItem, condition: PynamoCondition | None = None) -> None:
        """Let the transaction fail unless a condition holds on an entity, or unless it exists if none is given."""
        self._take(plan.check(self._mine(entity), condition))

    def add(self, *writes: Write[Any]) -> None:
        """Add writes that the functions of `singletable.plan` planned before.

        Raises:
            InvalidTransactionError: One is not a write of this table, or was planned for another place.
        """
        for write in writes:
            if not isinstance(write, Write):
                raise InvalidTransactionError(
                    f"A transaction consists of writes, not of a {type(write).__name__}.",
                    remedy="Write transaction.add(plan.delete(order)), or transaction.delete(order).",
                )
            if is_beside(self._table, write.entity):
                # It is sent to the place of the transaction; the framework plans it when the transaction is sent.
                self._require_open()
                continue
            self._mine(write.entity)
            self._sender.require(write.request, InvalidTransactionError, "A transaction")
        self._take(*writes)

    def _take(self, *writes: Write[Any]) -> None:
        self._writes += [write.through(self._sender) for write in writes]

    def _require_open(self) -> None:
        if self._ended:
            raise InvalidTransactionError(
                "The transaction was sent, or its block has ended; nothing can be added.",
                remedy="Open another transaction().",
            )

    def _mine(self, entity: StoredItem) -> StoredItem:
        self._require_open()
        require_member(self._table, entity, InvalidTransactionError)
        return entity

    # --- sending it ---------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the transaction was sent, or its block has ended, so that nothing can be added."""
        return self._ended

    def params(self) -> Params:
        """Return the request, as the arguments of TransactWriteItems; nothing is sent.

        Raises:
            InvalidTransactionError: It has over 100 operations, over 4 MB, or two operations on one item.
        """
        record = self._record()
        writes = [*self._writes, *([record.write] if record else [])]
        return transaction_request(self._sender, writes, self._token).params()

    def _record(self) -> Record | None:
        return record_of(self._table, self._sender, self._token, self._writes) if self._is_named else None

    def send(self) -> None:
        """Send the transaction; the end of the block does this.

        Raises:
            InvalidTransactionError: It has over 100 operations, over 4 MB, or two operations on one item.
            TransactionCancelled: `reasons` has an entry for each operation, in their order. Nothing was written, unless
                `uncertain` is True.
            RequestFailedError: The request failed, or the token was used for other operations. `uncertain` is True if
                the transaction may have been applied nevertheless. If it is sent again with the same token, it is
                applied only once.
        """
        run(self.steps())

    async def asend(self) -> None:
        """Send the transaction, as `send` does."""
        await arun(self.steps())

    def steps(self) -> Steps[None]:
        """Send the transaction, in steps."""
        self._require_open()
        self._ended = True
        if self._writes:
            yield from TransactionSending(self._sender, self._writes, self._record(), self._token).steps()

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._ended:
            self.send()
        self._ended = True

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._ended:
            await self.asend()
        self._ended = True

    def __len__(self) -> int:
        return len(self._writes)
