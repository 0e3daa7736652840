"""Policies: the actions and resources of each role, DAX, and the size of a policy."""

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, LocalSecondaryIndex

import patterns
from models import ShopTable
from singletable import Get, Key, Query, Table
from singletable.errors import InfraError
from singletable.infra.aws_partitions import partition_of
from singletable.infra.documents import MOST_CHARACTERS, size, split
from singletable.infra.policies import ROLES, cluster_arn, make_role, policy
from singletable.infra.rights import Right
from singletable.infra.tenants import Tenant
from singletable.patterns import access_pattern, patterns_of

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/shop"
CACHE = "arn:aws:dax:eu-west-1:123456789012:cache/shop"
WRITES = {
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "UpdateItem",
}


def of_shop(role, **options):
    assert patterns.user
    return make_role(ShopTable.describe(), patterns_of(ShopTable), role, ARN, **options)


def by_resource(statements):
    """Return the actions of each resource, without their service."""
    found = {}
    for statement in statements:
        for resource in statement["Resource"]:
            found.setdefault(resource.removeprefix(ARN), set()).update(
                each.partition(":")[2] for each in statement["Action"]
            )
    return found


@pytest.mark.parametrize("role", ROLES)
def test_the_key_of_a_table_is_used_by_dynamodb_alone(role):
    """For this table and in its region; a role of a table without a customer managed key has no right to keys."""
    assert not [each for each in of_shop(role).statements if "kms:Decrypt" in each["Action"]]
    (statement,) = [each for each in of_shop(role, customer_key=True).statements if "kms:Decrypt" in each["Action"]]
    assert {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": ["arn:aws:kms:eu-west-1:123456789012:key/*"],
        "Condition": {
            "StringLike": {
                "kms:ViaService": "dynamodb.eu-west-1.*",
                "kms:EncryptionContext:aws:dynamodb:tableName": "shop",
            }
        },
    } == statement


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("*", "aws"),
        ("eu-west-1", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("eu-north-9", "aws"),
    ],
)
def test_a_region_has_a_partition(region, partition):
    """Also one that botocore does not know, by its name."""
    assert partition == partition_of(region)
    assert f"arn:{partition}:dax:{region}:1:cache/shop" == cluster_arn("shop", region, "1")


@pytest.mark.parametrize("region", ["", "europe", "eu-*"])
def test_a_text_that_names_no_region_is_refused(region):
    """The message has the text."""
    with pytest.raises(InfraError, match="is not the name of a region") as caught:
        partition_of(region)
    assert region == caught.value.value


def local(name, *keys):
    """A local index."""
    names = {"Meta": type("Meta", (), {"index_name": name, "projection": AllProjection()})}
    names["pk"] = UnicodeAttribute(hash_key=True, attr_name="PK")
    names["sk"] = UnicodeAttribute(range_key=True, attr_name=keys[0])
    return type(name, (LocalSecondaryIndex,), names)


class ByState(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-state"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GPK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSK")


Local = local("by-title", "LSK")


class DocTable(Table):
    class Meta:
        table_name = "docs"

    by_state = ByState()
    by_title = Local()


class Doc(DocTable, discriminator="DOC"):
    org = UnicodeAttribute()
    doc_id = UnicodeAttribute()
    state = UnicodeAttribute()

    key = Key(pk="ORG#{org}", sk="DOC#{doc_id}")
    by_state = Key(index=ByState, pk="STATE#{state}", sk="{doc_id}")
    by_title = Key(index=Local, sk="TITLE#{state}")


@access_pattern("1. A document by its index")
def doc_by_state(state: str, doc_id: str) -> Get[Doc]:
    return Doc.by_state.item(state=state, doc_id=doc_id)


@access_pattern("2. Documents of an organization by title")
def docs_by_title(org: str) -> Query[Doc]:
    return Doc.by_title.query(org=org)


def test_a_reader_gets_the_operations_of_the_patterns():
    """GSI3 has only keys, so its items are fetched from the table by BatchGetItem."""
    assert {
        "": {"GetItem", "Query", "BatchGetItem"},
        "/index/GSI1": {"Query"},
        "/index/GSI2": {"Query"},
        "/index/GSI3": {"Query"},
    } == by_resource(of_shop("reader").statements)


def test_a_get_by_an_index_key_is_a_query_of_the_index():
    """On a global and on a local index."""
    statements = policy(DocTable.describe(), [doc_by_state, docs_by_title], "reader", ARN)["Statement"]
    assert {"/index/by-state": {"Query"}, "/index/by-title": {"Query"}} == by_resource(statements)


def test_a_writer_without_access_patterns_has_the_whole_writing_api():
    """Gets, batches, transactions, mutate and move work without a pattern that gets an item."""
    assert {"": WRITES} == by_resource(policy(ShopTable.describe(), [], "writer", ARN)["Statement"])


def test_a_writer_has_no_action_on_an_index_but_query():
    """DynamoDB itself writes indexes."""
    found = by_resource(of_shop("writer").statements)
    assert {*WRITES, "Query"} == found.pop("")
    assert {"/index/GSI1", "/index/GSI2", "/index/GSI3"} == set(found)
    assert [{"Query"}] * 3 == list(found.values())


def test_only_the_migrator_scans():
    """No role has an action with a wildcard."""
    for role in ROLES:
        actions = {each for statement in of_shop(role).statements for each in statement["Action"]}
        assert ("dynamodb:Scan" in actions) is (role == "migrator")
        assert not any("*" in each for each in actions)


def test_a_migrator_verifies_indexes_and_records_in_the_control_table():
    """It creates the control table; it neither scans it nor changes it."""
    described = ShopTable.describe()
    (alone,) = policy(described, [], "migrator", ARN)["Statement"]
    assert [ARN, f"{ARN}/index/*"] == alone["Resource"]
    _, records = policy(described, [], "migrator", ARN, control_arn=f"{ARN}-control")["Statement"]
    assert [f"{ARN}-control"] == records["Resource"]
    assert "dynamodb:CreateTable" in records["Action"]
    assert not {"dynamodb:Scan", "dynamodb:UpdateTable"} & set(records["Action"])


def test_a_stream_reader_reads_the_stream_and_marks_events():
    """It finds the stream, and reaches only the partitions of marks."""
    reading, listing, describing, marks = of_shop("stream").statements
    assert [f"{ARN}/stream/*"] == reading["Resource"]
    assert ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"] == reading["Action"]
    assert ["*"] == listing["Resource"], "ListStreams has no resource"
    assert (["dynamodb:DescribeTable"], [ARN]) == (describing["Action"], describing["Resource"])
    assert (["dynamodb:PutItem", "dynamodb:Query"], [ARN]) == (marks["Action"], marks["Resource"])
    assert {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SINGLETABLE#HANDLED#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    } == marks["Condition"]


@pytest.mark.parametrize("role", ROLES)
def test_declared_rights_are_added(role):
    """Unchanged, in their own statement."""
    *_, last = of_shop(role, rights=[Right(("sns:Publish",), ("arn:aws:sns:*:*:events",))]).statements
    assert {"Effect": "Allow", "Action": ["sns:Publish"], "Resource": ["arn:aws:sns:*:*:events"]} == last


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_a_cluster_gets_the_same_item_actions(role):
    """And the four of DAX's own protocol, on the cluster's ARN; the table's ARN has no meaning for DAX."""
    plain, cached = of_shop(role), of_shop(role, dax_arn=CACHE)
    *same, dax = cached.statements
    assert list(plain.statements) == same
    assert [CACHE] == dax["Resource"]
    items = {each.replace("dynamodb:", "dax:") for statement in same for each in statement["Action"]}
    protocol = {"dax:DefineAttributeList", "dax:DefineAttributeListId", "dax:DefineKeySchema", "dax:Endpoints"}
    assert items | protocol == set(dax["Action"])


def test_a_cluster_has_a_name_or_an_arn():
    """An ARN is used unchanged."""
    assert CACHE == cluster_arn("shop", "eu-west-1", "123456789012")
    assert CACHE == cluster_arn(CACHE, "us-east-1", "*")
    for wrong in ("1shop", "shop-", "sh--op", "a" * 21, "", "arn:aws:dynamodb:eu-west-1:1:table/shop"):
        with pytest.raises(InfraError, match="is neither the name nor the ARN of a DAX cluster"):
            cluster_arn(wrong, "*", "*")


def test_impossible_roles_are_refused():
    """The message has the reason."""
    with pytest.raises(InfraError, match="'admin' is not a role"):
        of_shop("admin")
    tenant = Tenant("user", "user_id")
    for role in ("migrator", "stream"):
        with pytest.raises(InfraError, match="cannot have a tenant"):
            of_shop(role, tenant=tenant)
        with pytest.raises(InfraError, match="to the table, not to a DAX cluster"):
            of_shop(role, dax_arn=CACHE)
    with pytest.raises(InfraError, match="it cannot keep tenants apart"):
        of_shop("reader", tenant=tenant, dax_arn=CACHE)
    with pytest.raises(InfraError, match="the project has no access patterns"):
        policy(ShopTable.describe(), [], "reader", ARN)
    everything = Right(("dynamodb:GetItem",), (ARN,), table=True)
    with pytest.raises(InfraError, match="dynamodb:GetItem reaches the items of all tenants"):
        of_shop("reader", tenant=tenant, rights=[everything])


def wide_table(count, characters):
    """A table with many long-named indexes, each with a pattern."""
    indexes = {}
    for number in range(count):
        meta = type("Meta", (), {"index_name": f"index-{number:02d}-{'x' * characters}", "projection": AllProjection()})
        keys = {
            "pk": UnicodeAttribute(hash_key=True, attr_name=f"P{number}"),
            "sk": UnicodeAttribute(range_key=True, attr_name=f"S{number}"),
        }
        indexes[f"i{number}"] = type(f"Index{number}", (GlobalSecondaryIndex,), {"Meta": meta, **keys})
    meta = type("Meta", (), {"table_name": "wide"})
    table = type(Table)("WideTable", (Table,), {"Meta": meta, **{name: each() for name, each in indexes.items()}})
    keys = {name: Key(index=each, pk=f"{name}#{{a}}", sk="{b}") for name, each in indexes.items()}
    body = {"a": UnicodeAttribute(), "b": UnicodeAttribute(), "key": Key(pk="A#{a}", sk="{b}"), **keys}
    entity = type(table)("Wide", (table,), body, discriminator="WIDE")
    asked = []
    for name in indexes:

        def ask(a: str, key=name) -> Query[entity]:
            return getattr(entity, key).query(a=a)

        ask.__name__ = ask.__qualname__ = f"ask_{name}"
        ask.__annotations__["return"] = Query[entity]
        ask.__annotations__["a"] = str
        asked.append(access_pattern(f"Ask {name}")(ask))
    return table, asked


def test_a_large_policy_is_split():
    """Each part fits a managed policy, and together they have every resource once."""
    table, asked = wide_table(20, 240)
    made = make_role(table.describe(), asked, "reader", ARN)
    assert size(made.document) > MOST_CHARACTERS
    parts = split(made.statements)
    assert 2 == len(parts)
    assert all(size(each) <= MOST_CHARACTERS for each in parts)
    resources = [resource for each in parts for statement in each["Statement"] for resource in statement["Resource"]]
    assert sorted(resources) == sorted(made.document["Statement"][0]["Resource"])
    assert [of_shop("writer").document] == split(of_shop("writer").statements)


def test_the_size_of_a_policy_is_counted_without_white_space():
    """IAM User Guide, "IAM and AWS STS quotas"."""
    assert len('{"Statement":[{"Sid":"ab"}]}') == size({"Statement": [{"Sid": "a b"}]})


def test_a_statement_that_fits_no_policy_is_refused():
    """A list of partitions cannot be split, because a batch may have items of all of them."""
    table = type(Table)("ManyTable", (Table,), {"Meta": type("Meta", (), {"table_name": "many"})})
    for number in range(80):
        body = {"org": UnicodeAttribute(), "key": Key(pk=f"KIND-{number:02d}-{'x' * 60}#{{org}}", sk="x")}
        type(table)(f"Kind{number}", (table,), body, discriminator=f"K{number}")
    made = make_role(table.describe(), [], "writer", ARN, tenant=Tenant("org", "org"))
    with pytest.raises(InfraError, match=r"has \d,\d{3} characters; a managed policy has at most 6,144"):
        split(made.statements)
