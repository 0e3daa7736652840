"""Nothing changes that the caller did not change: an item that other code stored is read and written by every path.

The items are planted as other code could store them: numbers such as 1.50, times that end in Z, JSON with spaces, NULL,
entries and attributes that no model knows, at any depth, and attributes of an index on which the entity has no key.
"""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from pynamodb.attributes import (
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    DynamicMapAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NullAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from singletable import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    Expiry,
    IntegerAttribute,
    Key,
    Table,
    UpdatedAtAttribute,
    UUIDAttribute,
)
from singletable.engine import embedded
from singletable.models.declare import typed_maps
from singletable.models.items import item
from singletable.models.items.codec import make_codec
from singletable.models.schema.table_schema import entity_schema

# --- models ----------------------------------------------------------------------------


class State(Enum):
    OPEN = "OPEN"
    DONE = "DONE"


class ByState(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class OfOthers(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class Shouted(UnicodeAttribute):
    """An attribute whose stored form differs from its value."""

    def serialize(self, value):
        return value.upper()

    def deserialize(self, value):
        return value.lower()


class Point(MapAttribute):
    x = NumberAttribute(null=True)
    at = UTCDateTimeAttribute(null=True, attr_name="when")


class Line(MapAttribute):
    label = UnicodeAttribute(null=True)
    price = DecimalAttribute(null=True)
    count = IntegerAttribute(null=True)
    done = BooleanAttribute(default=False)
    point = Point(null=True, attr_name="pt")
    numbers = NumberSetAttribute(null=True)
    anything = MapAttribute(null=True)
    rows = ListAttribute(null=True)


class Animal(MapAttribute):
    kind = DiscriminatorAttribute()
    name = UnicodeAttribute(null=True)


class Cat(Animal, discriminator="CAT"):
    lives = NumberAttribute(null=True)


class Loose(DynamicMapAttribute):
    known = UTCDateTimeAttribute(null=True)


class KeptTable(Table):
    class Meta:
        table_name = "kept"

    by_state = ByState()
    of_others = OfOthers()


class Kept(KeptTable, discriminator="KEPT"):
    """An entity with an attribute of every class; `Stamped` has those that every write changes."""

    ident = UnicodeAttribute(attr_name="id")
    text = UnicodeAttribute(null=True)
    defaulted = UnicodeAttribute(default="default")
    defaulted_list = ListAttribute(default=list)
    number = NumberAttribute(null=True)
    whole = IntegerAttribute(null=True)
    price = DecimalAttribute(null=True)
    day = DateAttribute(null=True)
    uuid = UUIDAttribute(null=True)
    state = EnumAttribute(State, null=True)
    flag = BooleanAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    old_data = BinaryAttribute(null=True, legacy_encoding=True)
    texts = UnicodeSetAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    blobs = BinarySetAttribute(null=True, legacy_encoding=False)
    document = JSONAttribute(null=True)
    lasting = TTLAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)
    nothing = NullAttribute(null=True)
    shouted = Shouted(null=True)
    anything = MapAttribute(null=True)
    line = Line(null=True)
    animal = Animal(null=True)
    loose = Loose(null=True)
    untyped = ListAttribute(null=True)
    lines = ListAttribute(of=Line, null=True)
    times = ListAttribute(of=UTCDateTimeAttribute, null=True)
    sets = ListAttribute(of=NumberSetAttribute, null=True)

    key = Key(pk="KEPT#{ident}", sk="KEPT")
    open = Key(index=ByState, pk="STATE#{state}", sk="{ident}")
    expires_at = Expiry(after="at", days=1)


class Stamped(Kept, discriminator="STAMPED"):
    """An entity with the attributes that every write changes automatically."""

    updated_at = UpdatedAtAttribute(null=True)
    version = VersionAttribute()


# --- items of other code --------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
NUMBERS = st.one_of(
    st.sampled_from(
        ("0", "1.50", "1.0", "1E+2", "-1E-7", "0.1", "1.123456789012345678", "12345678901234567890123456789")
    ),
    st.integers(-(10**37), 10**37).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000).map(str),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100)
    .filter(lambda value: value == 0 or abs(value) > 1e-100)
    .map(repr),
)
BYTES = st.binary(min_size=1, max_size=4)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda value: value.replace(tzinfo=timezone.utc))


