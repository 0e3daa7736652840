"""`singletable deploy`, and `migrate` and `rollback` of a deployed table, against a double of CloudFormation."""

import attrs
import pytest

from models import Order, ShopTable
from singletable.cli import deploy, environment
from singletable.infra.parts import of_template
from tests.framework.infra.conftest import REGION
from tests.framework.infra.test_commands import here

DEV = ("--environment", "dev", "--region", REGION)


@pytest.fixture
def shop(world, monkeypatch):
    """The shop's project, whose commands use the double and moto."""

    def client_of(service, place, table, table_name):
        return world.cloudformation if service == "cloudformation" else world.dynamodb

    monkeypatch.setattr(environment, "client_of", client_of)
    monkeypatch.setattr(deploy, "client_of", client_of)
    monkeypatch.setattr("singletable.infra.stack.sleep", lambda seconds: None)
    yield world
    assert {} == world.cloudformation.pending, "no change set is left"


def run(*arguments, code=0):
    """Run a command on the shop."""
    done = here(*arguments)
    assert code == done.returncode, done.stdout + done.stderr
    return done


def as_of(world, migration, *indexes, ttl=None):
    """Deploy the shop as it was at a migration, and store two orders of that time; return to the present models."""
    full = ShopTable.describe()
    kept = tuple(index for index in full.indexes if index.name in indexes)
    world.description = attrs.evolve(full, indexes=kept, ttl=ttl)
    world.update()
    run("stamp", migration, "--table", "shop-dev", "--region", REGION)
    world.description = full


def old_order(number):
    """An order as it was stored before there were dates and expiries in its keys."""
    item = Order(order_id=f"o{number}", user_id="u").serialize()
    return {name: value for name, value in item.items() if name not in ("GSI3PK", "GSI3SK", "ttl")}


def test_a_deployment_from_nothing_to_everything(shop):
    """The stack is created, and all migrations are recorded; a second deployment has no effect."""
    first = run("deploy", *DEV, "--yes")
    assert "The stack is created." in first.stdout
    again = run("deploy", *DEV, "--yes")
    assert "The stack matches the models and setup.cfg." in again.stdout
    assert "every migration is applied" in again.stdout
    assert ["GSI1", "GSI2", "GSI3"] == shop.indexes()


@pytest.mark.parametrize(
    ("arguments", "answer", "code"),
    [(("--dry-run",), None, 0), ((), "n\n", 1), ((), "", 1), (("--yes", "--parameter", "Typo=1"), None, 2)],
    ids=["dry run", "no", "end of input", "refused"],
)
def test_a_deployment_that_is_not_done_leaves_nothing(shop, monkeypatch, arguments, answer, code):
    """No change set, no empty stack, no table."""
    if answer is not None:
        monkeypatch.setattr("click.termui.visible_prompt_func", reader(answer))
    run("deploy", *DEV, *arguments, code=code)
    assert ({}, []) == (shop.cloudformation.stacks, shop.dynamodb.list_tables()["TableNames"])


def reader(answer):
    """Return a function that reads an answer, or finds the end of the input."""

    def read(prompt=""):
        if not answer:
            raise EOFError
        return answer.strip()

    return read


@pytest.mark.deep
def test_an_index_comes_by_the_stack_after_the_migration_that_backfills_it(shop):
    """The time to live also; each by its own update, after the items are ready."""
    as_of(shop, "0003_orders_by_status", "GSI1", "GSI2")
    for number in range(3):
        shop.dynamodb.put_item(TableName="shop-dev", Item=old_order(number))
    ready = []

    def note(table, name):
        items = shop.dynamodb.scan(TableName=table)["Items"]
        ready.append((name, all("GSI3PK" in each for each in items if each["entityType"] == {"S": "ORDER"})))

    shop.cloudformation.on_create_index = note
    looked = run("deploy", *DEV, "--dry-run")
    assert "create the index GSI3, after its migration" in looked.stdout
    done = run("deploy", *DEV, "--yes")
    assert [("GSI3", True)] == ready
    assert "updating the stack shop-dev: create the index GSI3" in done.stdout.replace("\n", " ")
    assert "switch the time to live on, by ttl" in done.stdout.replace("\n", " ")
    template = of_template(shop.resources()["Table"])
    assert (["GSI1", "GSI2", "GSI3"], "ttl") == (sorted(template.indexes), template.ttl)
    assert "Table" in shop.resources()
    assert "GSI3ReadThrottling" in shop.resources(), "the index brings its alarms"


