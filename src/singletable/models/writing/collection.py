"""Collections: items of several entity types in one partition, read together and written as one unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from singletable.errors import KeyChangeError, MultipleItemsFoundError, UnexpectedAttributesError
from singletable.models.binding.binding import held
from singletable.models.reading.targets import TableSender
from singletable.models.writing import plan
from singletable.models.writing.optimistic import differences
from singletable.models.writing.transaction import Transaction
from singletable.steps import Steps, arun, run

if TYPE_CHECKING:
    from singletable.models.reading.readable import ReadableItem

__all__ = ["Collection"]

T = TypeVar("T", bound="ReadableItem")
E = TypeVar("E", bound="ReadableItem")


class Collection(Generic[T]):
    """The entities of one partition, which can be changed, added and removed, and are then saved as one unit.

    ::

        basket = ShopTable.load_collection(Product, Review, product_id="p1")
        basket.one(Product).price = Decimal("9.90")
        basket.add(Review(product_id="p1", user_id="u1", rating=5))
        basket.remove(basket[Review][0])
        basket.save()

    `save()` is one transaction: added items must not exist yet, and changed or removed items must be as they were
    read; otherwise nothing is written. All other items are neither written nor checked.
    The collection is written to the place from which it was read, even if the table is bound to another place.

    Args:
        table: The table class.
        kinds: The entity types that it holds.
        shared: The values of the partition key's attributes, which its items share.
        entities: The entities that were read.
    """

    def __init__(
        self, table: type[ReadableItem], kinds: tuple[type[T], ...], shared: Mapping[str, Any], entities: Sequence[T]
    ) -> None:
        self._table, self._kinds, self._shared = table, kinds, shared
        self._sender = TableSender(table)
        self._entities = list(entities)
        self._added: list[T] = []
        self._removed: list[T] = []

    @classmethod
    def load(
        cls, table: type[ReadableItem], entities: tuple[type[T], ...], attributes: Mapping[str, Any]
    ) -> Steps[Collection[T]]:
        """Read a collection, in steps; see `Table.load_collection`."""
        with held(table):
            query = table.collection(*entities, consistent=True, **attributes)
            return cls(table, entities, query.equals, (yield from query.all_steps()))

    def __iter__(self) -> Iterator[T]:
        return iter((*self._entities, *self._added))

    def __repr__(self) -> str:
        return f"<collection of {', '.join(map(repr, self)) or 'nothing'}>"

    def __len__(self) -> int:
        return len(self._entities) + len(self._added)

    def __getitem__(self, entity: type[E]) -> list[E]:
        """Return the entities of one type in the order of their sort keys, and then the added ones."""
        return [each for each in self if isinstance(each, entity)]

    def one(self, entity: type[E]) -> E:
        """Return the only entity of a type.

        Raises:
            ItemDoesNotExist: The collection has no entity of the type.
            MultipleItemsFoundError: The collection has several entities of the type.
        """
        found = self[entity]
        if not found:
            raise entity.DoesNotExist(f"The collection has no {entity.__name__}.")
        if len(found) > 1:
            raise MultipleItemsFoundError(
                f"The collection has {len(found)} entities of the type {entity.__name__}, not one.",
                entity=entity.__name__,
                count=len(found),
            )
        return found[0]

    def add(self, *entities: T) -> None:
        """Add entities of the collection's types and partition, which `save()` creates.

        Raises:
            KeyChangeError: An entity has another type, or belongs to another partition.
        """
        for entity in entities:
            if not isinstance(entity, self._kinds) or not self._shares_partition(entity):
                kinds = ", ".join(kind.__name__ for kind in self._kinds)
                raise KeyChangeError(
                    f"{entity!r} does not belong to this collection, which is one partition of {kinds}.",
                    remedy="Write it separately, or in a transaction().",
                    entity=type(entity).__name__,
                )
        self._added.extend(entities)

    def _shares_partition(self, entity: T) -> bool:
        values = entity._schema_of().to_keys({name: getattr(entity, name) for name in self._shared})
        return values == self._shared

    def remove(self, *entities: T) -> None:
        """Remove entities of the collection, which `save()` deletes.

        Raises:
            UnexpectedAttributesError: An entity is not in the collection.
        """
        for entity in entities:
            place = next((held for held in (self._entities, self._added) if any(each is entity for each in held)), None)
            if place is None:
                raise UnexpectedAttributesError(
                    f"{entity!r} is not in the collection.", remedy="Give an instance that the collection returned."
                )
            if place is self._entities:
                self._removed.append(entity)
            place[:] = [each for each in place if each is not entity]

    def transaction(self) -> Transaction:
        """Return the transaction that `save()` sends, as a value."""
        transaction = Transaction(self._table, sender=self._sender)
        transaction.create(*self._added)
        for entity in self._entities:
            actions = differences(type(entity)._from_item(entity._known()), entity)
            if actions:
                transaction.update(entity, actions, plan.unchanged(entity))
        for entity in self._removed:
            transaction.delete(entity, plan.unchanged(entity))
        return transaction

    def save(self) -> int:
        """Write all changes, or none of them.

        Returns:
            The number of items that were written or deleted.

        Raises:
            InvalidTransactionError: There are over 100 changes, or over 4 MB of changes.
            TransactionCancelled: Another writer was faster, and nothing was written. Read the collection again.
        """
        return run(self._save())

    async def asave(self) -> int:
        """Write all changes, or none of them, as `save` does."""
        return await arun(self._save())

    def _save(self) -> Steps[int]:
        transaction = self.transaction()
        yield from transaction.steps()
        self._entities += self._added
        self._added, self._removed = [], []
        return len(transaction)
