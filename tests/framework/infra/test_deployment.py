"""Deployments against a double that enforces CloudFormation's limits: nothing is lost, left over or stuck."""

import json

import attrs
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from singletable.errors import InfraError
from singletable.infra.deployment import Deployment
from singletable.infra.owner import Owner
from singletable.infra.parts import of_models, of_template
from singletable.models.schema.layout import IndexLayout
from tests.framework.infra.conftest import World

EXTRA = IndexLayout("GSI4", "gsi4", "GSI4PK", "GSI4SK", "INCLUDE", ("b", "a"))


def without(description, *names, ttl=True):
    """Return the models without some indexes, and perhaps without a time to live."""
    kept = tuple(index for index in description.indexes if index.name not in names)
    return attrs.evolve(description, indexes=kept, ttl=description.ttl if ttl else None)


def owner(world, tell=lambda line: None):
    """Return the stack as the owner of the table."""
    return Owner(world.stack(), world.description, world.settings, tell)


def change_past_the_stack(world, change):
    """Change an index of the table by UpdateTable, outside of the stack."""
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "GSI4PK", "GSI4SK")]
    world.dynamodb.update_table(
        TableName=world.name, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[change]
    )


CREATE = {
    "Create": {
        "IndexName": "GSI4",
        "KeySchema": [
            {"AttributeName": "GSI4PK", "KeyType": "HASH"},
            {"AttributeName": "GSI4SK", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }
}
DELETE = {"Delete": {"IndexName": "GSI3"}}


# --- a new stack --------------------------------------------------------------------------


def test_a_new_stack_has_everything_at_once(world):
    """Its table is empty, so no item must be prepared for an index."""
    (changes,) = world.update()
    assert ("Add", "Table") in changes
    assert ["GSI1", "GSI2", "GSI3"] == world.indexes()
    assert [[]] == world.update()
    assert {} == world.cloudformation.pending


def test_a_first_deployment_that_fails_leaves_nothing_and_can_be_repeated(production):
    """Also in production, where the table is protected and retained: protection comes last."""
    production.cloudformation.breakdown = "TableKey"
    with pytest.raises(InfraError, match="ROLLBACK_COMPLETE: TableKey: no permission"):
        production.update()
    assert [] == production.dynamodb.list_tables()["TableNames"]
    stack = production.stack()
    assert stack.was_never_made()
    with pytest.raises(InfraError, match="was never created: its first deployment was rolled back"):
        production.update()
    stack.remove_never_made()
    assert {} == production.cloudformation.stacks
    first, second = production.update()
    assert ("Add", "Table") in first
    assert [("Modify", "Table")] == second
    described = production.dynamodb.describe_table(TableName="shop")["Table"]
    assert described["DeletionProtectionEnabled"]


def test_a_stack_that_left_a_resource_behind_is_not_deleted(world):
    """An earlier version deployed it and retained its key, which would block the next deployment."""
    world.cloudformation.breakdown = "TableKey"
    with pytest.raises(InfraError):
        world.update()
    kept = world.cloudformation.stacks["shop-dev"]["resources"]["TableKey"]
    kept["ResourceStatus"] = "DELETE_SKIPPED"
    with pytest.raises(InfraError, match=r"was rolled back and left TableKey \(TableKey\)"):
        world.stack().remove_never_made()
    assert ["shop-dev"] == list(world.cloudformation.stacks)


# --- change sets that are left ------------------------------------------------------------


def test_a_plan_leaves_nothing(world):
    """No change set and no empty stack: for a new stack, a change, no change, and an interrupted plan."""

    def plan(error=None):
        deployment = world.deployment()
        template = next(deployment.updates())
        with deployment.stack.planned(template):
            if error is not None:
                raise error

    plan()
    with pytest.raises(KeyboardInterrupt):
        plan(KeyboardInterrupt())
    assert {} == world.cloudformation.stacks
    world.update()
    plan()
    world.options = {"tags": "owner = shop"}
    plan()
    with pytest.raises(EOFError):
        plan(EOFError())
    assert {} == world.cloudformation.pending


def test_a_refusal_leaves_nothing(world):
    """A refusal of CloudFormation, or of the deployment itself."""
    with pytest.raises(InfraError, match="no parameter 'Typo'"):
        world.stack().plan(next(world.deployment().updates()), {"Typo": "x"})
    assert {} == world.cloudformation.stacks
    world.update()
    template = world.stack().template()
    template["Resources"]["Table"]["Properties"]["KeySchema"].pop()
    with pytest.raises(InfraError, match=r"would be replaced \(KeySchema changed\)"):
        world.stack().plan(template)
    del template["Resources"]["Table"]
    with pytest.raises(InfraError, match="would be removed"):
        world.stack().plan(template)
    assert {} == world.cloudformation.pending


def test_all_pages_of_a_change_set_are_read(world):
    """The table's loss is refused, although it is on the last page."""
    world.cloudformation.page = 1
    (changes,) = world.update()
    assert len(changes) > 10
    template = world.stack().template()
    template["Resources"] = {name: each for name, each in template["Resources"].items() if name < "Table"}
    template.pop("Outputs")
    with pytest.raises(InfraError, match="The table would be removed"):
        world.stack().plan(template)


def theirs(world):
    """A change set that a colleague has created and not executed yet."""
    deployment = world.deployment()
    return deployment.stack.plan(next(deployment.updates())).name


def test_a_colleagues_change_set_is_never_deleted(world):
    """Not by a plan, not with the empty stack that it created, and not by CloudFormation at an execution."""
    name = theirs(world)
    deployment = world.deployment()
    with deployment.stack.planned(next(deployment.updates())):
        assert 2 == len(world.cloudformation.pending["shop-dev"])
    assert {"shop-dev": [name]} == world.cloudformation.pending
    with pytest.raises(
        InfraError, match=f"another pending change set, '{name}'. CloudFormation would delete it"
    ) as caught:
        world.update()
    assert f"delete-change-set --stack-name shop-dev --change-set-name {name}" in caught.value.remedy
    assert {"shop-dev": [name]} == world.cloudformation.pending
    world.cloudformation.execute_change_set("shop-dev", name)
    world.options = {"tags": "owner = shop"}
    name = theirs(world)
    with pytest.raises(InfraError, match="pending change set"):
        world.update()
    assert {"shop-dev": [name]} == world.cloudformation.pending


def test_an_empty_stack_is_deleted_only_by_the_one_who_made_it(world):
    """Another plan of a new stack, created first, keeps it."""
    mine = world.deployment()
    template = next(mine.updates())
    made = mine.stack.plan(template)
    second = mine.stack.plan(template)
    mine.stack.discard(made)
    assert {"shop-dev": [second.name]} == world.cloudformation.pending
    mine.stack.discard(second)
    assert {} == world.cloudformation.pending


# --- replacements -------------------------------------------------------------------------


def test_a_new_index_replaces_no_table(world):
    """CloudFormation reports `Conditional` for the attribute definitions that come with it."""
    world.description = without(world.description, "GSI3")
    world.update()
    template = world.stack().template()
    properties = template["Resources"]["Table"]["Properties"]
    properties["AttributeDefinitions"] += [{"AttributeName": "GSI4PK", "AttributeType": "S"}]
    properties["GlobalSecondaryIndexes"] += [
        {
            "IndexName": "GSI4",
            "KeySchema": [{"AttributeName": "GSI4PK", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    with world.stack().planned(template) as changes:
        (table,) = (each for each in changes.changes if each.name == "Table")
        assert ("Conditional", ("AttributeDefinitions", "GlobalSecondaryIndexes")) == (table.replaced, table.parts)
    properties["AttributeDefinitions"][0]["AttributeType"] = "N"
    with pytest.raises(InfraError, match=r"replaced \(AttributeDefinitions changed\)"):
        world.stack().plan(template)


def test_replicas_of_a_table_that_has_none_are_refused_with_the_way_round(world):
    """A global table is another type of resource, and no update changes a type, in both directions."""
    world.update()
    world.options = {"replicas": "eu-west-1"}
    with pytest.raises(InfraError, match=r"a table with replicas \(AWS::DynamoDB::GlobalTable\)") as caught:
        world.update()
    assert "Undo the change of `replicas`, or import the table" in caught.value.remedy
    assert {} == world.cloudformation.pending


def test_a_retained_key_is_neither_removed_nor_replaced(world):
    """It would remain as an orphan, and items may need it."""
    world.update()
    world.options = {"customer_key": "no"}
    with pytest.raises(InfraError, match=r"TableKey \(AWS::KMS::Key\) would be removed from the stack") as caught:
        world.update()
    assert "customer_key" in caught.value.remedy
    assert {} == world.cloudformation.pending


# --- indexes and time to live --------------------------------------------------------------


def test_an_update_leaves_indexes_and_time_to_live_as_they_are(world):
    """The owner adds them one by one, in the order of the migrations."""
    full = world.description
    world.description = without(full, "GSI2", "GSI3", ttl=False)
    world.update()
    world.description = attrs.evolve(without(full, "GSI1"), indexes=(*without(full, "GSI1").indexes, EXTRA))
    world.options = {"tags": "owner = shop", "billing": "provisioned", "index_units": "GSI2 = 100/100\nGSI4 = 90/90"}
    world.update()
    assert ["GSI1"] == world.indexes()
    lines = []
    stack = owner(world, lines.append)
    for name in ("GSI2", "GSI3"):
        stack.create_index(next(index for index in full.indexes if index.name == name))
    stack.create_index(EXTRA)
    stack.set_ttl("ttl")
    stack.delete_index("GSI1")
    assert ["GSI2", "GSI3", "GSI4"] == world.indexes()
    assert not of_template(world.resources()["Table"]).steps_to(of_models(world.description))
    assert "updating the stack shop-dev: create the index GSI2" == lines[0]
    assert [[]] == world.update()
    before = len(world.cloudformation.log)
    stack.create_index(EXTRA)
    stack.set_ttl("ttl")
    stack.delete_index("GSI1")
    assert before == len(world.cloudformation.log), "the stack has done it before"


def test_a_part_comes_alone(world):
    """An option that was changed and not deployed yet is not deployed with an index."""
    full = world.description
    world.description = without(full, "GSI3")
    world.update()
    world.options = {"tags": "owner = shop"}
    with pytest.raises(InfraError, match="differs from setup.cfg and this version of the models") as caught:
        owner(world).create_index(full.indexes[2])
    assert "Deploy these first: singletable deploy --environment dev" in caught.value.remedy
    assert ["GSI1", "GSI2"] == world.indexes()


def test_the_owner_of_a_table_that_no_stack_has(world):
    """The table does not belong to a stack that could be updated."""
    with pytest.raises(InfraError, match="No stack 'shop-dev' has the table 'shop-dev'"):
        owner(world).set_ttl("ttl")


def test_an_index_without_a_migration_is_refused(world):
    """It would be created before the items are ready for it."""
    history = of_models(without(world.description, "GSI2"))
    with pytest.raises(InfraError, match="create the index GSI2, but no migration does") as caught:
        world.update(history)
    assert "singletable makemigrations" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "words"),
    [(CREATE, "create the index GSI4"), (DELETE, "delete the index GSI3")],
)
def test_an_index_that_was_changed_past_the_stack_is_refused_and_imported(world, change, words):
    """The next update would fail; after an import the stack has the table as it is, and its items."""
    world.update()
    world.put("a", "b")
    change_past_the_stack(world, change)
    world.description = without(world.description, "GSI3")
    with pytest.raises(InfraError, match=f"outside of its stack 'shop-dev' .{words}") as caught:
        world.update()
    assert "Add --import" in caught.value.remedy
    deployment = world.deployment()
    steps = deployment.import_steps()
    assert [
        "have the stack shop-dev retain the table shop-dev",
        "take the table out of the stack shop-dev, with its alarms, scaling and cache; the table stays",
        "import the table shop-dev into the stack shop-dev",
    ] == steps
    indexes = world.indexes()
    deployment.import_table()
    assert (indexes, 2) == (world.indexes(), world.count())
    world.update()
    stack = owner(world)
    for name in set(indexes) - {"GSI1", "GSI2"}:
        stack.delete_index(name)
    assert (["GSI1", "GSI2"], 2) == (world.indexes(), world.count())
    assert [[]] == world.update()
    assert [] == world.deployment().import_steps()


def test_an_index_that_is_missing_and_wanted_is_no_reason_to_refuse(world):
    """It is created again on the table, and both match."""
    world.update()
    change_past_the_stack(world, DELETE)
    assert [[]] == world.update()
    now, wanted = world.deployment().left()
    assert ["create the index GSI3"] == now.steps_to(wanted)


def test_a_table_that_is_gone_is_reported(world):
    """With the possible remedies."""
    world.update()
    world.dynamodb.update_table(TableName="shop-dev", DeletionProtectionEnabled=False)
    world.dynamodb.delete_table(TableName="shop-dev")
    with pytest.raises(
        InfraError, match="The table 'shop-dev' of the stack .* does not exist in DynamoDB: it was deleted"
    ):
        world.update()


# --- import --------------------------------------------------------------------------------


def existing(world, **more):
    """Create a table like other code, with one index and two items."""
    indexes = [{**CREATE["Create"], "IndexName": "GSI1"}]
    keys = [{"AttributeName": name, "KeyType": kind} for name, kind in (("PK", "HASH"), ("SK", "RANGE"))]
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "GSI4PK", "GSI4SK")]
    world.dynamodb.create_table(
        TableName=world.name,
        KeySchema=keys,
        AttributeDefinitions=definitions,
        **{"BillingMode": "PAY_PER_REQUEST", "GlobalSecondaryIndexes": indexes, **more},
    )
    world.put("a", "b")


def test_an_existing_table_is_not_taken_for_a_new_one(world):
    """CloudFormation would fail halfway, because the name is taken."""
    existing(world)
    with pytest.raises(InfraError, match="'shop-dev' exists already and does not belong to the stack") as caught:
        world.update()
    assert "--import" in caught.value.remedy
    assert {} == world.cloudformation.stacks


@pytest.mark.parametrize("billing", ["PAY_PER_REQUEST", "PROVISIONED"])
def test_an_existing_table_is_imported_as_it_is(world, billing):
    """Then it is brought to the settings; indexes and time to live are left to migrations."""
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
    more = {"BillingMode": billing, "GlobalSecondaryIndexes": [{**CREATE["Create"], "IndexName": "GSI1"}]}
    if billing == "PROVISIONED":
        more |= {"ProvisionedThroughput": units}
        more["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = units
    existing(world, **more)
    world.dynamodb.update_time_to_live(
        TableName=world.name, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
    )
    deployment = world.deployment()
    assert ["import the table shop-dev into the stack shop-dev"] == deployment.import_steps()
    deployment.import_table()
    imported = world.resources()["Table"]
    assert ("Retain", "Retain") == (imported["DeletionPolicy"], imported["UpdateReplacePolicy"])
    properties = imported["Properties"]
    assert billing == properties["BillingMode"]
    assert ("ttl", ["GSI1"]) == (of_template(imported).ttl, list(of_template(imported).indexes))
    if billing == "PROVISIONED":
        assert units == properties["ProvisionedThroughput"]
        assert units == properties["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]
    assert [("shop-dev", ["Import"])] == world.cloudformation.log
    world.update()
    assert (["GSI1"], 2) == (world.indexes(), world.count())
    assert {} == world.cloudformation.pending


def test_an_import_goes_on_where_it_was_interrupted(world):
    """After each of its three steps."""
    world.update()
    world.put("a")
    change_past_the_stack(world, CREATE)
    for steps in range(1, 4):
        deployment = world.deployment()
        left = iter(range(steps))
        apply = deployment._apply

        def interrupted(*arguments, apply=apply, left=left, **more):
            if next(left, None) is None:
                raise KeyboardInterrupt
            apply(*arguments, **more)

        deployment._apply = interrupted
        try:
            deployment.import_table()
        except KeyboardInterrupt:
            continue
    assert [] == world.deployment().import_steps()
    assert (["GSI1", "GSI2", "GSI3", "GSI4"], 1) == (world.indexes(), world.count())
    assert "GSI4" in of_template(world.resources()["Table"]).indexes


def test_a_table_of_another_stack_is_not_taken(world):
    """Two owners would break each other's deployments."""
    world.update()
    other = world.deployment()
    other.stack.name = "mine"
    for refused in (lambda: next(other.updates()), other.import_steps):
        with pytest.raises(InfraError, match="'shop-dev' belongs to the stack 'shop-dev'") as caught:
            refused()
        assert "--stack shop-dev" in caught.value.remedy


def test_nothing_is_imported_that_does_not_exist(world):
    """The error names the missing table."""
    with pytest.raises(InfraError, match="The table 'shop-dev' does not exist, so it cannot be imported"):
        world.deployment().import_steps()


# --- regressions from a hostile review -------------------------------------------------------


def test_a_stack_of_another_table_is_left_alone(world):
    """Its name was given by mistake: an import would remove its table from it."""
    world.update()
    other = World(world.description, environment="staging")
    existing(other)
    mistaken = Deployment(world.stack(), world.dynamodb, other.description, other.settings, {})
    for refused in (
        lambda: next(mistaken.updates()),
        mistaken.import_steps,
        Owner(world.stack(), other.description, other.settings, print).parts,
    ):
        with pytest.raises(InfraError, match="'shop-dev' has the table 'shop-dev', not 'shop-staging'") as caught:
            refused()
        assert "Check --stack" in caught.value.remedy


def rewrite(world, change):
    """Change the template of the stack, as an earlier version of the framework would have written it."""
    stack = world.cloudformation.stacks["shop-dev"]
    change(stack["template"])
    stack["body"] = json.dumps(stack["template"])


def test_a_change_of_outputs_alone_is_deployed(world):
    """Its change set does not change a resource, but can be executed."""
    world.update()
    rewrite(world, lambda template: template["Outputs"].pop("KeyArn"))
    assert [[]] == world.update()
    assert "KeyArn" in world.stack().template()["Outputs"]


def test_a_text_that_is_no_change_for_cloudformation_stops_no_index(world):
    """A deployment would not change it either, and all commands would be blocked."""
    full = world.description
    world.description = without(full, "GSI3")
    world.update()
    rewrite(world, lambda template: template.update(Description="another text"))
    owner(world).create_index(full.indexes[2])
    assert ["GSI1", "GSI2", "GSI3"] == world.indexes()


def test_a_status_of_before_the_execution_is_not_taken_for_its_end(world):
    """CloudFormation executes a change set later, and then it fails."""
    world.update()
    double = world.cloudformation
    real, late = double.describe_stacks, iter(range(3))

    def describe_stacks(StackName):
        answer = real(StackName)
        if double.breakdown is None and next(late, None) is not None:
            answer["Stacks"][0]["StackStatus"] = "UPDATE_COMPLETE"
        return answer

    def describe_stack_events(StackName):
        known = double._stack(StackName)["events"][::-1]
        early = double.breakdown is None and late.__length_hint__()
        return {"StackEvents": [each for each in known if not early or each["EventId"] in before]}

    before = {each["EventId"] for each in double.describe_stack_events("shop-dev")["StackEvents"]}
    world.options = {"tags": "owner = shop"}
    double.breakdown = "TableKey"
    double.describe_stacks, double.describe_stack_events = describe_stacks, describe_stack_events
    with pytest.raises(InfraError, match="UPDATE_ROLLBACK_COMPLETE: TableKey: no permission"):
        world.update()


def test_a_table_whose_keys_are_not_text_is_not_imported(world):
    """It is refused before a change."""
    world.update()
    schema = [{"AttributeName": "number", "KeyType": "HASH"}]
    create = {"IndexName": "OTHER", "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}
    types = {"PK": "S", "SK": "S", "number": "N"}
    world.dynamodb.update_table(
        TableName="shop-dev",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        GlobalSecondaryIndexUpdates=[{"Create": create}],
    )
    before = len(world.cloudformation.log)
    with pytest.raises(InfraError, match="the key attribute 'number' of type N"):
        world.deployment().import_steps()
    assert before == len(world.cloudformation.log)


def test_the_units_of_an_imported_table_that_scales_stay_as_they_are(world):
    """The template has those of the settings, so the next update does not change them."""
    units = {"ReadCapacityUnits": 900, "WriteCapacityUnits": 700}
    index = {**CREATE["Create"], "IndexName": "GSI1", "ProvisionedThroughput": units}
    existing(world, BillingMode="PROVISIONED", ProvisionedThroughput=units, GlobalSecondaryIndexes=[index])
    world.options = {"billing": "provisioned", "index_units": "GSI1 = 200/50"}
    world.deployment().import_table()
    properties = world.resources()["Table"]["Properties"]
    assert {"ReadCapacityUnits": 100, "WriteCapacityUnits": 100} == properties["ProvisionedThroughput"]
    (imported,) = properties["GlobalSecondaryIndexes"]
    assert {"ReadCapacityUnits": 200, "WriteCapacityUnits": 50} == imported["ProvisionedThroughput"]
    described = world.dynamodb.describe_table(TableName="shop-dev")["Table"]
    assert 900 == described["ProvisionedThroughput"]["ReadCapacityUnits"]


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_lost_answer_leaves_no_change_set(world, attempts):
    """CloudFormation has created it; a second attempt of the SDK finds its name, and the plan continues."""
    double = world.cloudformation
    real = double.create_change_set

    def create_change_set(**arguments):
        real(**arguments)
        if attempts == 1:
            raise ReadTimeoutError(endpoint_url="https://cloudformation")
        message = f"ChangeSet {arguments['ChangeSetName']} already exists"
        raise ClientError({"Error": {"Code": "AlreadyExistsException", "Message": message}}, "CreateChangeSet")

    double.create_change_set = create_change_set
    if attempts == 1:
        with pytest.raises(ReadTimeoutError):
            world.update()
        assert {} == double.stacks
    else:
        world.update()
        assert ["GSI1", "GSI2", "GSI3"] == world.indexes()


def test_a_change_set_in_the_making_is_deleted_once_it_is_made(world):
    """CloudFormation refuses to delete it before."""
    double = world.cloudformation
    real, early = double.delete_change_set, iter(range(3))

    def delete_change_set(**arguments):
        if next(early, None) is not None:
            raise ClientError({"Error": {"Code": "InvalidChangeSetStatus", "Message": "wait"}}, "DeleteChangeSet")
        return real(**arguments)

    double.delete_change_set = delete_change_set
    deployment = world.deployment()
    with deployment.stack.planned(next(deployment.updates())):
        pass
    assert {} == double.stacks


def test_a_stack_that_cannot_be_deleted_is_reported(world):
    """At once, with a remedy."""
    world.cloudformation.breakdown = "TableKey"
    with pytest.raises(InfraError):
        world.update()
    stack = world.cloudformation.stacks["shop-dev"]
    world.cloudformation.delete_stack = lambda StackName: stack.update(StackStatus="DELETE_FAILED")
    with pytest.raises(InfraError, match="'shop-dev' is DELETE_FAILED") as caught:
        world.stack().remove_never_made()
    assert "delete-stack --stack-name shop-dev" in caught.value.remedy
