"""An empty table in this process for each test that uses the fixture."""

import pytest

from singletable.engine import embedded
from tests.framework.app import AppTable


@pytest.fixture
def table():
    with embedded(AppTable) as bound:
        yield bound
