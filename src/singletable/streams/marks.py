"""Marks: the events that each handler has handled, stored in the table itself, so that a transaction can write a mark.

DynamoDB and Lambda deliver an event at least once. The key of a mark is made of the event's id and the handler's name.
A mark expires after some days.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute

from singletable.errors import AlreadyExistsError, AlreadyHandledError, InvalidTransactionError, TransactionCancelled
from singletable.models import Expiry, Key, Transaction, plan
from singletable.models.declare.timestamps import utcnow
from singletable.models.items.internal_items import MARKS, internal_entity, internal_table_beside
from singletable.models.schema.table_schema import table_schema
from singletable.steps import Steps

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Delivery", "Marks"]


class Marks:
    """The marks of one table, at the place where the table is bound when they are read or written.

    Args:
        table: The table class.
        days: The number of days for which they are kept.
    """

    def __init__(self, table: type[Table], days: float) -> None:
        self._table = table
        self.days = days

    def of(self, event_id: str) -> dict[str, str | None]:
        """Return the names of the handlers that have handled an event.

        The value is the reason of a dead letter that is still to be sent; None if no letter is pending.
        """
        return {each.handler: each.pending for each in self._item().query(event_id=event_id, consistent=True)}

    def new(self, event_id: str, handler: str, pending: str | None = None) -> Any:
        """Return a mark that is not written yet."""
        return self._item()(event_id=event_id, handler=handler, pending=pending)

    def write(self, event_id: str, handler: str, pending: str | None = None) -> None:
        """Mark an event as handled by a handler; replace an earlier mark."""
        self.new(event_id, handler, pending).save()

    def _item(self) -> Any:
        ttl = table_schema(self._table).expiry_name
        assert ttl is not None  # the router requires a time to live
        return _mark_class(self._table, ttl, self.days)


class _Handled:
    """The mark of one event that one handler has handled."""

    event_id = UnicodeAttribute(attr_name="eventId")
    handler = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    handled_at = UTCDateTimeAttribute(attr_name="handledAt", default_for_new=utcnow)

    key = Key(pk=MARKS + "#{event_id}", sk="{handler}")


@lru_cache(maxsize=8)
def _mark_class(table: type[Table], ttl: str, days: float) -> Any:
    expires_at = Expiry(after="handled_at", days=days, attr_name=ttl)
    table_of_marks = internal_table_beside(table, "marks")
    return internal_entity(table_of_marks, _Handled, "singletable:handled", expires_at=expires_at)


class Delivery:
    """The delivery of one event to one handler.

    Args:
        table: The table class.
        marks: The marks of the table; None for an idempotent handler, which needs none.
        event_id: The event's id.
        handler: The handler's name.
    """

    def __init__(self, table: type[Table], marks: Marks | None, event_id: str, handler: str) -> None:
        self._table = table
        self._marks = marks
        self._event_id = event_id
        self._handler = handler
        self._taken: list[Transaction] = []
        self.marked = False
        self.repeated = False

    def transaction(self) -> Transaction:
        """Return a transaction that also writes the mark; see `Change.transaction`."""
        self.refuse_second()
        taken = Transaction(self._table) if self._marks is None else _MarkedTransaction(self)
        self._taken.append(taken)
        return taken

    def refuse_second(self) -> None:
        """Raise if a transaction was sent already: because of its mark, a second one would count as repeated."""
        if self.marked:
            raise InvalidTransactionError(
                f"{self._handler} has already sent a transaction for this event.",
                remedy="Put all operations into one transaction, or write a handler for each part.",
            )

    def refuse_unsent(self) -> None:
        """Raise if the handler created a transaction and did not send it."""
        if any(not each.ended for each in self._taken):
            raise InvalidTransactionError(
                f"{self._handler} called change.transaction() and did not send the transaction.",
                remedy="Write `with change.transaction() as transaction:`.",
            )

    def keep(self, reason: str) -> None:
        """Store the reason of a dead letter that could not be sent in the mark, if the event is marked."""
        if self._marks is not None and self.marked:
            self._marks.write(self._event_id, self._handler, reason)

    def finish(self) -> None:
        """Mark the event, unless the handler's transaction did."""
        if self._marks is not None and not self.marked:
            self._marks.write(self._event_id, self._handler)

    def mark(self) -> Any:
        """Return the mark as an entity that is not written yet."""
        assert self._marks is not None
        return self._marks.new(self._event_id, self._handler)


class _MarkedTransaction(Transaction):
    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery._table)
        self._delivery = delivery

    def steps(self) -> Steps[None]:
        if not self.ended:
            self._delivery.refuse_second()
            # The mark is last, so the reasons of a canceled transaction are in the order of the handler's operations.
            self.add(plan.create(self._delivery.mark()))
        try:
            yield from super().steps()
        except TransactionCancelled as error:
            if isinstance(error.reasons[-1].error, AlreadyExistsError):
                self._delivery.repeated = True
                raise AlreadyHandledError(
                    "This event was handled before, so nothing was written.", remedy="No action is needed."
                ) from None
            raise
        self._delivery.marked = True
