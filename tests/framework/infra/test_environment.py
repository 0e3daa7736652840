"""Settings of an environment: parsed options, options that AWS refuses, and options that contradict each other."""

import attrs
import pytest

from singletable.errors import InfraError
from singletable.infra.environment import EnvironmentSettings, read_settings


def made(**values):
    return EnvironmentSettings(environment="prod", table_name="shop", **values)


@pytest.mark.parametrize(
    ("environment", "sections", "words"),
    [
        ("test", {}, "'test' is not an environment"),
        ("dev", {"live": {}}, "'live' is not an environment"),
        ("dev", {"": {"biling": "on-demand"}}, "no option 'biling'"),
        ("dev", {"": {"billing": "free"}}, "billing = 'free' is not one of on-demand, provisioned"),
        ("dev", {"": {"read_units": "0"}}, "read_units = 0 is not a whole number of at least 1"),
        ("dev", {"": {"read_units": "many"}}, "read_units = 'many' cannot be read: it is not a whole number"),
        ("dev", {"": {"target_percent": "99"}}, "target_percent = 99 is not a whole number from 20 to 90"),
        ("dev", {"": {"scale_in_cooldown": "-1"}}, "scale_in_cooldown = '-1' cannot be read: it is not a whole number"),
        ("dev", {"": {"alarms": "perhaps"}}, "it is not yes or no"),
        ("dev", {"": {"tags": "owner"}}, "not of the form name = value"),
        ("dev", {"": {"tags": "owner = a\nowner = b"}}, "'owner' is given twice"),
        ("dev", {"": {"index_units": "GSI1 = 5"}}, "reads/writes"),
        ("dev", {"": {"index_units": "GSI1 = 5/5\nGSI1 = 6/6"}}, "'GSI1' is given twice"),
        ("dev", {"": {"least_units": "2000"}}, "more than most_units"),
        ("dev", {"": {"dax_nodes": "12"}}, "dax_nodes = 12 is not a whole number from 1 to 11"),
        ("dev", {"": {"stream": "ALL"}}, "stream = 'ALL' is not one of .*KEYS_ONLY"),
        ("dev", {"": {"table_name": " "}}, "it is empty"),
        ("dev", {"": {"table_name": "a b"}}, "'a b' of the environment dev has the character ' '. Give table_name in"),
        ("dev", {"": {"table_name": "ab"}}, "has fewer than 3 characters"),
        ("dev", {"": {"table_name": "arn:aws:dynamodb:eu-west-1:1:table/shop"}}, "is an ARN"),
    ],
)
def test_options_without_a_meaning_are_refused(environment, sections, words):
    """Each message has the option, its value, and the accepted values."""
    with pytest.raises(InfraError, match=words):
        read_settings(environment, "shop", sections)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"billing": "provisioned", "read_units": 5000},
            "read_units = 5000 is not from least_units = 50",
        ),
        ({"billing": "provisioned", "least_units": 200}, "read_units = 100 is not from least_units = 200"),
        ({"billing": "provisioned", "index_units": {"GSI1": (100, 2)}}, "index_units, writes of GSI1 = 2 is not from"),
        ({"index_units": {"GSI1": (0, 2)}}, "The reads of GSI1 in index_units = 0 is not a whole number"),
        ({"read_units": True}, "read_units = True is not a whole number"),
        ({"write_units": 1.5}, "write_units = 1.5 is not a whole number"),
        ({"scale_out_cooldown": -1}, "scale_out_cooldown = -1 is not a whole number of at least 0"),
        ({"replicas": ("europe",)}, "'europe', which is not the name of a region"),
        ({"replicas": ("eu-west-1", "eu-west-1")}, "'eu-west-1' twice"),
        ({"replicas": ("eu-west-99",)}, "not a region of DynamoDB in the installed botocore.* Update botocore"),
        (
            {"replicas": ("eu-west-1", "cn-north-1")},
            r"\(aws\) and cn-north-1 \(aws-cn\) are in two partitions",
        ),
        ({"dax_node_type": "nonsense"}, "'nonsense' is not a type of DAX nodes"),
        ({"dax_node_type": "dax.r5.small"}, "'dax.r5.small' is not a type of DAX nodes"),
        ({"dax_node_type": "dax.r5.99xlarge"}, "'dax.r5.99xlarge' is not a type of DAX nodes"),
        ({"alarms": "no"}, "alarms = 'no' is not True or False"),
        ({"dax_nodes": 0}, "dax_nodes = 0 is not a whole number from 1 to 11"),
        ({"tags": {"aws:x": "y"}}, "The tag 'aws:x' begins with 'aws:'"),
        ({"tags": {"AWS:x": "y"}}, "The tag 'AWS:x' begins with 'aws:'"),
        ({"tags": {"x": "aws:y"}}, "The value 'aws:y' of the tag 'x' begins with 'aws:'"),
        ({"tags": {"": "y"}}, "has 0 characters; 1 to 128"),
        ({"tags": {"k" * 129: "y"}}, "has 129 characters; 1 to 128"),
        ({"tags": {"x": "v" * 257}}, "has 257 characters; 0 to 256"),
        ({"tags": {"x": "a&b"}}, "has characters besides letters"),
        ({"tags": {"environment": "x"}}, "'environment' is one of those that singletable sets"),
        ({"tags": {"ManagedBy": "x"}}, "'ManagedBy' is one of those that singletable sets"),
        ({"tags": {"Owner": "a", "owner": "b"}}, "'Owner' and 'owner' differ by capitals only"),
        ({"tags": {f"t{number}": "" for number in range(49)}}, "has 49 tags.* a resource has 51; the limit is 50"),
    ],
)
def test_values_that_aws_refuses_are_refused_when_constructed(values, words):
    """Settings in code are checked like those of setup.cfg, also changed copies."""
    with pytest.raises(InfraError, match=words):
        made(**values)
    with pytest.raises(InfraError, match=words):
        attrs.evolve(made(), **values)


