"""A fresh table in this process for each test that asks for one."""

import pytest

from singletable.engine import embedded
from tests.framework.app import AppTable


@pytest.fixture
def table():
    with embedded(AppTable) as bound:
        yield bound
