"""The verifier: it finds every planted corruption, with its key, and nothing else."""

import random
from collections import Counter
from copy import deepcopy

import attrs
import pytest

from singletable.engine import embedded
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing import inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import Box, ShelfTable, StillClock, graph, old_item, put_old, runner, send, stored

PLANTED = 500


def look(**options):
    """Verify the table against the whole history, without waits."""
    return verify(LiveTable(connection_of(ShelfTable)), graph().state, Throttle(Clock()), clock=StillClock(), **options)


def found(report):
    """Return the findings: kind, attribute or index, partition key."""
    return sorted((each.kind, each.name, each.key["PK"]["S"]) for each in report.findings)


@pytest.fixture
def shelf():
    """The migrated table, with 8 tasks and 5 boxes."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old()
        runner().migrate()
        yield ShelfTable


def test_a_migrated_table_is_right(shelf):
    """The report of a migrated table has items by entity, rows by index, and no finding."""
    report = look()
    assert report.right
    assert Counter({"TASK": 8, "BOX": 5}) == report.items
    assert Counter({"GSI1": 8}) == report.rows


def corrupt(item, dice):
    """Return an item with one fault, and the expected finding."""
    item = deepcopy(item)
    kind, name = dice.choice(
        [
            ("missing", "GSI1PK"),
            ("missing", "GSI1SK"),
            ("missing", "ttl"),
            ("wrong", "GSI1PK"),
            ("wrong", "GSI1SK"),
            ("wrong", "ttl"),
            ("extra", "ttl"),
            ("unreadable", "ttl"),
            ("extra", "GSI1PK"),
        ]
    )
    if kind == "missing":
        del item[name]
    elif kind == "wrong":
        item[name] = {"N": "1"} if name == "ttl" else {"S": "STATE#ELSEWHERE"}
    elif kind == "unreadable":
        item["due"] = {"S": "2026-02-30"}
    elif name == "ttl":
        del item["due"]
    else:
        item = {"PK": {"S": item["PK"]["S"].replace("TASK", "BOX")}, "SK": {"S": "BOX"}}
        item |= {"entityType": {"S": "BOX"}, "boxId": {"S": item["PK"]["S"][4:]}, "GSI1PK": {"S": "STATE#OPEN"}}
    return item, (kind, name, item["PK"]["S"])


@pytest.mark.deep
def test_all_of_500_planted_corruptions_are_found():
    """Missing, wrong, extra and unreadable keys and expiries are found with attribute and key, and nothing else."""
    dice = random.Random(1)
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        for number in range(1, 3 * PLANTED, 3):
            send("PutItem", Item=old_item(number))
        runner(page_size=250).migrate()
        planted = []
        for item in stored().values():
            bad, what = corrupt(item, dice)
            if bad["PK"] != item["PK"]:
                send("DeleteItem", Key={"PK": item["PK"], "SK": item["SK"]})
            send("PutItem", Item=bad)
            planted.append(what)
        assert PLANTED == len(planted)
        report = look()
    assert sorted(planted) == found(report)
    assert 9 == len({(kind, name) for kind, name, _ in planted})


@attrs.frozen(kw_only=True)
class OtherIndex(Fault):
    """An index without some of its rows, and with some that the table does not have."""

    lost: frozenset
    ghosts: tuple

    def befall(self, send, operation, params, dice):
        answer = send(operation, params)
        if params.get("IndexName"):
            left = [row for row in answer["Items"] if row["PK"]["S"] not in self.lost]
            wanted = {str(value) for value in params.get("ExpressionAttributeValues", {}).values()}
            ghosts = [each for each in self.ghosts if operation == "Scan" or wanted <= {str(v) for v in each.values()}]
            answer["Items"] = [*left, *(() if "ExclusiveStartKey" in params else ghosts)]
        return answer


def test_an_index_that_differs_from_its_table(shelf):
    """Missing rows and extra rows of an index are found, by key."""
    ghost = {
        "PK": {"S": "TASK#ghost"},
        "SK": {"S": "TASK"},
        "entityType": {"S": "TASK"},
        "GSI1PK": {"S": "STATE#OPEN"},
        "GSI1SK": {"S": "ghost"},
    }
    fault = OtherIndex(operations=["Scan", "Query"], lost=frozenset({"TASK#t1", "TASK#t2"}), ghosts=(ghost,))
    with inject(shelf, fault):
        report = look()
    assert [
        ("not in the index", "GSI1", "TASK#t1"),
        ("not in the index", "GSI1", "TASK#t2"),
        ("only in the index", "GSI1", "TASK#ghost"),
    ] == found(report)


def test_an_index_key_that_dynamodb_leaves_out(shelf):
    """An empty or missing half keeps an item out of the index, which is not a difference."""
    send("PutItem", Item={"PK": {"S": "X"}, "SK": {"S": "Y"}, "entityType": {"S": "GHOST"}, "GSI1PK": {"S": "only"}})
    report = look()
    assert [("unidentified", "entityType", "X")] == found(report)
    assert 1 == report.unknown
    assert look(allow_unknown=True).right


def test_records_of_the_framework_are_passed_over(shelf):
    """Neither a verification nor a scan of the application returns the framework's records."""
    assert {"Task", "Box"} == {type(each).__name__ for each in ShelfTable.scan()}
    assert 5 == len(Box.scan().all())
    kinds = {item["entityType"]["S"] for item in send("Scan")["Items"]}
    assert {"singletable:migration", "singletable:lease"} <= kinds
