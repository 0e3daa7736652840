"""Templates: accepted by CloudFormation's linter, always the same text, and equal to the models when deployed."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from itertools import pairwise as pairs
from pathlib import Path

import boto3
import pytest
import yaml
from moto import mock_aws

from models import ShopTable
from singletable.errors import InfraError
from singletable.infra.drift import differences
from singletable.infra.environment import ENVIRONMENTS, read_settings
from singletable.infra.stack import Stack
from singletable.infra.stack_template import cloudformation, make_template
from singletable.operating.metrics import OPERATIONS
from tests.framework.infra.combinations import ODD_NAMES, SHOP, indexed, pairwise, text_of
from tests.framework.ledger import LedgerTable


def settings(environment, options=None, **sections):
    return read_settings(environment, "shop", {"": options or {}, **sections})


def for_moto(description, chosen):
    """Return the template without the tags of a key, which moto's CloudFormation misreads."""
    template = make_template(description, chosen)
    del template.resources["TableKey"].properties["Tags"]
    return template


def resources(text, kind):
    found = make_template(ShopTable.describe(), text).to_dict()["Resources"]
    return {name: each["Properties"] for name, each in found.items() if each["Type"] == kind}


def lint(folder):
    """Return the linter's errors, warnings and remarks on the templates in a folder, as file, rule and message."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--format", "json"]
    done = subprocess.run([*command, *sorted(map(str, folder.iterdir()))], capture_output=True, text=True, check=False)
    return [(Path(each["Filename"]).stem, each["Rule"]["Id"], each["Message"]) for each in json.loads(done.stdout)]


def test_the_linter_finds_nothing(tmp_path):
    """For each compatible pair of options, environments and models; a planted fault is found."""
    for number, each in enumerate(pairwise()):
        (tmp_path / f"{number}.yaml").write_text(text_of(each))
    (tmp_path / "wrong.yaml").write_text(text_of(each).replace("KeyType: HASH", "KeyType: HUSH", 1))
    found = lint(tmp_path)
    assert [] == [each for each in found if each[0] != "wrong"]
    assert any("HUSH" in message for _, _, message in found)


def test_the_same_models_give_the_same_text():
    """In three templates of each combination of options, and so in every deployment."""
    for each in pairwise():
        assert 1 == len({text_of(each) for _ in range(3)})


@pytest.mark.filterwarnings("ignore:Tried to parse")  # for resources that moto's CloudFormation does not create
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
        # A second deployment has no effect.
        assert not stack.plan(for_moto(description, chosen), {}).new


def test_production_is_provisioned_protected_and_scaled():
    chosen = settings("prod", {"index_units": "GSI1 = 60/70"})
    (table,) = resources(chosen, "AWS::DynamoDB::Table").values()
    assert table["ProvisionedThroughput"] == {"ReadCapacityUnits": 100, "WriteCapacityUnits": 100}
    units = {each["IndexName"]: each["ProvisionedThroughput"] for each in table["GlobalSecondaryIndexes"]}
    assert units["GSI1"] == {"ReadCapacityUnits": 60, "WriteCapacityUnits": 70}
    assert units["GSI2"] == units["GSI3"] == {"ReadCapacityUnits": 100, "WriteCapacityUnits": 100}
    targets = resources(chosen, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    places = {(str(each["ResourceId"]), each["ScalableDimension"].rpartition(":")[2]) for each in targets}
    assert len(places) == 8, "reads and writes of the table and of three indexes"
    assert {(each["MinCapacity"], each["MaxCapacity"]) for each in targets} == {(50, 1000)}
    policies = resources(chosen, "AWS::ApplicationAutoScaling::ScalingPolicy").values()
    goals = [each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for each in policies]
    assert goals == [70.0] * 8
    configurations = [each["TargetTrackingScalingPolicyConfiguration"] for each in policies]
    assert {(60, 60)} == {(each["ScaleInCooldown"], each["ScaleOutCooldown"]) for each in configurations}


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
        "StatementErrors",
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


def test_the_cache_has_one_kind_of_clients():
    """Those of the security group if one is given, else those of a network, which cannot be the whole internet."""
    whole = make_template(SHOP, settings("prod")).to_dict()
    (rule,) = whole["Resources"]["DaxSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    condition = "DaxClientsAreOfGroup"
    group, addresses, nothing = (
        {"Ref": each} for each in ("DaxClientSecurityGroupId", "DaxClientCidr", "AWS::NoValue")
    )
    assert [condition, group, nothing] == rule["SourceSecurityGroupId"]["Fn::If"]
    assert [condition, nothing, addresses] == rule["CidrIp"]["Fn::If"]
    network = re.compile(whole["Parameters"]["DaxClientCidr"]["AllowedPattern"])
    assert [True, True, False, False, False] == [
        network.match(each) is not None for each in ("10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", "0.0.0.0/1", "")
    ]
    group = re.compile(whole["Parameters"]["DaxClientSecurityGroupId"]["AllowedPattern"])
    assert [True, True, False] == [group.match(each) is not None for each in ("", "sg-0a1b", "my-group")]


def test_every_output_is_exported():
    """Under the names of the stack and the output, also the cache's endpoint."""
    outputs = make_template(SHOP, settings("prod")).to_dict()["Outputs"]
    assert {"TableName", "TableArn", "StreamArn", "KeyArn", "DaxEndpoint"} == set(outputs)
    for name, each in outputs.items():
        assert {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}} == each["Export"]


