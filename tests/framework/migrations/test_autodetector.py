"""The autodetector, one change at a time: its operations lead to the models, and a script defines the same ones."""

from enum import Enum

import pytest
from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import IncludeProjection, KeysOnlyProjection

from singletable import EnumAttribute, Expiry, IntegerAttribute, Key, UpdatedAtAttribute
from singletable.errors import MigrationError
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    Choice,
    ConvertAttribute,
    CreateIndex,
    CreateTable,
    CustomText,
    DateTime,
    DeclareAttributes,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    Expires,
    Index,
    Integer,
    KeyText,
    Number,
    Rekey,
    RemoveAttribute,
    RemoveEntity,
    RenameAttribute,
    RenameEntity,
    Stored,
    TableState,
    Text,
    state_of,
)
from singletable.migrations.autodetector import detect
from singletable.migrations.graph import EMPTY
from tests.framework.app import AppTable
from tests.framework.ledger import LedgerTable
from tests.framework.migrations.helpers import applied, changes, index, operations, state

PK, SK = KeyText("PK", "E#{ident}", ident=Text("ident")), KeyText("SK", "E", sort=True)
INDEX = Index("GSI1", "GSI1PK", "GSI1SK")
TEXT, MAYBE = Stored("text", required=True), Stored("text", required=False)
MOMENT = Stored("datetime", required=True)


class Colour(str, Enum):
    RED = "RED"
    BLUE = "BLUE"


class Place(MapAttribute):
    """A map whose city is a part of a key."""

    key_kind = "text"
    city = UnicodeAttribute(null=True)

    def to_key(self, value):
        return value.get("city") if isinstance(value, dict) else value.city


def yes(question):
    return True


def no(question):
    return False


def text(**options):
    return UnicodeAttribute(**options)


def moment(**options):
    return UTCDateTimeAttribute(**options)


def named(pk="N#{name}", sk="E", **options):
    """Return a key in the index GSI1."""
    return Key(index="GSI1", pk=pk, sk=sk, **options)


def by_name(template="N#{name}", sort="E", **options):
    """Return the two halves of a key in the index GSI1."""
    options = {"name": Text("name"), **options}
    return KeyText("GSI1PK", template, **options), KeyText("GSI1SK", sort, sort=True, **options)


# --- the table and its indexes ------------------------------------------------------


def test_nothing_is_there():
    """The first migration creates the table with its indexes, then adds its entities."""
    new = state(index(), E={})
    assert [
        CreateTable("PK", "SK", indexes=(INDEX,)),
        AddEntity("E", PK, SK, attributes={"ident": TEXT}),
    ] == operations(EMPTY, new)


@pytest.mark.parametrize("shared", [AppTable, LedgerTable])
def test_nothing_is_there_of_a_whole_table(shared):
    """One script creates a larger table, and leads to exactly its description."""
    new = state_of(shared.describe())
    assert new == applied(changes(EMPTY, new).operations, EMPTY)


def test_nothing_has_changed():
    """Equal states have no operation and no note."""
    old, new = (state(index(), E={"name": text(), "by_name": named()}) for _ in range(2))
    found = changes(old, new)
    assert ((), ()) == (found.operations, found.notes)


def test_an_index_is_added():
    """The index is created after the backfill of its keys."""
    old, new = state(E={"name": text()}), state(index(), E={"name": text(), "by_name": named()})
    assert [
        Backfill("E", *by_name()),
        CreateIndex("GSI1", "GSI1PK", "GSI1SK"),
    ] == operations(old, new)


def test_an_index_is_removed():
    """The index is deleted first; then its keys are removed from the items."""
    old, new = state(index(), E={"name": text(), "by_name": named()}), state(E={"name": text()})
    assert [DeleteIndex("GSI1"), RemoveAttribute("E", ("GSI1PK", "GSI1SK"))] == operations(old, new)


