"""Values that an item cannot hold: huge numbers and endless nesting; and maps with any key."""

from decimal import Decimal

import orjson
import pytest
from botocore.awsrequest import AWSResponse
from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.expressions.operand import Path
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import DecimalAttribute, IntegerAttribute, Key, Table, plan
from singletable.engine import embedded
from singletable.errors import (
    InvalidValueError,
    MalformedItemError,
    MalformedRecordError,
    RequestFailedError,
    SingletableError,
)
from singletable.keys.shown import kept, shown
from singletable.requests.stored_values import NESTING, check_value
from singletable.streams.records import read_record


class ByNumber(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class Boxes(Table):
    class Meta:
        table_name = "boxes"

    gsi1 = ByNumber()


class Inner(MapAttribute):
    any = MapAttribute(null=True)
    lines = ListAttribute(null=True)


class Box(Boxes, discriminator="BOX"):
    name = UnicodeAttribute()
    number = NumberAttribute(null=True)
    whole = IntegerAttribute(null=True)
    exact = DecimalAttribute(null=True)
    version = VersionAttribute()
    numbers = NumberSetAttribute(null=True)
    anything = MapAttribute(null=True)
    lines = ListAttribute(null=True)
    typed = Inner(null=True)
    maps = ListAttribute(of=MapAttribute, null=True)
    text = JSONAttribute(null=True)

    key = Key(pk="BOX#{name}", sk="BOX")
    by_number = Key(index=ByNumber, pk="N#{number}", sk="{exact:020.2f}#{whole:08d}")


class Slip(Boxes, discriminator="SLIP"):
    name = UnicodeAttribute()
    anything = MapAttribute(null=True)

    key = Key(pk="SLIP#{name}", sk="SLIP")


STORED = {"PK": {"S": "BOX#x"}, "SK": {"S": "BOX"}, "entityType": {"S": "BOX"}, "name": {"S": "x"}}
HUGE = {
    "a huge exponent": Decimal("1E+999999999"),
    "a tiny exponent": Decimal("1E-999999999"),
    "a million digits": Decimal("1" * 10**6),
    "a million decimals": Decimal("0." + "1" * 10**6),
    "an int of a million digits": 1 << 3_300_000,
    "an int of 5,000 digits": -(10**5_000),
}
NAMES = ["number", "whole", "exact", "version"]


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("name", NAMES)
def test_a_number_beyond_dynamodbs_is_refused_in_constant_time(name, value):
    """Every path refuses it; `int(Decimal("1E+999999999"))` would take gigabytes."""
    attribute, box = getattr(Box, name), Box(name="x")
    for given in (
        lambda: plan.save(Box(name="x", **{name: value})),
        lambda: plan.update(box, **{name: value}),
        lambda: attribute == value,
        lambda: attribute.between(1, value),
        lambda: attribute.is_in(value),
        lambda: attribute.set(value),
        lambda: attribute.set(attribute + value),
        lambda: attribute.add(value),
        lambda: attribute.set(attribute | value),
    ):
        with pytest.raises(InvalidValueError, match="it is beyond|has more than|expected int, got Dec|not a value of"):
            given()


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_such_a_number_is_refused_in_keys_and_within_containers(value):
    """Partition keys, sort keys, lists, maps and sets refuse such a number."""
    for given in (
        lambda: Box.by_number.build(number=value, exact=1, whole=1),
        lambda: Box.by_number.build(number=1, exact=value, whole=1),
        lambda: Box.by_number.build(number=1, exact=1, whole=value),
        lambda: Box.by_number.query(number=value),
        lambda: Box.by_number.query(Box.exact >= value, number=1),
        lambda: plan.create(Box(name="x", anything={"a": value})),
        lambda: plan.create(Box(name="x", lines=[[value]])),
        lambda: plan.create(Box(name="x", numbers={value})),
    ):
        with pytest.raises(SingletableError) as caught:
            given()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("zero", ["0E-999999999", "0E+999999999", "-0E-999999999"])
def test_a_zero_of_any_exponent_is_zero(zero):
    """The zeros of its exponent are not written, which would take 2 GB in a partition key."""
    value = Decimal(zero)
    item = plan.create(Box(name="x", number=value, whole=1, exact=value)).params()["Item"]
    assert ["0", "0", "N#0", "00000000000000000.00#00000001"] == [
        *(item[name]["N"] for name in ("number", "exact")),
        *(item[name]["S"] for name in ("GSI1PK", "GSI1SK")),
    ]
    assert {"N": "0"} == plan.update(Box.from_raw_data(STORED), exact=value).change.after["exact"]


@pytest.mark.parametrize(
    "text", ["1E+999999999", "1" * 10**5, "1E+" + "9" * 30, "1.5E+999999999", "1" * 60_000 + "x", "NaN"]
)
@pytest.mark.parametrize("name", ["number", "whole"])
def test_a_hostile_number_in_an_answer_is_malformed(name, text):
    """A stored number with a huge exponent is not converted to an int."""
    with pytest.raises(MalformedItemError, match=f"holds '{name}' as N"):
        Box.from_raw_data({**STORED, name: {"N": text}})
    box = Box.from_raw_data({**STORED, "extra": {"N": text}})
    with pytest.raises(InvalidValueError, match="DynamoDB would refuse it"):
        plan.save(box)
    assert None is plan.update(box, actions=[Path(["extra"]).add({"N": "1"})]).change.after


def test_a_value_in_a_message_is_short():
    """A message is short even if the value's repr is long, fails or exhausts the stack."""
    endless = []
    endless.append(endless)
    nested = []
    for _ in range(10**4):
        nested = [nested]
    assert "‹an int of 3,300,001 bits›" == shown(1 << 3_300_000)
    assert ["‹an int of 3,300,001 bits›", 7, nested] == [kept(1 << 3_300_000), kept(7), kept(nested)]
    assert "‹list›" == shown(nested)
    assert "‹dict›" == shown({1: 10**5_000})
    assert "[[...]]" == shown(endless)
    assert 80 == len(shown("x" * 1000))


# --- nesting ----------------------------------------------------------------------------


def nested(levels, kind=dict):
    """Return a value within a number of maps or lists, in Python."""
    value = "x"
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


def stored(levels, kind="M"):
    """Return a value within a number of maps or lists, as DynamoDB stores it."""
    value = {"S": "x"}
    for _ in range(levels):
        value = {"M": {"a": value}} if kind == "M" else {"L": [value]}
    return value


def ways(levels):
    """Return every way of writing a value within maps or lists, or of comparing with it."""
    box = Box.from_raw_data(STORED)
    maps, lists = nested(levels), nested(levels, list)
    extra = Box.from_raw_data(STORED)
    extra.extra_attributes = {"extra": stored(levels)}
    return {
        "create a map": lambda: plan.create(Box(name="x", anything=maps)),
        "create a list": lambda: plan.create(Box(name="x", lines=lists)),
        "save extras": lambda: plan.save(extra),
        "create a typed map": lambda: plan.create(Box(name="x", typed={"any": maps["a"]})),
        "create a list in a typed map": lambda: plan.create(Box(name="x", typed={"lines": lists[0]})),
        "update a map": lambda: plan.update(box, anything=maps),
        "update a list": lambda: plan.update(box, lines=lists),
        "set a map": lambda: plan.update(box, actions=[Box.anything.set(maps)]),
        "set a path": lambda: plan.update(box, actions=[Path(["extra"]).set(stored(levels))]),
        "append": lambda: plan.update(box, actions=[Box.lines.set(Box.lines.append(lists))]),
        "a condition": lambda: plan.delete(box, condition=Box.anything == maps),
        "a filter": lambda: Box.query(name="x", filter=Box.lines == lists),
        "check": lambda: plan.check(box, condition=Box.lines != lists),
        "a batch": lambda: Boxes.batch().put(Slip(name="x", anything=maps)),
        "a transaction": lambda: Boxes.transaction().put(Box(name="x", lines=lists)),
    }


@pytest.mark.parametrize("way", ways(1))
def test_nesting_of_32_levels_is_all_that_is_written(way):
    """A value of 32 levels, itself included, is written; a deeper one is refused before sending."""
    ways(NESTING - 1)[way]()
    for levels in (NESTING, 300, 5_000):
        with pytest.raises(InvalidValueError, match="nested (over 32 levels|too deeply)"):
            ways(levels)[way]()


def test_an_empty_container_may_be_the_last_level():
    """An empty container adds no level below itself."""
    value = {"L": []}
    for _ in range(NESTING - 1):
        value = {"M": {"a": value}}
    assert check_value("o", "n", value) > 0
    with pytest.raises(InvalidValueError, match="o: n is nested over 32 levels.* Store the inner part as JSON text"):
        check_value("o", "n", {"L": [value]})


def test_a_list_that_contains_itself_is_refused():
    """The error names the attribute."""
    endless = []
    endless.append(endless)
    for given in (lambda: plan.create(Box(name="x", lines=endless)), lambda: plan.update(Box(name="x"), lines=endless)):
        with pytest.raises(
            InvalidValueError, match="Box.lines: the value is nested too deeply, or contains itself. DynamoDB stores 32"
        ):
            given()
    with pytest.raises(InvalidValueError, match="Box.text: the value is nested too deeply"):
        plan.create(Box(name="x", text=nested(5_000)))


@pytest.mark.parametrize("kind", ["M", "L"])
@pytest.mark.parametrize("name", ["anything", "lines"])
def test_a_hostile_item_is_malformed_and_exhausts_no_stack(name, kind):
    """An item that is nested too deeply is malformed, in known and unknown attributes and typed maps."""
    with pytest.raises(MalformedItemError, match=f"holds '{name}', which is nested over 32 levels"):
        Box.from_raw_data({**STORED, name: stored(5_000, kind)})
    with pytest.raises(MalformedItemError, match="holds 'typed', which is nested over 32 levels"):
        Box.from_raw_data({**STORED, "typed": {"M": {"any": stored(5_000)}}})


def test_a_hostile_unknown_attribute_is_malformed_if_it_is_asked_for():
    """Reading does not decode unknown attributes; writing refuses this one."""
    made = Box.from_raw_data({**STORED, "extra": stored(5_000)})
    with pytest.raises(MalformedItemError, match="holds 'extra', which is nested over 32 levels"):
        made.extra_attributes  # noqa: B018 - a property
    with pytest.raises(InvalidValueError, match="extra is nested over 32 levels"):
        plan.save(made)


def test_a_hostile_json_text_is_malformed():
    """A JSON text that is nested too deeply is malformed."""
    with pytest.raises(MalformedItemError, match="holds 'text' as S, which JSONAttribute cannot read"):
        Box.from_raw_data({**STORED, "text": {"S": "[" * 10**5}})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (200, r"No answer to GetItem .*\(DamagedAnswerError\)"),
        (400, r"GetItem on .* failed \(400\): the answer cannot be read"),
    ],
)
def test_a_hostile_answer_cannot_be_read(status, message):
    """An answer that is nested too deeply for the stack is a SingletableError."""

    class Body:
        def stream(self, **_):
            yield b'{"Item":' + b'{"M":{"a":' * 20_000 + b"{}" + b"}}" * 20_000 + b"}"

    with embedded(Boxes):
        client = Boxes._get_connection().connection.client
        client.meta.events.register_first(
            "before-send.dynamodb.GetItem", lambda request, **_: AWSResponse(request.url, status, {}, Body())
        )
        with pytest.raises(RequestFailedError, match=message):
            Box.get(name="x")


