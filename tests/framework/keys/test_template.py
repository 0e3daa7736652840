"""Templates by example: the text of each kind of value in a key, and the refused values."""

from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import pytest

from singletable.errors import DeclarationError, InvalidKeyValueError, KeyParseError, MissingAttributesError
from singletable.keys import Field, Source, ValueKind, parse_template
from singletable.keys.encoding import Choice, EncodingError, RawText, Text
from singletable.keys.numbers import FixedPoint, PlainInteger, PlainNumber
from singletable.keys.shard import Shard
from singletable.keys.spec import encoding_for
from singletable.keys.time import Bucket, Timestamp

KINDS = {
    "text": Source(ValueKind.TEXT),
    "other": Source(ValueKind.TEXT),
    "status": Source(ValueKind.CHOICE, ("PAID", "OPEN")),
    "line": Source(ValueKind.INTEGER),
    "count": Source(ValueKind.NUMBER),
    "price": Source(ValueKind.DECIMAL),
    "at": Source(ValueKind.DATETIME),
    "day": Source(ValueKind.DATE),
    "ident": Source(ValueKind.UUID),
    "flag": Source(ValueKind.BOOLEAN),
    "data": Source(ValueKind.BYTES),
    "secret": Source(ValueKind.TEXT, personal=True),
}
NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def template(text, **options):
    return parse_template(text, KINDS, **options)


@pytest.mark.parametrize(
    ("text", "values", "key"),
    [
        ("USER#{text}", {"text": "u1"}, "USER#u1"),
        ("{text}", {"text": "a b#c%d"}, "a%20b%23c%25d"),
        ("{text}", {"text": "\0\x1f!\"&'"}, "%00%1F%21%22&'"),
        ("{text}", {"text": "İstanbul ACME"}, "İstanbul%20ACME"),
        ("S#{status}", {"status": "PAID"}, "S#PAID"),
        ("{line:08d}", {"line": 42}, "00000042"),
        ("{line:03d}", {"line": 0}, "000"),
        ("{line:03d}", {"line": -1}, "-998"),
        ("{line:03d}", {"line": -999}, "-000"),
        ("{count:03d}", {"count": 7.0}, "007"),
        ("{count}", {"count": 1e21}, "1000000000000000000000"),
        ("{price:012.2f}", {"price": Decimal("12.5")}, "000000012.50"),
        ("{price:012.2f}", {"price": Decimal("-12.5")}, "-999999987.49"),
        ("{price:012.2f}", {"price": Decimal("-0.00")}, "000000000.00"),
        ("{price}", {"price": Decimal("1.50")}, "1.5"),
        ("{price}", {"price": Decimal("-0.00")}, "0"),
        ("{price}", {"price": Decimal("1.0")}, "1"),
        ("{price}", {"price": Decimal("-1")}, "-1"),
        ("{price}", {"price": Decimal("1e129")}, "1" + "0" * 129),
        ("{price}", {"price": Decimal("-1e-130")}, "-0." + "0" * 129 + "1"),
        ("{price:01.0f}", {"price": Decimal(7)}, "7"),
        ("{price:03.1f}", {"price": Decimal(7)}, "7.0"),
        ("{at}", {"at": NOON}, "2026-11-23T12:00:00.000000Z"),
        ("{at}", {"at": NOON.astimezone(timezone(timedelta(hours=9)))}, "2026-11-23T12:00:00.000000Z"),
        ("{at}", {"at": datetime(33, 4, 3, tzinfo=timezone.utc)}, "0033-04-03T00:00:00.000000Z"),
        ("{at:%Y-%m}", {"at": NOON}, "2026-11"),
        ("{at:%Y-%m-%dT%H}", {"at": NOON}, "2026-11-23T12"),
        ("{day}", {"day": date(2026, 11, 23)}, "2026-11-23"),
        ("{day:%Y}", {"day": date(33, 11, 23)}, "0033"),
        ("{day:%Y-%m-%d}", {"day": date(33, 1, 2)}, "0033-01-02"),
        ("{at:%Y-%m-%dT%H:%M:%S}", {"at": datetime(1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)}, "0001-02-03T04:05:06"),
        ("{ident}", {"ident": UUID("ABCDEF01-2345-6789-ABCD-EF0123456789")}, "abcdef01-2345-6789-abcd-ef0123456789"),
        ("{flag}", {"flag": False}, "0"),
        ("{data}", {"data": b"\x00\xff"}, "00ff"),
    ],
)
def test_what_a_value_looks_like(text, values, key):
    """The table of section "Keys" in the reference."""
    assert key == template(text).build(values)


