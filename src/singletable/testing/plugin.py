"""A pytest plugin: a fresh embedded table for each test. It is there once singletable is installed.

Say once, in your conftest.py, which table is meant::

    @pytest.fixture(scope="session")
    def singletable_class():
        return ShopTable

Then `embedded_table` is that table with nothing in it, for one test, and gone behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

__all__ = ["embedded_engine", "embedded_table", "singletable_class"]


@pytest.fixture(scope="session")
def singletable_class() -> Any:
    """The table class of the project under test; a project's conftest.py gives it."""
    raise pytest.UsageError(
        "singletable does not know which table is under test: define a fixture singletable_class in conftest.py that"
        " returns your table class."
    )


@pytest.fixture
def embedded_engine() -> Callable[..., AbstractContextManager[Any]]:
    """The embedded engine: `with embedded_engine(ShopTable): ...`."""
    # Loaded when it is used: the plugin is there in every run of pytest, whatever it tests.
    from singletable.engine import embedded

    return embedded


@pytest.fixture
def embedded_table(singletable_class: Any, embedded_engine: Callable[..., Any]) -> Iterator[Any]:
    """The table class, bound to a fresh table in this process."""
    with embedded_engine(singletable_class) as bound:
        yield bound
