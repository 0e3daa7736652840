"""Templates, by example: what each kind of value looks like in a key, and what is refused."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import pytest

from singletable.errors import DeclarationError, InvalidKeyValueError, KeyParseError, MissingAttributesError
from singletable.keys import Source, ValueKind, parse_template
from singletable.keys.time import Bucket

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
        ("{at}", {"at": NOON}, "2026-11-23T12:00:00.000000Z"),
        ("{at}", {"at": NOON.astimezone(timezone(timedelta(hours=9)))}, "2026-11-23T12:00:00.000000Z"),
        ("{at}", {"at": datetime(33, 4, 3, tzinfo=timezone.utc)}, "0033-04-03T00:00:00.000000Z"),
        ("{at:%Y-%m}", {"at": NOON}, "2026-11"),
        ("{at:%Y-%m-%dT%H}", {"at": NOON}, "2026-11-23T12"),
        ("{day}", {"day": date(2026, 11, 23)}, "2026-11-23"),
        ("{day:%Y}", {"day": date(33, 11, 23)}, "0033"),
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
    """There is no month after December 9999, and none is asked for."""
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)
    for form in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H"):
        assert 1 == len(list(Bucket(form).between(last, last)))


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("{text}", {"text": ""}, "text='' cannot stand in the key '{text}': it is empty"),
        ("{text}", {"text": 7}, "expected text, got int"),
        ("{text}", {"text": "\ud800"}, "surrogate"),
        ("{status}", {"status": "GONE"}, "it is none of 'PAID', 'OPEN'"),
        ("{line:03d}", {"line": 1000}, "line=1000 .* too wide: 4 digits in a field of 3.* Make the field wider"),
        ("{line:03d}", {"line": -1000}, "too wide"),
        ("{line:03d}", {"line": True}, "expected a number, got bool"),
        ("{line:03d}", {"line": 1.5}, "not a whole number"),
        ("{count:03d}", {"count": float("nan")}, "not a finite number"),
        ("{price:012.2f}", {"price": Decimal("0.005")}, "more than 2 decimals"),
        ("{price:012.2f}", {"price": Decimal("1e400")}, "too wide"),
        ("{at}", {"at": datetime(2026, 1, 1)}, "it has no time zone.* Use datetime.now"),
        ("{at}", {"at": "2026-01-01"}, "expected a datetime, got str"),
        ("{at}", {"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))}, "outside the years 1 to 9999"),
        ("{day}", {"day": NOON}, "expected a date, got datetime"),
        ("{ident}", {"ident": "abc"}, "expected a UUID, got str"),
        ("{flag}", {"flag": 1}, "expected True or False"),
        ("{data}", {"data": b""}, "it is empty"),
    ],
)
def test_bad_values_are_refused(text, values, message):
    """With the value and the remedy, before anything is sent."""
    with pytest.raises(InvalidKeyValueError, match=message):
        template(text).build(values)


def test_a_personal_value_stays_out_of_the_message():
    """Neither in the text nor in the fields."""
    with pytest.raises(InvalidKeyValueError) as caught:
        template("{secret}").build({"secret": 4711})
    assert "4711" not in str(caught.value)
    assert caught.value.value is None


def test_missing_and_none_are_not_empty_text():
    """`get({id: null})` builds no `id_null`, and the value 0 is not taken for missing."""
    with pytest.raises(MissingAttributesError, match="without text"):
        template("{text}").build({"text": None})
    assert "000" == template("{line:03d}").build({"line": 0})


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("USER#{user}", "ST101", "there is no attribute 'user'. Use the Python names"),
        ("{text}{other}", "ST103", "another field follows it. Put '#' behind the field"),
        ("{text}-{other}", "ST103", "'-' follows it"),
        ("{text}X", "ST103", "'X' follows it"),
        ("{text", "ST105", "expected '}'"),
        ("", "ST105", "it is empty"),
        ("{text!r}", "ST105", "conversion"),
        ("{text:08d}", "ST105", "no specification for a text"),
        ("{line:8d}", "ST105", "no specification for a number"),
        ("{line:05.2f}", "ST105", "leaves no digits|is for decimals"),
        ("{price:03.2f}", "ST105", "leaves no digits"),
        ("{at:%m}", "ST105", "from the left without a gap"),
        ("{at:%Y#%m}", "ST105", "holds the separator"),
        ("{day:%Y-%m-%dT%H}", "ST105", "a date has no"),
        ("{text:shard(1)}", "ST105", "not between 2 and 1000"),
    ],
)
def test_templates_that_could_not_work_are_refused(text, rule, message):
    """When the class is made, with the id under which the rule is documented."""
    with pytest.raises(DeclarationError, match=message) as caught:
        template(text)
    assert rule == caught.value.rule


def test_an_unpadded_number_is_refused_in_a_sort_key_only():
    """10 would sort before 9; in a partition key there is no order to lose."""
    with pytest.raises(DeclarationError, match="10 would sort before 9.* Give it a width") as caught:
        template("{line}", sort_key=True)
    assert "ST104" == caught.value.rule
    assert "10" == template("{line}").build({"line": 10})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("USER#{text}", "USERS#1"),
        ("USER#{text}", "USER#1#2"),
        ("USER#{text}", "USER#"),
        ("USER#{text}", "USER#a b"),
        ("USER#{text}", "USER#%41"),
        ("USER#{text}", "USER#%2a"),
        ("{line:03d}", "1"),
        ("{line:03d}", "-999"),
        ("{line:03d}", "٠٠١"),
        ("{line}", "007"),
        ("{price:06.2f}", "-999.99"),
        ("{at}", "2026-02-30T00:00:00.000000Z"),
        ("{at}", "2026-01-01T00:00:00Z"),
        ("{day}", "2026-13-01"),
        ("{ident}", "ABCDEF01-2345-6789-ABCD-EF0123456789"),
        ("{flag}", "2"),
        ("{data}", "0g"),
        ("{status}", "GONE"),
        ("{at:%Y-%m}#{at}", "2026-02#2026-01-01T00:00:00.000000Z"),
        ("{text:shard(3)}", "3"),
        ("{at:%Y-%m-%d}", "2026-02-30"),
        ("{text}#{text}", "a#b"),
    ],
)
def test_foreign_keys_are_refused(text, key):
    """A key that build() could not have written is not parsed into something."""
    with pytest.raises(KeyParseError, match="is not one of"):
        template(text).parse(key)


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
