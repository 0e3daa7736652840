"""Tenants: a role reaches the partitions of its caller's tenant and no other, and reports its limits."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

import patterns
from models import ShopTable
from singletable import Get, IntegerAttribute, Key, Query, Table
from singletable.engine import embedded
from singletable.errors import DeclarationError, InfraError
from singletable.infra.policies import make_role, policy
from singletable.infra.tenants import Tenant, reach
from singletable.patterns import access_pattern, patterns_of
from tests.roles.recording import recorded
from tests.roles.requests import table_arn
from tests.roles.simulator import Action, allowed, denied

ORG = Tenant("org", "org")
ARN = table_arn("cabinet")


class Shared(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class Foreign(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class CabinetTable(Table):
    class Meta:
        table_name = "cabinet"

    shared = Shared()
    foreign = Foreign()


class Doc(CabinetTable, discriminator="DOC"):
    org = UnicodeAttribute()
    doc_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    pages = NumberAttribute(default_for_new=0)

    key = Key(pk="ORG#{org}", sk="DOC#{doc_id}")
    by_kind = Key(index=Shared, pk="ORG#{org}#KIND#{kind}", sk="{doc_id}")


class Year(CabinetTable, discriminator="YEAR"):
    org = UnicodeAttribute()
    year = IntegerAttribute()

    key = Key(pk="YEARS#{org}#{year:04d}", sk="YEAR")


class Invite(CabinetTable, discriminator="INVITE"):
    """An entity that is found by its code, so its partition is not the organization's."""

    code = UnicodeAttribute()
    org = UnicodeAttribute()

    key = Key(pk="INVITE#{code}", sk="INVITE")
    by_org = Key(index=Foreign, pk="ORG#{org}#INVITES", sk="{code}")
    by_code = Key(index=Shared, pk="CODE#{code}#{org}", sk="INVITE")


@access_pattern("1. Documents of an organization")
def docs(org: str) -> Query[Doc]:
    return Doc.query(org=org)


@access_pattern("2. Documents of a kind")
def docs_of_kind(org: str, kind: str) -> Query[Doc]:
    return Doc.by_kind.query(org=org, kind=kind)


@access_pattern("3. Invites of an organization")
def invites(org: str) -> Query[Invite]:
    return Invite.by_org.query(org=org)


@access_pattern("4. An invite")
def invite(code: str) -> Get[Invite]:
    return Invite.item(code=code)


@access_pattern("5. An invite by its code in the index")
def invite_by_code(code: str, org: str) -> Query[Invite]:
    return Invite.by_code.query(code=code, org=org)


@access_pattern("6. A document")
def doc(org: str, doc_id: str) -> Get[Doc]:
    return Doc.item(org=org, doc_id=doc_id)


PATTERNS = [docs, docs_of_kind, invites, invite, invite_by_code, doc]


def of_cabinet(role, tenant=ORG):
    return make_role(CabinetTable.describe(), PATTERNS, role, ARN, tenant=tenant)


def sent_by(org):
    """Return the actions of all requests of an organization's caller about documents and years."""
    with embedded(CabinetTable), recorded() as recording:
        one = Doc(org=org, doc_id="d1", kind="letter")
        one.create()
        one.update(pages=3)
        one.mutate(lambda each: setattr(each, "pages", 4))
        one.move(doc_id="d2")
        Doc.get(org=org, doc_id="d2").refresh()
        Year(org=org, year=2026).save()
        with CabinetTable.transaction() as transaction:
            transaction.check(Year(org=org, year=2026), condition=Year.org.exists())
            transaction.create(Doc(org=org, doc_id="d3", kind="letter"))
        with CabinetTable.batch_write() as batch:
            batch.save(Doc(org=org, doc_id="d4", kind="memo"))
        list(CabinetTable.batch_get([Doc.item(org=org, doc_id="d3"), Year.item(org=org, year=2026)]))
        CabinetTable.transact_get(Doc.item(org=org, doc_id="d3"))
        for request in (docs(org), docs_of_kind(org, "letter"), doc(org, "d3")):
            assert request.all()
        Doc(org=org, doc_id="d3").delete()
    return {*recording.actions["writer"], *recording.actions["reader"]}


