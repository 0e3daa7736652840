"""Writes of entities as values: how they are sent, and how a failed condition is interpreted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import attrs
from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action

from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidUpdateError,
    RequestFailedError,
    SingletableError,
)
from singletable.models.reading.targets import stored_item
from singletable.models.writing.actions import parse_actions
from singletable.models.writing.effects import evolve
from singletable.models.writing.planned_change import PlannedChange, update_error
from singletable.requests.attempts import Attempts
from singletable.requests.expressions import Actions, Portable
from singletable.requests.retry import CONTENTION
from singletable.requests.sending import current_item_of, error_code
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item, Params, Sender
from singletable.requests.write_requests import WriteRequest
from singletable.steps import Steps, arun, run

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = [
    "CheckWrite",
    "CreateWrite",
    "DeleteWrite",
    "SaveWrite",
    "UpdateWrite",
    "Write",
    "outcome",
    "send_write",
    "too_contended",
]

T = TypeVar("T", bound="StoredItem")
W = TypeVar("W", bound="Write[Any]")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Write(Portable, Generic[T]):
    """One write of one entity, as a value; `params()` returns the exact request, and `send()` sends it.

    Args:
        entity: The instance that is written.
        request: The request.
        version: The version that the instance has; None for an entity without one, or that has none yet.
        locked: Whether the stored version must be this one.
        condition: The caller's condition, which is part of the request's.
        resend: Whether the request may be sent again after an attempt whose answer was lost: a second application would
            change nothing, or its condition forbids it in every case.
        mark: Stored attributes with values that only this write gives; empty if no attribute identifies it.
    """

    verb: ClassVar[str]

    entity: T
    request: WriteRequest
    version: int | None = None
    locked: bool = True
    condition: PynamoCondition | None = None
    resend: bool = True
    mark: Mapping[str, dict[str, Any] | None] = attrs.field(factory=dict)

    def params(self) -> Params:
        """Return the arguments of the DynamoDB operation; nothing is sent."""
        return self.request.params()

    def send(self) -> None:
        """Send the write. The instance then has the stored values.

        Raises:
            ConditionFailed: The condition does not hold; the subclass names the kind of condition.
            ItemDoesNotExist: The item to update does not exist.
            RequestFailedError: It failed; `uncertain` is True if it may have been applied all the same.
        """
        run(send_write(self))

    async def asend(self) -> None:
        """Send the write, as `send` does."""
        await arun(send_write(self))

    def through(self: W, sender: Sender) -> W:
        """Return a copy of the write that is sent through the given sender."""
        return attrs.evolve(self, request=attrs.evolve(self.request, sender=sender))

    def judge(self, current_item: Item | None, *, lost: bool) -> Write[T] | SingletableError | None:
        """Interpret a failed condition.

        Args:
            current_item: The stored item; None if it does not exist.
            lost: Whether an earlier attempt may have been applied although its answer was lost.

        Returns:
            The write to try instead, or the error to raise, or None if this write was applied after all.
        """
        return None if lost and self.was_applied(current_item) else self.refusal(current_item, lost=lost)

    def refusal(self, current_item: Item | None, *, lost: bool) -> SingletableError:
        """Return the error for a condition that does not hold on the stored item."""
        schema = self.entity._schema_of()
        known = outcome(lost)
        if current_item and current_item.get(schema.layout.type_name, {}).get("S") not in (None, schema.discriminator):
            return ConditionFailed(
                f"{self.entity!r} is now another entity; {known}.",
                remedy="The error's item field has the stored item.",
                entity=schema.name,
                item=current_item,
                uncertain=lost,
            )
        if self.locked and schema.version is not None and self._version_in(current_item) != self.version:
            if self.version is None and self.entity._raw is None:
                # This is not a conflict with another writer: the instance was never read.
                return ConcurrentUpdateError(
                    f"{self.entity!r} has a version, but this instance was not read from the table; {known}.",
                    remedy="Read the item first (get() or refresh()), or give add_version_condition=False.",
                    entity=schema.name,
                    item=current_item,
                    uncertain=lost,
                )
            event = "changed" if current_item else "deleted"
            now = " (its version has changed)" if current_item else ""
            return ConcurrentUpdateError(
                f"{self.entity!r} was {event} since it was read{now}; {known}.",
                remedy="Call refresh() and try again." if current_item else "Use create() to write it again.",
                entity=schema.name,
                item=current_item,
                uncertain=lost,
            )
        state = "does not exist" if current_item is None else f"does not meet the condition of this {self.verb}"
        return ConditionFailed(
            f"{self.entity!r} {state}; {known}.",
            remedy="" if current_item is None else "The error's item field has the stored item.",
            entity=schema.name,
            item=current_item,
            uncertain=lost,
        )

    def misfit(self, current_item: Item | None) -> SingletableError | None:
        """Return the error if DynamoDB cannot apply the write to the stored item; None if it can."""
        return None

    def was_applied(self, current_item: Item | None) -> bool:
        """Return whether this write stored the item. An equal item proves nothing.

        A mark that the instance already has proves nothing either: it is from an earlier send of the same plan.
        """
        return self._is_marked(current_item) and not self._is_marked(self.entity._raw)

    def finish(self, item: Item | None) -> None:
        """Give the instance the stored values; `item` is the stored item, if DynamoDB returned it."""

    def _is_marked(self, item: Item | None) -> bool:
        return (
            bool(self.mark)
            and item is not None
            and all(same_value(item.get(name), value) for name, value in self.mark.items())
        )

    def _version_in(self, current_item: Item | None) -> Decimal | None:
        schema = self.entity._schema_of()
        if current_item is None or schema.version is None:
            return None
        number = current_item.get(schema.attributes[schema.version].attr_name, {}).get("N")
        # Other code may have stored a number that is not an integer.
        return None if number is None else Decimal(number)

    def __repr__(self) -> str:
        # The request holds values.
        return f"<{self.verb} of {self.entity!r}>"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SaveWrite(Write[T]):
    """A put of the whole item, which replaces a stored item.

    Args:
        written: A copy of the instance with the times of writing and the next version.
        item: The item.
    """

    verb: ClassVar[str] = "save"

    written: T
    item: Item

    def finish(self, item: Item | None) -> None:
        self.entity._adopt(self.written, self.item)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CreateWrite(SaveWrite[T]):
    """A put of an item that must not exist yet."""

    verb: ClassVar[str] = "create"

    def judge(self, current_item: Item | None, *, lost: bool) -> Write[T] | SingletableError | None:
        if lost and self.was_applied(current_item):
            return None
        if current_item is None and not lost:
            # It was deleted after the condition failed and before it was read.
            return self
        return AlreadyExistsError(
            f"{self.entity!r} exists already; {outcome(lost)}.",
            remedy="Use save() to replace it, or update() to change some of its attributes.",
            entity=self.entity._schema_of().name,
            item=current_item,
            uncertain=lost,
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DeleteWrite(Write[T]):
    """A delete by the derived key; a deleted item has no mark, so another writer may have deleted it.

    Args:
        required: Whether an absent item is an error.
    """

    verb: ClassVar[str] = "delete"

    required: bool = False

    def refusal(self, current_item: Item | None, *, lost: bool) -> SingletableError:
        if current_item is None and self.required:
            return absent(self.entity, "does not exist", lost=lost, remedy='Leave missing="raise" out to ignore this.')
        return super().refusal(current_item, lost=lost)

    def finish(self, item: Item | None) -> None:
        self.entity._forget()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CheckWrite(Write[T]):
    """A condition on an item that a transaction does not write."""

    verb: ClassVar[str] = "check"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class UpdateWrite(Write[T]):
    """An update of some attributes, with everything that is derived from them.

    Args:
        actions: The caller's actions.
        change: The actions to send, with the resulting item.
        reads: Whether the result depends on stored values, so that a second application would be wrong.
        values: The values from which the actions were made, by attribute; empty if the caller gave actions.
        replan: The planner that made this write; it plans the actions again for another state of the item.
        otherwise: The write to try if the item does not exist: the upsert of which this update is a part.
    """

    verb: ClassVar[str] = "update"

    actions: Sequence[Action] = attrs.field(converter=Actions)
    change: PlannedChange
    replan: Callable[..., UpdateWrite[T]]
    reads: bool = False
    values: Mapping[str, Any] = attrs.field(factory=dict)
    otherwise: Write[T] | None = None

    def judge(self, current_item: Item | None, *, lost: bool) -> Write[T] | SingletableError | None:
        schema = self.entity._schema_of()
        if current_item is None and self.otherwise is not None and not lost:
            return self.otherwise
        if current_item is None or current_item.get(schema.layout.type_name) != {"S": schema.discriminator}:
            state = "does not exist" if current_item is None else "is now another entity"
            return absent(self.entity, state, lost=lost, remedy="Use create() to write it first, or upsert().")
        if lost and self.was_applied(current_item):
            return None
        if lost and self.reads:
            return ConcurrentUpdateError(
                f"{self.entity!r} was changed since it was read; {outcome(lost)}.",
                remedy="Call refresh(), and check whether this update is needed again.",
                entity=schema.name,
                item=current_item,
                uncertain=lost,
            )
        refusal = self.refusal(current_item, lost=lost)
        if isinstance(refusal, ConcurrentUpdateError) or self._is_refused(current_item):
            return refusal
        # Another writer changed a source of a key: the key is derived again from the stored values.
        fresh = type(self.entity)._from_item(current_item)
        again = self.replan(fresh, self.actions, self.condition, add_version_condition=self.locked)
        again = attrs.evolve(again, entity=self.entity, reads=self.reads, resend=self.resend)
        return again.through(self.request.sender)

    def _is_refused(self, current_item: Item) -> bool:
        """Return whether the caller's condition failed, since all others hold on the stored item."""
        return self.change.holds_on(current_item)

    def misfit(self, current_item: Item | None) -> SingletableError | None:
        try:
            evolve(current_item or {}, parse_actions(self.change.actions))
        except InvalidUpdateError as error:
            return update_error(self.entity._schema_of(), error)
        return None

    def finish(self, item: Item | None) -> None:
        if item is not None:
            self.entity.deserialize(item)
        else:
            self.entity._assume(self.change.after)


