"""Declaring tables and entities: the refused classes, each with its rule and remedy."""

import gc
import weakref
from datetime import datetime, timezone

import pytest
from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model

from singletable import Expiry, Key, Table
from singletable.engine import embedded
from singletable.errors import (
    DeclarationError,
    InvalidKeyValueError,
    InvalidRequestError,
    InvalidValueError,
    UnexpectedAttributesError,
)
from singletable.models.schema.table_schema import entity_schema, table_schema


class ByName(GlobalSecondaryIndex):
    class Meta:
        index_name = "ByName"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="NamePK")
    sk = UnicodeAttribute(range_key=True, attr_name="NameSK")


class Bare(GlobalSecondaryIndex):
    """An index without a sort key."""

    class Meta:
        index_name = "Bare"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="BarePK")


class Local(LocalSecondaryIndex):
    class Meta:
        index_name = "Local"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="PK")
    sk = UnicodeAttribute(range_key=True, attr_name="LocalSK")


def new_table(**body):
    """Return a new table class, so that the entities of two tests do not share a table."""
    meta = type("Meta", (), {"table_name": "t", **body.pop("meta", {})})
    return type(Table)("T", (Table,), {"Meta": meta, "by_name": ByName(), "bare": Bare(), "local": Local(), **body})


def entity(table=None, discriminator="E", **body):
    """Return an entity with a valid primary key and the members that the test declares."""
    body.setdefault("key", Key(pk="E#{ident}", sk="E"))
    body.setdefault("ident", UnicodeAttribute())
    return type(Table)("E", (table or new_table(),), body, discriminator=discriminator)


def test_an_index_key_is_declared_once():
    """The stored attributes of every index are added to the model."""
    table = new_table()
    assert "NamePK" == table.by_name_pk.attr_name
    assert "BarePK" == table.bare_pk.attr_name
    assert not hasattr(table, "local_pk"), "a local index shares the table's partition key"


def test_stored_names_can_be_redeclared():
    """PK, SK and entityType are defaults."""
    table = new_table(
        pk=UnicodeAttribute(hash_key=True, attr_name="p"),
        sk=UnicodeAttribute(range_key=True, attr_name="s"),
        local=None,
    )
    made = entity(table)
    with embedded(table):
        made(ident="1").create()
        assert {"p", "s", "entityType", "ident"} == set(made(ident="1").serialize())
        assert "1" == made.get(ident="1").ident


def test_tables_do_not_share_discriminators():
    """PynamoDB's discriminator attribute stores its classes, so each table has its own attribute."""
    one, other = entity(discriminator="SAME"), entity(discriminator="SAME")
    assert table_schema(one).table is not table_schema(other).table