def test_an_index_is_changed_in_projection():
    """DynamoDB cannot change an index: it is deleted and created again, and a note states the consequences."""
    old = state(index(projection=KeysOnlyProjection()), E={})
    new = state(index(projection=IncludeProjection(["name", "at"])), E={})
    found = changes(old, new)
    assert [
        DeleteIndex("GSI1"),
        CreateIndex("GSI1", "GSI1PK", "GSI1SK", "INCLUDE", ("at", "name")),
    ] == list(found.operations)
    assert "cannot be read meanwhile" in found.notes[0]


def test_a_local_index_comes_with_its_table():
    """A local index uses the table's partition key, which the entity defines already."""
    new = state(index("LSI", local=True), E={"name": text(), "by_name": Key(index="LSI", sk="N#{name}")})
    sort = KeyText("LSISK", "N#{name}", sort=True, ident=Text("ident"), name=Text("name"))
    assert [
        CreateTable("PK", "SK", indexes=(Index("LSI", "PK", "LSISK", local=True),)),
        AddEntity("E", PK, SK, sort, attributes={"ident": TEXT, "name": TEXT}),
    ] == operations(EMPTY, new)


def test_a_local_index_is_added_or_removed():
    """A local index exists as long as its table, and the message states that it cannot be changed."""
    without, having = state(E={}), state(index("LSI", local=True), E={})
    with pytest.raises(MigrationError, match="local index LSI can only be created with its table. Use a global index"):
        detect(without, having)
    with pytest.raises(
        MigrationError, match="The models define the local index LSI differently.* Restore its old definition"
    ):
        detect(having, without)


def test_the_tables_own_names_change():
    """A change of the table's key attributes or discriminator is refused."""
    with pytest.raises(
        MigrationError, match="key attributes: .'PK', 'SK'.* They cannot be changed in an existing table"
    ):
        detect(state(E={}), TableState("p", "s", "entityType"))
    with pytest.raises(MigrationError, match="discriminator: 'entityType' in the history, 'kind' in the models"):
        detect(state(E={}), TableState("PK", "SK", "kind"))


def test_the_stream_is_switched_on():
    """The stream is switched on with its view."""
    old, new = state(E={}), state(meta={"stream_view_type": "NEW_IMAGE"}, E={})
    assert [EnableStream("NEW_IMAGE")] == operations(old, new)


def test_the_stream_is_switched_off():
    """Only the stream is switched off."""
    old, new = state(meta={"stream_view_type": "NEW_IMAGE"}, E={}), state(E={})
    assert [DisableStream()] == operations(old, new)


def test_the_stream_shows_something_else():
    """DynamoDB cannot change a stream's view, so the stream is switched off, then on."""
    old, new = (state(meta={"stream_view_type": view}, E={}) for view in ("NEW_IMAGE", "KEYS_ONLY"))
    assert [DisableStream(), EnableStream("KEYS_ONLY")] == operations(old, new)


# --- entities -----------------------------------------------------------------------


def test_an_entity_is_added():
    """The entity is added with all its derived attributes."""
    old, new = state(index(), E={}), state(index(), E={}, F={"name": text(), "by_name": named()})
    key = KeyText("PK", "F#{ident}", ident=Text("ident")), KeyText("SK", "F", sort=True)
    assert [AddEntity("F", *key, *by_name(), attributes={"ident": TEXT, "name": TEXT})] == operations(old, new)


def test_an_entity_is_removed():
    """The items of a removed entity stay, as a note states."""
    found = changes(state(E={}, F={}), state(E={}))
    assert (RemoveEntity("F"),) == found.operations
    assert ("The models no longer have the entity F. Its items stay in the table.",) == found.notes


# --- keys ---------------------------------------------------------------------------


def test_a_key_is_added_to_an_entity():
    """Both halves of the key are backfilled together."""
    old, new = state(index(), E={"name": text()}), state(index(), E={"name": text(), "by_name": named()})
    assert [Backfill("E", *by_name())] == operations(old, new)


