"""A small table under migration, old and new code that write to it meanwhile, and the facts that hold at the end."""

import random
from datetime import datetime, timedelta, timezone

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import Expiry, IntegerAttribute, Key, Table
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    CreateIndex,
    CreateTable,
    Graph,
    KeyText,
    Migration,
    Script,
    Text,
    state_of,
)
from singletable.migrations.clock import Clock
from singletable.migrations.passes import Pass
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from singletable.requests.stored_values import same_value

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
STATES = ("OPEN", "DOING", "DONE")
DERIVED = ("GSI1PK", "GSI1SK", "ttl")


class GSI1(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class ShelfTable(Table):
    class Meta:
        table_name = "shelf"

    gsi1 = GSI1()


class Task(ShelfTable, discriminator="TASK"):
    """A task in the new models, with keys by state and an expiry."""

    task_id = UnicodeAttribute(attr_name="taskId")
    state = UnicodeAttribute(default_for_new="OPEN")
    due = UTCDateTimeAttribute(null=True)
    points = IntegerAttribute(default_for_new=0)

    key = Key(pk="TASK#{task_id}", sk="TASK")
    by_state = Key(index=GSI1, pk="STATE#{state}", sk="{task_id}")
    expires_at = Expiry(after="due", days=3650)


class Box(ShelfTable, discriminator="BOX"):
    """Another entity, which no migration touches."""

    box_id = UnicodeAttribute(attr_name="boxId")

    key = Key(pk="BOX#{box_id}", sk="BOX")


KEY = (KeyText("PK", "TASK#{task_id}", task_id=Text("taskId")), KeyText("SK", "TASK", sort=True))
BY_STATE = (
    KeyText("GSI1PK", "STATE#{state}", state=Text("state"), task_id=Text("taskId")),
    KeyText("GSI1SK", "{task_id}", state=Text("state"), task_id=Text("taskId"), sort=True),
)
EXPIRY = {"after": "due", "days": 3650}


def first():
    """Return the first migration: a table of tasks without index keys or expiry."""
    attributes = {"taskId": "S", "state": "S", "due": "S", "points": "N"}
    return Migration(
        [],
        [
            CreateTable("PK", "SK"),
            AddEntity("TASK", *KEY, attributes=attributes),
            AddEntity(
                "BOX",
                KeyText("PK", "BOX#{box_id}", box_id=Text("boxId")),
                KeyText("SK", "BOX", sort=True),
                attributes={"boxId": "S"},
            ),
        ],
    )


def graph(*operations, **options):
    """Return a history of two migrations; by default, the second backfills everything and creates the index."""
    chosen = operations or (
        Backfill("TASK", *BY_STATE, **options),
        BackfillExpiry("TASK", "ttl", **EXPIRY, **options),
        CreateIndex("GSI1", "GSI1PK", "GSI1SK"),
    )
    return Graph(
        [Script("0001_initial", first(), "first"), Script("0002_by_state", Migration(["0001_initial"], chosen), "x")]
    )


def history_of(*migrations, head=None):
    """Return a history of the first migration, or another one, and one migration for each list of operations."""
    scripts = [Script("0001_initial", head or first(), "first")]
    for number, operations in enumerate(migrations, 2):
        scripts.append(Script(f"{number:04d}_m", Migration([scripts[-1].name], operations), f"x{number}"))
    return Graph(scripts)


class StillClock(Clock):
    """A clock that moves only during waits."""

    def __init__(self):
        self.now = 0.0
        self.waited = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds, until=None):
        if until is not None:
            until.wait()
            return
        self.waited.append(seconds)
        self.now += max(seconds, 0.001)


def runner(history=None, tell=lambda line: None, clock=None, **options):
    """Return a runner on the bound table, with few and small segments."""
    settings = {"segments": 2, "workers": 1, "page_size": 3, "write_mode": "single", **options}
    return Runner(
        connection_of(ShelfTable), history or graph(), Options(**settings), clock=clock or StillClock(), tell=tell
    )


def dangers(plan):
    """Return the dangers of a plan, without the missing point-in-time recovery of the emulator."""
    return [each for each in plan.safety if each.title != "no point-in-time recovery"]


def send(operation, **params):
    """Send one operation to the table, as code without models does."""
    return connection_of(ShelfTable).connection.dispatch(operation, {"TableName": "shelf", **params})


