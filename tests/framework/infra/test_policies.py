"""Policies: no more than what the access patterns ask, and for a tenant no more than its own partitions."""

import fnmatch

import pytest
from pynamodb.attributes import UnicodeAttribute

import patterns
from models import ShopTable
from singletable import Key, Table
from singletable.errors import InfraError
from singletable.infra.policies import ROLES, Tenant, policy
from singletable.patterns import patterns_of

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/shop"


def of_shop(role, tenant=None):
    assert patterns.user
    return policy(ShopTable.describe(), patterns_of(ShopTable), role, ARN, tenant)["Statement"]


def operations(statements):
    return {each.removeprefix("dynamodb:") for statement in statements for each in statement["Action"]}


def test_a_reader_gets_what_the_patterns_ask():
    statements = of_shop("reader")
    allowed = {each["Resource"][0]: set(each["Action"]) for each in statements}
    assert allowed == {
        ARN: {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"},  # GSI3 holds keys only
        f"{ARN}/index/GSI1": {"dynamodb:Query"},
        f"{ARN}/index/GSI2": {"dynamodb:Query"},
        f"{ARN}/index/GSI3": {"dynamodb:Query"},
    }


def test_only_the_migrator_scans():
    for role in ROLES:
        assert ("Scan" in operations(of_shop(role))) is (role == "migrator")
        assert not any("*" in each for statement in of_shop(role) for each in statement["Action"])


def test_a_migrator_verifies_indexes_and_records_where_it_is_told():
    described = ShopTable.describe()
    (alone,) = policy(described, [], "migrator", ARN)["Statement"]
    assert alone["Resource"] == [ARN, f"{ARN}/index/*"]
    _, records = policy(described, [], "migrator", ARN, control_arn=f"{ARN}-control")["Statement"]
    assert records["Resource"] == [f"{ARN}-control"]
    assert not operations([records]) & {"Scan", "UpdateTable"}


def test_a_writer_writes_the_table_and_not_its_indexes():
    *_, writes = of_shop("writer")
    assert writes["Resource"] == [ARN]
    assert {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"} == operations([writes])


def test_a_stream_reader_reads_the_stream():
    first, listing, marks = of_shop("stream")
    assert first["Resource"] == [f"{ARN}/stream/*"]
    assert operations([first]) == {"DescribeStream", "GetRecords", "GetShardIterator"}
    assert listing["Resource"] == ["*"], "ListStreams knows no resource"
    assert {"dynamodb:PutItem", "dynamodb:Query"} == set(marks["Action"])
    assert [ARN] == marks["Resource"]
    assert {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SINGLETABLE#HANDLED#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    } == marks["Condition"]


def reaches(statement, key, tag, value):
    """Whether IAM would let a caller with a tag touch a partition key: StringLike, with the tag put in."""
    patterns = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    filled = [each.replace(f"${{aws:PrincipalTag/{tag}}}", value) for each in patterns]
    return any(fnmatch.fnmatchcase(key, each) for each in filled)


class TenantTable(Table):
    class Meta:
        table_name = "tenants"


class Invoice(TenantTable, discriminator="INVOICE"):
    tenant = UnicodeAttribute()
    year = UnicodeAttribute()
    number = UnicodeAttribute()
    key = Key(pk="TENANT#{tenant}#{year}", sk="INVOICE#{number}")


class Setting(TenantTable, discriminator="SETTING"):
    tenant = UnicodeAttribute()
    name = UnicodeAttribute()
    key = Key(pk="TENANT#{tenant}", sk="SETTING#{name}")


def test_a_tenant_reaches_its_own_partitions_only():
    *_, statement = policy(TenantTable.describe(), [], "writer", ARN, Tenant("org", "tenant"))["Statement"]
    assert statement["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}, "a scan has no leading keys"
    own, _ = Invoice.key.build(tenant="1", year="2026", number="7")
    setting, _ = Setting.key.build(tenant="1", name="x")
    assert reaches(statement, own, "org", "1")
    assert reaches(statement, setting, "org", "1")
    for other in ("10", "2", "11"):
        assert not reaches(statement, Invoice.key.build(tenant=other, year="2026", number="7")[0], "org", "1")
        assert not reaches(statement, Setting.key.build(tenant=other, name="x")[0], "org", "1")
    # One that names itself after another's key.
    sly = Setting.key.build(tenant="1#2026", name="x")[0]
    assert not reaches(statement, sly, "org", "1")


def test_an_index_without_the_tenant_is_left_out():
    statements = of_shop("reader", Tenant("user", "user_id"))
    assert [each["Resource"] for each in statements] == [[ARN], [f"{ARN}/index/GSI2"]]
    assert all("Condition" in each for each in statements)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(InfraError, match="no role 'admin'"):
        of_shop("admin")
    with pytest.raises(InfraError, match="No partition key begins with the attribute 'planet'"):
        of_shop("writer", Tenant("planet", "planet"))
    for role in ("migrator", "stream"):
        with pytest.raises(InfraError, match="has no tenant"):
            of_shop(role, Tenant("user", "user_id"))