def test_a_key_is_removed_from_an_entity():
    """Both halves are removed from the items; the index stays for other entities."""
    old, new = state(index(), E={"name": text(), "by_name": named()}), state(index(), E={"name": text()})
    assert [RemoveAttribute("E", ("GSI1PK", "GSI1SK"))] == operations(old, new)


def test_a_key_template_changes():
    """Only the changed half of the key is backfilled."""
    old = state(index(), E={"name": text(), "by_name": named()})
    new = state(index(), E={"name": text(), "by_name": named(pk="NAME#{name}")})
    assert [Backfill("E", by_name("NAME#{name}")[0])] == operations(old, new)


def test_a_key_hangs_on_another_attribute():
    """Both halves are backfilled: one missing attribute keeps an item out of the index."""
    body = {"name": text(), "town": text(null=True)}
    old = state(index(), E={**body, "by_name": named()})
    body = {"name": text(), "town": text(null=True)}
    new = state(index(), E={**body, "by_name": named(sk="T#{town}")})
    assert [Backfill("E", *by_name(sort="T#{town}", town=Text("town")))] == operations(old, new)


def test_a_number_is_written_wider():
    """{line:03d} and {line:05d} are different texts, so the key is backfilled."""
    old, new = (
        state(index(), E={"line": IntegerAttribute(), "by_line": named("LSI", f"{{line:{width}d}}")})
        for width in ("03", "05")
    )
    assert [Backfill("E", KeyText("GSI1SK", "{line:05d}", sort=True, line=Integer("line")))] == operations(old, new)


def test_a_field_turns_from_text_to_a_number():
    """If items are not converted, the attribute is declared with the new form, with a note; the key follows."""
    old = state(index(), E={"line": text(), "by_line": named("L#{line}")})
    new = state(index(), E={"line": IntegerAttribute(), "by_line": named("L#{line}")})
    found = changes(old, new, no)
    line = Integer("line")
    assert [
        DeclareAttributes("E", {"line": Stored("integer", required=True)}),
        Backfill("E", KeyText("GSI1PK", "L#{line}", line=line), KeyText("GSI1SK", "E", sort=True, line=line)),
    ] == list(found.operations)
    assert "E.line changes from text to integer: items with such a value cannot be read" in found.notes[0]


def test_a_field_is_another_kind_of_the_same_type():
    """Integer and Number are both N in DynamoDB, but have different texts in keys."""
    old = state(index(), E={"line": IntegerAttribute(), "by_line": named("L#{line:03d}")})
    new = state(index(), E={"line": NumberAttribute(), "by_line": named("L#{line:03d}")})
    line = Number("line")
    assert [
        DeclareAttributes("E", {"line": Stored("number", required=True)}),
        Backfill("E", KeyText("GSI1PK", "L#{line:03d}", line=line), KeyText("GSI1SK", "E", sort=True, line=line)),
    ] == operations(old, new)


def test_the_values_of_when_change():
    """Items enter the index or leave it, so the key is backfilled."""
    old, new = (
        state(index(), E={"name": text(), "colour": EnumAttribute(Colour), "by_name": named(when={"colour": when})})
        for when in (Colour.RED, (Colour.RED, Colour.BLUE))
    )
    colour = Choice("colour", ("RED", "BLUE"))
    assert [Backfill("E", *by_name(colour=colour, when={"colour": ("RED", "BLUE")}))] == operations(old, new)


def test_a_condition_is_added():
    """A new when= causes a backfill."""
    old = state(index(), E={"name": text(), "line": IntegerAttribute(), "by_name": named()})
    new = state(index(), E={"name": text(), "line": IntegerAttribute(), "by_name": named(when={"line": 5})})
    assert [Backfill("E", *by_name(line=Integer("line"), when={"line": "5"}))] == operations(old, new)