def old_item(number, state="OPEN", **extra):
    """Return a task as old code stores it: only its key is derived, and one attribute is in no model."""
    item = {
        "PK": {"S": f"TASK#t{number}"},
        "SK": {"S": "TASK"},
        "entityType": {"S": "TASK"},
        "taskId": {"S": f"t{number}"},
        "state": {"S": state},
        "points": {"N": "0"},
        "note": {"M": {"by": {"S": "old code"}}},
    }
    if number % 3:
        item["due"] = {"S": (START + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")}
    return {**item, **extra}


def put_old(count=8, boxes=5):
    """Fill the table as old code does. Return the stored tasks."""
    items = [old_item(number) for number in range(count)]
    for item in items:
        send("PutItem", Item=item)
    for number in range(boxes):
        Box(box_id=f"b{number}").save()
    return items


def stored(kind="TASK"):
    """Return all items of a type by partition key."""
    found = {}
    start = {}
    while True:
        answer = send("Scan", ConsistentRead=True, **start)
        found |= {item["PK"]["S"]: item for item in answer["Items"] if item.get("entityType") == {"S": kind}}
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def stale(item):
    """Return the derived attributes of a task that differ from the frozen templates."""
    entity = state_of(ShelfTable.describe()).entities["TASK"]
    return [name for name, each in entity.derived.items() if not same_value(each.derive(item), item.get(name))]


def plain(item):
    """Return the attributes of an item that are not derived."""
    return {name: value for name, value in item.items() if name not in DERIVED}


def work(*operations):
    """Return a pass of operations after the first migration."""
    return Pass(operations, Graph([Script("0001_initial", first(), "")]).state)


class LiveWriters:
    """Old and new code that change the table during a migration, and record their writes."""

    def __init__(self, seed, items):
        self.dice = random.Random(seed)
        self.truth = {item["PK"]["S"]: plain(item) for item in items}
        self.made = 100
        self.old_code = True
        self.chosen = None

    def act(self, key=None):
        """Make one write, by old or new code, to a given item if it exists, or to any item."""
        self.chosen = key if key in self.truth else None
        new = [self.update_new, self.delete, self.create]
        old = [self.update_old, self.put_old, self.recreate]
        self.dice.choice([*new, *old] if self.old_code else new)()

    def update_new(self):
        """Change a state with the new models; the keys follow."""
        key = self._some()
        if key is not None:
            task = Task.get(task_id=key.removeprefix("TASK#"), consistent=True)
            task.update(state=self._state(), points=task.points + 1)
            self.truth[key] = plain(send("GetItem", Key=self._key(key), ConsistentRead=True)["Item"])

    def update_old(self):
        """Change a state with old code, without keys."""
        key = self._some()
        if key is not None:
            state = {"S": self._state()}
            send(
                "UpdateItem",
                Key=self._key(key),
                UpdateExpression="SET #s = :s",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeNames={"#s": "state"},
                ExpressionAttributeValues={":s": state},
            )
            self.truth[key]["state"] = state

    def put_old(self):
        """Write a whole item with old code, without the attributes that it does not know."""
        key = self._some()
        if key is not None:
            self.truth[key] = {**self.truth[key], "state": {"S": self._state()}}
            send("PutItem", Item=self.truth[key])

    def delete(self):
        """Delete an item."""
        key = self._some()
        if key is not None:
            send("DeleteItem", Key=self._key(key))
            del self.truth[key]

    def create(self):
        """Create an item with the new models."""
        self.made += 1
        task = Task(task_id=f"t{self.made}", state=self._state(), due=START)
        task.save()
        key = f"TASK#t{self.made}"
        self.truth[key] = plain(send("GetItem", Key=self._key(key), ConsistentRead=True)["Item"])

    def recreate(self):
        """Delete an item, and create another under its key."""
        key = self._some()
        if key is not None:
            send("DeleteItem", Key=self._key(key))
            item = old_item(int(key.removeprefix("TASK#t")), self._state(), colour={"S": "red"})
            send("PutItem", Item=item)
            self.truth[key] = item

    def _some(self):
        return self.chosen or self.dice.choice(sorted(self.truth)) if self.truth else None

    def _state(self):
        return self.dice.choice(STATES)

    def _key(self, key):
        return {"PK": {"S": key}, "SK": {"S": "TASK"}}

    def problems(self):
        """Return the faults of the table, by the record of the writers."""
        items = stored()
        # An update without a condition creates an item with nothing but the set attributes.
        nameless = [item["PK"]["S"] for item in send("Scan", ConsistentRead=True)["Items"] if "entityType" not in item]
        found = [f"resurrected {key}, in part" for key in nameless]
        found += [f"lost {key}" for key in self.truth if key not in items]
        found += [f"resurrected {key}" for key in items if key not in self.truth]
        for key, item in items.items():
            if key in self.truth and plain(item) != self.truth[key]:
                found.append(f"changed {key}")
            if stale(item):
                found.append(f"stale {key}: {', '.join(stale(item))}")
        return found
