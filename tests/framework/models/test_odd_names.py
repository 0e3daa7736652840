"""Names that a program declares: members of enumerations, subclasses of str, reserved and odd names."""

import enum
import inspect
from datetime import datetime, timezone

import pytest
from pynamodb.attributes import (
    AttributeContainer,
    BinaryAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.expressions.operand import Path
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from singletable import Expiry, IntegerAttribute, Key, Table, plan
from singletable.engine import embedded
from singletable.errors import DeclarationError, UnexpectedAttributesError
from singletable.keys.text import plain, quoted
from singletable.models.items import codec
from singletable.models.items.item import StoredItem
from singletable.models.reading.bound_key import BoundKey
from singletable.models.writing.transaction import Transaction


class Lying(str):
    """A text whose methods all give another text."""

    __slots__ = ()

    def __str__(self):
        return "LIE"

    def __repr__(self):
        return "LIE()"

    def __format__(self, spec):
        return "LIE"

    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True

    def __hash__(self):
        return 7


def member(text):
    """Return a member of `class Names(str, Enum)`, the idiom before Python 3.11."""
    return enum.Enum("Names", {"NAME": text}, type=str).NAME


def declare(text):
    """Return a table and an entity whose declared texts were all made by `text`."""

    class GSI1(GlobalSecondaryIndex):
        class Meta:
            index_name = text("GSI1")
            projection = IncludeProjection([text("total")])

        pk = UnicodeAttribute(hash_key=True, attr_name=text("GSI1 PK"))
        sk = UnicodeAttribute(range_key=True, attr_name=text("GSI1.SK"))

    class Inner(MapAttribute):
        first = UnicodeAttribute(attr_name=text("in-ner"), null=True)
        rest = MapAttribute(attr_name=text("re.st"), null=True)

    class Shop(Table):
        class Meta:
            table_name = text("shop-prod")
            region = text("eu-west-1")
            key_encoding = text("raw")
            stream_view_type = text("NEW_IMAGE")
            first_version = 1  # the same in both

        pk = UnicodeAttribute(hash_key=True, attr_name=text("hash key"))
        gsi1 = GSI1()

    class Order(Shop, discriminator=text("ORDER")):
        class Meta:
            personal = (text("note"),)

        oid = UnicodeAttribute()
        status = UnicodeAttribute(attr_name=text("sta tus"))
        total = NumberAttribute(attr_name=text("total"), null=True)
        version = VersionAttribute(attr_name=text("ver.sion"))
        note = UnicodeAttribute(attr_name=text("select"), null=True)
        at = UTCDateTimeAttribute(attr_name=text("at"), null=True)
        raw = MapAttribute(attr_name=text("m-m"), null=True)
        typed = Inner(attr_name=text("t t"), null=True)
        lines = ListAttribute(of=Inner, attr_name=text("lines"), null=True)
        tags = UnicodeSetAttribute(attr_name=text("tags"), null=True)
        data = BinaryAttribute(legacy_encoding=False, attr_name=text("data"), null=True)

        key = Key(pk=text("P#{oid}"), sk=text("O#{oid}"))
        paid = Key(index=text("GSI1"), pk=text("S#{status}"), sk=text("{oid}"), when={text("status"): (text("PAID"),)})
        gone_at = Expiry(after=text("at"), days=1, attr_name=text("expires"))

    return Shop, Order


def texts_in(value):
    """Return every text within params, including names."""
    if isinstance(value, dict):
        return [each for pair in value.items() for part in pair for each in texts_in(part)]
    if isinstance(value, (list, tuple, set)):
        return [each for part in value for each in texts_in(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("text", [member, Lying], ids=["enum", "lying"])
def test_a_subclass_of_str_is_its_text_wherever_a_text_is_declared(text):
    """The table and every request equal those of plain texts."""
    shop, order = declare(text)
    plain_shop, plain_order = declare(str)
    assert plain_shop.describe() == shop.describe()
    assert codec.source(plain_order) == codec.source(order)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    values = {
        "oid": "1",
        "total": 1,
        "at": moment,
        "typed": {"first": "x", "rest": {"a": 1}},
        "lines": [{"first": "y"}],
    }
    planned = plan.create(order(status=text("PAID"), **values)).params()
    assert plan.create(plain_order(status="PAID", **values)).params() == planned
    assert {str} == set(map(type, texts_in(planned)))
    with embedded(shop):
        order(**{text("oid"): "1", "status": text("PAID")}, typed={"first": "x"}).create()
        found = order.get(**{text("oid"): "1"})
        found.update(**{text("total"): 2, text("note"): "n"})
        found.update(actions=[order.typed.first.set("z")], condition=order.typed.first == "x")
        assert ["z"] == [each.typed.first for each in order.paid.query(**{text("status"): "PAID"})]
        (counted,) = shop.collection(order, index=text("GSI1"), status=text("PAID"))
        assert 2 == counted.total
        assert "n" not in repr(plan.update(found, note="n"))
        found.move(**{text("oid"): "2"})
        assert "2" == found.oid


def test_plain_leaves_what_is_no_text():
    """`plain` changes only texts, and `quoted` gives a literal of a text of any class."""
    assert 5 == plain(5)
    assert None is plain(None)
    assert (str, "x") == (type(plain(Lying("x"))), plain(Lying("x")))
    assert "'x'" == quoted(Lying("x"))


class Odd(Table):
    class Meta:
        table_name = "odd-names"


def entity(name, attribute):
    """Return an entity with an attribute of any name."""
    body = {"ident": UnicodeAttribute(), name: attribute, "key": Key(pk="ODD#{ident}", sk="ODD")}
    made = {"__module__": __name__, "__qualname__": "OddOne", **body}
    return type(Odd)("OddOne", (Odd,), made, discriminator="ODD")


def parameters():
    """Return the own parameters of all functions that accept attributes by name."""
    taking = [
        *(Model.__init__, AttributeContainer.__init__, AttributeContainer._set_attributes, StoredItem.__init__),
        *(Table.update, Table.move, plan.update, Transaction.update),
        *(inspect.unwrap(getattr(Table, name)) for name in ("item", "get", "query", "count", "collection")),
        *(BoundKey.build, BoundKey.query, BoundKey.item, BoundKey.get),
    ]
    found = [each for function in taking for each in inspect.signature(function).parameters.values()]
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sorted({each.name for each in found if each.kind in kinds})


def fields():
    """Return the names that an instance and its class use themselves."""
    instance = entity("fine", UnicodeAttribute(null=True))(ident="i")
    private = [name for name in dir(Table) if name.startswith("_")]
    return sorted({*vars(instance), *private, *StoredItem.__annotations__, "_user_instantiated", "Meta"})


@pytest.mark.parametrize("name", [*parameters(), *fields()])
def test_a_name_that_means_something_else_is_refused_when_the_class_is_created(name):
    """The error recommends another Python name with the same stored name."""
    with pytest.raises(DeclarationError, match=f"{name!r}.* Use another name.* attr_name") as caught:
        entity(name, UnicodeAttribute(null=True))
    assert "ST110" == caught.value.rule


ODD = ["cls", "class", "a b", "a.b", "1x", "x'y", 'x"y', "x\ny", "{x}", "\\", "values", "value", "text", "content"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    ("kind", "value"),
    [(UnicodeAttribute, "v"), (IntegerAttribute, 7), (VersionAttribute, None), (MapAttribute, {"self": 1})],
)
def test_any_other_name_works_with_every_attribute_class(name, kind, value):
    """Keywords and names that are not identifiers work, because generated code holds names as literals."""
    odd = entity(name, kind(null=True))
    given = {} if value is None else {name: value}
    item = plan.create(odd(ident="i", **given)).params()["Item"]
    assert name in item
    again = odd.from_raw_data(item)
    updated = plan.update(again, **(given or {"ident": "i"})).params()
    assert name in updated["ExpressionAttributeNames"].values()
    if value is not None:
        assert item == plan.save(again).params()["Item"]


@pytest.mark.parametrize("stored", ["a[0]", "a]b", "[", "\ud800"])
def test_a_stored_name_that_no_expression_can_hold_is_refused(stored):
    """Attributes, typed maps, expiries and the table's keys refuse such a stored name."""
    message = "is stored as .*Give it another attr_name"
    with pytest.raises(DeclarationError, match=message):
        entity("x", UnicodeAttribute(attr_name=stored))
    inner = type(MapAttribute)("Inner", (MapAttribute,), {"x": UnicodeAttribute(attr_name=stored)})
    for attribute in (inner(null=True), ListAttribute(of=inner, null=True)):
        with pytest.raises(DeclarationError, match=message):
            entity("x", attribute)
    with pytest.raises(DeclarationError, match=message):

        class Dated(Odd, discriminator="DATED"):
            at = UTCDateTimeAttribute()
            key = Key(pk="D#{at}", sk="D")
            gone = Expiry(after="at", days=1, attr_name=stored)

    with pytest.raises(DeclarationError, match=message):

        class Bracketed(Table):
            class Meta:
                table_name = "bracketed"

            pk = UnicodeAttribute(hash_key=True, attr_name=stored)


@pytest.mark.parametrize("name", ["a[0]", "a]", "a.b", "select", "a b", "#0"])
def test_attributes_beyond_the_model_may_have_any_name(name):
    """`mutate` compares and changes exactly them: `a[0]` is not an element of `a`."""
    odd = entity("fine", UnicodeAttribute(null=True))
    with embedded(Odd):
        first = odd(ident="i")
        first.extra_attributes = {"a": {"L": [{"S": "kept"}]}, name: {"S": "old"}}
        first.save()
        first.mutate(lambda each: each.extra_attributes.update({name: {"S": "new"}}))
        assert {"a": {"L": [{"S": "kept"}]}, name: {"S": "new"}} == odd.get(ident="i").extra_attributes
        first.mutate(lambda each: each.extra_attributes.pop(name))
        assert ["a"] == list(odd.get(ident="i").extra_attributes)


def test_stored_names_with_dots_spaces_and_reserved_words_work_in_every_expression():
    """They work in conditions, filters, updates and nested paths."""
    shop, order = declare(str)
    with embedded(shop):
        made = order(oid="1", status="PAID", note="a", raw={"a": 1}, typed={"first": "x", "rest": {"k": 1}})
        made.create()
        made.update(actions=[order.typed.rest.set({"k": 2}), order.note.remove()], condition=order.note == "a")
        filter = (
            (order.status == "PAID") & (order.version > 1) & order.note.does_not_exist() & (order.typed.rest["k"] == 2)
        )
        assert 1 == order.query(oid="1", filter=filter).count()
        assert 0 == order.query(oid="1", filter=Path(["sta tus"]) == "x").count()
        made.save(condition=order.typed.first == "x")
        made.delete(condition=order.status == "PAID")


def test_an_unknown_name_is_still_an_error():
    """An unknown name of any class is an error."""
    with pytest.raises(UnexpectedAttributesError, match="has no attribute nope"):
        entity("fine", UnicodeAttribute(null=True))(ident="i", **{Lying("nope"): 1})
