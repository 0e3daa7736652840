"""The oracle on collections: entities whose sort keys have values of different types, and planted faults."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial

import attrs
import pytest
from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import DateAttribute, DecimalAttribute, EnumAttribute, Key, Query, Table
from singletable.cli.demo import _ask
from singletable.engine import embedded
from singletable.errors import PatternError
from singletable.patterns import AccessPattern, draw_arguments
from singletable.requests import UnknownItem
from singletable.testing import agrees, check_pattern, expected

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class ByOwner(GlobalSecondaryIndex):
    class Meta:
        index_name = "ByOwner"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="OwnerPK")
    sk = UnicodeAttribute(range_key=True, attr_name="OwnerSK")


class Thread(Table):
    class Meta:
        table_name = "thread"

    by_owner = ByOwner()


class Mood(Enum):
    """Members of a plain enumeration have no order."""

    SAD = "SAD"
    GLAD = "GLAD"


def part(name, attribute, spec=""):
    """Return an entity of a task, with one attribute in its sort key, which is optional on the index."""
    word = name.upper()
    body = {
        "task": UnicodeAttribute(),
        "owner": UnicodeAttribute(null=True),
        "value": attribute(),
        "extra": attribute(null=True),
        "key": Key(pk="TASK#{task}", sk=f"{word}#{{value{spec}}}"),
        "of_owner": Key(index=ByOwner, pk="OWNER#{owner}", sk=f"{word}#{{extra{spec}}}"),
    }
    return type(Table)(name, (Thread,), {"__module__": __name__, **body}, discriminator=word)


Comment = part("Comment", UTCDateTimeAttribute)
File = part("File", UnicodeAttribute)
Rank = part("Rank", DecimalAttribute, ":08.2f")
Vote = part("Vote", NumberAttribute, ":04d")
Day = part("Day", DateAttribute)
Flag = part("Flag", BooleanAttribute)
Blob = part("Blob", partial(BinaryAttribute, legacy_encoding=False))
Feeling = part("Feeling", partial(EnumAttribute, Mood))
PARTS = (Comment, File, Rank, Vote, Day, Flag, Blob, Feeling)
VALUES = {
    Comment: [START, START + timedelta(seconds=1), START + timedelta(days=1)],
    File: ["a", "a#", "b"],
    Rank: [Decimal("-1.5"), Decimal(0), Decimal("10.25")],
    Vote: [-1, 2, 10],
    Day: [date(2025, 12, 31), date(2026, 1, 1)],
    Flag: [False, True],
    Blob: [b"\x00", b"\xff"],
    Feeling: [Mood.GLAD, Mood.SAD],
}


def world():
    """Return every entity twice, with and without a key on the index, and one of another task."""
    here = [
        kind(task="1", owner="o" if number else None, value=value, extra=value)
        for kind, values in VALUES.items()
        for number, value in enumerate(values)
    ]
    absent = [kind(task="2", owner="o", value=values[0]) for kind, values in VALUES.items()]
    return [*here, *absent]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [None, 1, 4, 100])
@pytest.mark.parametrize("index", [None, "ByOwner"])
def test_a_collection_of_sort_keys_of_every_type_is_compared(index, limit, descending):
    """The answers of the table and an index agree in both directions, with and without a limit."""
    given = {"owner": "o"} if index else {"task": "1"}
    everything = world()
    with embedded(Thread):
        for _ in Thread.put_all(everything):
            pass
        request = Thread.collection(*PARTS, index=index, limit=limit, descending=descending, **given)
        answer = request.all()
        assert None is agrees(request, answer, everything[::-1])
        # The literals with which these sort keys begin decide the order between types.
        assert list(map(repr, answer)) == list(map(repr, expected(request, everything[::-1])[:limit]))


def thread(task: str) -> Query[Comment | File]:
    return Thread.collection(Comment, File, task=task)


THREAD = AccessPattern(thread, "1. The thread of a task", {}, False)


def test_check_pattern_and_the_demo_ask_for_a_collection():
    """Both compare the answer of a collection, and do not fail on its types."""
    everything = world()
    with embedded(Thread):
        for _ in Thread.put_all(everything):
            pass
        assert 6 == check_pattern(THREAD)
        outcome = _ask(THREAD, everything)
        assert (True, 6) == (outcome.right, len(outcome.answers[0].items))


def answers(limit=None, descending=False):
    """Return a correct answer of three comments and three files."""
    request = Thread.collection(Comment, File, task="1", limit=limit, descending=descending)
    return request, expected(request, world())[:limit]


def swapped(answer, one, other):
    changed = list(answer)
    changed[one], changed[other] = changed[other], changed[one]
    return changed


UNKNOWN = UnknownItem(None, ("x", "y"), {})
FAULTS = {
    "missing item": (lambda right: right[1:], "it has 5 items, and 6 were expected"),
    "missing last item": (lambda right: right[:-1], "it has 5 items, and 6 were expected"),
    "one item too many": (lambda right: [*right, right[0]], "it has 7 items, and 6 were expected"),
    "wrong order within the first type": (lambda right: swapped(right, 0, 1), "item 1 is Comment.*, out of order"),
    "wrong order within the second type": (lambda right: swapped(right, 4, 5), "item 5 is File.*, out of order"),
    "duplicate": (lambda right: [*right[:-1], right[-2]], "File.* is in the answer more than once"),
    "item of a wrong type": (
        lambda right: [*right[:-1], Rank(task="1", value=Decimal(0), extra=Decimal(0))],
        "Rank.* was not expected",
    ),
    "item of another partition": (
        lambda right: [*right[:-1], File(task="2", owner="o", value="a")],
        "File.* was not expected",
    ),
    "other attributes": (
        lambda right: [*right[:-1], File(task="1", owner="stranger", value="b", extra="b")],
        "File.* was not expected",
    ),
    "item of an unknown type": (
        lambda right: [*right[:-1], UNKNOWN],
        "UnknownItem.* was not expected",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_in_a_collection_is_caught(fault):
    """The oracle reports it."""
    request, right = answers()
    plant, message = FAULTS[fault]
    assert None is agrees(request, right, world())
    with pytest.raises(AssertionError, match=message):
        wrong = agrees(request, plant(right), world())
        assert wrong is None, wrong


@pytest.mark.parametrize("descending", [False, True])
def test_a_limit_keeps_the_first_items_of_each_type(descending):
    """An answer that skips an item within its limit is wrong, although it is sorted."""
    request, right = answers(limit=2, descending=descending)
    everything = world()
    assert None is agrees(request, right, everything)
    whole = expected(attrs.evolve(request, limit=None), everything)
    assert "out of order" in agrees(request, [whole[0], whole[2]], everything)
    assert "out of order" in agrees(request, whole[1:3], everything)


def test_types_may_be_interleaved():
    """Only stored keys decide the order between types, so the oracle does not."""
    request, right = answers()
    assert None is agrees(request, [each for pair in zip(right[:3], right[3:], strict=True) for each in pair], world())


class Tree(Table):
    class Meta:
        table_name = "tree"

    by_owner = ByOwner()


class Node(Tree, discriminator="NODE"):
    ident = UnicodeAttribute()
    at = UTCDateTimeAttribute()
    key = Key(pk="NODE#{ident}", sk="{at}")
    of_owner = Key(index=ByOwner, pk="OWNER#{ident}", sk="{at:%Y}#{ident}")


class Named(Node, discriminator="NAMED"):
    """A subclass with a primary key of other attributes, and without a key on the index."""

    at = UnicodeAttribute()
    key = Key(pk="NODE#{ident}", sk="X#{at}")
    of_owner = None


class Twin(Node, discriminator="TWIN"):
    """A subclass that inherits both keys."""


def test_subclasses_with_other_sort_keys_are_compared_each_by_its_own():
    """A query for a base class also reads its subclasses."""
    nodes = [
        Node(ident="1", at=START),
        Twin(ident="1", at=START + timedelta(days=1)),
        Node(ident="1", at=START + timedelta(days=2)),
    ]
    everything = [*nodes, Named(ident="1", at="b"), Named(ident="1", at="a")]
    with embedded(Tree):
        for _ in Tree.put_all(everything):
            pass
        for request in (
            Node.query(ident="1"),
            Node.query(ident="1", descending=True),
            Node.query(Node.at >= START, ident="1", limit=2),
            Node.of_owner.query(ident="1"),
        ):
            assert None is agrees(request, request.all(), everything), request
        request = Node.query(ident="1")
        # Node and Twin share a sort key, which decides their order.
        assert "out of order" in agrees(request, swapped(request.all(), 0, 1), everything)


def test_a_bucket_in_a_sort_key_decides_the_order():
    """The year decides before the text, although the text alone has the reverse order."""

    class Shelf(Table):
        class Meta:
            table_name = "shelf"

    class Book(Shelf, discriminator="BOOK"):
        shelf = UnicodeAttribute()
        at = UTCDateTimeAttribute()
        title = UnicodeAttribute()
        key = Key(pk="SHELF#{shelf}", sk="{at:%Y}#{title}#{at}")

    books = [Book(shelf="s", at=START, title="a"), Book(shelf="s", at=START - timedelta(days=1), title="z")]
    with embedded(Shelf):
        for _ in Shelf.put_all(books):
            pass
        request = Book.query(shelf="s")
        assert ["z", "a"] == [each.title for each in request]
        assert None is agrees(request, request.all(), books)
        assert "out of order" in agrees(request, books, books)


def test_an_interval_is_drawn_from_values_of_one_type():
    """Members of an enumeration are sorted by their texts; values of other entities are left out."""

    def between(task, first, last):
        return Thread.collection(Feeling, File, task=task)

    between.__annotations__["return"] = Query[Feeling | File]
    pattern = AccessPattern(between, "1. Between", {"first": "value", "last": "value"}, False)
    assert {"task": "1", "first": Mood.GLAD, "last": Mood.SAD} == draw_arguments(pattern, world())


def test_values_that_cannot_be_counted_are_an_error_of_the_pattern():
    """The demo reports the error, and runs the next pattern."""

    class Tags(Table):
        class Meta:
            table_name = "tags"

    class Tagged(Tags, discriminator="TAGGED"):
        ident = UnicodeAttribute()
        tags = UnicodeSetAttribute()
        key = Key(pk="TAGGED#{ident}", sk="TAGGED")

    def tagged(ident, tags):
        return Tagged.query(ident=ident)

    tagged.__annotations__["return"] = Query[Tagged]
    pattern = AccessPattern(tagged, "1. Tagged", {}, False)
    with pytest.raises(PatternError, match="one of them is a list, a map or a set. Give the parameter a default"):
        draw_arguments(pattern, [Tagged(ident="1", tags={"a"})])
    assert "cannot be counted" in _ask(pattern, [Tagged(ident="1", tags={"a"})]).fault
