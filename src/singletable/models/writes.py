"""Writes of entities: planned as values, then sent; what a failed condition means, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import attrs
from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action

from singletable.errors import AlreadyExists, ConcurrentUpdateError, ConditionFailed, SingletableError
from singletable.models.change import Change
from singletable.models.effects import changed_attribute
from singletable.models.targets import stored_item
from singletable.requests.retries import ATTEMPTS, pause
from singletable.requests.sending import error_code, retried, standing_item
from singletable.requests.types import Item, Params, Sender
from singletable.requests.values import same_item, same_value
from singletable.requests.write import WriteRequest

if TYPE_CHECKING:
    from singletable.models.stored import StoredItem

__all__ = [
    "CheckWrite",
    "CreateWrite",
    "DeleteWrite",
    "SaveWrite",
    "UpdateWrite",
    "Write",
    "send_write",
    "too_contended",
]

T = TypeVar("T", bound="StoredItem")
W = TypeVar("W", bound="Write[Any]")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Write(Generic[T]):
    """One write of one entity, as a value. `params()` is the exact request; `send()` sends it.

    Args:
        entity: The instance that is written.
        request: What is sent.
        version: The version that the instance has; None for an entity without one, or that has none yet.
        locked: Whether that must be the version that is stored.
        condition: The caller's condition, which is part of the request's.
    """

    verb: ClassVar[str]

    entity: T
    request: WriteRequest
    version: int | None = None
    locked: bool = True
    condition: PynamoCondition | None = None

    def params(self) -> Params:
        """The request, as the arguments of the DynamoDB operation; nothing is sent."""
        return self.request.params()

    def send(self) -> None:
        """Send it; the instance is then what is stored.

        Raises:
            ConditionFailed: Its condition does not hold; the subclass says which.
            ItemDoesNotExist: There is nothing to update.
        """
        send_write(self)

    def through(self: W, sender: Sender) -> W:
        """Return the write as one that is sent through a sender."""
        return attrs.evolve(self, request=attrs.evolve(self.request, sender=sender))

    def judge(self, standing: Item | None, *, retried: bool) -> Write[T] | SingletableError | None:
        """What a failed condition means.

        Args:
            standing: The item that is stored; None where there is none.
            retried: Whether the SDK sent the request more than once, so that an earlier attempt may
                have been applied although its answer was lost.

        Returns:
            The write to try instead; the error to raise; or None where it was applied after all.
        """
        return None if retried and self.was_applied(standing) else self.refusal(standing, retried=retried)

    def refusal(self, standing: Item | None, *, retried: bool) -> SingletableError:
        """The error for a condition that does not hold on what is stored."""
        schema = self.entity._schema_of()
        outcome = _outcome(retried)
        if standing and standing.get(schema.layout.type_name, {}).get("S") not in (None, schema.discriminator):
            return ConditionFailed(
                f"{self.entity!r} is another entity by now; {outcome}.",
                remedy="The error's item field has what is stored.",
                entity=schema.name,
                item=standing,
                uncertain=retried,
            )
        if self.locked and schema.version is not None and self._version_in(standing) != self.version:
            found = "changed it since it was read (its version is another now)"
            return ConcurrentUpdateError(
                f"{self.entity!r}: another writer {found if standing else 'deleted it since it was read'}; {outcome}.",
                remedy="refresh() it and try again." if standing else "create() it, if it is to be there again.",
                entity=schema.name,
                item=standing,
                uncertain=retried,
            )
        what = "does not exist" if standing is None else f"does not meet the condition of this {self.verb}"
        return ConditionFailed(
            f"{self.entity!r} {what}; {outcome}.",
            remedy="" if standing is None else "The error's item field has what is stored.",
            entity=schema.name,
            item=standing,
            uncertain=retried,
        )

    def was_applied(self, standing: Item | None) -> bool:
        """Whether what is stored is what this write would have left."""
        return False

    def finish(self, item: Item | None) -> None:
        """Let the instance know what is stored now; `item` is that, where DynamoDB told."""

    def _version_in(self, standing: Item | None) -> int | None:
        schema = self.entity._schema_of()
        if standing is None or schema.version is None:
            return None
        number = standing.get(schema.attributes[schema.version].attr_name, {}).get("N")
        return None if number is None else int(number)

    def __repr__(self) -> str:
        # The request holds values.
        return f"<{self.verb} of {self.entity!r}>"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SaveWrite(Write[T]):
    """A put of the whole item, which replaces what is there.

    Args:
        written: A copy of the instance as it is written: stamped, and with its next version.
        item: The item.
    """

    verb: ClassVar[str] = "save"

    written: T
    item: Item

    def was_applied(self, standing: Item | None) -> bool:
        # Two writers that read one version may make the same of it; only a time of writing tells them apart.
        told = self.entity._schema_of().stamps or self.version is None or not self.locked
        return bool(told) and standing is not None and same_item(standing, self.item)

    def finish(self, item: Item | None) -> None:
        self.entity._adopt(self.written, self.item)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CreateWrite(SaveWrite[T]):
    """A put of an item that must not be there yet."""

    verb: ClassVar[str] = "create"

    def judge(self, standing: Item | None, *, retried: bool) -> Write[T] | SingletableError | None:
        if retried and self.was_applied(standing):
            return None
        if standing is None:
            # It was deleted between the failure and the look.
            return self
        return AlreadyExists(
            f"{self.entity!r} exists already; {_outcome(retried)}.",
            remedy="Use save() to replace it, or update() to change some of its attributes.",
            entity=self.entity._schema_of().name,
            item=standing,
            uncertain=retried,
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DeleteWrite(Write[T]):
    """A delete, by the derived key."""

    verb: ClassVar[str] = "delete"

    def was_applied(self, standing: Item | None) -> bool:
        return standing is None

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
        change: What they come to.
        reads: Whether the result depends on what was stored, so that it would be wrong if it were done twice.
    """

    verb: ClassVar[str] = "update"

    actions: Sequence[Action]
    change: Change
    reads: bool = False

    def judge(self, standing: Item | None, *, retried: bool) -> Write[T] | SingletableError | None:
        from singletable.models import plan

        schema = self.entity._schema_of()
        if standing is None or standing.get(schema.layout.type_name) != {"S": schema.discriminator}:
            what = "does not exist" if standing is None else "is another entity by now"
            return self.entity.DoesNotExist(  # type: ignore[call-arg,return-value]  # the class that the metaclass made
                f"{self.entity!r} {what}; nothing was written.",
                remedy="Use create() to write it first.",
                entity=schema.name,
            )
        if retried and self.was_applied(standing):
            return None
        if retried and self.reads:
            return ConcurrentUpdateError(
                f"{self.entity!r}: another writer changed it; {_outcome(retried)}.",
                remedy="refresh() it, and see whether this update is to be sent again.",
                entity=schema.name,
                item=standing,
                uncertain=retried,
            )
        refusal = self.refusal(standing, retried=retried)
        if isinstance(refusal, ConcurrentUpdateError) or self.change.holds_on(standing):
            return refusal
        # What a key depends on was changed by another writer: the key is derived anew from what is stored.
        fresh = type(self.entity)._from_item(standing)
        again = plan.update_actions(fresh, self.actions, self.condition, add_version_condition=self.locked)
        return attrs.evolve(again, entity=self.entity, reads=self.reads).through(self.request.sender)

    def was_applied(self, standing: Item | None) -> bool:
        after = self.change.after
        if standing is None or after is None:
            return False
        touched = {changed_attribute(action) for action in self.change.actions}
        # Another writer may have come to the same sum; only a time of writing tells them apart.
        told = self.entity._schema_of().stamps or not self.reads
        return bool(told) and all(same_value(standing.get(name), after.get(name)) for name in touched)

    def finish(self, item: Item | None) -> None:
        if item is not None:
            self.entity.deserialize(item)
        else:
            self.entity._assume(self.change.after)


