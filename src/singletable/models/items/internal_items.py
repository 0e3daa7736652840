"""Items of the framework's own, in the application's table: records of migrations, marks of handled events,
records of applied transactions.

Their discriminators begin with `OWN_TYPES` and their partition keys with `OWN_KEYS`; what reads entities passes over
them.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import DiscriminatorAttribute, UnicodeAttribute

from singletable.models.binding.home import FixedHome, Home
from singletable.models.schema.layout import OWN_TYPES
from singletable.models.table import Table
from singletable.requests.connection import TableConnection

__all__ = ["MARKS", "OWN_KEYS", "OWN_TYPES", "TOKENS", "own_table"]

OWN_KEYS = "SINGLETABLE#"
"""What the partition keys of the framework's own items begin with."""

TOKENS = f"{OWN_KEYS}TOKEN"
"""The prefix of the partition keys of records of applied transactions."""

MARKS = f"{OWN_KEYS}HANDLED"
"""What the partition keys of marks of handled events begin with."""


def own_table(partition: str, sort: str, type_name: str, name: str, home: Home | TableConnection | None = None) -> Any:
    """A table class for such items, that knows of no entity yet; one for each table, since PynamoDB binds a class.

    Args:
        partition: The stored attribute of the partition key.
        sort: The stored attribute of the sort key.
        type_name: The stored attribute of the discriminator.
        name: The table's name.
        home: The home of a table class whose bindings this one shares; or the only connection of this one; None for a
            new home.
    """

    class OwnItems(Table):
        class Meta:
            table_name = name

        pk = UnicodeAttribute(hash_key=True, attr_name=partition)
        sk = UnicodeAttribute(range_key=True, attr_name=sort)
        entity_type = DiscriminatorAttribute(attr_name=type_name)

    if isinstance(home, TableConnection):
        OwnItems._home = FixedHome(OwnItems, home)
    elif home is not None:
        OwnItems._home = home
    return OwnItems
