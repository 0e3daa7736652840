"""Writes as values: the put, update, deletion or check of one item, with its condition.

Each can be sent alone, or as an operation of a transaction; a check only in a transaction. If the condition fails,
DynamoDB returns the current item, which distinguishes a missing item from a changed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action
from pynamodb.expressions.update import Update as UpdateExpression

from singletable.errors import InvalidUpdateError
from singletable.requests.attempts import Attempts
from singletable.requests.capacity import item_size, value_size
from singletable.requests.expressions import EXPRESSION_BYTES, Actions, Placeholders, Portable
from singletable.requests.types import Item, Params, Sender
from singletable.steps import Steps

__all__ = ["Check", "Delete", "Put", "Update", "WriteRequest"]


@attrs.frozen(kw_only=True)
class WriteRequest(Portable):
    """The base of the four writes.

    Args:
        sender: The sender of the request.
        condition: A PynamoDB condition on the current item.
    """

    operation: ClassVar[str]
    """The DynamoDB operation."""

    place: ClassVar[str]
    """The name of the operation within a transaction."""

    sender: Sender = attrs.field(eq=False, repr=False)
    condition: PynamoCondition | None = attrs.field(default=None, repr=False)

    def params(self) -> Params:
        """Return the arguments of the DynamoDB operation; nothing is sent."""
        return self.transact_params()

    def transact_params(self) -> Params:
        """Return the arguments of the write as one operation of a transaction."""
        placeholders = Placeholders()
        params: Params = {"TableName": self.sender.table_name, **self._arguments(placeholders)}
        if self.condition is not None:
            params["ConditionExpression"] = placeholders.condition(self.condition)
            params["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {**params, **placeholders.arguments()}

    def steps(self, attempts: Attempts | None = None) -> Steps[dict[str, Any]]:
        """Send the write in steps; a failed condition raises botocore's ClientError.

        Args:
            attempts: The attempts of earlier requests of the same logical write.
        """
        return self.sender.steps(self.operation, self.params(), attempts)

    def size(self) -> int:
        """Return the approximate number of bytes that count against a transaction's limit."""
        return item_size(self.item_or_key)

    @property
    def item_or_key(self) -> Item:
        """The item to write, or its key."""
        raise NotImplementedError

    def _arguments(self, placeholders: Placeholders) -> Params:
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Put(WriteRequest):
    """Write a whole item: `item`."""

    operation: ClassVar[str] = "PutItem"
    place: ClassVar[str] = "Put"

    item: Item = attrs.field(repr=False)

    @property
    def item_or_key(self) -> Item:
        return self.item

    def _arguments(self, placeholders: Placeholders) -> Params:
        return {"Item": self.item}


@attrs.frozen(kw_only=True)
class _Keyed(WriteRequest):
    key: Item = attrs.field(repr=False)

    @property
    def item_or_key(self) -> Item:
        return self.key

    def _arguments(self, placeholders: Placeholders) -> Params:
        return {"Key": self.key}


@attrs.frozen(kw_only=True)
class Update(_Keyed):
    """Change attributes of the item under `key`, by PynamoDB's update `actions`."""

    operation: ClassVar[str] = "UpdateItem"
    place: ClassVar[str] = "Update"

    actions: Sequence[Action] = attrs.field(repr=False, converter=Actions)

    def params(self) -> Params:
        """Return the arguments of UpdateItem, whose answer has the item after the update."""
        return {**self.transact_params(), "ReturnValues": "ALL_NEW"}

    def size(self) -> int:
        """Return the approximate number of bytes that count against a transaction's limit: key and set values."""
        placeholders = Placeholders()
        self._arguments(placeholders)
        return item_size(self.item_or_key) + sum(map(value_size, placeholders.values.values()))

    def _arguments(self, placeholders: Placeholders) -> Params:
        expression = UpdateExpression(*self.actions).serialize(placeholders.names, placeholders.values)
        if expression is not None and len(expression) > EXPRESSION_BYTES:
            raise InvalidUpdateError(
                f"An update's expression has {len(expression):,} bytes; DynamoDB accepts at most {EXPRESSION_BYTES:,}.",
                remedy="Change fewer attributes at once, or save() the whole item.",
            )
        return {"Key": self.key, "UpdateExpression": expression}


@attrs.frozen(kw_only=True)
class Delete(_Keyed):
    """Delete the item under `key`."""

    operation: ClassVar[str] = "DeleteItem"
    place: ClassVar[str] = "Delete"


@attrs.frozen(kw_only=True)
class Check(_Keyed):
    """Let a transaction fail unless the condition holds on the item under `key`."""

    operation: ClassVar[str] = "TransactWriteItems"
    place: ClassVar[str] = "ConditionCheck"
