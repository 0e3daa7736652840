"""`singletable infra iam` on the command line."""

import json

import pytest

from tests.framework.cli.test_commands import assert_one_line, project, run
from tests.framework.infra.test_commands import here

__all__ = ["project"]  # a fixture

CLUSTER = "arn:aws:dax:eu-west-1:123456789012:cache/shop"


def printed(*arguments):
    done = here("infra", "iam", *arguments)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout), done.stderr


def actions(document):
    return {action: each["Resource"] for each in document["Statement"] for action in each["Action"]}


def test_the_stream_role_has_the_rights_of_the_handlers():
    """Those of setup.cfg, with the placeholders filled in."""
    document, notes = printed("--role", "stream", "--region", "eu-west-1", "--account", "123456789012")
    found = actions(document)
    assert ["arn:aws:sns:eu-west-1:123456789012:shop-events"] == found["sns:Publish"]
    assert ["arn:aws:ses:eu-west-1:123456789012:identity/*"] == found["ses:SendEmail"]
    assert ["arn:aws:dynamodb:eu-west-1:123456789012:table/shop"] == found["dynamodb:UpdateItem"]
    assert "" == notes


@pytest.mark.parametrize("role", ["reader", "writer", "migrator", "stream"])
def test_a_role_uses_the_key_of_the_table(role, project):
    """Each role may decrypt through DynamoDB, unless the settings have no customer managed key."""
    document, _ = printed("--role", role, "--region", "eu-west-1", "--account", "123456789012")
    assert ["arn:aws:kms:eu-west-1:123456789012:key/*"] == actions(document)["kms:Decrypt"]
    config = project / "setup.cfg"
    config.write_text(f"{config.read_text()}\n[singletable:infra:dev]\ncustomer_key = no\n")
    for environment, has_key in (("dev", False), ("prod", True)):
        done = run("infra", "iam", "--role", role, "--environment", environment, cwd=project)
        assert 0 == done.returncode, done.stderr
        assert has_key is ("kms:Decrypt" in done.stdout)


def test_arns_are_of_the_partition_of_the_region():
    """Those of the table, its key and of declared rights; the region is checked."""
    document, _ = printed("--role", "stream", "--region", "cn-north-1", "--account", "123456789012")
    resources = {resource for each in document["Statement"] for resource in each["Resource"]} - {"*"}
    assert {"aws-cn"} == {each.split(":")[1] for each in resources}
    assert "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/shop" in resources
    done = here("infra", "iam", "--role", "reader", "--region", "europe")
    assert_one_line(done, "'europe' is not the name of a region.", "Write for example eu-west-1")


def test_gaps_of_a_tenants_role_go_to_standard_error():
    """The policy on standard output stays JSON."""
    document, notes = printed("--role", "writer", "--tenant-tag", "user", "--tenant-attribute", "user_id")
    assert "dynamodb:PutItem" in actions(document)
    for line in (
        "pattern user_by_email: cannot be asked: on GSI1, its partition key EMAIL#{email} does not hold user_id.",
        "entity Product: cannot be written: its partition key PRODUCT#{product_id} does not hold user_id.",
        "index GSI2: IAM does not compare the keys of an index",
    ):
        assert line in notes


def test_a_cluster_is_given_by_name_or_arn():
    """A name is completed with the region and the account."""
    place = ("--region", "eu-west-1", "--account", "123456789012")
    for cluster in ("shop", CLUSTER):
        document, _ = printed("--role", "reader", "--dax", cluster, *place)
        assert [CLUSTER] == actions(document)["dax:GetItem"]


def test_faults_are_one_line():
    """Wrong clusters, tenants with DAX, which cannot keep them apart, and parts that a policy does not have."""
    assert_one_line(here("infra", "iam", "--role", "reader", "--dax", "a b"), "'a b' is neither", "1 to 20 letters")
    tenant = ("--tenant-tag", "user", "--tenant-attribute", "user_id")
    done = here("infra", "iam", "--role", "reader", "--dax", "shop", *tenant)
    assert_one_line(done, "cannot keep tenants apart", "Leave --dax out")
    assert_one_line(here("infra", "iam", "--role", "reader", "--part", "2"), "no part 2", "It has 1 part.")


