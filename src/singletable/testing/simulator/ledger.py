"""The ledger: the writes that the engine applied, in their order, with each item before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from singletable.requests.batch_requests import identity
from singletable.requests.types import Item

__all__ = ["Application", "Images", "ItemKey", "Ledger"]

ItemKey: TypeAlias = tuple[str, ...]
"""An item's primary key as stored text."""

Images: TypeAlias = Mapping[ItemKey, tuple[Item | None, Item | None]]
"""Items before and after a write, by key; None for an item that is not stored."""


@attrs.frozen
class Application:
    """One write request that the engine applied.

    Args:
        number: The position in the ledger, from 0.
        call: The number of the logical operation that sent the request; None if no operation sent it.
        operation: The DynamoDB operation.
        images: The items that the request names or changed.
        repeated: Whether the request is a transaction that was applied before with the same client request token.
    """

    number: int
    call: int | None
    operation: str
    images: Images
    repeated: bool = False


class Ledger:
    """Records applied writes. It compares the stored items and does not rely on answers.

    Args:
        primary: The stored names of the primary key's attributes.
    """

    def __init__(self, primary: tuple[str, ...]) -> None:
        self.primary = primary
        self.items: dict[ItemKey, Item] = {}
        """The currently stored items."""
        self.applications: list[Application] = []
        self._tokens: set[str] = set()

    def record(self, call: int | None, operation: str, body: Mapping[str, Any], stored: Iterable[Item]) -> Application:
        """Record a request that the engine has applied.

        Args:
            call: The number of the logical operation.
            operation: The DynamoDB operation.
            body: The request that was sent to the engine.
            stored: Every item of the table after the request.
        """
        before, self.items = self.items, {identity(item, self.primary): item for item in stored}
        token = body.get("ClientRequestToken")
        repeated = token in self._tokens
        self._tokens |= {token} if token else set()
        changed = (key for key in (*before, *self.items) if before.get(key) != self.items.get(key))
        keys = dict.fromkeys((*self._named(operation, body), *changed))
        images = {key: (before.get(key), self.items.get(key)) for key in keys}
        application = Application(len(self.applications), call, operation, images, repeated)
        self.applications.append(application)
        return application

    def has(self, token: str | None) -> bool:
        """Whether a transaction with a client request token was applied."""
        return token in self._tokens

    def of(self, call: int) -> list[Application]:
        """Return the applied writes of a logical operation, without repeated transactions."""
        return [each for each in self.applications if each.call == call and not each.repeated]

    def images(self, key: ItemKey, since: int = 0, until: int | None = None) -> list[Item | None]:
        """Return the states of an item, one after each of its writes.

        Args:
            key: The item's key.
            since: The number of the first write to return.
            until: The number of the write at which to end, excluded; None for no end.
        """
        return [each.images[key][1] for each in self.applications[since:until] if key in each.images]

    def _named(self, operation: str, body: Mapping[str, Any]) -> Iterator[ItemKey]:
        for named in _items_named(operation, body):
            yield identity(named, self.primary)


def _items_named(operation: str, body: Mapping[str, Any]) -> Iterator[Item]:
    if operation == "TransactWriteItems":
        for each in body["TransactItems"]:
            ((_, request),) = each.items()
            yield request.get("Item") or request["Key"]
    elif operation == "BatchWriteItem":
        for requests in body["RequestItems"].values():
            for each in requests:
                ((_, request),) = each.items()
                yield request.get("Item") or request["Key"]
    else:
        yield body.get("Item") or body["Key"]
