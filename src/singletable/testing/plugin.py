"""A pytest plugin: an empty embedded table for each test. pytest loads it if singletable is installed.

Name your table once, in your conftest.py::

    @pytest.fixture(scope="session")
    def singletable_class():
        return ShopTable

The fixture `embedded_table` is then that table, empty, for one test. It is deleted after the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

__all__ = ["embedded_engine", "embedded_table", "singletable_class"]


@pytest.fixture(scope="session")
def singletable_class() -> Any:
    """The table class of the project under test; the project's conftest.py defines it."""
    raise pytest.UsageError(
        "No table class is configured for the fixture embedded_table: define a fixture singletable_class in conftest.py"
        " that returns your table class."
    )


@pytest.fixture
def embedded_engine() -> Callable[..., AbstractContextManager[Any]]:
    """The embedded engine: `with embedded_engine(ShopTable): ...`."""
    # Imported on use, because pytest loads the plugin in every run, for any project.
    from singletable.engine import embedded

    return embedded


@pytest.fixture
def embedded_table(singletable_class: Any, embedded_engine: Callable[..., Any]) -> Iterator[Any]:
    """The table class, bound to an empty table in this process."""
    with embedded_engine(singletable_class) as bound:
        yield bound
