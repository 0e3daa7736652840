"""Templates: right to CloudFormation's own linter, the same each time, and the models' table once deployed."""

import json
import subprocess
import sys
from pathlib import Path

import attrs
import boto3
import pytest
import yaml
from moto import mock_aws

from models import ShopTable
from singletable.errors import InfraError
from singletable.infra.drift import differences
from singletable.infra.settings import ENVIRONMENTS, read_settings
from singletable.infra.stack import Stack
from singletable.infra.template import cloudformation, make_template
from tests.framework.ledger import LedgerTable

OPTIONS = {
    "as it is": {},
    "bare": {"alarms": "no", "dax": "no", "customer_key": "no", "point_in_time_recovery": "no", "stream": "KEYS_ONLY"},
    "provisioned": {"billing": "provisioned", "index_units": "GSI1 = 30/40\nGSI2 = 1/2", "target_percent": "50%"},
    "on demand": {"billing": "on-demand", "table_class": "infrequent-access", "tags": "owner = shop\ncost = 7"},
    "protected": {"deletion_protection": "yes", "dax_nodes": "1", "dax_node_type": "dax.t3.small"},
    "replicas": {"replicas": "eu-west-1, us-west-2", "billing": "provisioned"},
    "replicas, on demand": {"replicas": "eu-west-1", "billing": "on-demand", "customer_key": "no"},
}


SHOP = attrs.evolve(ShopTable.describe(), stream=None)
"""The shop's table, as if its Meta left the stream to the settings."""


def settings(environment, options=None, **sections):
    return read_settings(environment, "shop", {"": options or {}, **sections})


def for_moto(description, chosen):
    """The template without what moto's CloudFormation takes for something else: the tags of a key."""
    template = make_template(description, chosen)
    del template.resources["TableKey"].properties["Tags"]
    return template


def resources(text, kind):
    found = make_template(ShopTable.describe(), text).to_dict()["Resources"]
    return {name: each["Properties"] for name, each in found.items() if each["Type"] == kind}


def lint(folder):
    """What the linter says of the templates in a folder: errors, warnings and remarks, as file, rule and message."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--format", "json"]
    done = subprocess.run([*command, *sorted(map(str, folder.iterdir()))], capture_output=True, text=True, check=False)
    return [(Path(each["Filename"]).stem, each["Rule"]["Id"], each["Message"]) for each in json.loads(done.stdout)]


def test_the_linter_finds_nothing(tmp_path):
    """In any environment, with any option; and it would, if something were wrong."""
    for environment, name in [*((each, "as it is") for each in ENVIRONMENTS), *(("prod", each) for each in OPTIONS)]:
        text = cloudformation(SHOP, settings(environment, OPTIONS[name]))
        (tmp_path / f"{environment}, {name}.yaml").write_text(text)
    (tmp_path / "wrong.yaml").write_text(text.replace("KeyType: HASH", "KeyType: HUSH", 1))
    found = lint(tmp_path)
    assert [each for each in found if each[0] != "wrong"] == []
    assert any("HUSH" in message for _, _, message in found)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_models_give_the_same_text(name):
    assert len({cloudformation(SHOP, settings("prod", OPTIONS[name])) for _ in range(3)}) == 1


@pytest.mark.filterwarnings("ignore:Tried to parse")  # of what moto's CloudFormation does not make
@pytest.mark.parametrize("table", [ShopTable, LedgerTable], ids=lambda table: table.__name__)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_deployed_table_is_the_models(environment, table):
    """Deployed in moto's CloudFormation, which leaves out time to live, recovery, encryption and the table class."""
    description = table.describe()
    chosen = read_settings(environment, "shop", {})
    with mock_aws():
        stack = Stack(boto3.client("cloudformation", region_name="us-east-1"), "shop", wait=lambda seconds: None)
        changes = stack.plan(for_moto(description, chosen), {})
        assert changes.new
        assert "AWS::DynamoDB::Table" in {each.kind for each in changes.changes}
        told = []
        stack.execute(changes, told.append)
        assert told
        client = boto3.client("dynamodb", region_name="us-east-1")
        deployed = client.describe_table(TableName=chosen.table_name)["Table"]
        assert differences(description, deployed) == []
        assert deployed["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES", "StreamEnabled": True}
        assert deployed["DeletionProtectionEnabled"] is (environment == "prod")
        assert deployed["BillingModeSummary"]["BillingMode"] == (
            "PROVISIONED" if environment == "prod" else "PAY_PER_REQUEST"
        )
        # The same again changes nothing.
        assert not stack.plan(for_moto(description, chosen), {}).new