@pytest.mark.parametrize("org", ["1", "10", "a.b@c/d:e=f+g-h_i", "田中"])
def test_a_tenant_may_do_all_of_it_with_its_own_items(org):
    """All requests of the code for a tenant are allowed to it, and none of them to another tenant."""
    actions = sent_by(org)
    assert {
        "BatchGetItem",
        "BatchWriteItem",
        "ConditionCheckItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "UpdateItem",
    } == {each.name.removeprefix("dynamodb:") for each in actions}
    document = of_cabinet("writer").document
    assert [] == denied(document, actions, {"org": org})
    for other in ("2", "1 ", "11", org + "0", org[:-1] or "x", ""):
        assert [] == [each for each in actions if allowed(document, [each], {"org": other})]
    assert [] == [each for each in actions if allowed(document, [each])], "without a tag"


def test_one_foreign_item_refuses_the_whole_request():
    """A batch, and a part of a transaction."""
    document = of_cabinet("writer").document
    with recorded() as recording, embedded(CabinetTable):
        list(CabinetTable.batch_get([Doc.item(org="1", doc_id="a"), Doc.item(org="2", doc_id="a")]))
        with CabinetTable.transaction() as transaction:
            transaction.create(Doc(org="1", doc_id="a", kind="k"))
            transaction.create(Doc(org="2", doc_id="a", kind="k"))
    assert {"dynamodb:BatchGetItem", "dynamodb:PutItem"} == {
        each.name for each in denied(document, recording.actions["writer"], {"org": "1"})
    }


def test_requests_without_a_partition_key_are_refused():
    """Scan, PartiQL and descriptions do not name a partition key, and `ForAllValues` would allow them."""
    document = of_cabinet("writer").document
    for action in ("Scan", "Query", "PartiQLSelect", "PartiQLUpdate", "DescribeTable", "DeleteTable"):
        for resource in (ARN, f"{ARN}/index/GSI1"):
            assert not allowed(document, [Action(f"dynamodb:{action}", resource)], {"org": "1"})


def test_a_reader_writes_nothing():
    """It can only use the patterns that reach its partitions."""
    document = of_cabinet("reader").document
    actions = sent_by("1")
    assert {"dynamodb:GetItem"} == {
        each.name for each in actions if each.name != "dynamodb:Query" and allowed(document, [each], {"org": "1"})
    }


def test_gaps_are_reported():
    """Patterns that cannot be used, entities that cannot be written, and access that IAM cannot prevent."""
    gaps = {gap.subject: gap.reason for gap in of_cabinet("writer").gaps}
    assert {
        "pattern invites",
        "pattern invite",
        "pattern invite_by_code",
        "entity Invite",
        "index GSI1",
        "transaction(token=...)",
        "tag org",
    } == set(gaps)
    # Its index holds keys only: the items are fetched from the table.
    assert (
        "cannot be asked: on the table, its partition key INVITE#{code} does not hold org." == gaps["pattern invites"]
    )
    on_index = "cannot be asked: on GSI1, its partition key CODE#{code}#{org} does not begin with org."
    assert on_index == gaps["pattern invite_by_code"]
    assert "cannot be written: its partition key INVITE#{code} does not hold org." == gaps["entity Invite"]
    assert "another tenant's partition of the index" in gaps["index GSI1"]
    assert "a space in org as %20" in gaps["tag org"]
    assert {"pattern invites", "pattern invite", "pattern invite_by_code", "tag org"} == {
        gap.subject for gap in of_cabinet("reader").gaps
    }


def test_an_index_that_no_entity_of_the_tenant_is_in_cannot_be_written_to():
    """`dynamodb:Attributes` refuses its key attributes; those of the other index must be allowed."""
    document = of_cabinet("writer").document

    def put(action, **attributes):
        names = tuple(sorted({"PK", "SK", *attributes}))
        context = (("dynamodb:LeadingKeys", ("ORG#1",)), ("dynamodb:Attributes", names))
        return [Action(f"dynamodb:{action}", ARN, context)]

    for action in ("PutItem", "UpdateItem", "BatchWriteItem"):
        assert allowed(document, put(action, GSI1PK="ORG#2#KIND#x"), {"org": "1"}), "a documented hole"
        assert not allowed(document, put(action, GSI2PK="ORG#2#INVITES"), {"org": "1"})
        assert not allowed(document, put(action, GSI2SK="x"), {"org": "1"})