@pytest.mark.parametrize(
    ("body", "rule", "message"),
    [
        ({"key": Key(pk="E#{idnt}", sk="E")}, "ST101", "the attribute 'idnt' does not exist"),
        (
            {
                "ident": UnicodeAttribute(),
                "state": UnicodeAttribute(null=True, default="NEW"),
                "by_state": Key(index="ByName", pk="S#{state}", sk="{ident}"),
            },
            "ST112",
            "state has null=True and default=, and a key .* Remove one of the two",
        ),
        ({"ident": UnicodeAttribute(null=True)}, "ST102", "uses ident, which may be None. Remove null=True"),
        ({"key": Key(pk="E#{ident}{ident}", sk="E")}, "ST103", "another field follows it"),
        ({"n": NumberAttribute(), "key": Key(pk="E#{ident}", sk="{n}")}, "ST104", "Give it a width"),
        ({"key": Key(pk="E#{ident", sk="E")}, "ST105", "expected '}'"),
        (
            {"tags": ListAttribute(), "key": Key(pk="E#{tags}", sk="E")},
            "ST105",
            "a ListAttribute cannot be part of a key",
        ),
        ({"data": JSONAttribute(), "key": Key(pk="E#{data}", sk="E")}, "ST105", "a JSONAttribute cannot be part"),
        ({"key": None}, "ST106", "has no primary key. Declare one: key = Key"),
        ({"key": Key(pk="E#{ident}")}, "ST106", "the table has a sort key"),
        ({"key": Key(sk="E")}, "ST106", "the key has no pk"),
        ({"key": Key(pk="E", sk="E", index=ByName)}, "ST106", "names an index"),
        ({"other": Key(pk="E", sk="E")}, "ST106", "The key 'other' has no index, and is not the primary key"),
        (
            {"a": Key(index=ByName, pk="A", sk="A"), "b": Key(index=ByName, pk="B", sk="B")},
            "ST106",
            "an item has only one key in an index",
        ),
        ({"a": Key(index=Bare, pk="A", sk="A")}, "ST106", "the index Bare has no sort key"),
        ({"a": Key(index=ByName, pk="A")}, "ST106", "the index ByName has a sort key"),
        (
            {"a": Key(index="Nope", pk="A", sk="A")},
            "ST107",
            "'Nope' is not an index of T.* It has: Bare, ByName, Local",
        ),
        ({"mine": ByName()}, "ST107", "an index is declared on an entity.* Declare it on the table"),
        ({"Meta": type("Meta", (), {"table_name": "other"})}, "ST107", "an entity is stored in its table"),
        ({"a": Key(index=ByName, pk="A", sk="A", when={"nope": 1})}, "ST101", "when= names 'nope'"),
        ({"a": Key(index=ByName, pk="A", sk="A", when={"ident": ()})}, "ST109", "when= has no value for 'ident'"),
        ({"key": Key(pk="E#{ident}", sk="E", when={"ident": "1"})}, "ST109", "cannot depend on a condition"),
        ({"gone": Expiry(after="nope")}, "ST109", "the entity has no such attribute"),
        ({"gone": Expiry(after="ident")}, "ST109", "it is of kind text, not a datetime"),
        (
            {"at": UTCDateTimeAttribute(), "gone": Expiry(after="at", attr_name="ident")},
            "ST110",
            "the stored name of another attribute",
        ),
        ({"at": UTCDateTimeAttribute(), "a": Expiry(after="at"), "b": Expiry(after="at")}, "ST120", "has 2 expiries"),
        ({"pk": UnicodeAttribute()}, "ST110", "pk is derived and cannot be declared"),
        ({"x": UnicodeAttribute(attr_name="NamePK")}, "ST110", "stored as 'NamePK', which the table derives"),
        ({"x": UnicodeAttribute(attr_name="ident")}, "ST110", "Two attributes are stored as 'ident'"),
        ({"limit": UnicodeAttribute()}, "ST110", "is an option of query"),
        ({"item": UnicodeAttribute(null=True)}, "ST110", "'item' is the name of a method of Table"),
        ({"query": Key(index=ByName, pk="Q", sk="Q")}, "ST110", "'query' is the name of a method"),
        ({"v": VersionAttribute(), "a": Key(index=ByName, pk="V#{v}", sk="V")}, "ST105", "a VersionAttribute cannot"),
        (
            {"n": NumberAttribute(), "a": Key(index=ByName, pk="A", sk="A", when={"n": "1"})},
            "ST109",
            "cannot have: '1'. Give",
        ),
        ({"at": UTCDateTimeAttribute(), "key": Key(pk="M#{at:%Y-%m}", sk="M")}, "ST111", "only as a bucket or a shard"),
        ({"extra_attributes": UnicodeAttribute()}, "ST110", "'extra_attributes' is the name of a method"),
        ({"a": Key(index=ByName, pk="A", sk="A", when={"ident": ""})}, "ST109", "type that are not empty"),
        ({"a": Key(index=ByName, pk="A", sk="A", when=5)}, "ST109", "when= is a int, not a mapping"),
        ({"a": Key(index=5, pk="A", sk="A")}, "ST107", "is not an index of T"),
        ({"key": Key(pk=5, sk="A")}, "ST105", "pk is a int, not a template"),
        (
            {"Meta": type("Meta", (), {"personal": ("emial",)})},
            "ST115",
            "Meta.personal names 'emial', but the entity has no such attribute",
        ),
        ({"Meta": type("Meta", (), {"personal": "ident"})}, "ST116", "Meta.personal is the text 'ident'"),
    ],
)
def test_entities_that_could_not_work(body, rule, message):
    """Every message names the entity, the fault and the remedy."""
    with pytest.raises(DeclarationError, match=message) as caught:
        entity(**body)
    assert (rule, "E") == (caught.value.rule, caught.value.entity)


