"""Engines: places for a table without AWS.

`embedded` keeps the table in this process, `server` starts a local server for it, and `fresh_table` creates a table on
one of them by the engine's name. `Table.bind` is for all other places.
"""

from singletable.engine.embedded import embedded
from singletable.engine.programs import Program
from singletable.engine.servers import Server, fresh_table, server

__all__ = ["Program", "Server", "embedded", "fresh_table", "server"]