def test_a_shard_is_a_documented_hash():
    """Any language can compute it: SHA-256 of the key text, eight bytes, modulo n, padded."""
    number = int.from_bytes(sha256(b"o%231").digest()[:8], "big") % 12
    assert f"{number:02d}" == template("{text:shard(12)}").build({"text": "o#1"})


def test_buckets_of_an_interval_in_order():
    """Months of different length, the turn of the year, and both ends."""
    first, last = datetime(2026, 10, 31, 23, tzinfo=timezone.utc), datetime(2027, 2, 1, tzinfo=timezone.utc)
    assert ["2026-10", "2026-11", "2026-12", "2027-01", "2027-02"] == list(Bucket("%Y-%m").between(first, last))
    hours = list(Bucket("%Y-%m-%dT%H").between(first, first + timedelta(hours=1, minutes=1)))
    assert ["2026-10-31T23", "2026-11-01T00"] == hours
    assert ["2027"] == list(Bucket("%Y").between(last, last))


def test_the_last_bucket_of_time_ends():
    """December 9999 has no next month, and none is calculated."""
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)
    for form in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H"):
        assert 1 == len(list(Bucket(form).between(last, last)))


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("{text}", {"text": ""}, "text='' cannot be part of the key '{text}': it is empty.* Give a value"),
        ("{text}", {"text": 7}, "expected text, got int"),
        ("{text}", {"text": "\ud800"}, "half a surrogate pair.* Decode the text properly"),
        ("{status}", {"status": "GONE"}, "it is not one of 'PAID', 'OPEN'"),
        ("{line:03d}", {"line": 1000}, "line=1000 .* too wide: 4 digits in a field of 3.* Make the field wider"),
        ("{line:03d}", {"line": -1000}, "too wide"),
        ("{line:03d}", {"line": True}, "expected a number, got bool"),
        ("{line:03d}", {"line": 1.5}, "not a whole number.* Round the value"),
        ("{line:03d}", {"line": "1"}, "expected a number, got str"),
        ("{count:03d}", {"count": float("nan")}, "not a finite number"),
        ("{count:03d}", {"count": float("inf")}, "not a finite number"),
        ("{price:04.1f}", {"price": Decimal("-Infinity")}, "not a finite number"),
        ("{price:012.2f}", {"price": Decimal("0.005")}, "more than 2 decimals.* Round the value"),
        ("{price:012.2f}", {"price": Decimal("1." + "0" * 2400 + "1")}, "more than 2 decimals"),
        ("{price:012.2f}", {"price": Decimal("1e400")}, "too wide: DynamoDB's numbers"),
        ("{price}", {"price": Decimal("1e130")}, "too wide: DynamoDB's numbers"),
        ("{price}", {"price": Decimal("1e-131")}, "too wide: DynamoDB's numbers"),
        ("{at}", {"at": datetime(2026, 1, 1)}, "it has no time zone.* Use datetime.now"),
        ("{at}", {"at": "2026-01-01"}, "expected a datetime, got str"),
        ("{at}", {"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))}, "outside of the years 1 to 9999"),
        ("{day}", {"day": NOON}, "expected a date, got datetime.* Use value.date"),
        ("{ident}", {"ident": "abc"}, "expected a UUID, got str.* Wrap the text"),
        ("{flag}", {"flag": 1}, "expected True or False"),
        ("{data}", {"data": b""}, "it is empty"),
        ("{data}", {"data": 7}, "expected bytes, got int"),
    ],
)
def test_bad_values_are_refused(text, values, message):
    """With the value and a remedy, before a request is sent."""
    with pytest.raises(InvalidKeyValueError, match=message):
        template(text).build(values)


def test_a_personal_value_stays_out_of_the_message():
    """Neither in the text nor in the fields."""
    with pytest.raises(InvalidKeyValueError) as caught:
        template("{secret}").build({"secret": 4711})
    assert "4711" not in str(caught.value)
    assert caught.value.value is None


