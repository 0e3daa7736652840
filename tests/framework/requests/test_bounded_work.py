"""Work on hostile input is bounded: its time is proportional to the input, or the input is refused."""

import time
from datetime import datetime, timedelta, timezone
from functools import reduce
from operator import and_, or_

import pytest
from pynamodb.attributes import (
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.expressions.operand import Path
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import Key, Table, plan
from singletable.errors import InvalidConditionError, InvalidUpdateError, InvalidValueError, KeyParseError
from singletable.keys.time import Bucket
from singletable.requests.expressions import Placeholders
from singletable.requests.stored_values import check_value

FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


class ByHour(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class ByShards(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class Readings(Table):
    class Meta:
        table_name = "readings"

    gsi1 = ByHour()
    gsi2 = ByShards()


class Reading(Readings, discriminator="READING"):
    name = UnicodeAttribute()
    other = UnicodeAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)
    amount = NumberAttribute(attr_name="n", null=True)
    tags = UnicodeSetAttribute(null=True)
    lines = ListAttribute(null=True)

    key = Key(pk="READING#{name}", sk="READING")
    by_hour = Key(index=ByHour, pk="{name:shard(4)}#{at:%Y-%m-%dT%H}", sk="{at}#{name}")
    by_shards = Key(index=ByShards, pk="{name:shard(1000)}#{other:shard(1000)}", sk="{at}#{name}")


class Quick:
    """Fails if its block takes half a second or more of this process's CPU time."""

    def __enter__(self):
        self.begun = time.process_time()

    def __exit__(self, *error):
        assert time.process_time() - self.begun < 0.5


@pytest.fixture
def quick():
    return Quick()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("first", [FIRST, datetime.min.replace(tzinfo=timezone.utc)])
def test_an_interval_of_too_many_buckets_is_refused(quick, first, descending):
    """The interval is refused before its buckets are built."""
    end = datetime(9999, 12, 31, tzinfo=timezone.utc)
    message = r"Reading.by_hour: at between .* covers [0-9,]+ buckets .* at most 10,000. Ask for a shorter interval"
    with quick, pytest.raises(InvalidConditionError, match=message):
        Reading.by_hour.query(Reading.at.between(first, end), descending=descending)


def test_the_largest_interval_is_asked():
    """A query reads 10,000 buckets, and refuses one more."""
    last = FIRST + 9_999 * HOUR
    assert 4 * 10_000 == sum(map(len, Reading.by_hour.query(Reading.at.between(FIRST, last)).groups()))
    with pytest.raises(InvalidConditionError, match="covers 10,001 buckets"):
        Reading.by_hour.query(Reading.at.between(FIRST, last + HOUR))


@pytest.mark.parametrize("form", ["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
@pytest.mark.parametrize("end", [FIRST, FIRST + timedelta(seconds=59, microseconds=999_999), FIRST + 3 * HOUR / 7])
def test_buckets_are_counted_as_they_are_built(form, end):
    """The computed number of buckets is the length of the series."""
    bucket, first = Bucket(form), FIRST - timedelta(seconds=1)
    assert len(list(bucket.between(first, end))) == bucket.count(first, end)


def test_too_many_shards_are_not_merged(quick):
    """Two fields of a thousand shards each are a million partitions, which are refused."""
    with quick, pytest.raises(InvalidConditionError, match="by_shards has 1,000,000 shards.* Give name or other"):
        Reading.by_shards.query()
    assert 1000 == len(next(Reading.by_shards.query(name="x").groups()))


def test_an_explanation_counts_no_further_than_a_thousand(quick):
    """The time of an explanation does not grow with more partitions."""
    query = Reading.by_hour.query(Reading.at.between(FIRST, FIRST + 9_000 * HOUR))
    with quick:
        assert 1000 == query.explain().partitions


@pytest.mark.parametrize("operator", [and_, or_])
def test_a_chain_of_conditions_takes_linear_time_and_no_stack(operator, quick):
    """DynamoDB accepts 300 operators; a chain of 5,000 terms, each a condition inside the next, is refused."""
    chain = reduce(operator, [Reading.amount == number for number in range(150)])
    for params in (Reading.query(name="x", filter=chain).params(), plan.delete(Reading(name="x"), chain).params()):
        (text,) = (params[name] for name in ("FilterExpression", "ConditionExpression") if name in params)
        assert 150 == text.count(" = ")
        assert "(" not in text
    chain = reduce(operator, [Reading.amount == number for number in range(5_000)])
    with (
        quick,
        pytest.raises(InvalidConditionError, match="has 9999 operators and .*DynamoDB accepts at most 300 in"),
    ):
        Reading.query(name="x", filter=chain).params()


def test_conditions_that_alternate_need_no_stack(quick):
    """Deep alternations of AND, OR and NOT keep exactly the necessary parentheses."""
    term = Path(["a"]).exists()

    def mixed(count):
        return reduce(lambda made, number: made & term if number % 2 else made | term, range(count), term)

    def negated(count):
        return reduce(lambda made, _: ~made, range(count), term)

    text = Placeholders().condition(mixed(100))
    assert (101, 99) == (text.count("attribute_exists"), text.count("(") - 101)
    assert "(NOT " * 100 + "attribute_exists (#0)" + ")" * 100 == Placeholders().condition(negated(100))
    for made in (mixed(4_000), negated(4_000)):
        with quick, pytest.raises(InvalidConditionError, match="DynamoDB accepts at most 300"):
            Placeholders().condition(made)


def test_operands_nested_too_deeply_are_refused():
    """An action with more than 50 nested operands is refused."""
    operand = reduce(lambda inner, _: Path(["b"]) | inner, range(2_000), Path(["a"]) | 1)
    with pytest.raises(InvalidUpdateError, match="Reading: an update action nests over 50 operands. Compute the value"):
        plan.update(Reading(name="x"), actions=[Reading.amount.set(operand)])


def test_a_number_is_matched_in_linear_time(quick):
    """A text of 60,000 digits that is not a number is refused in linear time."""
    with quick, pytest.raises(InvalidValueError, match="o: n: it is not a number"):
        check_value("o", "n", {"N": "1" * 60_000 + "x"})


def test_elements_are_taken_from_a_set_in_linear_time(quick):
    """Deleting many elements of a set takes linear time."""
    stored = {"PK": {"S": "READING#x"}, "SK": {"S": "READING"}, "entityType": {"S": "READING"}, "name": {"S": "x"}}
    many = Reading.from_raw_data({**stored, "tags": {"SS": [f"{number:x}" for number in range(30_000)]}})
    with quick:
        change = plan.update(many, actions=[Reading.tags.delete({f"z{number}" for number in range(10_000)})])
    assert 30_000 == len(change.change.after["tags"]["SS"])


def test_numbers_of_a_set_are_compared_as_numbers():
    """1 and 1.0 are one element, and so are 1E1 and 10."""
    stored = {"PK": {"S": "READING#x"}, "SK": {"S": "READING"}, "entityType": {"S": "READING"}, "name": {"S": "x"}}
    item = Reading.from_raw_data({**stored, "extra": {"NS": ["1", "2.50", "10"]}})
    deleted = plan.update(item, actions=[Path(["extra"]).delete({"NS": ["1.0", "2.5"]})])
    assert {"NS": ["10"]} == deleted.change.after["extra"]
    added = plan.update(item, actions=[Path(["extra"]).add({"NS": ["1E1", "3"]})])
    assert 4 == len(added.change.after["extra"]["NS"])


def test_a_long_name_is_not_copied_for_each_value_below_it(quick):
    """The path of a value is converted to text only for an error."""
    inside = {"L": [{"L": []} for _ in range(20_000)]}
    with quick:
        check_value("o", "n" * 200_000, inside)
    with pytest.raises(InvalidValueError, match=r"o: n\[1\]\.m: it is not a number"):
        check_value("o", "n", {"L": [{"S": "x"}, {"M": {"m": {"N": "x" * 20}}}]})


@pytest.mark.parametrize("key", ["READING#" + "x" * 10**6, "#" * 10**6, "READING#\ud800"])
def test_a_foreign_key_is_refused_before_it_is_taken_apart(quick, key):
    """A key that is longer than DynamoDB's limit is not parsed."""
    with quick, pytest.raises(KeyParseError, match="Not a key of Reading.key"):
        Reading.key.parse(key, "READING")