def test_alarms_watch_the_errors_of_every_operation():
    """Each operation that the framework sends is in one alarm, and no alarm has more than ten metrics."""
    alarms = resources(settings("dev"), "AWS::CloudWatch::Alarm")
    watched = []
    for name in ("SystemErrors", "StatementErrors"):
        metrics = [each["MetricStat"]["Metric"] for each in alarms[name]["Metrics"] if "MetricStat" in each]
        assert len(metrics) <= 10
        watched += [each["Value"] for metric in metrics for each in metric["Dimensions"] if each["Name"] == "Operation"]
    assert len(watched) == len(set(watched))
    assert {*OPERATIONS, "GetRecords"} <= set(watched)


def test_the_key_has_no_wildcard_principal():
    """Principals of the account decrypt with it through DynamoDB only, and only if IAM permits it."""
    (key,) = resources(settings("prod"), "AWS::KMS::Key").values()
    administration, use = key["KeyPolicy"]["Statement"]
    account = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert [account, account] == [each["Principal"] for each in (administration, use)]
    assert {"kms:DescribeKey", "kms:PutKeyPolicy"} == {
        action
        for action in ("kms:DescribeKey", "kms:PutKeyPolicy", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey")
        if any(fnmatchcase(action, each) for each in administration["Action"])
    }
    assert {"kms:Decrypt", "kms:CreateGrant"} <= set(use["Action"])
    assert {"StringLike": {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.*"}}} == use["Condition"]


def test_the_key_of_a_table_with_replicas_serves_dynamodb_in_every_region():
    """DynamoDB also calls from the regions of the replicas."""
    (key,) = resources(settings("prod", {"replicas": "eu-west-1"}), "AWS::KMS::Key").values()
    _, use = key["KeyPolicy"]["Statement"]
    assert {"StringLike": {"kms:ViaService": "dynamodb.*"}} == use["Condition"]


@pytest.mark.parametrize("replicas", ["", "eu-west-1"])
def test_a_first_deployment_that_fails_leaves_nothing(replicas):
    """Production's table and the key stay when a stack is deleted, but not when their creation is rolled back."""
    policies = {}
    for environment in ENVIRONMENTS:
        found = make_template(SHOP, settings(environment, {"replicas": replicas})).to_dict()["Resources"]
        for name in ("Table", "TableKey"):
            assert "Retain" == found[name]["UpdateReplacePolicy"]
            policies[environment, name] = found[name]["DeletionPolicy"]
    tables = {"dev": "Delete", "staging": "Delete", "prod": "RetainExceptOnCreate"}
    assert tables == {environment: policies[environment, "Table"] for environment in ENVIRONMENTS}
    assert {"RetainExceptOnCreate"} == {policies[environment, "TableKey"] for environment in ENVIRONMENTS}


def test_an_index_does_not_rename_the_resources_of_another():
    """A template with one more index has all resources of the one without, under the same names."""
    chosen = settings("prod", {"alarms": "yes"})
    names = [set(make_template(indexed(ODD_NAMES[:count]), chosen).resources) for count in range(len(ODD_NAMES) + 1)]
    for fewer, more in pairs(names):
        assert fewer < more
        assert 6 == len(more - fewer), "two targets, two policies, two alarms"


def test_names_of_alarms_and_policies_are_unique():
    """Among indexes whose names differ by capitals or by characters that names of resources do not have."""
    resources = make_template(indexed(ODD_NAMES), settings("prod")).to_dict()["Resources"].values()
    for name in ("AlarmName", "PolicyName"):
        names = [each["Properties"][name] for each in resources if name in each["Properties"]]
        assert len(names) > 2 * len(ODD_NAMES)
        assert len(names) == len({each.lower() for each in names})


yaml.BaseLoader.add_multi_constructor("!", lambda loader, suffix, node: f"{suffix} {node.value}")


def test_replicas_are_of_one_global_table():
    chosen = settings("prod", {"replicas": "eu-west-1"})
    assert not resources(chosen, "AWS::DynamoDB::Table")
    (table,) = resources(chosen, "AWS::DynamoDB::GlobalTable").values()
    assert [str(each["Region"]) for each in table["Replicas"]] == ["{'Ref': 'AWS::Region'}", "eu-west-1"]
    scaling = table["WriteProvisionedThroughputSettings"]["WriteCapacityAutoScalingSettings"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"], scaling["SeedCapacity"]) == (50, 1000, 100)
    policy = scaling["TargetTrackingScalingPolicyConfiguration"]
    assert (60, 60) == (policy["ScaleInCooldown"], policy["ScaleOutCooldown"])
    parameters = make_template(ShopTable.describe(), chosen).to_dict()["Parameters"]
    assert "KeyArnOfEuWest1" in parameters, "a stack makes keys in its own region only"


def test_units_of_no_index_are_refused():
    with pytest.raises(InfraError, match="'GSI9', which is not a global index") as caught:
        cloudformation(ShopTable.describe(), settings("prod", {"index_units": "GSI9 = 100/100"}))
    assert "GSI1" in caught.value.remedy


def test_replicas_are_fed_by_both_images():
    with pytest.raises(InfraError, match="stream = KEYS_ONLY is not possible with replicas"):
        cloudformation(ShopTable.describe(), settings("dev", {"replicas": "eu-west-1", "stream": "KEYS_ONLY"}))
