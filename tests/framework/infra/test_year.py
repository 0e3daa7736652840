"""A year of deployments and migrations of one table, with faults: always the right state, without leftovers."""

import os
import random

import attrs
import pytest

from singletable.cli.environment import StackOwner, restore
from singletable.errors import InfraError, MigrationConflictError
from singletable.infra.owner import Owner
from singletable.infra.parts import of_models, of_table, of_template
from singletable.migrations import (
    Backfill,
    BackfillExpiry,
    CreateIndex,
    DeleteIndex,
    DisableTTL,
    EnableTTL,
    KeyText,
    Text,
)
from singletable.migrations.history import History
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from singletable.models.schema.layout import IndexLayout
from tests.framework.infra.conftest import REGION, World
from tests.framework.migrations.world import EXPIRY, ShelfTable, StillClock, history_of, old_item

NAMES = [f"GSI{number}" for number in range(1, 20)]


def layout(name):
    """Return the index of a name; each index has its own key attributes."""
    return IndexLayout(name, name.lower(), f"{name}PK", f"{name}SK", "ALL")


def keys(name):
    """The halves of the key in an index."""
    sources = {"state": Text("state"), "task_id": Text("taskId")}
    return (
        KeyText(f"{name}PK", "STATE#{state}", **sources),
        KeyText(f"{name}SK", "{task_id}", **sources, sort=True),
    )


