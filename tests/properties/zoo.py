"""Entities with an attribute of every class (PynamoDB's, this package's, users'), and strategies of stored items."""

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

from hypothesis import strategies as st
from pynamodb.attributes import (
    Attribute,
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
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, LocalSecondaryIndex

from singletable import (
    CreatedAtAttribute,
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
from singletable.models.schema.table_schema import entity_schema
from singletable.testing.strategies import nasty_text

# --- users' own classes ----------------------------------------------------------------


class Mood(str, Enum):
    GOOD = "GOOD"
    BAD = "bad mood"
    FINE = "GOOD"  # noqa: PIE796 - an alias


class Label(Enum):
    """An enumeration whose members override `value`."""

    ONE = "one"

    @property
    def value(self):
        return f"<{self._value_}>"

    @classmethod
    def _missing_(cls, value):
        return cls.ONE if value in ("<one>", "uno") else None


class Shouted(UnicodeAttribute):
    """An attribute whose stored form differs from its value."""

    def serialize(self, value):
        return value.upper()

    def deserialize(self, value):
        return value.lower()


class Trimmed(UnicodeAttribute):
    """An attribute whose __set__ and __get__ change the value."""

    def __set__(self, instance, value):
        super().__set__(instance, None if value == "nothing" else value.strip())

    def __get__(self, instance, owner):
        found = super().__get__(instance, owner)
        return f"{found}!" if isinstance(found, str) else found


class Lenient(UnicodeAttribute):
    """An attribute that reads several stored types."""

    def get_value(self, value):
        return value.get("S") or value.get("N") or "neither"


class Vanishing(UnicodeAttribute):
    """An attribute that does not store some values."""

    def serialize(self, value):
        return value or None


class Named(UnicodeAttribute):
    """An attribute whose stored value depends on its name, as with a cipher that binds a value to its place."""

    def deserialize(self, value):
        return f"{self.attr_name}={value}"


class Plain(UTCDateTimeAttribute):
    """A subclass that changes nothing."""


class Spelled(EnumAttribute):
    """An attribute with its own key text."""

    def to_key(self, value):
        return super().to_key(value).replace(" ", "_")

    def from_key(self, value):
        return super().from_key(value.replace("_", " "))

    def deserialize(self, value):
        return super().deserialize(value.replace("_", " "))


class Unmakeable(UnicodeAttribute):
    """An attribute class whose __init__ requires an argument."""

    def __init__(self, cipher, **options):
        super().__init__(**options)


class Unready(UnicodeAttribute):
    """An attribute class that cannot be created yet."""

    def __init__(self, **options):
        raise RuntimeError("not configured")


def overridden():
    """Return an attribute with methods that were set on the instance."""
    made = UnicodeAttribute(null=True)
    made.serialize = lambda value: f"[{value}]"
    made.deserialize = lambda value: value[1:-1]
    return made


# --- maps ------------------------------------------------------------------------------


class Inner(MapAttribute):
    zip_code = UnicodeAttribute(attr_name="zip")
    level = NumberAttribute(null=True)
    seen = UTCDateTimeAttribute(null=True)


class Outer(MapAttribute):
    amount = NumberAttribute(default=7, attr_name="amt")
    bits = BinaryAttribute(null=True, legacy_encoding=False)
    colour = UnicodeAttribute(default="red", null=True)
    flag = BooleanAttribute(null=True)
    inner = Inner(null=True, attr_name="in")
    made = ListAttribute(default=list)
    nothing = NullAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    raw = MapAttribute(null=True)
    rows = ListAttribute(of=Inner, null=True)
    small = UnicodeAttribute(null=True)
    ttl = TTLAttribute(null=True)
    version = VersionAttribute()


class Nulls(MapAttribute):
    nothing = NullAttribute()
    text = UnicodeAttribute(null=True)


class Dynamic(DynamicMapAttribute):
    when = UTCDateTimeAttribute(null=True)
    count = NumberAttribute(default=1)


class Animal(MapAttribute):
    kind = DiscriminatorAttribute()
    name = UnicodeAttribute(null=True)


class Cat(Animal, discriminator="CAT"):
    lives = NumberAttribute(default=9)


class Counted(MapAttribute):
    """A map that overrides __init__."""

    total = NumberAttribute(null=True)

    def __init__(self, **attributes):
        super().__init__(**attributes)
        self.twice = 2


class Reading(MapAttribute):
    """A map that overrides reading."""

    total = NumberAttribute(null=True)

    def deserialize(self, values):
        made = super().deserialize(values)
        made.total = -1
        return made


class Noting(MapAttribute):
    """A map that records the attributes that are set."""

    total = NumberAttribute(null=True)

    def __setattr__(self, name, value):
        self.__dict__.setdefault("noted", []).append(name)
        super().__setattr__(name, value)


class Tree(MapAttribute):
    """A map that contains maps of its own class."""

    name = UnicodeAttribute(null=True)
    children = ListAttribute(null=True)


Tree.children.element_type = Tree


# --- attributes ------------------------------------------------------------------------


def pynamodbs():
    """Return attributes of PynamoDB's classes and their subclasses that the framework does not make strict."""
    return {
        "animal": Animal(null=True),
        "binary": BinaryAttribute(null=True, legacy_encoding=False),
        "binary_legacy": BinaryAttribute(null=True, legacy_encoding=True),
        "binaries": BinarySetAttribute(legacy_encoding=False),
        "binaries_legacy": BinarySetAttribute(legacy_encoding=True, attr_name="bsLegacy"),
        "boolean": BooleanAttribute(default=True),
        "counted": Counted(null=True),
        "document": JSONAttribute(null=True),
        "dynamic": Dynamic(null=True),
        "expires": TTLAttribute(null=True, attr_name="exp"),
        "inherited": Plain(null=True),
        "lenient": Lenient(null=True),
        "lenient_must": Lenient(default_for_new="x"),
        "list_binary": ListAttribute(of=BinaryAttribute, null=True),
        "list_binaries": ListAttribute(of=BinarySetAttribute, null=True),
        "list_boolean": ListAttribute(of=BooleanAttribute, null=True),
        "list_json": ListAttribute(of=JSONAttribute, null=True),
        "list_list": ListAttribute(of=ListAttribute, null=True),
        "list_map": ListAttribute(of=MapAttribute, null=True),
        "list_named": ListAttribute(of=Named, null=True),
        "list_null": ListAttribute(of=NullAttribute, null=True),
        "list_number": ListAttribute(of=NumberAttribute, null=True),
        "list_numbers": ListAttribute(of=NumberSetAttribute, null=True),
        "list_outer": ListAttribute(of=Outer, null=True),
        "list_own": ListAttribute(of=Shouted, null=True),
        "list_animal": ListAttribute(of=Animal, null=True),
        "list_dynamic": ListAttribute(of=Dynamic, null=True),
        "list_text": ListAttribute(of=UnicodeAttribute, null=True, attr_name="lt"),
        "list_time": ListAttribute(of=UTCDateTimeAttribute, null=True),
        "list_version": ListAttribute(of=VersionAttribute, null=True),
        "list_lenient": ListAttribute(of=Lenient, null=True),
        "list_unmakeable": ListAttribute(of=Unmakeable, null=True),
        "list_unready": ListAttribute(of=Unready, null=True),
        "map_default": MapAttribute(default=dict, null=True),
        "map_raw": MapAttribute(null=True, attr_name="raw"),
        "named": Named(null=True, attr_name="nämed"),
        "noting": Noting(null=True),
        "nothing": NullAttribute(),
        "nothing_null": NullAttribute(null=True),
        "nulls": Nulls(null=True),
        "numbers": NumberSetAttribute(default=lambda: {1, 2}),
        "outer": Outer(null=True),
        "outer_default": Outer(default=lambda: {"version": 1}),
        "reading": Reading(null=True),
        "shouted": Shouted(null=True, default="quiet"),
        "texts": UnicodeSetAttribute(),
        "tree": Tree(null=True),
        "trimmed": Trimmed(null=True),
        "trimmed_default": Trimmed(default=" x "),
        "untyped": ListAttribute(null=True),
        "untyped_default": ListAttribute(default=lambda: ["made"]),
        "vanishing": Vanishing(null=True),
        "version": VersionAttribute(),
    }


def ours():
    """Return attributes of this package's classes, and of PynamoDB's classes that it makes strict."""
    return {
        "created": CreatedAtAttribute(null=True),
        "updated": UpdatedAtAttribute(null=True),
        "day": DateAttribute(null=True),
        "exact": DecimalAttribute(null=True),
        "exact_default": DecimalAttribute(null=True, default=Decimal),
        "label": EnumAttribute(Label, null=True),
        "mood": EnumAttribute(Mood, default=Mood.BAD),
        "overridden": overridden(),
        "number": NumberAttribute(attr_name="n"),
        "number_default": NumberAttribute(default=0, null=True),
        "spelled": Spelled(Mood, null=True),
        "spelled_free": Spelled(Mood, null=True),
        "text": UnicodeAttribute(default_for_new="new"),
        "text_null": UnicodeAttribute(null=True, attr_name="text-null"),
        "time": UTCDateTimeAttribute(null=True),
        "uuid": UUIDAttribute(null=True),
        "whole": IntegerAttribute(null=True),
        "whole_default": IntegerAttribute(default=lambda: 3),
    }


# --- the table and its entities --------------------------------------------------------


class ByMood(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class ByTime(LocalSecondaryIndex):
    class Meta:
        index_name = "LSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="PK")
    at = UnicodeAttribute(range_key=True, attr_name="LSI1SK")


class ByType(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    kind = UnicodeAttribute(hash_key=True, attr_name="entityType")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class Zoo(Table):
    class Meta:
        table_name = "zoo"

    by_mood = ByMood()
    by_time = ByTime()
    by_type = ByType()


class Everything(Zoo, discriminator="EVERYTHING"):
    """An entity with an attribute of every class."""

    locals().update({**pynamodbs(), **ours()})
    ident = UnicodeAttribute(attr_name="id")

    timed = Key(index=ByTime, pk="Z#{ident}", sk="{time}")
    key = Key(pk="Z#{ident}", sk="{text}#EVERYTHING")
    moody = Key(index=ByMood, pk="MOOD#{mood}", sk="{spelled}", when={"mood": Mood.GOOD})
    typed = Key(index=ByType, sk="{whole:05d}#{exact:08.2f}")

    gone_at = Expiry(after="time", days=1.5, attr_name="ttl")


class Simple(Zoo, discriminator="SIMPLE"):
    """An entity without special attributes: none is set automatically, and two have defaults."""

    ident = UnicodeAttribute(attr_name="id")
    colour = UnicodeAttribute(default="red", null=True)
    size = NumberAttribute(default=lambda: 7)
    note = UnicodeAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)
    mood = EnumAttribute(Mood, null=True)
    number = IntegerAttribute(null=True)
    level = VersionAttribute()

    key = Key(pk="S#{ident}", sk="SIMPLE")


class Special(Simple, discriminator="SPECIAL"):
    """A subclass of an entity."""

    extra_note = UnicodeAttribute(default="special")
    note = JSONAttribute(null=True)


ENTITIES = (Everything, Simple, Special)


# --- stored values --------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.integers(-(10**45), 10**45).map(str),
    st.decimals(allow_nan=False, places=4, min_value=-1000, max_value=1000).map(str),
    st.floats().map(repr),
    st.sampled_from(("0", "-0", "007", "+5", " 5", "5 ", "1_0", "1.50", "1.0", "-0.0", "0.1", "1E+2", "1e2", "-1E+2")),
    st.sampled_from(
        ("1E-130", "9.9E+125", "1e400", "1.5e400", "NaN", "nan", "Infinity", "-Infinity", "1.7976931348623159e308")
    ),
    st.sampled_from(
        ("١", "²", "1.5.", "1.", ".5", "", "[1.5]", '"1.5"', "true", "1,5", "0x1F", "1__0", "\x1c5", "5\n")
    ),
    st.sampled_from(
        (
            "-18446744073709551617",
            "1" * 38,
            "1" * 40,
            "0." + "1" * 40,
            "1" * 39 + ".5",
            "0.30000000000000004",
            "100000.0000",
        )
    ),
)

WHOLE = st.one_of(st.integers(-(10**6), 10**6).map(str), NUMBERS)


@st.composite
def times(draw):
    """Draw the stored form of a point in time, or a text close to it."""
    moment = draw(st.datetimes())
    text = f"{moment.isoformat('T', 'microseconds')}+0000"
    if draw(st.booleans()):
        return text
    other = st.sampled_from(
        (
            text[:26] + "Z",
            text[:23] + "+0000",
            text[:19] + "+0000",
            text[:19] + "Z",
            text[:10] + "T24:00:00.000000+0000",
            text[:10] + " " + text[11:],
            text[:26] + "+00:00",
            text[:26] + "+0100",
            text[:26] + "-0000",
            text.lstrip("0"),
            text[:4] + "-W1-1" + text[10:],
            text[:4] + "-W01-1" + text[10:],
            text[:20] + "12345Z+0000",
            text[:20] + "123+00+0000",
            text[:19] + "," + text[20:],
            text.replace("0", "٠"),
            f" {text}",
            "2026-02-30T00:00:00.000000+0000",
            "2026-01-01T23:59:60.000000+0000",
            "0000-01-01T00:00:00.000000+0000",
            "+202-01-01T00:00:00.000000+0000",
            "1_00-01-01T00:00:00.000000+0000",
            "",
        )
    )
    if draw(st.booleans()):
        return draw(other)
    place, char = draw(st.integers(0, len(text))), draw(st.sampled_from(" +-_.:,TZW0159٣é"))
    return text[:place] + char + text[place + draw(st.integers(0, 1)) :]


TEXTS = nasty_text(min_size=0)
BYTES = st.binary(max_size=6)
DATES = st.one_of(
    st.dates().map(str), st.sampled_from(("20260101", "2026-W01-1", "2026-1-1", "2026-02-30", "", "2026-01-01T00"))
)
UUIDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda value: value.hex.upper()),
    st.uuids().map(lambda value: f"{{{value}}}"),
    st.just("no"),
)
JSONS = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
        max_leaves=4,
    ).map(json.dumps),
    st.sampled_from(("", "{", "NaN", '"\n"', '{"a":1,"a":2}')),
)
ENUMS = st.sampled_from(("GOOD", "bad mood", "bad_mood", "FINE", "BAD", "one", "<one>", "uno", ""))
NAMES = st.one_of(
    st.sampled_from(
        ("a", "b", "zip", "self", "null", "default", "attr_name", "hash_key", "_user_instantiated", "values")
    ),
    nasty_text(max_size=3),
)
"""Names within maps, including those of PynamoDB's own arguments."""


