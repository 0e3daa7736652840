"""Engines: where the table lives.

`embedded` keeps it in this process, `server` starts a local server for it, `fresh_table` makes one on either by the
engine's name, and `Table.bind` finds it elsewhere.
"""

from singletable.engine.embedded import embedded
from singletable.engine.programs import Program
from singletable.engine.servers import Server, fresh_table, server

__all__ = ["Program", "Server", "embedded", "fresh_table", "server"]
