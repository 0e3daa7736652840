"""Transactions as values: writes that are all applied or none, and reads at one point in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import attrs

from singletable.errors import InvalidTransactionError
from singletable.requests.attempts import Attempts
from singletable.requests.expressions import projected
from singletable.requests.types import Item, Params, Sender
from singletable.requests.write_requests import WriteRequest
from singletable.steps import Steps

__all__ = [
    "TRANSACTION_BYTES",
    "TRANSACTION_LIMIT",
    "TransactGet",
    "TransactWrite",
    "check_token",
    "new_token",
    "next_token",
]

TRANSACTION_LIMIT = 100
"""The most operations in one transaction (DynamoDB API Reference)."""

TRANSACTION_BYTES = 4 * 1024 * 1024
"""The most bytes of all items of one transaction (the same page)."""

_LONGEST_TOKEN = 36


def new_token() -> str:
    """Return a client request token; DynamoDB applies a transaction with the same token once within 10 minutes."""
    return str(uuid4())


def check_token(token: Any) -> None:
    """Refuse a value that is not a client request token.

    Raises:
        InvalidTransactionError: It is not a text of 1 to 36 characters.
    """
    if not isinstance(token, str) or not 1 <= len(token) <= _LONGEST_TOKEN:
        raise InvalidTransactionError(
            f"The client request token {token!r} is not a text of 1 to {_LONGEST_TOKEN} characters.",
            remedy="Use str(uuid4()), or leave it out.",
        )


def next_token(token: str) -> str:
    """Return the token that follows another, which is always the same."""
    return str(uuid5(NAMESPACE_OID, token))


@attrs.frozen
class TransactWrite:
    """Puts, updates, deletes and checks of different items, all or nothing.

    Args:
        sender: The sender of the request.
        writes: The operations.
        token: The client request token.
    """

    sender: Sender = attrs.field(eq=False, repr=False)
    writes: Sequence[WriteRequest]
    token: str

    def params(self) -> Params:
        """Return the arguments of TransactWriteItems; nothing is sent.

        Raises:
            InvalidTransactionError: DynamoDB would refuse it.
        """
        _check_count(len(self.writes), "operations")
        check_token(self.token)
        size = sum(write.size() for write in self.writes)
        if size > TRANSACTION_BYTES:
            raise InvalidTransactionError(
                f"The transaction's items have {size:,} bytes; DynamoDB accepts at most {TRANSACTION_BYTES:,}.",
                remedy="Split it into several transactions, or store the large parts outside the table.",
                value=size,
            )
        return {
            "TransactItems": [{write.place: write.transact_params()} for write in self.writes],
            "ClientRequestToken": self.token,
        }

    def steps(self, attempts: Attempts | None = None) -> Steps[dict[str, Any]]:
        """Send the transaction in steps; a canceled one raises botocore's ClientError.

        Args:
            attempts: The attempts of earlier requests under the same token.
        """
        return self.sender.steps("TransactWriteItems", self.params(), attempts)


@attrs.frozen
class TransactGet:
    """A read of several items at one point in time.

    Args:
        sender: The sender of the request.
        keys: The primary keys of the items.
        only: For each key the stored attributes to read, or None for the whole item; empty for all whole items.
    """

    sender: Sender = attrs.field(eq=False, repr=False)
    keys: Sequence[Item] = attrs.field(repr=False)
    only: Sequence[Sequence[str] | None] = ()

    def params(self) -> Params:
        """Return the arguments of TransactGetItems; nothing is sent.

        Raises:
            InvalidTransactionError: DynamoDB would refuse it.
        """
        _check_count(len(self.keys), "items")
        chosen = self.only or [None] * len(self.keys)
        return {
            "TransactItems": [
                {"Get": {"TableName": self.sender.table_name, "Key": key, **projected(only)}}
                for key, only in zip(self.keys, chosen, strict=True)
            ]
        }

    def steps(self) -> Steps[list[Item | None]]:
        """Send the request in steps; return the items in the order of the keys, None for one that does not exist."""
        answer = yield from self.sender.steps("TransactGetItems", self.params())
        return [each.get("Item") or None for each in answer["Responses"]]


def _check_count(count: int, what: str) -> None:
    if count > TRANSACTION_LIMIT:
        raise InvalidTransactionError(
            f"The transaction has {count} {what}; DynamoDB accepts at most {TRANSACTION_LIMIT}.",
            remedy="Split it into several transactions, or use a batch if the operations need not be atomic.",
            value=count,
        )