@pytest.mark.parametrize(
    ("body", "rule", "message"),
    [
        ({"again": ByName()}, "ST107", "'ByName' is declared twice"),
        ({"meta": {"key_encoding": "none"}}, "ST116", 'Use "escaped" or "raw"'),
        (
            {"meta": {"stream_view_type": "NEW"}},
            "ST116",
            "stream_view_type is 'NEW'. Use one of: NEW_AND_OLD_IMAGES",
        ),
        ({"by_name_pk": UnicodeAttribute()}, "ST110", "is also the name of a key attribute of by_name"),
        ({"pk": NumberAttribute(hash_key=True, attr_name="PK")}, "ST107", "a key of the table is not text"),
        ({"name": UnicodeAttribute(attr_name="NameSK")}, "ST107", "is on name, a declared attribute"),
    ],
)
def test_tables_that_could_not_work(body, rule, message):
    """Their messages have the same parts as those of entities."""
    with pytest.raises(DeclarationError, match=message) as caught:
        new_table(**body)
    assert rule == caught.value.rule


def test_an_index_without_a_name_is_refused():
    """PynamoDB names it after the first attribute it is assigned to, also if it is used a second time."""

    class Nameless(GlobalSecondaryIndex):
        class Meta:
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True)

    with pytest.raises(DeclarationError, match="no Meta.index_name.* Add index_name"):
        new_table(some=Nameless())


def test_an_index_key_that_is_no_text_is_refused():
    """A wrong-type index key is accepted by some engines, and later reads fail."""

    class Numbered(GlobalSecondaryIndex):
        class Meta:
            index_name = "Numbered"
            projection = AllProjection()

        n = NumberAttribute(hash_key=True)

    with pytest.raises(DeclarationError, match="n of the index 'Numbered' is not text"):
        new_table(some=Numbered())


def test_discriminators_are_unique_and_not_forgotten():
    """Otherwise an item would be read as another entity, or as unknown."""
    table = new_table()
    entity(table)
    with pytest.raises(DeclarationError, match="already assigned") as caught:
        type(table)(
            "Other", (table,), {"ident": UnicodeAttribute(), "key": Key(pk="O#{ident}", sk="O")}, discriminator="E"
        )
    assert "ST108" == caught.value.rule
    with pytest.raises(DeclarationError, match='has no discriminator.* discriminator="E".*abstract=True'):
        entity(table, discriminator=None)
    with pytest.raises(DeclarationError, match="the discriminator is ''"):
        entity(table, discriminator="")


def test_an_abstract_base_shares_attributes_and_keys():
    """The base is a mixin between the table and its entities."""
    table = new_table()

    class Base(table, abstract=True):
        ident = UnicodeAttribute()
        key = Key(pk="E#{ident}", sk="E")

    class One(Base, discriminator="ONE"):
        pass

    class Two(Base, discriminator="TWO"):
        extra = UnicodeAttribute()

    assert ("E#1", "E") == One.key.build(ident="1") == Two.key.build(ident="1")
    assert () == table.describe().entity("One").shares_keys_with, "only an entity shares its keys with its subclasses"
    with pytest.raises(DeclarationError, match="Base is not an entity"):
        Base.query(ident="1")
    with pytest.raises(DeclarationError, match="T is not an entity"):
        table.query()