def spelled(moment):
    """Return a strategy of points in time in the forms that can be read."""
    return st.sampled_from(
        (
            moment.isoformat("T", "microseconds")[:26] + "+0000",
            moment.isoformat("T", "microseconds")[:26] + "Z",
            moment.isoformat("T", "seconds")[:19] + "Z",
            moment.isoformat("T", "seconds")[:19] + "+0000",
        )
    )


TIMES = MOMENTS.flatmap(spelled)


def of(kind, content):
    """Return a strategy of stored values of one type."""
    return content.map(lambda each: {kind: each})


def several(elements):
    """Return a strategy of the content of a set."""
    return st.lists(
        elements, min_size=1, max_size=3, unique_by=lambda each: Decimal(each) if elements is NUMBERS else each
    )


LEAVES = st.one_of(
    of("S", st.text(st.characters(codec="utf-8"), max_size=5)),
    of("N", NUMBERS),
    of("B", BYTES),
    of("BOOL", st.booleans()),
    st.just({"NULL": True}),
    of("SS", several(TEXTS)),
    of("NS", several(NUMBERS)),
    of("BS", several(BYTES)),
)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.one_of(of("L", st.lists(inner, max_size=3)), of("M", st.dictionaries(NAMES, inner, max_size=3))),
    max_leaves=8,
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
DOCUMENTS = st.one_of(
    JSON.map(json.dumps),
    JSON.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))),
    JSON.map(lambda value: json.dumps(value, indent=1)),
    st.sampled_from(('{"a": 1.10}', "[1.123456789012345678901234567890]", "1.0", "1e2", "null")),
)


def entries(known, *, more=ANY):
    """Return a strategy of maps with declared entries, of their own types or NULL, and other entries."""
    mine = st.fixed_dictionaries(
        {}, optional={name: st.one_of(each, each, st.just({"NULL": True})) for name, each in known.items()}
    )
    others = st.dictionaries(NAMES.filter(lambda name: name not in known), more, max_size=2)
    return of("M", st.tuples(mine, others).map(lambda both: {**both[1], **both[0]}))


POINTS = entries({"x": of("N", NUMBERS), "when": of("S", TIMES)})
WHOLE = st.integers(-(10**20), 10**20).flatmap(lambda value: st.sampled_from((str(value), f"{value}.0")))
LINES = entries(
    {
        "label": of("S", TEXTS),
        "price": of("N", NUMBERS),
        "count": of("N", WHOLE),
        "done": of("BOOL", st.booleans()),
        "pt": POINTS,
        "numbers": of("NS", several(NUMBERS)),
        "anything": of("M", st.dictionaries(NAMES, ANY, max_size=2)),
        "rows": of("L", st.lists(ANY, max_size=2)),
    }
)
ANIMALS = entries({"name": of("S", TEXTS), "lives": of("N", NUMBERS)}).map(
    lambda each: {"M": {**each["M"], "kind": {"S": "CAT"}}}
)
EPOCHS = st.integers(0, 4 * 10**9).flatmap(lambda value: st.sampled_from((str(value), f"{value}.0")))

ATTRIBUTES = {
    "text": of("S", st.text(st.characters(codec="utf-8"), max_size=5)),
    "defaulted": of("S", TEXTS),
    "defaulted_list": of("L", st.lists(ANY, max_size=2)),
    "number": of("N", NUMBERS),
    "whole": of("N", WHOLE),
    "price": of("N", NUMBERS),
    "day": of("S", st.dates().map(str)),
    "uuid": of(
        "S", st.uuids().map(str).flatmap(lambda value: st.sampled_from((value, value.upper(), "{" + value + "}")))
    ),
    "state": of("S", st.sampled_from(("OPEN", "DONE"))),
    "flag": of("BOOL", st.booleans()),
    "data": of("B", BYTES),
    "old_data": of("B", st.sampled_from((b"YQ==", b"YWI=", b"YW I=", b"YWJj\n"))),
    "texts": of("SS", several(TEXTS)),
    "numbers": of("NS", several(NUMBERS)),
    "blobs": of("BS", several(BYTES)),
    "document": of("S", DOCUMENTS),
    "lasting": of("N", EPOCHS),
    "at": of("S", TIMES),
    "nothing": st.just({"NULL": True}),
    "shouted": of("S", TEXTS),
    "anything": of("M", st.dictionaries(NAMES, ANY, max_size=3)),
    "line": LINES,
    "animal": ANIMALS,
    "loose": entries({"known": of("S", TIMES)}),
    "untyped": of("L", st.lists(ANY, max_size=3)),
    "lines": of("L", st.lists(st.one_of(LINES, st.just({"NULL": True})), max_size=3)),
    "times": of("L", st.lists(of("S", TIMES), max_size=3)),
    "sets": of("L", st.lists(of("NS", several(NUMBERS)), max_size=2)),
}
"""Strategies of the stored forms of each attribute."""


