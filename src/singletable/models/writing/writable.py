"""Writing: what an entity does with itself, and the same under the names that PynamoDB calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pynamodb.expressions.operand import Path

from singletable.errors import InvalidRequestError, InvalidUpdateError, SingletableError
from singletable.models.reading.readable import ReadableItem

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition as PynamoCondition
    from pynamodb.expressions.update import Action

    from singletable.models.reading.bound_key import BoundKey

__all__ = ["WritableItem"]

T = TypeVar("T", bound="WritableItem")
R = TypeVar("R")


class WritableItem(ReadableItem):
    """An entity that writes itself: each method plans a write (`singletable.plan`) and sends it."""

    _next_version: int | None = None
    """The version that a transaction of PynamoDB's writes."""

    def create(self) -> None:
        """Write the item, which must not be there yet.

        Raises:
            AlreadyExists: An item has the same primary key; nothing was written.
            InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
        """
        from singletable.models.writing import plan

        plan.create(self).send()

    def save(self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True) -> dict[str, Any]:
        """Write the item, replacing what is there. Keys and expiry are derived from its attributes.

        Args:
            condition: A PynamoDB condition on what is stored now.
            add_version_condition: Whether the stored version must be the one that was read.

        Raises:
            KeyChangeError: The primary key is another than the one it was read under.
            ConcurrentUpdateError: The stored version is another.
            ConditionFailed: The condition does not hold (it is PynamoDB's PutError, too).
            InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
        """
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        return send_write(plan.save(self, condition, add_version_condition=add_version_condition))

    def put(self, condition: PynamoCondition | None = None, *, add_version_condition: bool = True) -> dict[str, Any]:
        """Write the item, as `save()` does, which is PynamoDB's name for it.

        Args:
            condition: A PynamoDB condition on the stored item.
            add_version_condition: Whether the stored version must be the one that was read.

        Raises: as `save` does.
        """
        return self.save(condition, add_version_condition=add_version_condition)

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
            add_version_condition: Whether the stored version must be the one that was read.
            missing: Whether an item that does not exist is ignored or raises `DoesNotExist`.

        Raises:
            ItemDoesNotExist: The item does not exist, and `missing="raise"` was given.
            KeyChangeError: The primary key is another than the one it was read under.
            ConcurrentUpdateError: The stored version is another.
            ConditionFailed: The condition does not hold (it is PynamoDB's DeleteError, too).
        """
        from singletable.models.writing import plan
        from singletable.models.writing.writes import send_write

        return send_write(plan.delete(self, condition, add_version_condition=add_version_condition, missing=missing))

    def update(
        self,
        actions: list[Action] | None = None,
        condition: PynamoCondition | None = None,
        *,
        add_version_condition: bool = True,
        **values: Any,
    ) -> None:
        """Change attributes of the stored item, and what is derived from them: `order.update(status="PAID")`.

        None removes an attribute. The instance is then what is stored. It never creates an item. Where a
        key also depends on what is not changed here, it is derived from what is stored at that moment,
        even if that is no longer what the instance was read with.

        Args:
            actions: PynamoDB's update actions, instead of values.
            condition: A PynamoDB condition on what is stored now.
            add_version_condition: Whether the stored version must be the one that was read.
            values: The new values, by attribute.

        Raises:
            ItemDoesNotExist: The item is gone.
            KeyChangeError: An attribute of the primary key would change.
            StaleKeyError: A key would change with a value that was never read, or is changed by hand.
            ConcurrentUpdateError: The stored version is another, or other writers were faster every time.
            ConditionFailed: The condition does not hold (it is PynamoDB's UpdateError, too).
        """
        from singletable.models.writing import plan

        plan.update(self, actions, condition, add_version_condition=add_version_condition, **values).send()

    def upsert(
        self, actions: list[Action] | None = None, condition: PynamoCondition | None = None, **values: Any
    ) -> None:
        """Change attributes of the stored item, or create it, in one request.

        A counter that needs no `create()`: `Counter(name="hits").upsert(actions=[Counter.value.add(1)])`.

        An existing item gets the changes alone. A new item gets the instance's attributes with the changes applied, its
        keys, its expiry and its first version. Neither is compared with what this instance was read with: a version
        counts on. A second request follows only if the existing item lacks an attribute that the instance has, or if a
        key depends on stored values that the instance does not have. The instance is then what is stored.

        Args:
            actions: PynamoDB's update actions, instead of values.
            condition: A PynamoDB condition on the stored item; it does not hold on an item that does not exist, unless
                it asks for that.
            values: The new values, by attribute; None removes.

        Raises:
            KeyChangeError: An attribute of the primary key would change.
            InvalidUpdateError: The actions cannot be combined with the instance's values in one request.
            InvalidValueError: A value cannot be stored, or the instance lacks an attribute that a new item must have.
            ConditionFailed: The condition does not hold.
            ConcurrentUpdateError: Other writers were faster every time.
        """
        from singletable.models.writing import plan

        plan.upsert(self, actions, condition, **values).send()

    def mutate(self: T, function: Callable[[T], R]) -> R:
        """Read the item, change it by a function, and write it unless another writer was faster; then again.

        The function gets the item as it is stored, may change its attributes, and may be called several
        times. What it changes is written only if nothing of the item has changed since it was read.

        Args:
            function: Changes the instance that it is given.

        Returns:
            What the function returned. This instance is then what is stored.

        Raises:
            ItemDoesNotExist: There is no item.
            KeyChangeError: The function changed the primary key.
            ConcurrentUpdateError: Other writers were faster every time.
        """
        from singletable.models.writing.optimistic import mutate

        return mutate(self, function)

    def move(self, **changes: Any) -> None:
        """Give the item another primary key: a transaction that writes it anew and deletes the old one.

        Args:
            changes: The new values of attributes; at least one is of the primary key.

        Raises:
            ItemDoesNotExist: There is no item.
            AlreadyExists: Another item has the new key; nothing was written.
            ConcurrentUpdateError: Other writers were faster every time.
        """
        from singletable.models.writing.optimistic import move

        move(self, changes)

    # --- the same, under the hooks of PynamoDB's TransactWrite --------------------

    def get_save_kwargs_from_instance(
        self, condition: PynamoCondition | None = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """What PynamoDB's TransactWrite sends for a put."""
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
        """What PynamoDB's TransactWrite sends for an update; it holds to what `update(actions=...)` does.

        Raises: as `update` does.
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
            InvalidConditionError: The condition cannot be asked.
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
                f"{cls.__name__}: the given texts are not a primary key of it.",
                remedy=f"Write *{cls.__name__}.{PRIMARY}.build({given}), or use transact_get() and transaction() of"
                f" {cls._table_class().__name__}.",
                entity=cls.__name__,
            ) from None
        return super().get_operation_kwargs_from_class(hash_key, range_key, condition)

    def _handle_version_attribute(
        self, *, attributes: dict[str, Any] | None = None, actions: list[Action] | None = None
    ) -> PynamoCondition | None:
        """Return the version that a write sets, and the condition on the stored one. PynamoDB calls this method."""
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
        """Called by PynamoDB when its transaction has succeeded: what it wrote is what is stored now."""
        version = self._schema_of().version
        if self._pending is not None:
            self._pending()
            self._pending = None
        elif version is not None:
            raise InvalidRequestError(
                f"{self!r}: no transaction of PynamoDB's has written it, so its version is not known to have changed.",
                remedy="Call refresh(), which reads the version that is stored.",
                entity=type(self).__name__,
            )
        if version is not None:
            setattr(self, version, self._next_version)