def test_one_ttl_attribute_for_a_table():
    """DynamoDB supports only one for a table."""
    table = new_table()
    at = {"at": UTCDateTimeAttribute()}
    entity(table, "A", **at, gone=Expiry(after="at"))
    with pytest.raises(DeclarationError, match="a DynamoDB table has one such attribute"):
        entity(table, "B", at=UTCDateTimeAttribute(), gone=Expiry(after="at", attr_name="expires"))


def test_a_local_index_shares_the_partition_key():
    """Its partition key has the primary key's template automatically."""
    made = entity(name=UnicodeAttribute(), by_name=Key(index=Local, sk="N#{name}"))
    assert ("E#1", "N#x") == made.by_name.build(ident="1", name="x")
    with pytest.raises(DeclarationError, match="shares 'PK' with the table. Leave pk out"):
        entity(by_name=Key(index=Local, pk="X#{ident}", sk="N"))


def test_an_index_without_a_sort_key():
    """The index has a partition key only."""
    made = entity(by_it=Key(index=Bare, pk="B#{ident}"))
    assert ("B#1", None) == made.by_it.build(ident="1")
    assert {"ident": "1"} == made.by_it.parse("B#1")


def test_a_key_can_be_taken_away_from_a_subclass():
    """None replaces an inherited key."""
    table = new_table()

    class Parent(table, discriminator="P"):
        ident = UnicodeAttribute()
        key = Key(pk="P#{ident}", sk="P")
        by_name = Key(index=ByName, pk="N#{ident}", sk="P")

    class Child(Parent, discriminator="C"):
        by_name = None

    assert ["key", "by_name"] == list(entity_schema(Parent).keys)
    assert ["key"] == list(entity_schema(Child).keys)


def test_derived_attributes_cannot_be_given():
    """Keys are never set by hand."""
    made = entity()
    for arguments in ({"pk": "X"}, {"by_name_pk": "X"}):
        with pytest.raises(UnexpectedAttributesError, match="is derived, and cannot be given"):
            made(ident="1", **arguments)
    with pytest.raises(UnexpectedAttributesError, match="is derived"):
        made("E#1", "E")
    with pytest.raises(UnexpectedAttributesError, match="has no attribute idnt. It has: ident"):
        made(idnt="1")


def test_raw_tables_hold_what_other_code_wrote():
    """With Meta.key_encoding = "raw", values are unchanged, the separator is refused, and numbers need no width."""
    table = new_table(meta={"key_encoding": "raw"})
    made = entity(table, n=NumberAttribute(), key=Key(pk="E#{ident}", sk="N#{n}"))
    assert ("E#a b", "N#7") == made.key.build(ident="a b", n=7)
    with pytest.raises(InvalidKeyValueError, match="holds the separator"):
        made.key.build(ident="a#b", n=7)


def test_expiry_is_epoch_seconds_at_the_top_level():
    """The expiry is also derived on reading."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    made = entity(at=UTCDateTimeAttribute(null=True), gone=Expiry(after="at", days=1.5))
    assert {"N": str(int(at.timestamp()) + 129_600)} == made(ident="1", at=at).serialize()["ttl"]
    assert datetime(2026, 1, 2, 12, tzinfo=timezone.utc) == made(ident="1", at=at).gone
    assert "ttl" not in made(ident="1").serialize()
    assert made(ident="1").gone is None


def test_an_inverted_index():
    """It has the table's keys in reverse, and both templates automatically."""

    class Inverted(GlobalSecondaryIndex):
        class Meta:
            index_name = "Inverted"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="SK")
        sk = UnicodeAttribute(range_key=True, attr_name="PK")

    table = new_table(inverted=Inverted())
    made = entity(table, other=UnicodeAttribute(), key=Key(pk="E#{ident}", sk="O#{other}"), turned=Key(index=Inverted))
    with embedded(table):
        for ident in "ba":
            made(ident=ident, other="x").create()
        assert ["a", "b"] == [each.ident for each in made.turned.query(other="x")]
    assert ("O#x", "E#a") == made.turned.build(ident="a", other="x")


