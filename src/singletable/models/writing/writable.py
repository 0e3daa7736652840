"""Writes of an entity: the methods of an instance, and the methods that PynamoDB's transactions call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pynamodb.expressions.operand import Path

from singletable.errors import InvalidRequestError, InvalidUpdateError, SingletableError
from singletable.models.reading.readable import ReadableItem
from singletable.steps import arun, run

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition
    from pynamodb.expressions.update import Action

    from singletable.models.reading.bound_key import BoundKey

__all__ = ["WritableItem"]

T = TypeVar("T", bound="WritableItem")
R = TypeVar("R")


class WritableItem(ReadableItem):
    """An entity whose instances write themselves; each method plans a write (`singletable.plan`) and sends it."""

    _next_version: int | None = None
    """The version that a transaction of PynamoDB writes."""

    def create(self) -> None:
        """Write the item, which must not exist yet.

        Raises:
            AlreadyExistsError: An item has the same primary key; nothing was written.
            InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
        """
        from singletable.models.writing import plan

        plan.create(self).send()

    async def acreate(self) -> None:
        """Write the item, which must not exist yet, as `create` does."""
        from singletable.models.writing import plan

        await plan.create(self).asend()

    def save(self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True) -> dict[str, Any]:
        """Write the item, and replace an existing one.

        Keys and expiry are derived from the attributes.

        Args:
            condition: A PynamoDB condition on the stored item.
            add_version_condition: Whether the stored version must be the version that was read.

        Raises:
            KeyChangeError: The primary key differs from the one with which the instance was read.
            ConcurrentUpdateError: The stored version differs.
            ConditionFailed: The condition does not hold (also a PynamoDB PutError).
            InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
        """
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        return run(send_write(plan.save(self, condition, add_version_condition=add_version_condition)))

    async def asave(
        self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True
    ) -> dict[str, Any]:
        """Write the item, and replace an existing one, as `save` does."""
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        return await arun(send_write(plan.save(self, condition, add_version_condition=add_version_condition)))

    def put(self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True) -> dict[str, Any]:
        """Write the item, as `save()` does, which is PynamoDB's name for it.

        Args:
            condition: A PynamoDB condition on the stored item.
            add_version_condition: Whether the stored version must be the one that was read.

        Raises: as `save` does.
        """
        return self.save(condition, add_version_condition=add_version_condition)

    async def aput(
        self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True
    ) -> dict[str, Any]:
        """Write the item, as `asave()` does."""
        return await self.asave(condition, add_version_condition=add_version_condition)

    def delete(
        self,
        condition: PynamoCondition | None = None,
        *,
        add_version_condition: bool = True,
        missing: Literal["ignore", "raise"] = "ignore",
    ) -> Any:
        """Delete the item.

        Args:
            condition: A PynamoDB condition on the stored item.
            add_version_condition: Whether the stored version must be the version that was read.
            missing: Whether an item that does not exist is ignored or raises `DoesNotExist`.

        Raises:
            ItemDoesNotExist: The item does not exist, and `missing="raise"` was given.
            KeyChangeError: The primary key differs from the one with which the instance was read.
            ConcurrentUpdateError: The stored version differs.
            ConditionFailed: The condition does not hold (also a PynamoDB DeleteError).
        """
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        write = plan.delete(self, condition, add_version_condition=add_version_condition, missing=missing)
        return run(send_write(write))

    async def adelete(
        self,
        condition: PynamoCondition | None = None,
        *,
        add_version_condition: bool = True,
        missing: Literal["ignore", "raise"] = "ignore",
    ) -> Any:
        """Delete the item, as `delete` does."""
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        write = plan.delete(self, condition, add_version_condition=add_version_condition, missing=missing)
        return await arun(send_write(write))

    def update(
        self,
        actions: list[Action] | None = None,
        condition: PynamoCondition | None = None,
        *,
        add_version_condition: bool = True,
        **values: Any,
    ) -> None:
        """Change attributes of the stored item, and all attributes that are derived from them.

        `order.update(status="PAID")`. None removes an attribute. An update never creates an item. Afterwards the
        instance has the stored values. If a key also depends on attributes that do not change, it is derived from
        their values in the table at that moment, even if they differ from the values that the instance was read with.

        Args:
            actions: PynamoDB's update actions, instead of values.
            condition: A PynamoDB condition on the stored item.
            add_version_condition: Whether the stored version must be the version that was read.
            values: The new values, by attribute.

        Raises:
            ItemDoesNotExist: The item does not exist any more.
            KeyChangeError: An attribute of the primary key would change.
            StaleKeyError: A key would depend on a value that was never read, or a derived attribute is changed.
            ConcurrentUpdateError: The stored version differs, or other writers were faster in each attempt.
            ConditionFailed: The condition does not hold (also a PynamoDB UpdateError).
        """
        from singletable.models.writing import plan

        plan.update(self, actions, condition, add_version_condition=add_version_condition, **values).send()

    async def aupdate(
        self,
        actions: list[Action] | None = None,
        condition: PynamoCondition | None = None,
        *,
        add_version_condition: bool = True,
        **values: Any,
    ) -> None:
        """Change attributes of the stored item, as `update` does."""
        from singletable.models.writing import plan

        await plan.update(self, actions, condition, add_version_condition=add_version_condition, **values).asend()

    def upsert(
        self, actions: list[Action] | None = None, condition: PynamoCondition | None = None, **values: Any
    ) -> None:
        """Change attributes of the stored item, or create it, in one request.

        A counter without `create()`: `Counter(name="hits").upsert(actions=[Counter.value.add(1)])`.

        An existing item only gets the changes. A new item gets the instance's attributes with the changes applied, its
        keys, its expiry and its first version. The stored item is not compared with the one that this instance was
        read with, and the stored version is incremented. A second request follows only if the existing item lacks an
        attribute that the instance has, or if a key depends on stored values that the instance does not have.
        Afterwards the instance has the stored values.

        Args:
            actions: PynamoDB's update actions, instead of values.
            condition: A PynamoDB condition on the stored item. If the item does not exist, it does not hold, except
                for a condition such as `does_not_exist()`.
            values: The new values, by attribute; None removes an attribute.

        Raises:
            KeyChangeError: An attribute of the primary key would change.
            InvalidUpdateError: The actions cannot be combined with the instance's values in one request.
            InvalidValueError: A value cannot be stored, or the instance lacks an attribute that a new item must have.
            ConditionFailed: The condition does not hold.
            ConcurrentUpdateError: Other writers were faster in each attempt.
        """
        from singletable.models.writing import plan

        plan.upsert(self, actions, condition, **values).send()

    async def aupsert(
        self, actions: list[Action] | None = None, condition: PynamoCondition | None = None, **values: Any
    ) -> None:
        """Change attributes of the stored item, or create it, as `upsert` does."""
        from singletable.models.writing import plan

        await plan.upsert(self, actions, condition, **values).asend()

    def mutate(self: T, function: Callable[[T], R]) -> R:
        """Read the item, change it with a function, and write it; repeat this if another writer was faster.

        The function gets the stored item, may change its attributes, and may be called several times. Its changes are
        written only if the item has not changed since it was read. Afterwards this instance has the stored values.

        Args:
            function: Changes the instance that it is given.

        Returns:
            The result of the function.

        Raises:
            ItemDoesNotExist: The item does not exist.
            KeyChangeError: The function changed the primary key.
            ConcurrentUpdateError: Other writers were faster in each attempt.
        """
        from singletable.models.writing.optimistic import mutate

        return run(mutate(self, function))

    async def amutate(self: T, function: Callable[[T], R]) -> R:
        """Read the item, change it with a function, and write it, as `mutate` does.

        Args:
            function: Changes the instance that it is given. It is not asynchronous.
        """
        from singletable.models.writing.optimistic import mutate

        return await arun(mutate(self, function))

    def move(self, **changes: Any) -> None:
        """Give the item another primary key, with a transaction that writes the new item and deletes the old one.

        Args:
            changes: The new values of attributes; at least one is part of the primary key.

        Raises:
            ItemDoesNotExist: The item does not exist.
            AlreadyExistsError: Another item has the new key; nothing was written.
            ConcurrentUpdateError: Other writers were faster in each attempt.
        """
        from singletable.models.writing.optimistic import move

        run(move(self, changes))

    async def amove(self, **changes: Any) -> None:
        """Give the item another primary key, as `move` does."""
        from singletable.models.writing.optimistic import move

        await arun(move(self, changes))

    # --- the hooks of PynamoDB's TransactWrite ------------------------------------

    def get_save_kwargs_from_instance(
        self, condition: PynamoCondition | None = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the arguments that PynamoDB's TransactWrite sends for a put."""
        from singletable.models.items.partial import refuse_partial
        from singletable.models.reading.conditions import check_condition

        refuse_partial(self)
        check_condition(self._schema_of(), condition)
        self._stamp()
        sent = super().get_save_kwargs_from_instance(condition, *args, **kwargs)
        item = self._outgoing
        self._refuse_unstorable(item)
        self._pending = lambda: self._remember(item)
        return sent

    def get_update_kwargs_from_instance(
        self, actions: list[Action], condition: PynamoCondition | None = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the arguments that PynamoDB's TransactWrite sends for an update; it follows `update(actions=...)`.

        Raises:
            SingletableError: The errors of `update`.
        """
        from singletable.models.items.partial import refuse_partial
        from singletable.models.reading.conditions import check_condition
        from singletable.models.writing import plan
        from singletable.models.writing.planned_change import plan_change
        from singletable.requests.expressions import all_of

        refuse_partial(self)
        check_condition(self._schema_of(), condition)
        if not actions:
            raise InvalidUpdateError(
                f"{type(self).__name__}: an update of a transaction was given no actions.",
                remedy="Give a list, such as [Order.status.set('PAID')].",
                entity=type(self).__name__,
            )
        change = plan_change(self, actions)
        required = all_of(plan.must_exist(self._schema_of()), *change.conditions(), condition)
        self._pending = lambda: self._assume(change.after)
        return super().get_update_kwargs_from_instance(list(change.actions), required, *args, **kwargs)

    def get_delete_kwargs_from_instance(
        self, condition: PynamoCondition | None = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the key that PynamoDB's TransactWrite sends for a delete."""
        from singletable.models.reading.conditions import check_condition

        check_condition(self._schema_of(), condition)
        return super().get_delete_kwargs_from_instance(condition, *args, **kwargs)

    @classmethod
    def get_operation_kwargs_from_class(
        cls, hash_key: str, range_key: Any = None, condition: PynamoCondition | None = None
    ) -> dict[str, Any]:
        """Return the key for PynamoDB's `TransactGet.get(Order, *Order.key.build(...))` and `condition_check`.

        Args:
            hash_key: The text of the partition key, as the entity builds it.
            range_key: The text of the sort key, as the entity builds it.
            condition: A PynamoDB condition.

        Raises:
            InvalidRequestError: The texts are not a primary key of this entity.
            InvalidConditionError: The condition is not possible.
        """
        from singletable.models.reading.conditions import check_condition
        from singletable.models.schema.layout import PRIMARY

        schema = cls._schema_of()
        check_condition(schema, condition)
        key: BoundKey[Any] = getattr(cls, PRIMARY)
        try:
            key.parse(hash_key, range_key)
        except SingletableError:
            given = ", ".join(f"{name}=..." for name in schema.primary.attributes)
            # Without the cause: it quotes the texts, which may hold personal values.
            raise InvalidRequestError(
                f"{cls.__name__}: the given texts are not a primary key of this entity.",
                remedy=f"Write *{cls.__name__}.{PRIMARY}.build({given}), or use transact_get() and transaction() of"
                f" {cls._table_class().__name__}.",
                entity=cls.__name__,
            ) from None
        return super().get_operation_kwargs_from_class(hash_key, range_key, condition)

    def _handle_version_attribute(
        self, *, attributes: dict[str, Any] | None = None, actions: list[Action] | None = None
    ) -> PynamoCondition | None:
        """Return the version that a write sets, and the condition on the stored version; called by PynamoDB."""
        schema = self._schema_of()
        if schema.version is None:
            return None
        attribute, version = schema.attributes[schema.version], getattr(self, schema.version)
        self._next_version = schema.next_version(version)
        stored = {"N": str(self._next_version)}
        if attributes is not None:
            attributes[attribute.attr_name] = stored
        if actions is not None:
            actions.append(Path([attribute.attr_name]).set(stored))
        return attribute.does_not_exist() if version is None else attribute == version

    def update_local_version_attribute(self) -> None:
        """Remember the written item as the stored one; PynamoDB calls this after its transaction has succeeded."""
        version = self._schema_of().version
        if self._pending is not None:
            self._pending()
            self._pending = None
        elif version is not None:
            raise InvalidRequestError(
                f"{self!r} was not written by a transaction of PynamoDB, so its version may not have changed.",
                remedy="Call refresh(), which reads the stored version.",
                entity=type(self).__name__,
            )
        if version is not None:
            setattr(self, version, self._next_version)