def absent(entity: StoredItem, state: str, *, lost: bool, remedy: str) -> SingletableError:
    """Return the error for an item that a write needs and that does not exist."""
    return entity.DoesNotExist(  # type: ignore[call-arg,return-value]  # the class that the metaclass made
        f"{entity!r} {state}; {outcome(lost)}.", remedy=remedy, entity=entity._schema_of().name, uncertain=lost
    )


def outcome(lost: bool) -> str:
    """Return the known outcome of a write that ends with an error, as text for its message."""
    return "an earlier attempt, whose answer was lost, may have been applied" if lost else "nothing was written"


def send_write(write: Write[Any]) -> Steps[dict[str, Any]]:
    """Send a write in steps, repeat it if its keys had to be derived again, and return DynamoDB's answer.

    Raises:
        SingletableError: The errors of `Write.send`.
    """
    attempts = Attempts()
    for attempt in range(CONTENTION.attempts):
        yield from CONTENTION.before(attempt)
        attempts.resend = write.resend
        try:
            answer = yield from write.request.steps(attempts)
        except ClientError as error:
            if error_code(error) == "TransactionConflictException":
                # A transaction has the item for a moment.
                continue
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            current_item = current_item_of(error) or (yield from _look(write, attempts))
            verdict = write.judge(current_item, lost=attempts.lost)
            if isinstance(verdict, SingletableError):
                verdict.cause = error  # type: ignore[attr-defined]  # as PynamoDB's errors have it
                raise verdict from error
            if verdict is None:
                write.finish(current_item)
                return {}
            write = verdict
        except SingletableError as error:
            if isinstance(error, RequestFailedError) and error.code == "ValidationException":
                raise (yield from _explained(write, attempts, error)) from error
            if not (error.uncertain and write.mark):
                raise
            try:
                current_item = yield from _look(write, attempts)
            except SingletableError:
                raise error from None
            if not write.was_applied(current_item):
                raise
            write.finish(current_item)
            return {}
        else:
            write.finish(answer.get("Attributes"))
            return answer
    raise too_contended(write.entity, lost=attempts.lost)


def _explained(write: Write[Any], attempts: Attempts, error: SingletableError) -> Steps[SingletableError]:
    """Return the error for a request that DynamoDB refused; it names the action that the stored item does not allow."""
    try:
        found = write.misfit((yield from _look(write, attempts)))
    except SingletableError:
        return error
    return error if found is None else attempts.marked(found)


def _look(write: Write[Any], attempts: Attempts) -> Steps[Item | None]:
    """Read the stored item if the error of a failed condition does not contain it."""
    try:
        return (yield from stored_item(write.entity, write.request.sender))
    except SingletableError as error:
        raise attempts.marked(error) from error.__cause__


def too_contended(entity: StoredItem, *, lost: bool = False) -> ConcurrentUpdateError:
    """Return the error for a write that conflicted with other writers at every attempt."""
    often = "another writer" if lost else f"other writers at each of {CONTENTION.attempts} attempts"
    return ConcurrentUpdateError(
        f"{entity!r} was changed by {often}; {outcome(lost)}.",
        remedy="Try again later, or let fewer writers change one item.",
        entity=type(entity).__name__,
        uncertain=lost,
    )