def test_indexes_that_share_an_attribute_must_agree():
    """Otherwise the last key would overwrite the other one."""

    class Again(GlobalSecondaryIndex):
        class Meta:
            index_name = "Again"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="NamePK")
        sk = UnicodeAttribute(range_key=True, attr_name="AgainSK")

    table = new_table(again=Again())
    by_name = Key(index=ByName, pk="N#{ident}", sk="E")
    with pytest.raises(DeclarationError, match="share the stored attribute 'NamePK', but derive different texts"):
        entity(table, by_name=by_name, by_again=Key(index=Again, pk="M#{ident}", sk="E"))
    made = entity(table, "OTHER", by_name=by_name, by_again=Key(index=Again, pk="N#{ident}", sk="E"))
    with embedded(table):
        made(ident="1").create()
        assert 1 == len(made.by_again.query(ident="1").all())


def test_a_refused_class_leaves_the_earlier_one_in_its_place():
    """A notebook's cell with a typo does not remove the entity."""
    table = new_table()
    first = entity(table)
    with pytest.raises(DeclarationError):
        entity(table, key=Key(pk="{nothing}", sk="E"))
    assert first is table_schema(table).entities["E"].entity
    with embedded(table):
        first(ident="1").create()
        assert "1" == first.get(ident="1").ident


def test_a_condition_on_an_index_that_every_item_is_in_is_refused():
    """The condition could not keep an item out of the index."""

    class Turned(GlobalSecondaryIndex):
        class Meta:
            index_name = "Turned"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="SK")
        sk = UnicodeAttribute(range_key=True, attr_name="PK")

    with pytest.raises(DeclarationError, match="when= cannot keep an item out of it"):
        entity(new_table(turned=Turned()), turned=Key(index=Turned, when={"ident": "1"}))


def test_models_that_share_a_mixin_with_an_entity_stay_as_they_are():
    """The entity has its own copies of the attributes, and only those are made strict."""

    class Stamps:
        seen = UTCDateTimeAttribute(null=True)

    class Legacy(Stamps, Model):
        class Meta:
            table_name = "legacy"

        ident = UnicodeAttribute(hash_key=True)

    legacy = Legacy("1", seen=datetime(2026, 1, 1))
    type(Table)(
        "E",
        (Stamps, new_table()),
        {"ident": UnicodeAttribute(), "key": Key(pk="E#{ident}", sk="E")},
        discriminator="E",
    )
    assert {"S": "2026-01-01T00:00:00.000000+0000"} == legacy.serialize()["seen"]


def test_a_mended_class_takes_the_place_of_the_refused_one():
    """A notebook's cell can be corrected and run again."""
    table = new_table()
    with pytest.raises(DeclarationError):
        entity(table, key=Key(pk="{nothing}", sk="E"))
    first, second = entity(table), entity(table)
    assert first is not second
    assert second is table_schema(table).entities["E"].entity


def test_mixins_are_strict_and_mark_personal_attributes():
    """This holds for an attribute from any base class."""

    class Seen:
        seen = UTCDateTimeAttribute(null=True)

    table = new_table()

    class Base(table, abstract=True):
        class Meta:
            personal = ("email",)

        email = UnicodeAttribute(null=True)

    class Person(Seen, Base, discriminator="PERSON"):
        class Meta:
            personal = ("phone",)

        ident = UnicodeAttribute()
        phone = UnicodeAttribute(null=True)
        key = Key(pk="P#{ident}", sk="P")
        by_email = Key(index=ByName, pk="E#{email}", sk="P")

    with pytest.raises(InvalidValueError, match="has no time zone"):
        Person(ident="1", seen=datetime(2026, 1, 1)).serialize()
    for shown in (
        repr(Person.by_email.query(email="secret")),
        Person.by_email.query(email="secret").explain().key_condition,
    ):
        assert "secret" not in shown