def test_the_primary_key_changes():
    """The items are moved, as a note states."""
    old, new = state(E={}), state(E={"key": Key(pk="EE#{ident}", sk="E")})
    found = changes(old, new)
    assert [Rekey("E", KeyText("PK", "EE#{ident}", ident=Text("ident")), SK)] == list(found.operations)
    assert "moved to another key, each in one transaction" in found.notes[0]


def test_the_primary_key_is_made_by_the_projects_own_code():
    """Only code of the project can move the items."""
    old = state(E={"place": text()})
    new = state(E={"place": Place(), "key": Key(pk="E#{place}", sk="E")})
    with pytest.raises(MigrationError, match="primary key of E changes, and only code of the project .* RunPython"):
        detect(old, new, no)


def test_keys_become_raw():
    """Raw keys have values without encoding, so every key with text is backfilled."""
    body = {"by_name": named()}
    old = state(index(), E={"name": text(), **body})
    new = state(index(), meta={"key_encoding": "raw"}, E={"name": text(), **body})
    key = KeyText("PK", "E#{ident}", raw=True, ident=Text("ident")), KeyText("SK", "E", raw=True, sort=True)
    assert [Rekey("E", *key), Backfill("E", *by_name(raw=True))] == operations(old, new)


def test_attributes_called_as_the_options_of_a_key_are():
    """Attributes named `when`, `raw` and `sort` can be parts of a key, also together with a `when_`."""
    body = {"by_it": Key(index="GSI1", pk="W#{when}#{raw}", sk="{sort:03d}#{when_}")}

    def sources():
        return {"when": text(), "raw": text(), "sort": IntegerAttribute(), "when_": text()}

    old, new = state(index(), E=sources()), state(index(), E={**sources(), **body})
    (backfill,) = operations(old, new)
    item = {"when": {"S": "a"}, "raw": {"S": "b"}, "sort": {"N": "7"}, "when_": {"S": "c"}}
    assert [{"S": "W#a#b"}, {"S": "007#c"}] == [each.derive(item) for each in backfill.derived]


def test_a_personal_attribute_stands_in_a_key():
    """The script records that values of the attribute must never be shown."""
    personal = {"Meta": type("Meta", (), {"personal": ("name",)})}
    old = state(index(), E={"name": text(), **personal})
    new = state(index(), E={"name": text(), "by_name": named(), **personal})
    (backfill,) = operations(old, new)
    assert Backfill("E", *by_name(name=Text("name", personal=True))) == backfill
    assert "N#‹personal›" == backfill.derived[0].mask("N#someone")


def test_an_attribute_becomes_personal():
    """The key is written again, so that the history hides the value."""
    personal = {"Meta": type("Meta", (), {"personal": ("name",)})}
    old = state(index(), E={"name": text(), "by_name": named()})
    new = state(index(), E={"name": text(), "by_name": named(), **personal})
    assert [Backfill("E", *by_name(name=Text("name", personal=True)))] == operations(old, new)


def test_a_default_stands_in_a_key():
    """An item without the attribute has the key of the default."""
    old, new = (
        state(index(), E={"name": text(default=default), "by_name": named()}) for default in ("nobody", "somebody")
    )
    name = Text("name", default={"S": "somebody"})
    (backfill,) = operations(old, new)
    assert Backfill("E", *by_name(name=name)) == backfill
    assert {"S": "N#somebody"} == backfill.derived[0].derive({})


def test_a_member_as_a_default_stands_in_a_key():
    """The default of an enum member works like the default of a text."""
    old = state(index(), E={"name": EnumAttribute(Colour), "by_name": named()})
    new = state(index(), E={"name": EnumAttribute(Colour, default=Colour.RED), "by_name": named()})
    declare, backfill = operations(old, new)
    assert DeclareAttributes("E", {"name": Stored("choice", required=False, choices=("RED", "BLUE"))}) == declare
    assert {"S": "N#RED"} == backfill.derived[0].derive({})