def test_a_hostile_record_of_a_stream_is_malformed():
    """A stream record that is nested too deeply is malformed."""
    image = orjson.loads(orjson.dumps({"PK": {"S": "x"}}))
    record = {"eventID": "1", "eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "Keys": image}}
    record["dynamodb"]["NewImage"] = {"x": stored(5_000)}
    with pytest.raises(MalformedRecordError, match="The stream record could not be parsed"):
        read_record(record)


# --- maps with any key ------------------------------------------------------------------

KEYS = sorted(
    {
        *dir(MapAttribute),
        *MapAttribute.attribute_args,
        "self",
        "_user_instantiated",
        "attribute_values",
        "S",
        "M",
        "NULL",
        "of",
    }
)


@pytest.mark.parametrize("value", ["v", 1, None, {"self": "v"}])
def test_a_map_may_have_any_key(value):
    """A map may have keys with the names of arguments of PynamoDB's constructor."""
    everything = dict.fromkeys(KEYS, value)
    made = Box(name="x", anything=everything, typed={"any": everything}, maps=[everything], lines=[everything])
    item = plan.create(made).params()["Item"]
    inside = item["anything"]["M"]
    assert KEYS == sorted(inside)
    assert [inside] * 3 == [item["typed"]["M"]["any"]["M"], item["maps"]["L"][0]["M"], item["lines"]["L"][0]["M"]]
    again = Box.from_raw_data(item)
    assert everything == again.anything.as_dict() == again.typed.any.as_dict() == again.maps[0] == again.lines[0]
    assert item["anything"] == plan.save(again).params()["Item"]["anything"]
    again.anything = everything
    assert item["anything"] == plan.save(again).params()["Item"]["anything"]


def test_a_map_with_a_key_self_is_stored_and_changed():
    """Every path stores and changes such a map."""
    with embedded(Boxes):
        Box(name="x", anything={"self": 1}).create()
        box = Box.get(name="x")
        box.update(anything={"self": 2, "null": True})
        box.update(actions=[Box.anything["self"].set(3)], condition=Box.anything["self"] == 2)
        box.mutate(lambda each: each.anything.attribute_values.update({"_user_instantiated": "v"}))
        assert {"self": 3, "null": True, "_user_instantiated": "v"} == Box.get(name="x").anything.as_dict()


def test_a_map_has_no_empty_key():
    """An empty key is refused at every level."""
    with pytest.raises(InvalidValueError, match="anything.: an element of a set, or a name within a map, is empty"):
        plan.create(Box(name="x", anything={"": 1}))
    assert {"": 1} == Box.from_raw_data({**STORED, "anything": {"M": {"": {"N": "1"}}}}).anything.as_dict()