def test_an_attribute_on_the_time_to_live_is_refused():
    """DynamoDB would expire the items of an entity that stores a number there."""
    table = new_table()
    entity(table, "A", at=UTCDateTimeAttribute(), gone=Expiry(after="at"))
    with pytest.raises(DeclarationError, match="as 'ttl', the table's time to live, by which"):
        type(table)(
            "Race",
            (table,),
            {"ident": UnicodeAttribute(), "secs": NumberAttribute(attr_name="ttl"), "key": Key(pk="R#{ident}", sk="R")},
            discriminator="RACE",
        )


@pytest.mark.parametrize("days", ["7", None, float("inf"), True])
def test_an_expiry_is_a_number_of_days(days):
    """Another type is refused at the declaration."""
    with pytest.raises(DeclarationError, match=r"Expiry\(days=.*\): days is not a finite number"):
        Expiry(after="at", days=days)


def test_an_expiry_beyond_time_is_refused():
    """With the remedy."""
    made = entity(at=UTCDateTimeAttribute(), gone=Expiry(after="at", days=30))
    with pytest.raises(InvalidValueError, match="after the year 9999"):
        made(ident="1", at=datetime(9999, 12, 20, tzinfo=timezone.utc)).serialize()


def test_keys_are_made_of_what_is_stored():
    """A user's attribute class may store a value that differs from the given one."""

    class Lower(UnicodeAttribute):
        def serialize(self, value):
            return value.lower()

    made = entity(email=Lower(), by_email=Key(index=ByName, pk="M#{email}", sk="E"))
    assert {"S": "M#ann"} == made(ident="1", email="ANN").serialize()["NamePK"]
    assert ("M#ann", "E") == made.by_email.build(email="ANN")


def test_names_of_methods_are_refused_by_whichever_line_they_come():
    """A mixin's attribute would also replace the method."""

    class Mixin:
        item = UnicodeAttribute(null=True)

    table = new_table()
    with pytest.raises(DeclarationError, match="'item' is the name of a method of Table"):
        type(table)("E", (Mixin, table), {"ident": UnicodeAttribute(), "key": Key(pk="E", sk="E")}, discriminator="E")


def test_a_set_of_values_has_one_description():
    """Sets have no order, and the hashes of texts differ in every process."""
    made = entity(a=Key(index=ByName, pk="A", sk="{ident}", when={"ident": {"c", "a", "b"}}))
    assert (("ident", ("a", "b", "c")),) == made.a.composite.when


def test_indexes_on_the_discriminator_share_it():
    """The attribute exists automatically, for any keys."""

    class ByType(GlobalSecondaryIndex):
        class Meta:
            index_name = "ByType"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="entityType")
        sk = UnicodeAttribute(range_key=True, attr_name="TypedSK")

    class OfType(GlobalSecondaryIndex):
        class Meta:
            index_name = "OfType"
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="OfPK")
        sk = UnicodeAttribute(range_key=True, attr_name="entityType")

    table = new_table(by_type=ByType(), of_type=OfType())
    made = entity(
        table,
        note=UnicodeAttribute(null=True),
        typed=Key(index=ByType, sk="{ident}"),
        noted=Key(index=OfType, pk="N#{note}"),
    )
    with embedded(table):
        for ident, note in (("a", None), ("b", "x")):
            made(ident=ident, note=note).create()
        assert ["a", "b"] == [each.ident for each in made.typed.query()]
        assert ["b"] == [each.ident for each in made.noted.query(note="x")]
        made.get(ident="b").update(note=None)
        assert [] == made.noted.query(note="x").all()
    type(table)("Sub", (made,), {}, discriminator="SUB")
    with pytest.raises(InvalidRequestError, match="items of E have 2 types"):
        made.typed.query()


def test_a_table_class_that_is_not_used_any_more_is_freed():
    """The places of its keys, which are kept for its requests, do not keep the class."""

    def declared():
        table = new_table()
        made = entity(table, "A", at=UnicodeAttribute())
        made.query(**dict.fromkeys(made.key.composite.attributes, "1")).params()
        return weakref.ref(table)

    left = declared()
    gc.collect()
    assert left() is None