def test_a_default_of_each_new_instance_is_none_of_the_items():
    """default_for_new= does not concern existing items."""
    old = state(index(), E={"name": text(null=True), "by_name": named()})
    new = state(index(), E={"name": text(null=True, default_for_new="x"), "by_name": named()})
    assert [] == operations(old, new)


# --- keys by code of the project ----------------------------------------------------


def test_a_key_is_made_by_a_class_of_the_project():
    """The script has a function to be written, as a note states; afterwards nothing new is found."""
    old = state(index(), E={"place": Place(null=True)})
    new = state(index(), E={"place": Place(null=True), "by_city": named("CITY#{place}", "{place}")})
    found = changes(old, new)
    stubs = [BackfillWith("E", {}, print, writes=(name,)) for name in ("GSI1PK", "GSI1SK")]
    assert stubs == list(found.operations)
    assert "GSI1PK of E is computed by a class of the project" in found.notes[0]
    assert "write e_gsi1pk() and its sources in the script" in found.notes[0]


def test_a_key_by_a_class_of_the_project_changes():
    """While the history has the description of the models, another template is another key."""
    entity = {"by_city": named("CITY#{place}")}
    old = state(index(), E={"place": Place(null=True), **entity})
    new = state(index(), E={"place": Place(null=True), "by_city": named("TOWN#{place}")})
    assert [BackfillWith("E", {}, print, writes=("GSI1PK",))] == operations(old, new)


def test_an_entity_with_a_key_by_a_class_of_the_project_is_added():
    """A new entity does not need a function: its key is recorded as the models describe it."""
    old, new = state(index()), state(index(), E={"place": Place(null=True), "by_city": named("CITY#{place}")})
    made_of = "(place: place, text)"
    assert [
        AddEntity(
            "E",
            PK,
            SK,
            CustomText("GSI1PK", f"CITY#{{place}} {made_of}"),
            CustomText("GSI1SK", f"E {made_of}"),
            attributes={"ident": TEXT, "place": Stored("M", required=False)},
        )
    ] == operations(old, new)


def test_an_entity_whose_name_is_none_of_python():
    """The function to be written has a valid Python name for any discriminator."""
    entity = {"place": Place(null=True)}
    old = state(index(), **{"2nd order-line": {**entity}})
    new = state(index(), **{"2nd order-line": {"place": Place(null=True), "by_city": named("CITY#{place}")}})
    assert 2 == len(operations(old, new))


# --- expiry -------------------------------------------------------------------------


def test_an_expiry_rule_is_added():
    """The items get their expiry before the time to live is switched on."""
    old, new = state(E={"at": moment()}), state(E={"at": moment(), "gone": Expiry(after="at", days=30)})
    assert [BackfillExpiry("E", "ttl", after="at", days=30), EnableTTL("ttl")] == operations(old, new)


def test_an_expiry_rule_changes():
    """A change of the days or of the source causes a backfill."""
    old = state(E={"at": moment(), "gone": Expiry(after="at", days=30)})
    days = state(E={"at": moment(), "gone": Expiry(after="at", days=31.5)})
    after = state(E={"at": moment(), "due": moment(null=True), "gone": Expiry(after="due", days=30)})
    assert [BackfillExpiry("E", "ttl", after="at", days=31.5)] == operations(old, days)
    assert [
        DeclareAttributes("E", {"due": Stored("datetime", required=False)}),
        BackfillExpiry("E", "ttl", after="due", days=30),
    ] == operations(old, after)


def test_the_last_expiry_rule_is_removed():
    """The time to live is switched off before anything else."""
    old, new = state(E={"at": moment(), "gone": Expiry(after="at", days=30)}), state(E={"at": moment()})
    assert [DisableTTL("ttl"), RemoveAttribute("E", ("ttl",))] == operations(old, new)


