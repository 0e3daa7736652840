"""The command line, `singletable`. Each command, or group of commands, is a module of the same name."""

from singletable.cli.main import main

__all__ = ["main"]