@st.composite
def items(draw, entity=Kept):
    """Draw an item with correct keys and expiry, in which everything else may have any form."""
    names = draw(st.lists(st.sampled_from(sorted(ATTRIBUTES)), unique=True, max_size=6))
    null = {name: [] if name.startswith("defaulted") else [st.just({"NULL": True})] for name in names}
    item = {name: draw(st.one_of(*[ATTRIBUTES[name]] * 5, *null[name])) for name in names}
    taken = {
        *ATTRIBUTES,
        "id",
        "PK",
        "SK",
        "entityType",
        "ttl",
        "GSI1PK",
        "GSI1SK",
        "GSI2PK",
        "GSI2SK",
        "updated_at",
        "version",
    }
    item |= draw(st.dictionaries(NAMES.filter(lambda name: name not in taken), ANY, max_size=2))
    item |= {"id": {"S": "1"}, "PK": {"S": "KEPT#1"}, "SK": {"S": "KEPT"}}
    item["entityType"] = {"S": entity_schema(entity).discriminator}
    if "S" in item.get("state", {}):
        item |= {"GSI1PK": {"S": f"STATE#{item['state']['S']}"}, "GSI1SK": {"S": "1"}}
    if draw(st.booleans()):
        item |= {"GSI2PK": {"S": draw(TEXTS)}, "GSI2SK": {"S": draw(TEXTS)}}
    if entity is Stamped:
        item["version"] = {"N": "7"}
    derive_expiry(item)
    return item


def derive_expiry(item):
    """Set the expiry that is derived from the item's `at`."""
    text = item.get("at", {}).get("S")
    item.pop("ttl", None)
    if text:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("+0000", "+00:00"))
        item["ttl"] = {"N": str(int((moment + timedelta(days=1)).timestamp()))}


# --- paths -----------------------------------------------------------------------------


def client():
    return KeptTable._get_connection().connection.client


def plant(item):
    client().put_item(TableName="kept", Item=item)


def found(ident="1"):
    """Return the stored item."""
    key = {"PK": {"S": f"KEPT#{ident}"}, "SK": {"S": "KEPT"}}
    return client().get_item(TableName="kept", Key=key, ConsistentRead=True).get("Item")


def no_change(instance):
    """Change nothing."""


def changed(entity, change):
    """Return the stored instance with a change."""
    made = entity.get(ident="1")
    change(made)
    return made


def by_save(entity, change):
    changed(entity, change).save()


def by_batch(entity, change):
    made = changed(entity, change)
    with KeptTable.batch() as batch:
        batch.put(made)


def by_transaction(entity, change):
    made = changed(entity, change)
    with KeptTable.transaction() as transaction:
        transaction.put(made)


def by_mutate(entity, change):
    entity.get(ident="1").mutate(change)


def by_collection(entity, change):
    unit = KeptTable.load_collection(Kept, ident="1")
    change(unit.one(entity))
    unit.save()


def by_query(entity, change):
    made = entity.query(ident="1").one()
    change(made)
    made.save()


def by_delete_and_create(entity, change):
    made = changed(entity, change)
    entity.get(ident="1").delete(add_version_condition=False)
    made.create()


def by_upsert(entity, change):
    made = entity.get(ident="1")
    entity.get(ident="1").delete(add_version_condition=False)
    change(made)
    made.upsert()


def by_pynamodbs_batch(entity, change):
    made = changed(entity, change)
    with KeptTable.batch_write() as batch:
        batch.save(made)


def by_pynamodbs_transaction(entity, change):
    made = changed(entity, change)
    connection = Connection(host=None, region="us-east-1")
    connection._client = client()
    with TransactWrite(connection=connection) as transaction:
        transaction.save(made)