def test_one_of_two_expiry_rules_is_removed():
    """The time to live stays on for the other entity; the items lose their expiry."""
    rule = Expiry(after="at", days=30)
    old = state(E={"at": moment(), "gone": rule}, F={"at": moment(), "gone": rule})
    new = state(E={"at": moment()}, F={"at": moment(), "gone": rule})
    assert [RemoveAttribute("E", ("ttl",))] == operations(old, new)


def test_the_time_to_live_gets_another_name():
    """Items expire by the old attribute until all have the new one; the old one is removed last."""
    old = state(E={"at": moment(), "gone": Expiry(after="at", days=1)})
    new = state(E={"at": moment(), "gone": Expiry(after="at", days=1, attr_name="expires")})
    assert [
        BackfillExpiry("E", "expires", after="at", days=1),
        DisableTTL("ttl"),
        EnableTTL("expires"),
        RemoveAttribute("E", ("ttl",)),
    ] == operations(old, new)
    assert "Nothing expires between DisableTTL and EnableTTL" in detect(old, new).notes[0]


def test_an_entity_that_expires_is_added():
    """The expiry of a new entity is a part of AddEntity."""
    old, new = state(), state(E={"at": moment(), "gone": Expiry(after="at", days=0.5)})
    rule = Expires("ttl", DateTime("at"), days=0.5)
    assert [
        AddEntity("E", PK, SK, rule, attributes={"at": MOMENT, "ident": TEXT}),
        EnableTTL("ttl"),
    ] == operations(old, new)


# --- attributes ---------------------------------------------------------------------


def test_an_attribute_is_added():
    """Items do not change."""
    found = changes(state(E={}), state(E={"name": text(null=True)}))
    assert ((DeclareAttributes("E", {"name": MAYBE}),), ()) == (found.operations, found.notes)


def test_an_attribute_is_removed():
    """A removed attribute stays in the items, as a note states."""
    found = changes(state(E={"name": text()}), state(E={}))
    assert (DeclareAttributes("E", {"name": None}),) == found.operations
    assert (
        "The models no longer have E.name. Its values stay in the items; RemoveAttribute removes them.",
    ) == found.notes


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (text(), NumberAttribute(), "E.name changes from text to number"),
        (moment(), text(), "E.name changes from datetime to text"),
        (text(), moment(), "E.name changes from text to datetime"),
        (IntegerAttribute(), text(), "E.name changes from integer to text"),
        (NumberAttribute(), IntegerAttribute(), "E.name changes from number to integer"),
        (EnumAttribute(Colour), EnumAttribute(Enum("Less", {"RED": "RED"})), "E.name no longer allows BLUE"),
        (text(), EnumAttribute(Colour), "E.name changes from text to choice of RED, BLUE"),
    ],
)
def test_stored_values_may_become_unreadable(before, after, what):
    """The answer adds a ConvertAttribute with a function to be written, or a note. Without a terminal it is refused."""
    old, new = state(E={"name": before}), state(E={"name": after})
    questions = []
    (convert,) = operations(old, new, lambda question: questions.append(question) or True)
    forms = [each.entities["E"].attributes["name"] for each in (old, new)]
    assert ConvertAttribute("E", "name", print, old=forms[0], new=forms[1]) == convert
    assert [f"{what}. Convert the stored values (a function to be written)?"] == questions
    found = changes(old, new, no)
    assert (DeclareAttributes("E", {"name": forms[1]}),) == found.operations
    assert what in found.notes[0]
    with pytest.raises(MigrationError, match=f"{what}: stored values may become unreadable"):
        detect(old, new)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (EnumAttribute(Enum("Less", {"RED": "RED"})), EnumAttribute(Colour)),
        (EnumAttribute(Colour), text()),
        (IntegerAttribute(), NumberAttribute()),
        (text(), text(null=True)),
    ],
)
def test_stored_values_stay_readable(before, after):
    """The history records the new form without a question."""
    found = changes(state(E={"name": before}), state(E={"name": after}), pytest.fail)
    assert [DeclareAttributes] == [type(each) for each in found.operations]
    assert () == found.notes