@pytest.mark.parametrize(
    "values",
    [
        {"billing": "provisioned", "read_units": 50, "write_units": 1000},
        {"read_units": 5},
        {"replicas": ("us-gov-west-1",)},
        {"scale_in_cooldown": 0, "scale_out_cooldown": 300},
        {"tags": {f"t{number}": "" for number in range(48)}},
        {"tags": {"Größe": "team@shop.example/7 + 1 = 8", "k" * 128: "v" * 256}},
        *({"dax_node_type": each} for each in ("dax.t3.small", "dax.t2.medium", "dax.r7i.24xlarge", "dax.r4.xlarge")),
    ],
)
def test_values_at_the_limits_are_accepted(values):
    """No check refuses a value that AWS accepts; units matter only if capacity is provisioned."""
    assert values.items() <= attrs.asdict(made(**values)).items()


def test_the_region_of_the_stack_is_no_replica():
    """It is known when a stack is deployed. It must not be a replica's region, and must be in the same partition."""
    chosen = made(replicas=("eu-west-1", "us-west-2"))
    chosen.check_region("us-east-1")
    made().check_region("cn-north-1")
    with pytest.raises(InfraError, match="replicas names 'us-west-2', the region of the stack"):
        chosen.check_region("us-west-2")
    with pytest.raises(InfraError, match="two partitions"):
        chosen.check_region("cn-north-1")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"index_units": "GSI1 = 100/50"}, r"\[singletable:infra:dev\] index_units = .* no effect without billing"),
        ({"least_units": "60"}, "least_units = '60' has no effect without billing = provisioned"),
        ({"dax": "no", "dax_nodes": "2"}, "dax_nodes = '2' has no effect without dax = yes"),
    ],
)
def test_options_without_effect_are_refused(section, words):
    """Only in the section of an environment: options of all environments may have an effect in others."""
    with pytest.raises(InfraError, match=words):
        read_settings("dev", "shop", {"dev": section})
    read_settings("dev", "shop", {"": section})
    read_settings("dev", "shop", {"prod": section})
    read_settings("dev", "shop", {"": {"billing": "provisioned"}, "dev": {**section, "dax": "yes"}})


def test_the_name_of_an_environment_is_checked_as_a_whole():
    """The environment may make it too long, and a template cannot create a table by its ARN."""
    with pytest.raises(InfraError, match="has 256 characters; the limit is 255"):
        read_settings("dev", "a" * 252, {})
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/shop"
    assert ["shop-dev", "shop"] == [read_settings(each, arn, {}).table_name for each in ("dev", "prod")]


def test_one_environment_goes_before_all():
    """An option of an environment's section replaces the one of all environments."""
    sections = {"": {"read_units": "60", "table_name": "shop-of-{environment}"}, "prod": {"read_units": "70"}}
    chosen = read_settings("prod", "shop", sections)
    assert (70, "shop-of-prod") == (chosen.read_units, chosen.table_name)