def test_missing_and_none_are_not_empty_text():
    """`get({id: null})` does not build `id_null`, and the value 0 is not treated as missing."""
    with pytest.raises(MissingAttributesError, match="without text"):
        template("{text}").build({"text": None})
    assert "000" == template("{line:03d}").build({"line": 0})


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("USER#{user}", "ST101", "the attribute 'user' does not exist. Use the Python names .*: at, count, data"),
        ("{text}{other}", "ST103", "another field follows it. Put '#' after the field"),
        ("{text}-{other}", "ST103", "'-' follows it"),
        ("{text}#{other}X", "ST103", "the field {other} does not end at a separator"),
        ("{line:03d}{text}", "ST103", "the field {line:03d} does not end"),
        ("#{text}{other}", "ST103", "the field {text} does not end"),
        ("{text}X", "ST103", "'X' follows it"),
        ("{text", "ST105", "expected '}'.* Fields are written"),
        ("", "ST105", "it is empty. Write at least a literal"),
        ("{text!r}", "ST105", "{text!r} has a conversion. Write"),
        ("{text:08d}", "ST105", "{text}: '08d' is not a specification for a text. Use 08d"),
        ("{line:8d}", "ST105", "not a specification for a number"),
        ("{line:05.2f}", "ST105", "'05.2f' is for decimals|leaves no digits"),
        ("{line:03.0f}", "ST105", "'03.0f' is for decimals"),
        ("{price:02.1f}", "ST105", "leaves no digits"),
        ("{price:03.2f}", "ST105", "leaves no digits"),
        ("{at:%m}", "ST105", "name %Y %m %d %H %M %S from the left without a gap. Use for example"),
        ("{at:%Y#%m}", "ST105", "holds the separator"),
        ("{day:%Y-%m-%dT%H}", "ST105", "a date has no"),
        ("{text:shard(1)}", "ST105", "not between 2 and 1000. A query reads every shard"),
        ("{text:shard(1001)}", "ST105", "not between 2 and 1000"),
    ],
)
def test_templates_that_could_not_work_are_refused(text, rule, message):
    """When the class is created, with the id of the documented rule."""
    with pytest.raises(DeclarationError, match=message) as caught:
        template(text)
    assert rule == caught.value.rule


def test_an_unpadded_number_is_refused_in_a_sort_key_only():
    """10 would sort before 9. A partition key does not need an order."""
    with pytest.raises(DeclarationError, match="10 would sort before 9.* Give it a width") as caught:
        template("{line}", sort_key=True)
    assert "ST104" == caught.value.rule
    assert "10" == template("{line}").build({"line": 10})


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("USER#{text}", "USERS#1", "a part does not begin with 'USER'"),
        ("USER#{text}", "USER", "it has 1 parts, not 2"),
        ("USER#{text}", "USER#1#2", "it has 3 parts, not 2"),
        ("USER#{text}", "USER#", "the part for text is foreign: it is not escaped text"),
        ("USER#{text}", "USER#a b", "it is not escaped text"),
        ("USER#{text}", "USER#%41", "it is not escaped text"),
        ("USER#{text}", "USER#%2a", "it is not escaped text"),
        ("USER#{text}", "USER#\ud800", "it is not escaped text"),
        ("{line:03d}", "1", "it is not a number of 3 digits"),
        ("{line:03d}", "-999", "it is a negative zero, which is never written"),
        ("{line:03d}", "٠٠١", "it is not a number of 3 digits"),
        ("{line}", "007", "it is not a plain whole number"),
        ("{price:06.2f}", "-999.99", "it is a negative zero"),
        ("{price:06.2f}", "1.5", "it is not a decimal of 6 characters with 2 places"),
        ("{price}", "1.50", "it is not a plain number"),
        ("{at}", "2026-02-30T00:00:00.000000Z", "the day or the time does not exist"),
        ("{at}", "2026-01-01T00:00:00Z", "it is not a UTC timestamp with six decimals"),
        ("{day}", "2026-13-01", "the day does not exist"),
        ("{day}", "20260101", "it is not a date"),
        ("{ident}", "ABCDEF01-2345-6789-ABCD-EF0123456789", "it is not a UUID in lower-case form"),
        ("{ident}", "u-1", "it is not a UUID[.]"),
        ("{flag}", "2", "it is neither '0' nor '1'"),
        ("{data}", "0g", "it is not lower-case hexadecimal"),
        ("{status}", "GONE", "it is not one of 'PAID', 'OPEN'"),
        ("{at:%Y-%m}#{at}", "2026-02#2026-01-01T00:00:00.000000Z", "the part for {at:%Y-%m} does not fit"),
        ("{text:shard(3)}", "3", "the part for {text:shard\\(3\\)} does not fit"),
        ("{at:%Y-%m-%d}", "2026-02-30", "does not fit"),
        ("{text}#{text}", "a#b", "it gives text two values"),
    ],
)
def test_foreign_keys_are_refused(text, key, reason):
    """A key that build() could not have written is not parsed. The reason does not show the key."""
    with pytest.raises(KeyParseError, match=f"is not one of .*: .*{reason}.* It belongs to another entity"):
        template(text).parse(key)


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("{text}#{text}", "a#a", {"text": "a"}),
        ("{at:%Y-%m}#{at}", "2026-11#2026-11-23T12:00:00.000000Z", {"at": NOON}),
        ("{line:shard(2)}#{line:03d}", "1#005", {"line": 5}),
    ],
)
def test_a_repeated_attribute_comes_back_once(text, key, values):
    """If all its fields agree, including its buckets and shards."""
    assert key == template(text).build(values)
    assert values == template(text).parse(key)