@pytest.mark.parametrize("before", [None, text(null=True)])
def test_an_attribute_is_required(before):
    """Items may lack a new or formerly nullable attribute: it is asked about, and refused without a terminal."""
    old = state(E={"name": before} if before else {})
    new = state(E={"name": text()})
    assert [
        DeclareAttributes("E", {"name": TEXT}),
        BackfillWith("E", {}, print, writes=("name",), conflict="keep"),
    ] == operations(old, new, yes)
    found = changes(old, new, no)
    assert (DeclareAttributes("E", {"name": TEXT}),) == found.operations
    assert "items without it cannot be read" in found.notes[0]
    with pytest.raises(MigrationError, match=r"E.name is .*required.*: items without it become unreadable"):
        detect(old, new)


def test_a_history_of_an_earlier_version_learns_the_forms():
    """Such a history has only DynamoDB's types and the sources of keys. Unknown forms do not cause questions."""
    choice = Choice("name", ("RED", "BLUE", "GREEN"))
    key = (KeyText("GSI1PK", "N#{name}", name=choice), KeyText("GSI1SK", "E", name=choice, sort=True))
    entity = AddEntity("E", PK, SK, *key, attributes={"ident": "S", "name": "S", "note": "S"})
    old = entity.apply(CreateTable("PK", "SK", indexes=(INDEX,)).apply(EMPTY))
    new = state(index(), E={"name": EnumAttribute(Colour), "note": text(), "by_name": named()})
    with pytest.raises(MigrationError, match="E.name no longer allows GREEN"):
        detect(old, new)
    (declare,) = operations(old, new, no)
    assert {"ident": TEXT, "name": Stored("choice", required=True, choices=("RED", "BLUE")), "note": TEXT} == dict(
        declare.attributes
    )


def test_an_entity_is_renamed():
    """A question is asked if the keys or the attributes are the same; without a terminal, a note has the operation."""
    key = {"key": Key(pk="E#{ident}", sk="E")}
    old, new = state(E=key), state(F=key)
    assert [RenameEntity("E", "F")] == operations(
        old, new, lambda question: question == "Was the entity E renamed to F?"
    )
    assert [AddEntity, RemoveEntity] == [type(each) for each in operations(old, new, no)]
    found = changes(old, new)
    assert 'write RenameEntity("E", "F") instead' in found.notes[0]


def test_an_attribute_is_renamed_says_the_answer():
    """Each item is written, and no note is left."""
    questions = []
    found = changes(
        state(E={"name": text()}), state(E={"title": text()}), lambda question: questions.append(question) or True
    )
    assert ((RenameAttribute("E", "name", "title"),), ()) == (found.operations, found.notes)
    assert ["Was E.name renamed to title?"] == questions


def test_an_attribute_is_not_renamed_says_the_answer():
    """After "no", one attribute is removed and one is added."""
    found = changes(state(E={"name": text()}), state(E={"title": text(null=True)}), no)
    assert (DeclareAttributes("E", {"name": None, "title": MAYBE}),) == found.operations
    assert 1 == len(found.notes)


def test_nobody_says_whether_an_attribute_is_renamed():
    """Items do not change, and a note has the operation for a renamed attribute."""
    found = changes(state(E={"name": text()}), state(E={"title": text(null=True)}))
    assert (DeclareAttributes("E", {"name": None, "title": MAYBE}),) == found.operations
    assert 'If it was renamed, write RenameAttribute("E", "name", "title") instead.' in found.notes[0]


def test_nobody_says_whether_an_attribute_of_a_key_is_renamed():
    """As two attributes, every item would lose its key: it is refused, with a remedy."""
    old = state(index(), E={"name": text(), "by_name": named()})
    new = state(index(), E={"title": text(), "by_name": named("N#{title}")})
    with pytest.raises(
        MigrationError, match=r"E.name, from which keys are derived, was renamed to title.*in a terminal"
    ):
        detect(old, new)


