"""Items whose shape a migration changes, and a record of the live writes, with which they are compared."""

import random

import attrs

from singletable.errors import MigrationPausedError, MigrationStoppedError
from singletable.migrations import (
    Backfill,
    ConvertAttribute,
    Graph,
    Integer,
    KeyText,
    Migration,
    Rekey,
    RenameAttribute,
    RenameEntity,
    Script,
    StampType,
    Text,
)
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing import Crash, InjectedCrash, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import BY_STATE, KEY, ShelfTable, first, runner, send

BY_POINTS = KeyText("ttlPK", "POINTS#{points:04d}", points=Integer("points"))
TEXTUAL = KeyText("ttlPK", "POINTS#{points}", points=Text("points"))
MOVED = (KeyText("PK", "T#{task_id}", task_id=Text("taskId")), KEY[1])

SHAPES = {
    "convert": [ConvertAttribute("TASK", "points", str, int, old="integer", new="text", derived=[TEXTUAL])],
    "rename a source": [RenameAttribute("TASK", "state", "phase")],
    "rename the entity": [RenameEntity("TASK", "JOB")],
    "stamp": [StampType("TASK")],
    "move": [RenameEntity("TASK", "JOB"), Rekey("JOB", *MOVED)],
}
"""The operations of the migration under test, by their effect."""


def history(shape):
    """Keys of three sources, and then the change of shape."""
    scripts = [
        Script("0001_initial", first(), "first"),
        Script("0002_keys", Migration(["0001_initial"], [Backfill("TASK", *BY_STATE, BY_POINTS)]), "keys"),
        Script("0003_shape", Migration(["0002_keys"], SHAPES[shape]), shape),
    ]
    return Graph(scripts)