def test_production_is_provisioned_protected_and_scaled():
    chosen = settings("prod", {"index_units": "GSI1 = 30/40"})
    (table,) = resources(chosen, "AWS::DynamoDB::Table").values()
    assert table["ProvisionedThroughput"] == {"ReadCapacityUnits": 100, "WriteCapacityUnits": 100}
    units = {each["IndexName"]: each["ProvisionedThroughput"] for each in table["GlobalSecondaryIndexes"]}
    assert units["GSI1"] == {"ReadCapacityUnits": 30, "WriteCapacityUnits": 40}
    assert units["GSI2"] == units["GSI3"] == {"ReadCapacityUnits": 100, "WriteCapacityUnits": 100}
    targets = resources(chosen, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    places = {(str(each["ResourceId"]), each["ScalableDimension"].rpartition(":")[2]) for each in targets}
    assert len(places) == 8, "reads and writes of the table and of three indexes"
    assert {(each["MinCapacity"], each["MaxCapacity"]) for each in targets} == {(50, 1000)}
    policies = resources(chosen, "AWS::ApplicationAutoScaling::ScalingPolicy").values()
    goals = [each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for each in policies]
    assert goals == [70.0] * 8


def test_elsewhere_capacity_is_on_demand():
    for environment in ("dev", "staging"):
        chosen = settings(environment)
        assert chosen.table_name == f"shop-{environment}"
        (table,) = resources(chosen, "AWS::DynamoDB::Table").values()
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert "ProvisionedThroughput" not in table
        assert not resources(chosen, "AWS::ApplicationAutoScaling::ScalableTarget")


def test_everything_that_can_be_set_is_set():
    chosen = settings("prod", {"table_class": "infrequent-access", "tags": "owner = shop"})
    (table,) = resources(chosen, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert {"Key": "owner", "Value": "shop"} in table["Tags"]
    assert {"Key": "Environment", "Value": "prod"} in table["Tags"]
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert {each["IndexName"]: each["Projection"] for each in table["GlobalSecondaryIndexes"]} == {
        "GSI1": {"ProjectionType": "ALL"},
        "GSI2": {"ProjectionType": "ALL"},
        "GSI3": {"ProjectionType": "KEYS_ONLY"},
    }
    (key,) = resources(chosen, "AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    assert resources(chosen, "AWS::KMS::Alias")["TableKeyAlias"]["AliasName"] == "alias/shop"


def test_alarms_watch_each_index_and_the_stream():
    alarms = resources(settings("dev"), "AWS::CloudWatch::Alarm")
    assert {f"{place}{verb}Throttling" for place in ("Table", "GSI1", "GSI2", "GSI3") for verb in ("Read", "Write")} | {
        "SystemErrors",
        "StreamIteratorAge",
    } == set(alarms)
    assert {each["Name"] for each in alarms["GSI2WriteThrottling"]["Dimensions"]} == {
        "TableName",
        "GlobalSecondaryIndexName",
    }


def test_the_cache_is_made_only_where_its_network_is_named():
    template = yaml.load(cloudformation(ShopTable.describe(), settings("prod")), Loader=yaml.BaseLoader)
    made = {
        name for name, each in template["Resources"].items() if each["Type"].startswith(("AWS::DAX", "AWS::EC2"))
    } | {"DaxRole"}
    assert made == {"DaxCluster", "DaxSubnetGroup", "DaxSecurityGroup", "DaxRole"}
    assert {template["Resources"][name]["Condition"] for name in made} == {"DaxIsMade"}
    cluster = template["Resources"]["DaxCluster"]["Properties"]
    assert cluster["SSESpecification"] == {"SSEEnabled": "true"}
    assert cluster["ClusterEndpointEncryptionType"] == "TLS"


yaml.BaseLoader.add_multi_constructor("!", lambda loader, suffix, node: f"{suffix} {node.value}")


def test_replicas_are_of_one_global_table():
    chosen = settings("prod", {"replicas": "eu-west-1"})
    assert not resources(chosen, "AWS::DynamoDB::Table")
    (table,) = resources(chosen, "AWS::DynamoDB::GlobalTable").values()
    assert [str(each["Region"]) for each in table["Replicas"]] == ["{'Ref': 'AWS::Region'}", "eu-west-1"]
    scaling = table["WriteProvisionedThroughputSettings"]["WriteCapacityAutoScalingSettings"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"], scaling["SeedCapacity"]) == (50, 1000, 100)
    parameters = make_template(ShopTable.describe(), chosen).to_dict()["Parameters"]
    assert "KeyArnOfEuWest1" in parameters, "a stack makes keys in its own region only"


@pytest.mark.parametrize(
    ("environment", "sections", "words"),
    [
        ("test", {}, "no environment 'test'"),
        ("dev", {"live": {}}, "no environment 'live'"),
        ("dev", {"": {"biling": "on-demand"}}, "no option 'biling'"),
        ("dev", {"": {"billing": "free"}}, "billing = 'free' cannot be read: one of on-demand, provisioned"),
        ("dev", {"": {"read_units": "0"}}, "a whole number above 0"),
        ("dev", {"": {"read_units": "many"}}, "a whole number above 0"),
        ("dev", {"": {"target_percent": "99"}}, "20 to 90"),
        ("dev", {"": {"alarms": "perhaps"}}, "yes or no"),
        ("dev", {"": {"tags": "owner"}}, "not of the form name = value"),
        ("dev", {"": {"index_units": "GSI1 = 5"}}, "reads/writes"),
        ("dev", {"": {"least_units": "2000"}}, "more than most_units"),
        ("dev", {"": {"dax_nodes": "12"}}, "1 to 11"),
        ("dev", {"": {"stream": "ALL"}}, "KEYS_ONLY"),
        ("dev", {"": {"table_name": " "}}, "it is empty"),
        ("dev", {"": {"table_name": "a b"}}, "'a b' of the environment dev has the character ' '. Give table_name in"),
        ("dev", {"": {"table_name": "ab"}}, "has fewer than 3 characters"),
        ("dev", {"": {"table_name": "arn:aws:dynamodb:eu-west-1:1:table/shop"}}, "is an ARN"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment, sections, words):
    with pytest.raises(InfraError, match=words):
        read_settings(environment, "shop", sections)


def test_the_name_of_an_environment_is_checked_as_a_whole():
    """The environment may make it too long, and a template cannot create a table by its ARN."""
    with pytest.raises(InfraError, match="has 256 characters; the limit is 255"):
        read_settings("dev", "a" * 252, {})
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/shop"
    assert ["shop-dev", "shop"] == [read_settings(each, arn, {}).table_name for each in ("dev", "prod")]


def test_units_of_no_index_are_refused():
    with pytest.raises(InfraError, match="'GSI9', which is no global index") as caught:
        cloudformation(ShopTable.describe(), settings("prod", {"index_units": "GSI9 = 1/1"}))
    assert "GSI1" in caught.value.remedy


def test_replicas_are_fed_by_both_images():
    with pytest.raises(InfraError, match="stream = KEYS_ONLY, and the table has replicas"):
        cloudformation(ShopTable.describe(), settings("dev", {"replicas": "eu-west-1", "stream": "KEYS_ONLY"}))


def test_one_environment_goes_before_all():
    chosen = settings("prod", {"read_units": "5", "table_name": "shop-of-{environment}"}, prod={"read_units": "7"})
    assert (chosen.read_units, chosen.table_name) == (7, "shop-of-prod")
