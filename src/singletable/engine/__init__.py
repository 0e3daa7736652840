"""Engines: where the table lives. `embedded` keeps it in this process; `Table.bind` finds it elsewhere."""

from singletable.engine.embedded import embedded

__all__ = ["embedded"]
