"""The declaration of an entity's key: its templates, its index, and the condition for an item to have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from singletable.keys.text import plain, plain_names
from singletable.models.declare.strict import not_to_be_set

if TYPE_CHECKING:
    from pynamodb.indexes import Index

    from singletable.models.reading.bound_key import BoundKey
    from singletable.models.table import Table

__all__ = ["Key"]

T = TypeVar("T", bound="Table")


class Key:
    """The declaration of one of an entity's keys: `key = Key(pk="USER#{user_id}", sk="PROFILE")`.

    The primary key has the name `key`. An index key has any other name, which should describe its queries.

    Args:
        pk: The partition key's template.
        sk: The sort key's template; None only for an index that has no sort key.
        index: The index class of the table, or its name; None for the primary key.
        when: Attributes and the value or values that they must have for the item to be in the index:
            `when={"status": ("PENDING", "PAID")}`.
    """

    def __init__(
        self,
        *,
        pk: str | None = None,
        sk: str | None = None,
        index: type[Index] | Index | str | None = None,  # type: ignore[type-arg]  # of any model
        when: Mapping[str, Any] | None = None,
    ) -> None:
        self.pk = plain(pk)
        self.sk = plain(sk)
        self.index = plain(index)
        self.when: Mapping[str, Any] = plain_names(when) if isinstance(when, Mapping) else {} if when is None else when
        self._name = ""
        self._bound: dict[type, BoundKey[Any]] = {}

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    def __get__(self, instance: object, owner: type[T]) -> BoundKey[T]:
        found = self._bound.get(owner)
        if found is None:
            found = self._bound[owner] = owner._bind_key(self._name)
        return found

    def __set__(self, instance: object, value: object) -> None:
        raise not_to_be_set(instance, self._name)

    def __repr__(self) -> str:
        return f"Key(pk={self.pk!r}, sk={self.sk!r}, index={self.index!r}, when={self.when!r})"