@attrs.define
class World:
    """A table of tasks in an old or a new shape, and the facts that each of them should hold.

    Args:
        shape: The change of the migration, a key of `SHAPES`.
        seed: Of the writers' dice.
    """

    shape: str
    seed: int
    truth: dict = attrs.field(factory=dict)
    late: bool = False
    """Whether old code is gone."""
    made: int = 0
    dice: random.Random = attrs.field(init=False)
    graph: Graph = attrs.field(init=False)
    old: object = attrs.field(init=False)
    new: object = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.dice = random.Random(self.seed)
        self.graph = history(self.shape)
        self.old = self.graph.before("0003_shape")
        self.new = self.graph.state

    def fill(self, count):
        """Store tasks as old code does."""
        for _ in range(count):
            self.create()

    # --- writers ----------------------------------------------------------------------

    def act(self):
        """Change, add or remove an item, as old or new code does."""
        self.dice.choice([self.like, self.like, self.change, self.change, self.create, self.delete])()

    def create(self):
        """Create an item in the old shape, or in the new shape when old code is gone."""
        self.made += 1
        ident = f"t{self.made}"
        facts = {"state": self.dice.choice("ABC"), "points": self.dice.randrange(100), "likes": 0}
        self.truth[ident] = facts
        send("PutItem", Item=self._item(ident, facts, new=self.late))

    def like(self):
        """Increment a counter that is not a source of a key."""
        ident, item = self._some()
        if item:
            self.truth[ident]["likes"] += 1
            send(
                "UpdateItem",
                Key=self._key(item),
                UpdateExpression="ADD likes :one",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    def change(self):
        """Change the sources of keys, and the keys, in the shape of the item."""
        ident, item = self._some()
        if item:
            facts = self.truth[ident]
            facts.update(state=self.dice.choice("ABC"), points=self.dice.randrange(100))
            left = {name: value for name, value in item.items() if name == "likes"}
            send("PutItem", Item={**left, **self._item(ident, facts, new=self._is_new(item), like=item)})

    def delete(self):
        """Delete an item."""
        ident, item = self._some()
        if item and len(self.truth) > 4:
            del self.truth[ident]
            send("DeleteItem", Key=self._key(item))

    def _some(self):
        ident = self.dice.choice(sorted(self.truth))
        return ident, next((item for item in tasks() if item["taskId"]["S"] == ident), None)

    def _key(self, item):
        return {"PK": item["PK"], "SK": item["SK"]}

    def _is_new(self, item):
        return {
            "convert": "S" in item.get("points", {}),
            "rename a source": "phase" in item,
            "rename the entity": item.get("entityType") == {"S": "JOB"},
            "stamp": "entityType" in item,
            "move": item["PK"]["S"].startswith("T#"),
        }[self.shape]

    def _item(self, ident, facts, *, new, like=None):
        state = self.new if new else self.old
        name = "JOB" if new and "JOB" in self.new.entities else "TASK"
        item = {
            "entityType": {"S": name},
            "taskId": {"S": ident},
            "phase" if new and self.shape == "rename a source" else "state": {"S": facts["state"]},
            "points": {"S": str(facts["points"])} if new and self.shape == "convert" else {"N": str(facts["points"])},
            "likes": {"N": str(facts["likes"])},
            "note": {"M": {"by": {"S": "nobody"}}},
        }
        for derived in state.entities[name].all_derived:
            item[derived.stored_name] = derived.derive(item)
        if not new and self.shape == "stamp" and (like is None or "entityType" not in like):
            # Old code did not know discriminators, nor the keys of an index.
            item = {key: value for key, value in item.items() if key not in ("entityType", "GSI1PK", "GSI1SK", "ttlPK")}
        return item

    # --- the truth --------------------------------------------------------------------

    def problems(self):
        """Return the items that differ from the record of the writers, or that do not have the new shape."""
        found = []
        seen = [item["taskId"]["S"] for item in tasks()]
        found += [f"lost {ident}" for ident in self.truth if ident not in seen]
        found += [f"{seen.count(ident)} copies of {ident}" for ident in set(seen) if seen.count(ident) > 1]
        for item in tasks():
            ident = item["taskId"]["S"]
            if ident not in self.truth:
                found.append(f"resurrected {ident}")
                continue
            expected = self._item(ident, self.truth[ident], new=True)
            wrong = sorted(name for name in {*expected, *item} if item.get(name) != expected.get(name))
            if wrong:
                found.append(f"{ident}: {', '.join(wrong)}")
        report = verify(LiveTable(connection_of(ShelfTable)), self.new, Throttle(Clock()), indexes=False)
        return found + [f"verify: {kind} ({count})" for kind, count in report.counts.items()]


def tasks():
    """Return every task, in any shape."""
    return [item for item in send("Scan", ConsistentRead=True)["Items"] if "taskId" in item]


class From:
    """All numbers from one on, as the calls in which a fault occurs."""

    def __init__(self, first):
        self.first = first

    def __contains__(self, number):
        return number >= self.first


@attrs.frozen(kw_only=True)
class Busy(Fault):
    """Other code writes before pages are read and items are written. Old code is gone when the verification begins."""

    world: World
    operations: tuple = ("Scan", "UpdateItem", "TransactWriteItems")

    def befall(self, send_on, operation, params, dice):
        if operation == "Scan" and params.get("ConsistentRead") and "Segment" in params:
            self.world.late = True
        if "SINGLETABLE" not in str(params.get("Key", "")) and dice.random() < 0.4:
            self.world.act()
        return send_on(operation, params)


def crashed_at(world, migrate, crash_at, *, after=False, attempts=8):
    """Run a migration with a crash at a call, and run it again until it ends.

    Returns:
        The problems in the end, and the number of calls of the first attempt.
    """
    calls = 0
    for attempt in range(attempts):
        faults = [Busy(world=world)]
        if attempt == 0 and crash_at is not None:
            faults += [Crash(after=True, calls={crash_at})] if after else []
            faults.append(Crash(calls=From(crash_at + after)))
        with inject(ShelfTable, *faults, seed=world.seed + attempt) as injection:
            try:
                ended = migrate()
            except (InjectedCrash, MigrationStoppedError, MigrationPausedError):
                ended = False
        calls = calls or len(injection.calls)
        if ended:
            return world.problems(), calls
    return ["never at its end"], calls


def migration(world):
    """Return a function that runs the migration under test."""

    def migrate():
        # The next run tries again an item that a rival has moved, or has changed sixteen times.
        runner(world.graph, redrive=True).migrate()
        return True

    return migrate


def prepared(world, count=7):
    """Bring the table to the state before the migration under test."""
    runner(world.graph).migrate("0002_keys")
    world.fill(count)
