"""Writes as values: one item put, or one item updated, each with its condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action
from pynamodb.expressions.update import Update as UpdateExpression

from singletable.requests.expressions import Placeholders
from singletable.requests.types import Item, Params, Sender

__all__ = ["Put", "Update"]


@attrs.frozen
class Put:
    """Write a whole item.

    Args:
        sender: What it is sent through.
        item: The item.
        condition: A PynamoDB condition on what is stored now.
    """

    sender: Sender = attrs.field(eq=False)
    item: Item = attrs.field(repr=False)
    condition: PynamoCondition | None = attrs.field(default=None, repr=False)

    def params(self) -> Params:
        """The request, as the arguments of DynamoDB's PutItem; nothing is sent."""
        placeholders = Placeholders()
        params: Params = {"TableName": self.sender.table_name, "Item": self.item}
        if self.condition is not None:
            params["ConditionExpression"] = placeholders.condition(self.condition)
        return {**params, **placeholders.arguments()}

    def send(self) -> dict[str, Any]:
        """Send it; a failed condition raises botocore's ClientError."""
        return self.sender.send("PutItem", self.params())


@attrs.frozen
class Update:
    """Change attributes of one item.

    Args:
        sender: What it is sent through.
        key: The item's primary key.
        actions: PynamoDB's update actions.
        condition: A PynamoDB condition on what is stored now.
    """

    sender: Sender = attrs.field(eq=False)
    key: Item = attrs.field(repr=False)
    actions: Sequence[Action] = attrs.field(repr=False)
    condition: PynamoCondition = attrs.field(repr=False)

    def params(self) -> Params:
        """The request, as the arguments of DynamoDB's UpdateItem; nothing is sent."""
        placeholders = Placeholders()
        return {
            "TableName": self.sender.table_name,
            "Key": self.key,
            "UpdateExpression": UpdateExpression(*self.actions).serialize(placeholders.names, placeholders.values),
            "ConditionExpression": placeholders.condition(self.condition),
            "ReturnValues": "ALL_NEW",
            # The item that stood in the way tells a missing item from a changed one.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **placeholders.arguments(),
        }

    def send(self) -> Item:
        """Send it and return the item as it is now; a failed condition raises botocore's ClientError."""
        item: Item = self.sender.send("UpdateItem", self.params())["Attributes"]
        return item
