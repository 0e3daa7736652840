"""The handlers of a project's stream that write marks, which `singletable cost` counts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from singletable.models import Table
from singletable.models.schema.table_schema import table_schema

if TYPE_CHECKING:
    from singletable.operating.mark_load import MarkedHandler
    from singletable.streams import StreamRouter

__all__ = ["marked_handlers"]

_EVENT_ID = "0" * 32
"""An id as long as those of DynamoDB's events."""


def marked_handlers(table: type[Table], router: StreamRouter) -> tuple[MarkedHandler, ...]:
    """Return the handlers of a router that mark the events that they have handled.

    Args:
        table: The table class.
        router: The router of its stream.
    """
    from singletable.operating.mark_load import MarkedHandler
    from singletable.operating.sample import footprint_of

    entities = {schema.name: schema.entity for schema in table_schema(table).entities.values()}
    description = table.describe()
    return tuple(
        MarkedHandler(
            name=each.name,
            entities=frozenset(name for name, entity in entities.items() if issubclass(entity, each.wanted.entity)),
            events=frozenset(each.wanted.events),
            expired=each.wanted.expired,
            mark=footprint_of(description, each.name, router.marks.new(_EVENT_ID, each.name), router.marks.days),
            transactional=_takes_transaction(each.function),
        )
        for each in router.handlers
        if not each.idempotent
    )


def _takes_transaction(function: Callable[..., Any]) -> bool:
    """Whether a handler's own code names `transaction`, as in `change.transaction()`."""
    from singletable.streams.handlers import without_arguments

    code = getattr(inspect.unwrap(without_arguments(function)), "__code__", None)
    return code is not None and "transaction" in code.co_names
