"""Languages, compared with `encode` and `decode`: the proofs depend on them."""

import re
from datetime import datetime, timezone

import pytest

from singletable.keys.encoding import Boolean, Choice, EncodingError, Hex, RawText, Text, Uuid
from singletable.keys.language import ANYTHING, Chars, Seq, common, literal
from singletable.keys.numbers import FixedPoint, Integer, PlainInteger, PlainNumber
from singletable.keys.shard import Shard
from singletable.keys.template import is_member
from singletable.keys.time import Bucket, Date, Timestamp

EDGES = "\0\x01 !\"#$%&'+,-./0123456789:;@AFGZ[`afgz{TY\x7f\ud7ff\ud800\udfff\ue000\U0010ffff"


def neighbours(text):
    """Return a text, all texts with one character more, less or different, and the empty text."""
    found = {text, ""}
    for position in range(len(text) + 1):
        before, behind = text[:position], text[position:]
        found.update(before + behind[1:] if not char else before + char + behind for char in ("", *EDGES))
        found.update(before + char + behind[1:] for char in EDGES)
    return sorted(found)


def readable(encoding, text):
    """Return whether `decode` accepts a text."""
    try:
        encoding.decode(text)
    except EncodingError:
        return False
    return True


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (Text(), "a"),
        (Text(), "%00"),
        (Text(), "%1F%25é"),
        (RawText(), "a b"),
        (Choice(("PAID", "#")), "PAID"),
        (Choice(("PAID", "#")), "%23"),
        (Choice(("PAID", "A B"), RawText()), "A B"),
        (Boolean(), "1"),
        (Uuid(), "abcdef01-2345-6789-abcd-ef0123456789"),
        (Hex(), "09af"),
        (Integer(3), "042"),
        (Integer(3), "-998"),
        (Integer(3), "-908"),
        (FixedPoint(6, 2), "099.99"),
        (FixedPoint(6, 2), "-999.98"),
        (FixedPoint(3, 0), "-989"),
        (PlainInteger(), "-19"),
        (PlainInteger(), "0"),
        (PlainNumber(), "-10.09"),
        (PlainNumber(), "-0.1"),
        (PlainNumber(), "0"),
        (PlainNumber(binary=True), "5"),
        (Timestamp(), "2026-11-23T19:59:59.999999Z"),
        (Timestamp(), "0001-01-01T23:00:00.000000Z"),
        (Date(), "2026-10-30"),
        (Date(), "9999-02-28"),
    ],
)
def test_the_language_is_what_decode_reads(encoding, text):
    """For all texts that differ in one character, so that proofs and parser agree on the keys."""
    assert is_member(encoding, text)
    assert [] == [each for each in neighbours(text) if is_member(encoding, each) != readable(encoding, each)]


def test_the_language_of_days_is_the_calendar():
    """Every day of a month, and 29 February by the rules of 4, of 100 and of 400; no month 13, no year 0."""
    texts = [f"2026-{month:02d}-{day:02d}" for month in range(14) for day in range(33)]
    texts += [f"{year:04d}-02-29" for year in (*range(2000, 2100), *range(0, 10000, 100))]
    assert [] == [text for text in texts if is_member(Date(), text) != readable(Date(), text)]


@pytest.mark.parametrize("year", ["0000", "0001", "0009", "0010", "0099", "0100", "0999", "1000", "9999", "10000"])
def test_the_language_of_years(year):
    """Four digits, from 0001."""
    assert (len(year) == 4 and int(year) > 0) == is_member(Bucket("%Y"), year)


@pytest.mark.parametrize(
    "form", ["%Y", "%Y-%m", "%Y/%m", "Y%Y.", "%Y/%m:%d", "%Y%m%d%H", "%Y-%m-%dT%H:%M", "[%Y-%m-%dT%H_%M:%S]"]
)
def test_the_language_of_buckets_is_the_calendar_cut_short(form):
    """With any text between the directives: each label is of an existing time."""
    fields = re.sub(r"%(.)", lambda match: r"(\d{4})" if match[1] == "Y" else r"(\d\d)", re.escape(form))

    def possible(text):
        match = re.fullmatch(fields, text, re.ASCII)
        try:
            return bool(match) and bool(datetime(*map(int, match.groups() + ("01", "01")[len(match.groups()) - 1 :])))
        except ValueError:
            return False

    for moment in (datetime(1999, 12, 31, 23, 59, 59), datetime(2026, 1, 30, 10, 0, 0), datetime(2019, 9, 9, 19, 9, 9)):
        label = Bucket(form).encode(moment.replace(tzinfo=timezone.utc))
        assert moment.strftime(form) == label
        assert [] == [each for each in neighbours(label) if is_member(Bucket(form), each) != possible(each)]


@pytest.mark.parametrize(("count", "width"), [(2, 1), (10, 1), (11, 2), (100, 2), (101, 3), (1000, 3)])
def test_shards_are_as_wide_as_the_last_of_them(count, width):
    """Numbers from 0, padded; the language is exactly these."""
    shard = Shard(count, Text())
    assert tuple(f"{number:0{width}d}" for number in range(count)) == shard.all()
    assert is_member(shard, shard.all()[-1])
    assert not is_member(shard, str(count))


@pytest.mark.parametrize(
    "encoding", [Boolean(), Uuid(), Hex(), Integer(3), FixedPoint(6, 2), FixedPoint(3, 0), Timestamp(), Date()]
)
def test_the_ceiling_lies_above_every_character(encoding):
    """Proved, so that a range that ends there has all keys that begin with its prefix."""
    from_ceiling = Chars(((ord(encoding.ceiling), 0x10FFFF),))
    assert common(encoding.language(), Seq((ANYTHING, from_ceiling, ANYTHING))) is None


@pytest.mark.parametrize("text", ["", "\0", "\ud7ff", "\ue000", "\U0010ffff", "a#b"])
def test_anything_is_all_text(text):
    """From the first character to the last."""
    assert text == common(ANYTHING, literal(text))


def test_half_a_surrogate_pair_is_no_text():
    """UTF-8 cannot represent it, so a key never contains it."""
    assert [None, None] == [common(ANYTHING, literal(text)) for text in ("\ud800", "\udfff")]


@pytest.mark.parametrize(
    ("ranges", "shown"),
    [
        (((0, 0x10FFFF),), "a"),
        (((0x61, 0x61),), "a"),
        (((0x30, 0x41),), "0"),
        (((0x41, 0x42),), "A"),
        (((0x3A, 0x41),), "A"),
        (((0x62, 0x63),), "b"),
    ],
)
def test_an_example_is_readable_where_it_can_be(ranges, shown):
    """A letter or a digit is preferred to any other character."""
    assert shown == common(Chars(ranges), ANYTHING)