def table_of(**templates):
    """A table with one entity for each partition key."""
    table = type(Table)("MadeTable", (Table,), {"Meta": type("Meta", (), {"table_name": "made"})})
    for name, template in templates.items():
        names = ("org", "other", "third")
        body = {each: UnicodeAttribute() for each in names if f"{{{each}" in template}
        body["number"] = IntegerAttribute()
        sort = name.upper() + ("#{org}" if "{org:" in template else "")
        type(table)(name, (table,), {**body, "key": Key(pk=template, sk=sort)}, discriminator=name)
    return table


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("ORG#{org}", "ORG#${aws:PrincipalTag/org}"),
        ("{org}", "${aws:PrincipalTag/org}"),
        ("A#B-{org}#C#{other}#D{third}", "A#B-${aws:PrincipalTag/org}#C#*#D*"),
        ("ORG#{org}#{org:shard(4)}", "ORG#${aws:PrincipalTag/org}#*"),
        ("A*B?C$#{org}", "A${*}B${?}C${$}#${aws:PrincipalTag/org}"),
    ],
)
def test_patterns_of_templates(template, pattern):
    """Literals stay, the tenant becomes the tag, later fields a wildcard."""
    assert [pattern] == list(reach(table_of(One=template).describe(), None, ORG).patterns.values())


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("ALL", "its partition key ALL does not hold org"),
        ("X#{other}", "does not hold org"),
        ("X#{other}#{org}", "does not begin with org"),
        ("X#{org:shard(4)}", "holds {org:shard(4)}, which does not name one tenant"),
        ("Ω#{org}", "has 'Ω', a character that a policy cannot have"),
        ("SINGLETABLE#{org}", "can be that of an item of singletable's own"),
    ],
)
def test_templates_that_are_left_out(template, reason):
    """The message has the reason."""
    found = reach(table_of(One=template).describe(), None, ORG)
    assert {} == found.patterns
    assert [True] == [reason in each for each in found.refused.values()]


@pytest.mark.parametrize(
    ("own", "foreign", "example"),
    [
        ("ORG#{org}#DOC", "ORG#{other}#{third}", "'ORG#a#DOC'"),
        ("ORG#{org}#{third}", "ORG#{other}#X", "'ORG#a#X'"),
        ("ORG#{org}", "ORG#{other}", "'ORG#a'"),
        ("A#{org}", "{org}#{other}", "'A#a'"),
        ("{org}", "{other}", "'a'"),
    ],
)
def test_a_partition_that_another_entity_can_have_is_left_out(own, foreign, example):
    """Another entity's key with the same text has its tenant at another place, or has no tenant."""
    found = reach(table_of(Own=own, Foreign=foreign).describe(), None, ORG)
    (reason,) = (each for template, each in found.refused.items() if template.text == own)
    assert example in reason
    assert not found.patterns.keys() & {own}


@pytest.mark.parametrize(
    ("one", "two"),
    [("ORG#{org}", "ORG#{other}#{third}"), ("ORG#{org}#A", "ORG#{other}#B"), ("ORG#{org}", "ORG#{org}#{other}")],
)
def test_proofs_keep_templates_apart(one, two):
    """A longer key, another literal, or the same tenant in the same place."""
    found = reach(table_of(One=one, Two=two).describe(), None, ORG)
    assert one in {template.text for template in found.patterns}


def test_entities_may_have_different_names_for_the_tenant():
    """A second attribute that holds the tenant is also named."""
    described = table_of(Own="ORG#{org}#DOC", Deal="ORG#{other}#{third}").describe()
    assert 2 == len(reach(described, None, Tenant("org", ("org", "other"))).patterns)


def test_values_that_keys_write_in_another_way_are_reported():
    """A number is padded, so the tag must have the text of the key."""
    described = table_of(One="ORG#{number:05d}").describe()
    *_, note = make_role(described, [], "writer", ARN, tenant=Tenant("org", "number")).gaps
    assert "keys write number as integer of 5 digits" in note.reason
    assert "for example 00000" in note.reason


def test_a_tag_in_front_of_which_nothing_stands_cannot_be_empty():
    """An empty tag would change `X${tag}#*` to `X#*`, which matches keys of other entities."""
    described = table_of(One="X{org}#A", Two="X#A").describe()
    document = policy(described, [], "writer", ARN, ORG)
    put = [Action("dynamodb:PutItem", ARN, (("dynamodb:LeadingKeys", ("X#A",)),))]
    assert not allowed(document, put, {"org": ""})
    assert allowed(document, [Action("dynamodb:PutItem", ARN, (("dynamodb:LeadingKeys", ("X1#A",)),))], {"org": "1"})


tags = st.text(alphabet=st.sampled_from("ab01 .:/=+-@_é"), min_size=1, max_size=6)
texts = st.text(alphabet=st.sampled_from("ab01 #%.:/=+-@_é*?$"), min_size=1, max_size=6)