def test_separators_inside_values_come_back():
    """`split("#")[i]` would read `2#3` back as `2`."""
    found = template("A#{text}#B#{other}").parse(template("A#{text}#B#{other}").build({"text": "2#3", "other": "#"}))
    assert {"text": "2#3", "other": "#"} == found


def test_raw_keys_hold_values_as_they_are_and_refuse_the_separator():
    """For tables whose keys other code wrote."""
    raw = template("USER#{text}", raw=True)
    assert "USER#a b%" == raw.build({"text": "a b%"})
    assert {"text": "a b%"} == raw.parse("USER#a b%")
    with pytest.raises(InvalidKeyValueError, match="holds the separator '#'.*Choose another value"):
        raw.build({"text": "a#b"})
    with pytest.raises(KeyParseError, match="the part for text is foreign: it is empty"):
        raw.parse("USER#")


@pytest.mark.parametrize("kind", [kind for kind in ValueKind if kind.name not in ("INTEGER", "NUMBER", "DECIMAL")])
def test_a_wrong_specification_names_the_kind_of_value(kind):
    """In lower case, as in other messages."""
    with pytest.raises(EncodingError, match=f"'x' is not a specification for a {kind.name.lower()}$"):
        encoding_for(Source(kind), "x")


def test_texts_are_escaped_unless_said_otherwise():
    """Raw keys are for tables that other code wrote."""
    assert (Text(), RawText()) == tuple(encoding_for(KINDS["text"], "", **raw) for raw in ({}, {"raw": True}))


def test_kinds_of_values_are_texts():
    """Their names in lower case, which never change, because users store them."""
    assert [kind.name.lower() for kind in ValueKind] == [kind.value for kind in ValueKind]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        (Text(), "text"),
        (Choice(("A", "B")), "choice of 2"),
        (PlainInteger(), "plaininteger"),
        (FixedPoint(12, 2), "decimal of 12 characters, 2 places"),
        (encoding_for(Source(ValueKind.INTEGER), "03d"), "integer of 3 digits"),
        (Bucket("%Y-%m"), "bucket %Y-%m"),
        (Shard(3, Text()), "shard of 3"),
    ],
)
def test_an_encoding_describes_itself(encoding, words):
    """For the table's description and for messages."""
    assert words == encoding.describe


@pytest.mark.parametrize(
    ("encoding", "ordered"),
    [(Text(), True), (RawText(), False), (Choice(("A",), RawText()), False), (PlainInteger(), False)],
)
def test_plain_and_raw_texts_do_not_sort_as_values(encoding, ordered):
    """So ranges over them are refused."""
    assert ordered == encoding.ordered
    assert not PlainNumber().ordered


@pytest.mark.parametrize(
    ("kind", "spec", "text", "value"),
    [
        (ValueKind.DECIMAL, "", "1", Decimal(1)),
        (ValueKind.DECIMAL, "04.1f", "01.5", Decimal("1.5")),
        (ValueKind.NUMBER, "", "1", 1),
        (ValueKind.NUMBER, "", "1.5", 1.5),
        (ValueKind.NUMBER, "04.1f", "01.0", 1),
        (ValueKind.NUMBER, "04.1f", "01.5", 1.5),
        (ValueKind.NUMBER, "", "0.12345678901234567891", Decimal("0.12345678901234567891")),
    ],
)
def test_a_number_is_read_back_as_its_attribute_holds_it(kind, spec, text, value):
    """As an int or a float if that is exact for a number; always as a Decimal for a decimal."""
    found = encoding_for(Source(kind), spec).decode(text)
    assert (type(value), value) == (type(found), found)