def test_another_type_is_no_renaming():
    """A change of type causes no question about a renaming."""
    found = changes(state(E={"name": text()}), state(E={"title": NumberAttribute(null=True)}), pytest.fail)
    assert (DeclareAttributes("E", {"name": None, "title": Stored("number", required=False)}),) == found.operations


def test_one_of_several_is_the_renamed_one():
    """Questions follow until one pair is confirmed; nothing is renamed twice."""
    old, new = state(E={"a": text(), "b": text()}), state(E={"c": text(), "d": text()})
    found = operations(old, new, lambda question: "to d" in question)
    assert [RenameAttribute("E", "a", "d"), DeclareAttributes("E", {"b": None, "c": TEXT})] == found


def test_an_attribute_of_a_key_is_renamed():
    """The key has the same values, so no key or expiry is backfilled."""
    old = state(index(), E={"name": text(), "at": moment(), "by_name": named(), "gone": Expiry(after="at")})
    body = {"title": text(), "on": moment(), "by_name": named("N#{title}"), "gone": Expiry(after="on")}
    renamed = {"Was E.at renamed to on?", "Was E.name renamed to title?"}
    assert [
        RenameAttribute("E", "at", "on"),
        RenameAttribute("E", "name", "title"),
    ] == operations(old, state(index(), E=body), lambda question: question in renamed)


def test_an_attribute_of_the_primary_key_is_renamed():
    """Items do not move."""
    new = state(E={"ident": None, "number": text(), "key": Key(pk="E#{number}", sk="E")})
    assert [RenameAttribute("E", "ident", "number")] == operations(state(E={}), new, yes)


def test_only_the_python_name_changes():
    """A change of the Python name does not concern items."""
    old = state(index(), E={"name": text(), "by_name": named()})
    new = state(index(), E={"title": text(attr_name="name"), "by_name": named("N#{title}")})
    assert [] == operations(old, new)


def test_a_stamp_is_added():
    """The history records the stamp, by which the plan finds recent items."""
    new = state(E={"changed": UpdatedAtAttribute()})
    assert [DeclareAttributes("E", {"changed": MOMENT}, "changed")] == operations(state(E={}), new, no)


def test_a_stamp_is_removed():
    """No code sets the stamp anymore, so the history forgets it."""
    old, new = state(E={"changed": UpdatedAtAttribute()}), state(E={})
    (declare,) = operations(old, new)
    assert DeclareAttributes("E", {"changed": None}) == declare
    assert new == declare.apply(old)


def test_a_stamp_is_renamed():
    """The renamed attribute is still the stamp."""
    old, new = state(E={"changed": UpdatedAtAttribute()}), state(E={"updated": UpdatedAtAttribute()})
    (rename,) = operations(old, new, yes)
    assert RenameAttribute("E", "changed", "updated") == rename
    assert new == rename.apply(old)


# --- together -----------------------------------------------------------------------


def test_everything_at_once_is_in_an_order_that_a_live_table_can_follow():
    """Indexes are deleted first, then items are written, then indexes are created, then the expiry is switched."""
    old = state(
        index("GSI2"),
        E={"name": text(), "at": moment(), "gone": Expiry(after="at", attr_name="old")},
        F={},
    )
    new = state(
        index(),
        meta={"stream_view_type": "NEW_IMAGE"},
        D={},
        E={"name": text(), "at": moment(), "by_name": named(), "gone": Expiry(after="at")},
    )
    kinds = [type(each) for each in operations(old, new)]
    assert [
        DeleteIndex,
        AddEntity,
        Backfill,
        BackfillExpiry,
        CreateIndex,
        EnableStream,
        DisableTTL,
        EnableTTL,
        RemoveAttribute,
        RemoveEntity,
    ] == kinds