def by_move_and_back(entity, change):
    made = entity.get(ident="1")
    made.move(ident="2")
    made.move(ident="1")
    changed(entity, change).save()


PATHS = (
    by_save,
    by_batch,
    by_transaction,
    by_mutate,
    by_collection,
    by_query,
    by_delete_and_create,
    by_upsert,
    by_pynamodbs_batch,
    by_pynamodbs_transaction,
    by_move_and_back,
)
WITHOUT_VERSIONS = (by_batch, by_pynamodbs_batch)
MOST = settings.default.max_examples
SLOWLY = settings(max_examples=max(25, min(1_000, MOST // 4)), suppress_health_check=list(HealthCheck), deadline=None)


@pytest.fixture(scope="module", autouse=True)
def table():
    with embedded(KeptTable):
        yield


# --- the properties --------------------------------------------------------------------


def without(item, *names):
    return {name: value for name, value in item.items() if name not in names}


def kept_by(path, item, entity=Kept):
    """Store an item, write it by a path without a change, and compare."""
    plant(item)
    path(entity, no_change)
    after = found()
    if entity is Stamped:
        return without(item, "updated_at", "version") == without(after, "updated_at", "version")
    return item == after


@SLOWLY
@given(path=st.sampled_from(PATHS), item=items())
def test_an_unchanged_item_is_written_as_it_was(path, item):
    """Every byte of the item is the same."""
    assert kept_by(path, item)


@SLOWLY
@given(path=st.sampled_from([path for path in PATHS if path not in WITHOUT_VERSIONS]), item=items(Stamped))
def test_every_write_changes_its_time_and_version_alone(path, item):
    """This holds for an entity that has both."""
    assert kept_by(path, item, Stamped)


CHANGES = {
    "text": lambda made: setattr(made, "text", "changed"),
    "number": lambda made: setattr(made, "number", Decimal("1.5")),
    "whole": lambda made: setattr(made, "whole", 3),
    "price": lambda made: setattr(made, "price", Decimal("7.25")),
    "state": lambda made: setattr(made, "state", State.DONE if made.state is State.OPEN else State.OPEN),
    "flag": lambda made: setattr(made, "flag", not made.flag),
    "texts": lambda made: setattr(made, "texts", {*(made.texts or ()), "one more"}),
    "numbers": lambda made: setattr(made, "numbers", {*(made.numbers or ()), Decimal("0.123456789")}),
    "document": lambda made: setattr(made, "document", {"changed": made.document}),
    "at": lambda made: setattr(made, "at", datetime(2026, 11, 30, tzinfo=timezone.utc)),
    "anything": lambda made: setattr(made, "anything", {"changed": 1}),
    "line": lambda made: setattr(made, "line", Line(label="changed")),
    "untyped": lambda made: setattr(made, "untyped", [*(made.untyped or ()), "changed"]),
}
"""Changes, each of one attribute."""


def by_update(entity, name):
    made = entity.get(ident="1")
    twin = entity.get(ident="1")
    CHANGES[name](twin)
    made.update(**{name: getattr(twin, name)})


@SLOWLY
@given(path=st.sampled_from((*PATHS, by_update)), item=items(), name=st.sampled_from(sorted(CHANGES)))
def test_a_change_of_one_attribute_changes_that_one(path, item, name):
    """The keys and the expiry that are derived from it also change."""
    plant(item)
    path(Kept, name if path is by_update else CHANGES[name])
    after = found()
    derived = {"state": ("GSI1PK", "GSI1SK"), "at": ("ttl",)}.get(name, ())
    assert without(item, name, *derived) == without(after, name, *derived)
    assert item.get(name) != after[name]
    right = {**after}
    derive_expiry(right)
    assert right == after
    if name == "state":
        assert {"S": f"STATE#{after['state']['S']}"} == after["GSI1PK"]


INSIDE = {
    "entry of an untyped map": ("anything", lambda made: made.anything.__setitem__("changed", 1), "changed"),
    "entry of a typed map": ("line", lambda made: setattr(made.line, "label", "changed"), "label"),
    "number of a typed map": ("line", lambda made: setattr(made.line, "price", Decimal("7.25")), "price"),
    "entry of a dynamic map": ("loose", lambda made: setattr(made.loose, "changed", 1), "changed"),
    "entry of a map of a subclass": ("animal", lambda made: setattr(made.animal, "name", "changed"), "name"),
}
"""Changes, each of one entry of a map: the attribute, the change, and the entry's stored name."""


@SLOWLY
@given(path=st.sampled_from(PATHS), data=st.data(), what=st.sampled_from(sorted(INSIDE)))
def test_a_change_of_one_entry_changes_that_one(path, data, what):
    """Other entries keep their stored form, and entries unknown to the model are kept."""
    name, change, entry = INSIDE[what]
    item = data.draw(items()) | {name: data.draw(ATTRIBUTES[name])}
    plant(item)
    path(Kept, change)
    after = found()
    assert without(item, name) == without(after, name)
    assert without(item[name]["M"], entry) == without(after[name]["M"], entry)
    assert entry in after[name]["M"]


@SLOWLY
@given(path=st.sampled_from(PATHS), data=st.data())
def test_elements_of_a_list_that_were_not_changed_keep_their_form(path, data):
    """Any element may be removed, added or changed; the entries of a map move with the map."""
    item = data.draw(items()) | {"lines": {"L": data.draw(st.lists(LINES, min_size=1, max_size=3))}}
    stored_lines = item["lines"]["L"]
    position = data.draw(st.integers(0, len(stored_lines) - 1))
    how = data.draw(st.sampled_from(("pop", "append", "insert", "change")))

    def change(made):
        if how == "pop":
            made.lines.pop(position)
        elif how == "change":
            made.lines[position].label = "changed"
        else:
            made.lines.insert(position if how == "insert" else len(made.lines), Line(label="changed"))

    plant(item)
    path(Kept, change)
    after = found()
    left = after["lines"]["L"]
    assert without(item, "lines") == without(after, "lines")
    if how == "pop":
        assert [*stored_lines[:position], *stored_lines[position + 1 :]] == left
    elif how == "change":
        assert without(stored_lines[position]["M"], "label") == without(left[position]["M"], "label")
        left[position] = stored_lines[position]
        assert stored_lines == left
    else:
        new = left.pop(position if how == "insert" else -1)
        assert {"label": {"S": "changed"}, "done": {"BOOL": False}} == new["M"]
        assert stored_lines == left


# --- planted faults --------------------------------------------------------------------


def forget_forms(monkeypatch):
    """Write unchanged values in the form of their class."""
    for module in (item, typed_maps):
        monkeypatch.setattr(module, "keep_read", lambda *_: None)


def drop_entries(monkeypatch):
    """Forget the values that maps read."""
    monkeypatch.setattr(typed_maps, "_READ", "_elsewhere")
    monkeypatch.setattr(item.StoredItem, "_keep_unchanged", lambda *_: None)


def drop_unknown(monkeypatch):
    """Do not write attributes that the model does not know."""
    monkeypatch.setattr(item.StoredItem, "_unknown", lambda self: {})


def drop_foreign(monkeypatch):
    """Do not write attributes of indexes on which the entity has no key."""
    monkeypatch.setattr(item.StoredItem, "_foreign", lambda self: {})


def store_defaults(monkeypatch):
    """Write the defaults that reading has set."""
    monkeypatch.setattr(item.StoredItem, "_leave_out_defaults", lambda *_: None)


@pytest.mark.parametrize("fault", [forget_forms, drop_entries, drop_unknown, drop_foreign, store_defaults])
def test_a_planted_fault_is_found(fault, monkeypatch):
    """The property can fail: each fault changes some item."""
    schema = entity_schema(Kept)
    fault(monkeypatch)
    monkeypatch.setattr(Kept, "_made_codec", make_codec(schema, item.StoredItem))
    options = settings(
        max_examples=2_000,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        find(items(), lambda item: not survives(item), settings=options)
    except NoSuchExample:
        pytest.fail(f"no item shows the fault: {fault.__doc__}")


def survives(item):
    """Return whether a save keeps everything but a changed text and a changed entry of a map."""
    plant(item)
    made = Kept.get(ident="1")
    made.text = "changed"
    if made.line is not None:
        made.line.label = "changed"
    made.save()
    after = found()
    line, before = after.get("line", {}).get("M", {}), item.get("line", {}).get("M", {})
    return without(item, "text", "line") == without(after, "text", "line") and without(before, "label") == without(
        line, "label"
    )
