"""The command line: `singletable demo`, `check`, `init`. One module a command."""

from singletable.cli.main import main

__all__ = ["main"]
