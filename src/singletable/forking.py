"""Forking: a child process never uses a connection, a client or a lock of its parent.

Two processes with one socket would receive each other's answers. A lock that another thread of the parent held during
the fork would never be released in the child.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

__all__ = ["renewed_in_child", "run_in_child"]


class _Renewable(Protocol):
    def renew(self) -> None:
        """Drop the resources of the parent process; called in a child before any other code."""


_held: WeakSet[_Renewable] = WeakSet()


def renewed_in_child(held: _Renewable) -> None:
    """Call `held.renew()` in each process that is forked while the object exists."""
    _held.add(held)


def run_in_child(function: Callable[[], None]) -> None:
    """Call a function in each process that is forked after this call."""
    if hasattr(os, "register_at_fork"):  # Windows has no fork.
        os.register_at_fork(after_in_child=function)


def _renew() -> None:
    for each in list(_held):
        each.renew()


run_in_child(_renew)
