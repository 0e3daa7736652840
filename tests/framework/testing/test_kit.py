"""The testing kit: strategies, invariants and the plugin; the faults that they find, and their messages."""

import subprocess
import sys
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from pynamodb.attributes import UnicodeAttribute

from singletable import Key, Table, testing
from singletable.engine import embedded
from singletable.errors import PatternError
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import entity_schema
from singletable.requests.stored_values import same_item
from singletable.testing import TableMachine, check_fresh, check_pattern, entities, key_invariants, stale_attributes
from singletable.testing.properties import check_key
from tests.framework.app import Account, AppTable, Event, Level
from tests.framework.ledger import LedgerTable, Task, task, tasks, tasks_by_points

SHORT = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))

test_ledger_keys = key_invariants(LedgerTable)
test_app_keys = key_invariants(AppTable)


@settings(suppress_health_check=list(HealthCheck))
@given(entities(Event))
def test_entities_are_valid(made):
    """A drawn entity can be stored, and reading it gives an equal one."""
    assert same_item(made.serialize(), Event.from_raw_data(made.serialize()).serialize())


def test_entities_cover_the_values_of_the_model():
    """Some drawn entities have absent attributes, each member, separators in text and negative numbers."""
    # The existence of an example is tested, so it is not shrunk.
    quiet = settings(database=None, max_examples=3000, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    for found in (
        lambda made: made.note is None,
        lambda made: made.note is not None and "#" in made.note,
        lambda made: made.level is Level.ERROR,
        lambda made: made.seq < 0,
        lambda made: made.tags is not None and made.detail is not None,
    ):
        find(entities(Event), found, settings=quiet)


def test_entities_take_narrower_strategies():
    """Given strategies are used, and names that are not attributes of the entity are refused."""
    assert {7} == {find(entities(Account, visits=st.just(7)), lambda made: True).visits}
    message = r"entities\(Account\) was given a strategy for an unknown attribute: visit. Account has the attributes: "
    with pytest.raises(PatternError, match=message):
        entities(Account, visit=st.just(7))


def test_a_key_that_breaks_its_promise_is_found():
    """Equal keys of different values are found, and also keys whose order differs from that of the values."""
    key = entity_schema(Task).keys["by_points"]

    class Broken:
        label, sort, partition, recoverable = "broken", key.sort, key.partition, key.recoverable
        pick, parse = staticmethod(key.pick), staticmethod(key.parse)

        @staticmethod
        def derive(values):
            return key.derive({**values, "points": 0})

    one, other = ({"project": "p", "points": points, "number": 1} for points in (1, 2))
    check_key(key, one, other)
    with pytest.raises(AssertionError, match="not parsed back"):
        check_key(Broken, one, other)


class Folded(UnicodeAttribute):
    """A text whose key ignores upper case, so that two texts have the same key."""

    key_kind = "text"

    def to_key(self, value):
        return value.lower()


class Reversed(UnicodeAttribute):
    """A text that is reversed in keys and not reversed again when it is read from a key."""

    key_kind = "text"

    def to_key(self, value):
        return value[::-1]

    def from_key(self, text):
        return text


class ConvertedTable(Table):
    class Meta:
        table_name = "converted"


class Named(ConvertedTable, discriminator="NAMED"):
    name = Folded()
    title = UnicodeAttribute(null=True)
    key = Key(pk="NAMED#{name}", sk="NAMED")


class Turned(ConvertedTable, discriminator="TURNED"):
    name = Reversed()
    key = Key(pk="TURNED#{name}", sk="TURNED")


CAPITALS = {"name": st.sampled_from(["A", "a", "ab"])}


class ConvertedMachine(TableMachine, table=ConvertedTable):
    given: ClassVar = {"Named": CAPITALS, "Turned": CAPITALS}


def test_conversions_of_an_own_attribute_class_are_compared_with_stored_values():
    """The fault is in `to_key`, not in the key or its encoding: an item replaces one with another value."""
    invariants = key_invariants(ConvertedTable, Named=CAPITALS, Turned=CAPITALS)
    with pytest.raises(AssertionError, match=r"Named.key: not injective, since to_key\(\) makes different values"):
        invariants(Named, "key")
    with pytest.raises(AssertionError, match=r"Turned.key: from_key\(\) of name does not undo its to_key"):
        invariants(Turned, "key")
    symptoms = "exists already|two operations on Named|differ from the written ones|differs from its stored"
    with pytest.raises(BaseException, match=symptoms):
        run_state_machine_as_test(ConvertedMachine, settings=SHORT)


def test_stale_items_are_named_without_their_values():
    """Missing, wrong and superfluous keys are named."""
    with embedded(LedgerTable):
        made = task(1, title="secret", points=3)
        made.create()
        assert 1 == check_fresh(LedgerTable)
        item = made.serialize()
        del item["GSI1SK"]
        item |= {"GSI2SK": {"S": "wrong"}, "ttl": {"N": "5"}}
        assert ["GSI1SK", "GSI2SK", "ttl"] == stale_attributes(LedgerTable, item)
        TableSender(LedgerTable).send("PutItem", {"TableName": "ledger", "Item": item})
        with pytest.raises(AssertionError, match=r"Task\(.*\) is stored with stale GSI1SK, GSI2SK, ttl") as caught:
            check_fresh(LedgerTable)
        assert "secret" not in str(caught.value)
        assert [] == stale_attributes(LedgerTable, {"PK": {"S": "x"}, "SK": {"S": "y"}})


def test_a_pattern_is_compared_with_the_stored_items():
    """Arguments may be drawn or given; an item that is missing from the answer because of a wrong key is found."""
    with embedded(LedgerTable):
        assert 0 == check_pattern(tasks)
        for number in range(6):
            task(number, points=number).create()
        assert 6 == check_pattern(tasks)
        assert "tasks" == str(tasks)
        assert 3 == check_pattern(tasks_by_points, project="p", low=1, high=3)
        item = {**task(9, points=2).serialize(), "GSI1SK": {"S": "000099#0009"}}
        TableSender(LedgerTable).send("PutItem", {"TableName": "ledger", "Item": item})
        message = "tasks_by_points: the answer to .* is wrong: it has 3 items, and 4 were expected"
        with pytest.raises(AssertionError, match=message):
            check_pattern(tasks_by_points, project="p", low=1, high=3)


def test_a_fresh_table_for_each_test(tmp_path):
    """The plugin uses the class that the project's conftest names; without one, the error has a remedy."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom tests.framework.ledger import LedgerTable\n\n"
        "@pytest.fixture(scope='session')\ndef singletable_class():\n    return LedgerTable\n"
    )
    body = (
        "from tests.framework.ledger import Task, task\n\n"
        "def test_one(embedded_table):\n    task(1).create()\n\n"
        "def test_two(embedded_table):\n    assert [] == embedded_table.scan().all()\n"
    )
    (tmp_path / "test_it.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "2 passed" in run.stdout, run.stdout
    (tmp_path / "conftest.py").unlink()
    run = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "define a fixture singletable_class in conftest.py" in run.stdout, run.stdout


def test_the_kit_is_loaded_when_it_is_used():
    """The oracle, which the command line uses, does not need Hypothesis; the error for an unknown name shows it."""
    code = "import sys, singletable.testing; print('hypothesis' in sys.modules, 'moto' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False False" == run.stdout.strip()
    assert all(hasattr(testing, name) for name in testing.__all__)
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        testing.nothing  # noqa: B018