@given(tag=tags, org=texts, year=st.integers(0, 9999), kind=texts)
def test_no_tag_reaches_the_keys_of_another_tenant(tag, org, year, kind):
    """For all values: a key is reached if its tenant's text is the tag, and only then."""
    document = of_cabinet("writer").document
    keys = {
        ARN: [Doc.key.build(org=org, doc_id="d"), Year.key.build(org=org, year=year)],
        f"{ARN}/index/GSI1": [Doc.by_kind.build(org=org, kind=kind, doc_id="d")],
    }
    text = Doc.key.build(org=org, doc_id="d")[0].removeprefix("ORG#")
    for resource, built in keys.items():
        for partition, _ in built:
            query = [Action("dynamodb:Query", resource, (("dynamodb:LeadingKeys", (partition,)),))]
            assert (tag == text) is allowed(document, query, {"org": tag})


segments = st.builds(
    "{}{}".format, st.sampled_from(["", "A", "B", "AB"]), st.sampled_from(["", "{org}", "{other}", "{third}"])
)
templates = st.lists(segments, min_size=1, max_size=3).map("#".join).filter(lambda text: text.strip("#"))
VALUES = ("A", "B")


@settings(max_examples=max(20, settings().max_examples // 5))
@given(made=st.lists(templates, min_size=2, max_size=3, unique=True))
def test_whatever_the_templates_are_a_tag_reaches_only_keys_with_it(made):
    """A key is reached only if it belongs to an admitted template and has the tag as its tenant."""
    try:
        described = table_of(**{f"E{number}": template for number, template in enumerate(made)}).describe()
    except DeclarationError:
        assume(False)
    admitted = reach(described, None, ORG).patterns
    assume(admitted)
    document = policy(described, [], "writer", ARN, ORG)
    for entity, values in itertools.product(described.entities, itertools.product(VALUES, repeat=3)):
        template = entity.primary.partition
        held = dict(zip(("org", "other", "third"), values, strict=True))
        key = template.build(held)
        for tag in VALUES:
            get = [Action("dynamodb:GetItem", ARN, (("dynamodb:LeadingKeys", (key,)),))]
            reached = template in admitted and held["org"] == tag
            assert reached is allowed(document, get, {"org": tag}), (made, key, tag)


def test_keys_that_entities_of_the_tenant_have_stay_writable():
    """An index over attributes that its entities have: here over the table's own keys, the other way round."""

    class Inverted(GlobalSecondaryIndex):
        class Meta:
            index_name = "inverted"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="SK")
        sk = UnicodeAttribute(range_key=True, attr_name="PK")

    class InvertedTable(Table):
        class Meta:
            table_name = "inverted"

        inverted = Inverted()

    class Owned(InvertedTable, discriminator="OWNED"):
        org = UnicodeAttribute()
        key = Key(pk="ORG#{org}", sk="OWNED")

    role = make_role(InvertedTable.describe(), [], "writer", table_arn("inverted"), tenant=ORG)
    with embedded(InvertedTable), recorded() as recording:
        Owned(org="1").create()
    assert [] == denied(role.document, recording.actions["writer"], {"org": "1"})
    assert "index inverted" in {gap.subject for gap in role.gaps}


def test_an_index_without_the_tenant_is_left_out():
    """The shop's reader for one user: its own partition, and its reviews in GSI2."""
    assert patterns.user
    statements = make_role(
        ShopTable.describe(), patterns_of(ShopTable), "reader", ARN, tenant=Tenant("user", "user_id")
    ).statements
    assert [[ARN], [f"{ARN}/index/GSI2"]] == [each["Resource"] for each in statements]
    assert all("Condition" in each for each in statements)


def test_impossible_tenants_are_refused():
    """An attribute that no partition key begins with, shared partitions, and an invalid tag."""
    with pytest.raises(InfraError, match="No partition key begins with the attribute 'planet'"):
        of_cabinet("writer", Tenant("planet", "planet"))
    shared = table_of(Own="ORG#{org}#DOC", Deal="ORG#{other}#{third}").describe()
    with pytest.raises(InfraError, match="keeps the tenants of 'org' apart: a role that reaches"):
        make_role(shared, [], "writer", ARN, tenant=ORG)
    with pytest.raises(InfraError, match="no access pattern reads only one tenant's partitions"):
        make_role(CabinetTable.describe(), [invite], "reader", ARN, tenant=ORG)
    for tag in ("", "a*", "a}", "Ω"):
        with pytest.raises(InfraError, match="cannot be the name of a tag"):
            Tenant(tag, "org")