class Year:
    """A table that changes, as its models, its migrations and its stack do."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.world = World(attrs.evolve(ShelfTable.describe(), indexes=(), ttl=None), name="shelf")
        self.migrations = []
        self.states = [((), None)]
        self.fresh = iter(NAMES)
        self.items = 0
        self.world.cloudformation.on_create_index = self.require_backfilled
        self.did = []

    # --- the models -------------------------------------------------------------------

    @property
    def indexes(self):
        """The names of the indexes in the models."""
        return self.states[-1][0]

    @property
    def ttl(self):
        """The time to live in the models."""
        return self.states[-1][1]

    def change(self, operations, indexes, ttl):
        """Change the models, and write the migration for it."""
        self.migrations.append(operations)
        self.states.append((tuple(sorted(indexes)), ttl))
        self.describe()

    def describe(self):
        """Show the present models to the deployments."""
        layouts = tuple(layout(name) for name in self.indexes)
        self.world.description = attrs.evolve(self.world.description, indexes=layouts, ttl=self.ttl)

    def add_index(self):
        name = next(self.fresh)
        operations = [Backfill("TASK", *keys(name)), CreateIndex(name, f"{name}PK", f"{name}SK")]
        self.change(operations, {*self.indexes, name}, self.ttl)

    def drop_index(self):
        if self.indexes:
            name = self.chance.choice(self.indexes)
            self.change([DeleteIndex(name)], set(self.indexes) - {name}, self.ttl)

    def rename_index(self):
        if self.indexes:
            old, new = self.chance.choice(self.indexes), next(self.fresh)
            operations = [
                Backfill("TASK", *keys(new)),
                CreateIndex(new, f"{new}PK", f"{new}SK"),
                DeleteIndex(old),
            ]
            self.change(operations, {*self.indexes, new} - {old}, self.ttl)

    def switch_ttl(self):
        if self.ttl:
            self.change([DisableTTL("ttl")], self.indexes, None)
        else:
            self.change([BackfillExpiry("TASK", "ttl", **EXPIRY), EnableTTL("ttl")], self.indexes, "ttl")

    # --- deployments ------------------------------------------------------------------

    @property
    def graph(self):
        """The migrations."""
        return history_of(*self.migrations)

    def runner(self, *, stack=True):
        """Return a runner whose indexes are created by the stack, or by the runner itself."""
        owner = Owner(self.world.stack(), self.world.description, self.world.settings, lambda line: None)
        options = Options(segments=2, workers=1, page_size=3, write_mode="single")
        return Runner(
            connection_of(ShelfTable),
            self.graph,
            options,
            clock=StillClock(),
            tell=lambda line: None,
            stack=StackOwner(owner) if stack else None,
        )

    def deploy(self):
        """Deploy like the command, which first deletes an empty stack that failed."""
        stack = self.world.stack()
        if stack.was_never_made():
            stack.remove_never_made()
        history = of_models(self.world.description)
        self.world.update(history)
        runner = self.runner()
        applied = self.graph.state_at(History(runner.records, self.graph).applied)
        restore(runner.table, applied, self.world.deployment(history))
        runner.migrate()

    def settle(self):
        """Deploy after any history, and check the state."""
        try:
            self.deploy()
        except InfraError as error:
            assert "--import" in f"{error.remedy} {error}", error
            self.world.deployment().import_table()
            self.deploy()
        self.check()

    def check(self):
        """Check that the table, the stack and the models match, all items exist, and no change set is left."""
        wanted = of_models(self.world.description)
        table = self.world.dynamodb.describe_table(TableName=self.world.name)["Table"]
        ttl = self.world.dynamodb.describe_time_to_live(TableName=self.world.name)["TimeToLiveDescription"]
        for parts in (of_table(table, ttl), of_template(self.world.resources()["Table"])):
            # An index that no model has stays: its deletion was not requested.
            assert {"delete the index OTHER"} >= set(parts.steps_to(wanted)), self.did
        assert {} == self.world.cloudformation.pending, self.did
        assert self.items == len(self.tasks()), self.did

    def tasks(self):
        """The stored tasks."""
        found = self.world.dynamodb.scan(TableName=self.world.name)["Items"]
        return [each for each in found if each.get("entityType") == {"S": "TASK"}]

    def require_backfilled(self, table, name):
        """Refuse an index that is created before its backfill."""
        late = [each for each in self.tasks() if f"{name}PK" not in each]
        assert not late, f"{name} was created before its backfill"

    # --- the events of a year --------------------------------------------------------

    def write(self):
        """Write items by code of the present models; items of earlier code lack the keys of later indexes."""
        derived = [each for operations in self.migrations for each in operations if isinstance(each, Backfill)]
        for _ in range(2 if self.deployed else 0):
            item = old_item(self.items)
            for each in derived:
                item |= {name: value for name, value in each.compile_new()(item).items() if value is not None}
            connection_of(ShelfTable).connection.dispatch("PutItem", {"TableName": self.world.name, "Item": item})
            self.items += 1

    @property
    def deployed(self):
        """Whether the table exists."""
        return self.world.name in self.world.dynamodb.list_tables()["TableNames"]

    def settings(self):
        """Another option of the environment."""
        self.world.options = {"tags": f"owner = {self.chance.random()}"}

    def fail(self):
        """A deployment fails at a resource, and is rolled back."""
        self.settings()
        self.world.cloudformation.breakdown = self.chance.choice(["TableKey", "SystemErrors"])
        with pytest.raises(InfraError, match="no permission|outside of its stack|exists already"):
            self.deploy()
        self.world.cloudformation.breakdown = None

    def migrate_alone(self):
        """`migrate` without the environment changes items, and no index of a table that the stack owns."""
        if self.deployed:
            try:
                self.runner(stack=False).migrate()
            except MigrationConflictError as error:
                assert "owns the indexes" in str(error)

    def change_past_the_stack(self):
        """Delete or create an index in the console, outside of the stack."""
        if not self.deployed:
            return
        there = self.world.indexes()
        if there and self.chance.random() < 0.5:
            change = {"Delete": {"IndexName": self.chance.choice(there)}}
            definitions = []
        else:
            schema = [{"AttributeName": "XPK", "KeyType": "HASH"}]
            change = {"Create": {"IndexName": "OTHER", "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}}
            definitions = [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "XPK")]
            if "OTHER" in there:
                return
        self.world.dynamodb.update_table(
            TableName=self.world.name,
            GlobalSecondaryIndexUpdates=[change],
            **({"AttributeDefinitions": definitions} if definitions else {}),
        )

    def replicas(self):
        """Configure replicas, which is refused, and remove them again."""
        if self.deployed:
            self.world.options, before = {"replicas": "eu-west-1"}, self.world.options
            with pytest.raises(InfraError, match="with replicas|outside of its stack|exists already"):
                self.world.update(of_models(self.world.description))
            self.world.options = before

    def colleague(self):
        """A colleague has a pending change set: the deployment waits for it."""
        self.settings()
        deployment = self.world.deployment()
        try:
            theirs = deployment.stack.plan(next(deployment.updates()))
        except InfraError:
            return  # the table was changed outside of the stack, or the stack was never created
        with pytest.raises(InfraError, match="pending change set"):
            self.deploy()
        assert {self.world.name: [theirs.name]} == self.world.cloudformation.pending
        deployment.stack.discard(theirs)

    def roll_back(self):
        """Roll back the last migration by the stack, with its models."""
        if not self.deployed or not self.migrations:
            return
        self.settle()
        last = self.graph.order[-1]
        if len(self.migrations[-1]) == 3:
            return
        self.runner().rollback(last)
        self.migrations.pop()
        self.states.pop()
        self.describe()

    def adopt(self):
        """Delete the stack but not the table, and import the table into a new stack."""
        if self.deployed and self.world.stack().describe() is not None:
            self.settle()
            arn = self.world.dynamodb.describe_table(TableName=self.world.name)["Table"]["TableArn"]
            self.world.cloudformation.stacks.clear()
            self.world.dynamodb.untag_resource(ResourceArn=arn, TagKeys=["aws:cloudformation:stack-name"])

    def live(self, days):
        """Live through a year of some days."""
        events = [
            *[self.add_index, self.write, self.settle] * 3,
            *[self.drop_index, self.rename_index, self.switch_ttl, self.settings] * 2,
            *[self.fail, self.migrate_alone, self.change_past_the_stack, self.replicas, self.colleague],
            *[self.roll_back, self.adopt],
        ]
        self.fail()
        for _ in range(days):
            event = self.chance.choice(events)
            self.did.append(event.__name__)
            event()
        self.settle()


@pytest.fixture
def shelf(aws):
    """The table of the year, which a stack creates."""
    with ShelfTable.bind(table_name="shelf-dev", region=REGION):
        yield


@pytest.mark.parametrize("seed", range(2))
def test_a_year_of_deployments_ends_in_the_right_state(shelf, seed):
    """Indexes are added, dropped and renamed, time to live is switched, and each step sometimes fails."""
    Year(seed).live(20)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 42 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 4))
def test_many_years_end_in_the_right_state(shelf, seed):
    """With other events; forty years in the deep profile."""
    Year(seed).live(30)