def _outcome(retried: bool) -> str:
    return "an earlier attempt, whose answer was lost, may have been applied" if retried else "nothing was written"


def send_write(write: Write[Any]) -> dict[str, Any]:
    """Send a write, again where its keys had to be derived anew, and return DynamoDB's answer.

    Raises: as `Write.send` does.
    """
    for attempt in range(ATTEMPTS):
        pause(attempt)
        try:
            answer = write.request.send()
        except ClientError as error:
            if error_code(error) == "TransactionConflictException":
                # A transaction has the item; it is over in a moment.
                continue
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            standing = standing_item(error) or stored_item(write.entity, write.request.sender)
            verdict = write.judge(standing, retried=retried(error))
            if isinstance(verdict, SingletableError):
                verdict.cause = error  # type: ignore[attr-defined]  # as PynamoDB's errors have it
                raise verdict from error
            if verdict is None:
                write.finish(standing)
                return {}
            write = verdict
        else:
            write.finish(answer.get("Attributes"))
            return answer
    raise too_contended(write.entity)


def too_contended(entity: StoredItem) -> ConcurrentUpdateError:
    """The error for a write in whose way other writers were every time."""
    return ConcurrentUpdateError(
        f"{entity!r} was changed by other writers at each of {ATTEMPTS} attempts; nothing was written.",
        remedy="Try again later, or let fewer writers change one item.",
        entity=type(entity).__name__,
    )