def test_migrate_leaves_the_indexes_of_a_deployed_table_to_its_stack(shop):
    """Without the environment it stops before the index and prints the next step; with it, the stack adds it."""
    as_of(shop, "0003_orders_by_status", "GSI1", "GSI2")
    shop.dynamodb.put_item(TableName="shop-dev", Item=old_order(1))
    few = ("--segments", "2", "--yes")
    alone = run("migrate", "--table", "shop-dev", "--region", REGION, *few, code=2)
    assert "The stack 'shop-dev' owns the indexes and the time to live of 'shop-dev'" in alone.stderr
    assert "Add --environment dev to `migrate` or `rollback`" in alone.stderr
    assert ["GSI1", "GSI2"] == shop.indexes()
    run("migrate", *DEV, *few)
    assert ["GSI1", "GSI2", "GSI3"] == shop.indexes()
    assert "GSI3" in of_template(shop.resources()["Table"]).indexes


def test_a_rollback_deletes_an_index_by_the_stack(shop):
    """So that the next deployment of the older models finds its own stack."""
    as_of(shop, "0004_orders_by_date", "GSI1", "GSI2", "GSI3")
    alone = run("rollback", "0004_orders_by_date", "--table", "shop-dev", "--region", REGION, "--yes", code=2)
    assert "Add --environment dev to `migrate`" in alone.stderr
    run("rollback", "0004_orders_by_date", *DEV, "--yes")
    assert ["GSI1", "GSI2"] == shop.indexes()
    assert ["GSI1", "GSI2"] == sorted(of_template(shop.resources()["Table"]).indexes)


def test_no_migrate_says_what_is_left(shop):
    """The index is not created."""
    as_of(shop, "0003_orders_by_status", "GSI1", "GSI2")
    done = run("deploy", *DEV, "--yes", "--no-migrate")
    assert "Left for `singletable migrate --environment dev`: create the index GSI3." in done.stdout
    assert ["GSI1", "GSI2"] == shop.indexes()


def test_an_index_that_was_deleted_in_the_console_is_created_again(shop):
    """Its migration is applied, so the items are ready."""
    run("deploy", *DEV, "--yes")
    shop.dynamodb.update_table(TableName="shop-dev", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "GSI2"}}])
    run("deploy", *DEV, "--yes")
    assert ["GSI1", "GSI2", "GSI3"] == shop.indexes()


def test_an_unknown_index_is_imported_and_stays(shop):
    """It is reported: no model has it, and its deletion was not requested."""
    run("deploy", *DEV, "--yes")
    schema = [{"AttributeName": "XPK", "KeyType": "HASH"}]
    create = {"IndexName": "OTHER", "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}
    shop.dynamodb.update_table(
        TableName="shop-dev",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "XPK")],
        GlobalSecondaryIndexUpdates=[{"Create": create}],
    )
    refused = run("deploy", *DEV, "--yes", code=2)
    assert "outside of its stack 'shop-dev' (create the index OTHER)" in refused.stderr
    looked = run("deploy", *DEV, "--import", "--dry-run")
    assert "have the stack shop-dev retain the table shop-dev" in looked.stdout
    assert "Nothing was changed." in looked.stdout
    done = run("deploy", *DEV, "--import", "--yes")
    assert "The table belongs to the stack." in done.stdout
    assert "The index OTHER is in no model, and no migration deletes it." in done.stdout
    assert ["GSI1", "GSI2", "GSI3", "OTHER"] == shop.indexes()
    again = run("deploy", *DEV, "--import", "--yes")
    assert "there is nothing to import" in again.stdout
    assert "no model" in again.stdout


def test_a_stack_that_was_never_made_is_deleted_after_a_question(shop):
    """Then it is created."""
    shop.cloudformation.breakdown = "TableKey"
    failed = run("deploy", *DEV, "--yes", code=2)
    assert "ROLLBACK_COMPLETE: TableKey: no permission" in failed.stderr
    looked = run("deploy", *DEV, "--dry-run")
    assert "The stack is empty, and must be deleted first" in looked.stdout
    run("deploy", *DEV, "--yes")
    assert ["GSI1", "GSI2", "GSI3"] == shop.indexes()


def test_an_index_of_an_unknown_stack(shop):
    """The environment must be deployed before its migrations."""
    done = run("migrate", *DEV, "--yes", code=2)
    assert "'shop-dev'" in done.stderr


def test_a_replica_in_the_region_of_the_stack_is_refused(shop, monkeypatch):
    """The region is known only when a stack is deployed."""
    shop.options = {"replicas": REGION}
    monkeypatch.setattr(deploy, "settings_of", lambda *arguments: shop.settings)
    done = run("deploy", *DEV, "--yes", code=2)
    assert REGION in done.stderr