def typed(kind, content):
    """Return a strategy of stored values of one type."""
    return content.map(lambda inside: {kind: inside})


NULL = st.just({"NULL": True})
LEAVES = st.one_of(
    typed("S", st.one_of(TEXTS, times(), ENUMS)),
    typed("N", WHOLE),
    typed("B", BYTES),
    typed("BOOL", st.booleans()),
    NULL,
    typed("SS", st.lists(TEXTS, max_size=3)),
    typed("NS", st.lists(WHOLE, max_size=3)),
    typed("BS", st.lists(BYTES, max_size=3)),
)
ANY = st.recursive(
    LEAVES,
    lambda inner: typed("L", st.lists(inner, max_size=3)) | typed("M", st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
"""Stored values of any type."""

ODD = st.one_of(
    st.sampled_from(
        (None, {}, "text", [], 5, {"X": "x"}, {"S": 5}, {"S": None}, {"N": 5}, {"N": None}, {"L": {}}, {"M": []})
    ),
    st.builds(lambda one, other: {**one, **other}, typed("S", TEXTS), typed("N", WHOLE)),
)
"""Values that DynamoDB never sends."""


def maps(required=(), **contents):
    """Return a strategy of maps whose values mostly have the declared types."""
    mostly = {name: st.one_of(content, content, content, NULL, ANY) for name, content in contents.items()}
    return typed(
        "M",
        st.builds(
            lambda known, unknown: {**unknown, **known},
            st.fixed_dictionaries(
                {name: mostly[name] for name in required},
                optional={name: each for name, each in mostly.items() if name not in required},
            ),
            st.dictionaries(NAMES, LEAVES, max_size=1),
        ),
    )


def lists(element):
    """Return a strategy of lists whose elements mostly have the declared type."""
    return typed("L", st.lists(st.one_of(element, element, element, NULL, LEAVES), max_size=3))


S, N, T = typed("S", TEXTS), typed("N", WHOLE), typed("S", times())
INNER = maps(("zip",), zip=S, level=N, seen=T)
OUTER = maps(
    amt=N,
    bits=typed("B", BYTES),
    colour=S,
    flag=typed("BOOL", st.booleans()),
    made=lists(N),
    numbers=typed("NS", st.lists(WHOLE, max_size=3)),
    raw=maps(a=ANY),
    rows=lists(INNER),
    small=S,
    nothing=NULL,
    ttl=typed("N", st.integers(0, 10**10).map(str)),
    version=N,
    **{"in": INNER},
)
ANIMAL = maps(kind=typed("S", st.sampled_from(("CAT", "CAT", "DOG"))), name=S, lives=N)
DYNAMIC = maps(when=T, count=N, other=ANY)
TOTAL = maps(total=N)
TREE = maps(name=S, children=lists(maps(name=S, children=lists(maps(name=S)))))
LIST_OF = {
    "list_binary": typed("B", BYTES),
    "list_binaries": typed("BS", st.lists(BYTES, max_size=3)),
    "list_boolean": typed("BOOL", st.booleans()),
    "list_json": typed("S", JSONS),
    "list_list": typed("L", st.lists(LEAVES, max_size=2)),
    "list_map": maps(a=ANY),
    "list_named": S,
    "list_null": NULL,
    "list_number": N,
    "list_numbers": typed("NS", st.lists(WHOLE, max_size=3)),
    "list_outer": OUTER,
    "list_own": S,
    "list_animal": ANIMAL,
    "list_dynamic": DYNAMIC,
    "list_text": S,
    "list_time": T,
    "list_version": N,
    "list_lenient": st.one_of(S, N),
    "list_unmakeable": S,
    "list_unready": S,
}
STORED = {
    **{name: lists(element) for name, element in LIST_OF.items()},
    "animal": ANIMAL,
    "binary": typed("B", BYTES),
    "binary_legacy": typed("B", st.one_of(BYTES, st.just(b"YWI="))),
    "binaries": typed("BS", st.lists(BYTES, max_size=3)),
    "binaries_legacy": typed("BS", st.lists(st.sampled_from((b"YWI=", b"YQ==", b"x")), max_size=3)),
    "boolean": typed("BOOL", st.booleans()),
    "counted": TOTAL,
    "document": typed("S", JSONS),
    "dynamic": DYNAMIC,
    "expires": typed("N", st.one_of(st.integers(0, 10**10).map(str), NUMBERS)),
    "inherited": T,
    "lenient": st.one_of(S, N),
    "lenient_must": st.one_of(S, N),
    "map_default": maps(a=ANY),
    "map_raw": maps(a=ANY),
    "named": S,
    "noting": TOTAL,
    "nothing": NULL,
    "nothing_null": NULL,
    "nulls": maps(nothing=NULL, text=S),
    "numbers": typed("NS", st.lists(WHOLE, max_size=3)),
    "outer": OUTER,
    "outer_default": OUTER,
    "reading": TOTAL,
    "shouted": S,
    "texts": typed("SS", st.lists(TEXTS, max_size=3)),
    "tree": TREE,
    "trimmed": typed("S", st.one_of(TEXTS, st.just("nothing"))),
    "trimmed_default": S,
    "untyped": lists(ANY),
    "untyped_default": lists(ANY),
    "vanishing": S,
    "version": N,
    "created": T,
    "updated": T,
    "day": typed("S", DATES),
    "exact": N,
    "label": typed("S", ENUMS),
    "mood": typed("S", ENUMS),
    "overridden": S,
    "number": N,
    "number_default": N,
    "spelled": typed("S", ENUMS),
    "spelled_free": typed("S", ENUMS),
    "text": S,
    "text_null": S,
    "time": T,
    "uuid": typed("S", UUIDS),
    "whole": N,
    "whole_default": N,
    "exact_default": N,
    "ident": S,
    "colour": S,
    "size": N,
    "note": S,
    "at": T,
    "level": N,
    "extra_note": S,
}
"""Strategies of the stored values of each attribute, by Python name."""


@st.composite
def items(draw, entity, *, odd=True):
    """Draw a stored item of an entity: some attributes, some of them malformed, and some unknown ones.

    Args:
        draw: The function that Hypothesis passes.
        entity: The entity class.
        odd: Whether the item may have values that DynamoDB never sends.
    """
    declared = {name: each.attr_name for name, each in entity.get_attributes().items() if name in STORED}
    names = draw(st.lists(st.sampled_from(sorted(declared)), max_size=8, unique=True))
    item = {"PK": {"S": "P"}, "SK": {"S": draw(TEXTS)}, "entityType": {"S": entity_schema(entity).discriminator}}
    for name in names:
        right = STORED[name]
        choice = draw(st.integers(0, 19))
        item[declared[name]] = draw(
            NULL if choice == 0 else ANY if choice == 1 else ODD if choice == 2 and odd else right
        )
    for name in draw(
        st.lists(st.sampled_from(("ttl", "GSI1PK", "x", "x#y", "colour", "_raw")), max_size=2, unique=True)
    ):
        item.setdefault(name, draw(ANY))
    if draw(st.integers(0, 19)) == 0:
        item.pop(draw(st.sampled_from(("PK", "SK", "entityType"))))
    if draw(st.integers(0, 19)) == 0:
        item[draw(st.sampled_from(("PK", "SK")))] = draw(ANY)
    return item


# --- values of instances ---------------------------------------------------------------

ZONES = st.sampled_from((timezone.utc, timezone(timedelta(0)), timezone(timedelta(hours=2)), None))
MOMENTS = st.one_of(
    st.datetimes().map(lambda value: value.replace(tzinfo=timezone.utc)),
    st.builds(
        lambda value, zone: value.replace(tzinfo=zone), st.datetimes(datetime(1, 2, 1), datetime(9999, 12, 1)), ZONES
    ),
)


class Text(str):
    """A subclass of str."""

    __slots__ = ()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.sampled_from((10**38 - 1, 10**38, -(10**38), 10**40, 12 * 10**37)),
    st.floats(),
    st.decimals(allow_nan=True),
    TEXTS,
    TEXTS.map(Text),
    BYTES,
    MOMENTS,
    st.dates(),
    st.uuids(),
    st.sampled_from((*Mood, *Label, "GOOD", "one", UUID(int=0), date(2026, 1, 1), timedelta(hours=1))),
    st.sets(TEXTS, max_size=2),
    st.sets(st.integers(0, 3), max_size=2),
    st.sets(BYTES, max_size=2),
    st.lists(
        st.one_of(st.none(), TEXTS, st.integers(0, 3), BYTES, st.dictionaries(TEXTS, TEXTS, max_size=1)), max_size=2
    ),
    st.dictionaries(NAMES.filter(lambda name: name not in ("self", "_user_instantiated")), TEXTS, max_size=2),
    st.just({"zip_code": "1"}),
    st.builds(Inner, zip_code=st.one_of(st.none(), TEXTS), level=st.one_of(st.none(), st.integers(0, 3))),
    st.builds(Outer, version=st.integers(0, 3), raw=st.dictionaries(st.sampled_from("ab"), TEXTS, max_size=2)),
    st.builds(Dynamic, other=TEXTS),
    st.builds(Cat, name=TEXTS),
    st.builds(Tree, name=TEXTS),
)
"""Values of any kind that a caller may set."""

_RIGHT = {
    BinaryAttribute: BYTES,
    BinarySetAttribute: st.sets(BYTES, max_size=3),
    BooleanAttribute: st.booleans(),
    CreatedAtAttribute: MOMENTS,
    DateAttribute: st.dates(),
    DecimalAttribute: st.decimals(allow_nan=False, places=2, min_value=-1000, max_value=99999),
    IntegerAttribute: st.integers(0, 99999),
    NumberSetAttribute: st.sets(st.integers(0, 9), max_size=3),
    UUIDAttribute: st.uuids(),
    UTCDateTimeAttribute: MOMENTS,
    UnicodeAttribute: TEXTS,
    UnicodeSetAttribute: st.sets(TEXTS, max_size=3),
    UpdatedAtAttribute: MOMENTS,
    NumberAttribute: st.one_of(st.integers(-1000, 1000), st.floats(allow_nan=False, min_value=-10, max_value=10)),
    Spelled: st.sampled_from((*Mood, "GOOD", "bad mood")),
}


def right(attribute: Attribute):
    """Return a strategy of values that an attribute accepts; of any values if its class does not define them."""
    if isinstance(attribute, EnumAttribute):
        return st.sampled_from((*attribute.enum, *attribute.choices))
    return next((each for kind, each in _RIGHT.items() if isinstance(attribute, kind)), VALUES)


def complete(entity, ident="1"):
    """Return a strategy of instances that have all required attributes."""
    made = entity(ident=ident)
    if entity is Everything:
        made.number, made.text, made.lenient_must, made.nothing = 1, ident, "x", True
    return made


@st.composite
def instances(draw, entity, *, wild=True):
    """Draw an instance with some attributes set to any values."""
    made = complete(entity, draw(nasty_text()))
    attributes = entity_schema(entity).attributes
    for name in draw(st.lists(st.sampled_from(sorted(attributes)), max_size=8, unique=True)):
        value = draw(right(attributes[name]) if not wild or draw(st.integers(0, 3)) else VALUES)
        try:
            setattr(made, name, value)
        except (AttributeError, TypeError, ValueError):
            continue
    return made