def test_faults_of_declared_rights_are_one_line(project):
    """The section is checked for each role."""
    config = project / "setup.cfg"
    before = config.read_text()
    for text, word in (
        ("reader = publish on *", "'publish' is not an action"),
        ("lambda = x", "unknown role 'lambda'"),
    ):
        config.write_text(f"{before}\n[singletable:rights]\n{text}\n")
        assert_one_line(run("infra", "iam", "--role", "reader", cwd=project), word)


WIDE = """
from pynamodb.attributes import UnicodeAttribute
from singletable import Key, Query, Table
from singletable.patterns import access_pattern

class WideTable(Table):
    class Meta:
        table_name = "wide"

for number in range(120):
    body = {"org": UnicodeAttribute(), "key": Key(pk=f"KIND-{number:03d}-of-an-organization#{{org}}", sk="x")}
    type(WideTable)(f"Kind{number}", (WideTable,), body, discriminator=f"K{number}")
"""


INDEXED = """
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from singletable import Key, Query, Table
from singletable.patterns import access_pattern

def index(number):
    meta = type("Meta", (), {"index_name": f"{number:02d}-{'x' * 240}", "projection": AllProjection()})
    keys = {"pk": UnicodeAttribute(hash_key=True, attr_name=f"P{number}")}
    return type(f"Index{number}", (GlobalSecondaryIndex,), {"Meta": meta, **keys})

INDEXES = {f"i{number}": index(number) for number in range(20)}
LongTable = type(Table)(
    "LongTable",
    (Table,),
    {"Meta": type("Meta", (), {"table_name": "long" + "g" * 60}), **{name: each() for name, each in INDEXES.items()}},
)
KEYS = {name: Key(index=each, pk=f"{name}#{{a}}") for name, each in INDEXES.items()}
Wide = type(LongTable)(
    "Wide", (LongTable,), {"a": UnicodeAttribute(), "key": Key(pk="A#{a}", sk="A"), **KEYS}, discriminator="WIDE"
)

def ask(name):
    def asked(a: str) -> Query[Wide]:
        return getattr(Wide, name).query(a=a)
    asked.__name__ = asked.__qualname__ = f"ask_{name}"
    return access_pattern(f"Ask {name}")(asked)

PATTERNS = [ask(name) for name in INDEXES]
"""


def test_a_policy_in_parts(tmp_path):
    """It is refused as one document. Its parts have each index once, and the KMS key."""
    (tmp_path / "long.py").write_text(INDEXED)
    (tmp_path / "setup.cfg").write_text("[singletable]\ntable = long:LongTable\n")
    done = run("infra", "iam", "--role", "reader", cwd=tmp_path)
    assert_one_line(done, "too large for one managed policy: it has 2 parts.", "--part 1 to --part 2")
    parts = [json.loads(run("infra", "iam", "--role", "reader", "--part", each, cwd=tmp_path).stdout) for each in "12"]
    resources = [resource for part in parts for each in part["Statement"] for resource in each["Resource"]]
    assert 20 + 1 == len(resources) == len(set(resources))


@pytest.mark.parametrize("part", [None, "1"])
def test_a_policy_that_is_too_large(tmp_path, part):
    """A tenant's writer of 120 entities: no part of it can hold the list of partitions."""
    (tmp_path / "wide.py").write_text(WIDE)
    (tmp_path / "setup.cfg").write_text("[singletable]\ntable = wide:WideTable\n")
    options = ("--part", part) if part else ()
    done = run("infra", "iam", "--role", "writer", "--tenant-tag", "org", *options, cwd=tmp_path)
    assert_one_line(done, "a managed policy has at most 6,144", "share the beginning of their partition keys")