def test_a_decimal_is_a_decimal_unless_said_otherwise():
    """Also for encodings that are constructed directly."""
    assert (Decimal, Decimal) == (type(PlainNumber().decode("1")), type(FixedPoint(2, 0).decode("01")))


@pytest.mark.parametrize("encoding", [Bucket("%Y"), Shard(3, Text())])
def test_a_projection_cannot_be_read_back(encoding):
    """Many values have the same text."""
    with pytest.raises(EncodingError, match=f"a {type(encoding).__name__.lower()} cannot be read back"):
        encoding.decode(encoding.encode(NOON) if isinstance(encoding, Bucket) else encoding.encode("a"))


def test_a_refusal_reads_as_its_reason():
    """If no caller converts it to another error."""
    assert ("why", "why", "") == (str(EncodingError("why")), EncodingError("why").reason, EncodingError("why").remedy)


class Adrift(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, moment):
        return None


def test_a_time_zone_without_an_offset_is_none():
    """Python also treats such a datetime as naive."""
    with pytest.raises(EncodingError, match="it has no time zone"):
        Timestamp().encode(datetime(2026, 1, 1, tzinfo=Adrift()))


@pytest.mark.parametrize(
    ("form", "seconds", "labels"),
    [
        ("%Y", 400 * 86400, ["2026", "2027", "2028"]),
        ("%Y-%m-%d", 86400, ["2026-12-31", "2027-01-01"]),
        ("%Y-%m-%dT%H:%M", 90, ["2026-12-31T23:59", "2027-01-01T00:00", "2027-01-01T00:01"]),
        ("%Y-%m-%dT%H:%M:%S", 2, ["2026-12-31T23:59:59", "2027-01-01T00:00:00", "2027-01-01T00:00:01"]),
    ],
)
def test_buckets_of_every_length(form, seconds, labels):
    """Across the turn of the year, from the last second of 2026 on."""
    first = datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert labels == list(Bucket(form).between(first, first + timedelta(seconds=seconds)))


def test_buckets_of_years_from_a_leap_day():
    """29 February does not exist in the next year, but the buckets continue."""
    first = datetime(2028, 2, 29, tzinfo=timezone.utc)
    assert ["2028", "2029"] == list(Bucket("%Y").between(first, first.replace(year=2029, day=1)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a" * 78, f"'{'a' * 78}'"), ("a" * 79, f"'{'a' * 76}..."), (7, "7")],
)
def test_a_value_is_shown_in_at_most_80_characters(value, shown):
    """A longer text is cut and ends in three dots."""
    assert shown == Field("text", "", Text()).show(value)
    assert len(shown) <= 80


def test_a_personal_value_is_shown_as_such():
    """In a key, only personal values are masked."""
    secret = template("U#{secret}#{text}")
    assert "‹personal›" == secret.fields[0].show("4711")
    assert "U#…#a" == secret.mask("U#4711#a", "…")
    with pytest.raises(ValueError, match="zip"):
        secret.mask("U#4711", "…")


def test_a_template_prints_as_it_was_written():
    """With its specifications."""
    text = "N#{line:03d}#{text}"
    assert text == str(template(text))
    assert ["{line:03d}", "{text}"] == [str(field) for field in template(text).fields]


@pytest.mark.parametrize(
    ("names", "listed"), [(1, "without text"), (2, "without text and other"), (3, "without text, other and line")]
)
def test_missing_attributes_are_listed(names, listed):
    """All of them at once, in one sentence."""
    wanted = ["{text}", "{other}", "{line:03d}"][:names]
    with pytest.raises(MissingAttributesError, match=rf"{listed}\. Give every attribute"):
        template("#".join(wanted)).build({})


def test_without_any_attribute_a_template_has_none_to_name():
    """The message reports that."""
    with pytest.raises(DeclarationError, match="the entity's attributes: none"):
        parse_template("{text}", {})


@pytest.mark.parametrize(("text", "key"), [("{text}#", "a#"), ("#{text}", "#a"), ("A##{text}", "A##a"), ("#", "#")])
def test_empty_segments_are_kept(text, key):
    """At the beginning, at the end and in the middle."""
    assert key == template(text).build({"text": "a"})
    assert template(text).attributes == tuple(template(text).parse(key))
