"""Canaries: values in every attribute class at every depth, which must not appear in any output.

An output may show the name of a personal attribute, but never its value or a name within it.
"""

import base64
import inspect
import logging
import traceback
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

import attrs
import pytest
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError, ReadTimeoutError
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
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
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from singletable import Expiry, Key, OpenTelemetryObserver, Table, observe, plan
from singletable.engine import embedded
from singletable.errors import BatchIncompleteError, EndpointUnreachableError, MalformedItemError, SingletableError
from singletable.migrations.item_change import ItemChange
from singletable.migrations.operations import Backfill, BackfillWith
from singletable.migrations.sources import SOURCES, Text, UnfitItemError
from singletable.models.binding.binding import connection_of
from singletable.models.declare.attributes import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    IntegerAttribute,
    UUIDAttribute,
)
from singletable.models.declare.lists import RawMapAttribute, StrictListAttribute
from singletable.models.declare.operators import ConvertedOperands, Scalar
from singletable.models.declare.stamps import WriteTokenAttribute
from singletable.models.declare.strict import (
    SCALAR_TWINS,
    DerivedAttribute,
    StrictNumberAttribute,
    StrictUnicodeAttribute,
    StrictUTCDateTimeAttribute,
    _StrictSet,
)
from singletable.models.declare.timestamps import CreatedAtAttribute, UpdatedAtAttribute
from singletable.models.declare.typed_maps import _StrictDynamicMap
from singletable.requests import retry
from singletable.requests.types import UnknownItem
from singletable.streams import StreamRouter, record_of
from singletable.streams.change_event import read_change
from singletable.streams.records import read_record
from singletable.testing.faults import Throttling, inject
from tests.framework.app import Account, AppTable

TEXT, NUMBER = "kestrel", 86753098675309
MOMENT = datetime(1907, 5, 13, 11, 47, 53, tzinfo=timezone.utc)
BIRTH = UUID("19071907-1907-4907-8907-190719071907")
NEEDLES = (
    TEXT,
    base64.b64encode(TEXT.encode()).decode()[:-1],
    str(NUMBER),
    "1907-05-13",
    "1907, 5, 13",
    str(int(MOMENT.timestamp())),
    str(BIRTH),
    BIRTH.hex,
)
"""The form of a leaked value; it cannot occur by chance in a signature or a time."""


class Bird(Enum):
    """An enumeration whose members' texts are not canaries, because a message may list them."""

    YELLOW = "yellow"
    GREEN = "green"


PLANTED = {
    BinaryAttribute: TEXT.encode(),
    BinarySetAttribute: {TEXT.encode()},
    BooleanAttribute: True,
    CreatedAtAttribute: MOMENT,
    DateAttribute: MOMENT.date(),
    DecimalAttribute: Decimal(NUMBER),
    DynamicMapAttribute: {TEXT: TEXT},
    EnumAttribute: Bird.YELLOW,
    IntegerAttribute: NUMBER,
    JSONAttribute: {TEXT: [TEXT]},
    ListAttribute: [TEXT, {TEXT: NUMBER}],
    MapAttribute: {TEXT: {TEXT: [TEXT, NUMBER]}},
    NullAttribute: None,
    NumberAttribute: NUMBER,
    NumberSetAttribute: {NUMBER},
    StrictNumberAttribute: NUMBER,
    StrictUTCDateTimeAttribute: MOMENT,
    StrictUnicodeAttribute: TEXT,
    TTLAttribute: MOMENT,
    UTCDateTimeAttribute: MOMENT,
    UUIDAttribute: BIRTH,
    UnicodeAttribute: TEXT,
    UnicodeSetAttribute: {TEXT},
    UpdatedAtAttribute: MOMENT,
}
"""A value of each attribute class, with a canary if the class can hold one."""

NOT_VALUES = {
    Attribute,
    DerivedAttribute,
    DiscriminatorAttribute,
    RawMapAttribute,
    ConvertedOperands,
    Scalar,
    StrictListAttribute,
    VersionAttribute,
    WriteTokenAttribute,
    _StrictDynamicMap,
    _StrictSet,
    *(set(SCALAR_TWINS.values()) - {StrictNumberAttribute, StrictUTCDateTimeAttribute, StrictUnicodeAttribute}),
}
"""Base classes, strict twins that replace a listed class, and attributes that the framework sets automatically."""

WRONG = [
    TEXT,
    f"{TEXT}\ud800",
    NUMBER,
    float(NUMBER) + 0.5,
    Decimal(NUMBER) * 10**40 + 1,
    MOMENT.replace(tzinfo=None),
    MOMENT.date(),
    TEXT.encode(),
    {TEXT, NUMBER},
    {TEXT: object()},
    {TEXT: {"": TEXT}},
    [{TEXT: {TEXT: float("nan")}}],
    [{TEXT}, {TEXT: set()}],
    {"S": TEXT},
    {"N": TEXT},
    BIRTH,
    object(),
]
"""Values that are wrong for most classes."""


def _classes(kind=Attribute):
    """Return every attribute class of PynamoDB and the framework, without the copies that the framework generates."""
    for each in kind.__subclasses__():
        yield from _classes(each)
        mine = each.__module__.split(".")[0] in ("pynamodb", "singletable")
        if mine and getattr(inspect.getmodule(each), each.__name__, None) is each:
            yield each


class Failing(UnicodeAttribute):
    """A user's class that raises an unexpected exception with the value."""

    def serialize(self, value):
        raise RuntimeError(f"it is {value}")

    def deserialize(self, value):
        raise RuntimeError(f"it was {value}")


def _attribute(kind):
    options = {"null": True}
    if kind in (BinaryAttribute, BinarySetAttribute):
        options["legacy_encoding"] = False
    return EnumAttribute(Bird, **options) if kind is EnumAttribute else kind(**options)


class YellowAttribute(EnumAttribute):
    """A marked class without arguments, because PynamoDB creates the elements of a list without arguments."""

    def __init__(self, **options):
        super().__init__(Bird, **options)


class CanaryTable(Table):
    class Meta:
        table_name = "canaries"
        stream_view_type = "NEW_AND_OLD_IMAGES"


NAMES = {f"at_{kind.__name__.lower()}": kind for kind in PLANTED}
Inner = type("Inner", (MapAttribute,), {name: _attribute(kind) for name, kind in NAMES.items()})
Outer = type("Outer", (MapAttribute,), {"inner": Inner(null=True), "many": ListAttribute(of=Inner, null=True)})
LISTS = {
    f"of_{name}": ListAttribute(of=YellowAttribute if kind is EnumAttribute else kind, null=True)
    for name, kind in NAMES.items()
    if kind is not NullAttribute
}
PLACES = (*NAMES, *LISTS, "outer", "inners", "failing")


class Holder(CanaryTable, discriminator="HOLDER"):
    """Every class at the top level, in lists, in a typed map, in a list of typed maps, and in a map in a map."""

    class Meta:
        personal = ("ident", *PLACES)

    ident = UnicodeAttribute()
    number = IntegerAttribute(default=1)
    outer = Outer(null=True)
    inners = ListAttribute(of=Inner, null=True)
    failing = Failing(null=True)
    locals().update({name: _attribute(kind) for name, kind in NAMES.items()})
    locals().update(LISTS)

    key = Key(pk="HOLDER#{ident}", sk="HOLDER#{ident}#{number:03d}")
    expires_at = Expiry(after="at_utcdatetimeattribute", days=365_000)


def holder(**values):
    return Holder(ident=f"{TEXT}1", **values)


def full():
    """Return a valid holder with a canary in every place but one."""
    everything = {name: PLANTED[kind] for name, kind in NAMES.items()}
    lists = {name: [PLANTED[NAMES[name.removeprefix("of_")]]] for name in LISTS}
    typed = {"inner": Inner(**everything), "many": [Inner(**everything)]}
    return holder(**everything, **lists, outer=Outer(**typed), inners=[Inner(**everything)])


def values_at(place):
    """Yield values that an attribute refuses: each wrong value, alone and within a container."""
    for wrong in WRONG:
        yield wrong
        if place in LISTS or place == "inners":
            yield [wrong]
        # PynamoDB's TTLAttribute refuses a value when it is set.
        typed = [Inner(**{name: wrong}) for name in NAMES if name != "at_ttlattribute"]
        if place == "inners":
            yield from ([each] for each in typed)
        if place == "outer":
            yield from (Outer(inner=each) for each in typed)
            yield from (Outer(many=[each]) for each in typed)


# --- looking for canaries -------------------------------------------------------------

HOLD_ITEMS = {"item", "key", "current_item", "entity", "obj", "Item", "CancellationReasons"}
"""The fields of errors that are documented to hold an item or its key; our reprs do not show their contents."""


def assert_clean(text):
    found = [needle for needle in NEEDLES if needle in text]
    assert [] == found, text


def assert_error_is_clean(error):
    """Assert that an error and every linked error have no canary in messages, fields and traceback."""
    assert_clean("".join(traceback.format_exception_only(error)))
    for each in _chain(error):
        assert_clean(f"{each} {each!r} {each.args!r}")
        for name, part in vars(each).items():
            if name == "response" and part is not None:
                for told in (part, *part.get("CancellationReasons", ())):
                    assert_clean(repr({key: each for key, each in told.items() if key not in HOLD_ITEMS}))
            elif name == "cancellation_reasons":
                assert_clean(repr([reason and reason.message for reason in part]))
            elif name in HOLD_ITEMS:
                if not isinstance(part, (dict, list, tuple)):
                    assert_clean(repr(part))
            else:
                assert_part_is_clean(part)


def assert_part_is_clean(part):
    if isinstance(part, BaseException):
        assert_error_is_clean(part)
    elif isinstance(part, (tuple, list)):
        for each in part:
            assert_part_is_clean(each)
    elif attrs.has(type(part)):
        assert_clean(repr(part))
        for field in attrs.fields(type(part)):
            if field.name not in HOLD_ITEMS:
                assert_part_is_clean(getattr(part, field.name))
    else:
        assert_clean(f"{part} {part!r}")


def _chain(error):
    seen = []
    while error is not None and not any(error is each for each in seen):
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def caught(action):
    """Return the exception of an action, which must be clean; None if it does not raise one."""
    try:
        action()
    except Exception as error:
        assert_error_is_clean(error)
        return error
    return None


@pytest.fixture
def canaries(caplog, monkeypatch):
    """Give a table with observers; after the test the DEBUG output of every logger must be clean."""
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    caplog.set_level(logging.DEBUG)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told, records = [], []
    # The handler outlives the test.
    monkeypatch.setattr(caplog.handler, "emit", records.append)
    tracing = OpenTelemetryObserver(provider.get_tracer("test"))
    with embedded(CanaryTable) as table, observe(table, told.append, tracing):
        yield table
    assert told
    for each in told:
        assert_clean(repr(each))
    for span in exporter.get_finished_spans():
        assert_clean(span.to_json())
    assert {"botocore.endpoint", "botocore.parsers"} <= {each.name for each in records}
    for each in records:
        assert_clean(f"{each.name}: {each.getMessage()}")
        if each.exc_info:
            assert_error_is_clean(each.exc_info[1])


# --- the tests ------------------------------------------------------------------------


def test_every_attribute_class_has_a_canary():
    """Every attribute class is in the list of those with a canary."""
    assert set(_classes()) - NOT_VALUES == set(PLANTED)


def test_the_canaries_are_planted():
    """The stored item holds the canaries that the other tests search for."""
    stored = full().serialize()
    hidden = {"at_booleanattribute", "at_enumattribute", "at_nullattribute", "at_ttlattribute"}
    for place in {*NAMES, *LISTS, "outer", "inners"} - hidden - {f"of_{name}" for name in hidden}:
        assert any(needle in repr(stored[place]) for needle in NEEDLES), place


@pytest.mark.parametrize("place", PLACES)
def test_no_refused_value_is_shown(place):
    """No path that refuses a value shows it, for any reason of refusal."""
    refused = 0
    attribute = getattr(Holder, place)
    for value in values_at(place):
        for action in (
            lambda value=value: plan.create(holder(**{place: value})),
            lambda value=value: plan.save(holder(**{place: value})),
            lambda value=value: plan.update(holder(), **{place: value}),
        ):
            refused += caught(action) is not None
        if not isinstance(attribute, Failing):
            caught(lambda value=value: Holder.query(ident="x", filter=attribute == value))
            caught(lambda value=value: plan.update(holder(), [attribute.set(value)]))
    # BooleanAttribute converts any value, and NullAttribute ignores its value.
    assert refused or place in ("at_booleanattribute", "of_at_booleanattribute", "at_nullattribute")


NAMED = ("append", "prepend", "startswith", "contains", "is_in", "set", "add", "delete")
SIGNS = ("__eq__", "__lt__", "__add__", "__sub__", "__radd__", "__rsub__", "__or__")


@pytest.mark.parametrize("place", [*NAMES, *LISTS])
def test_no_operand_is_shown(place):
    """An operator of a marked attribute does not show an operand that it refuses."""
    attributes = [getattr(Holder, place)]
    if place in NAMES:
        attributes += [getattr(Holder.outer.inner, place), getattr(Holder.inners[0], place)]
    for attribute in attributes:
        for operator in (*NAMED, *SIGNS) if isinstance(attribute, Scalar) else NAMED:
            for value in WRONG:
                caught(lambda a=attribute, o=operator, v=value: getattr(a, o)(v))
        for value in WRONG:
            caught(lambda a=attribute, v=value: a.between(v, v))


def test_a_mark_leaves_paths_as_they_are():
    """Each copy that PynamoDB makes of a marked attribute has its own operators."""
    added = {"x"}
    for attribute, path in (
        (Holder.at_unicodesetattribute, ["at_unicodesetattribute"]),
        (Holder.outer.inner.at_unicodesetattribute, ["outer", "inner", "at_unicodesetattribute"]),
        (Holder.inners[3].at_unicodesetattribute, ["inners[3]", "at_unicodesetattribute"]),
        (Inner.at_unicodesetattribute, ["at_unicodesetattribute"]),
    ):
        assert path == attribute.add(added).values[0].path


@pytest.mark.parametrize("place", PLACES)
def test_no_stored_value_is_shown_that_cannot_be_read(place):
    """Neither a stored value of another type nor malformed text is shown."""
    contents = [
        {"S": TEXT},
        {"N": TEXT},
        {"N": f"{NUMBER}.5"},
        {"B": TEXT},
        {"L": [{"S": TEXT}, {"M": {TEXT: {"S": TEXT}}}]},
        {"M": {TEXT: {"N": TEXT}, "inner": {"S": TEXT}}},
        {"M": {"inner": {"M": {name: {"S": TEXT} for name in NAMES}}}},
        {"L": [{"M": {name: {"N": TEXT} for name in NAMES}}]},
        {"SS": [TEXT]},
        {TEXT: TEXT},
    ]
    item = holder().serialize()
    errors = [caught(lambda each=each: Holder.from_raw_data({**item, place: each})) for each in contents]
    assert {MalformedItemError} == {type(each) for each in errors if each}
    for content in contents:
        caught(lambda content=content: read_change(CanaryTable, _record({**item, place: content})))


def test_no_name_within_a_personal_map_is_shown():
    """Names within a personal map are hidden in conditions, actions, the constructor and assignments."""
    name = Holder.at_mapattribute[TEXT]
    known = Holder._from_item(holder().serialize())
    for action in (
        lambda: Holder.query(name == "x", ident="x"),
        lambda: plan.update(known, [name[TEXT].set("x"), Holder.at_utcdatetimeattribute.set(name[TEXT])]),
        lambda: holder(outer={TEXT: 1}),
        lambda: holder(outer={"inner": {TEXT: 1}}),
        lambda: setattr(known, "outer", {TEXT: 1}),
        lambda: setattr(known, "outer", {"inner": {TEXT: 1}}),
        lambda: Outer(**{TEXT: 1}),
        lambda: Inner(**{TEXT: 1}),
    ):
        assert isinstance(caught(action), SingletableError)


def _record(image):
    raw = record_of(new=holder())
    raw["dynamodb"]["NewImage"] = image
    return read_record(raw)


def test_no_plan_shows_a_value(canaries):
    """The reprs of writes, changes, queries and all objects that hold them show no value."""
    one = full()
    stored = Holder._from_item(one.serialize())
    text = Holder.at_unicodeattribute
    writes = [
        plan.create(one),
        plan.save(one, text == TEXT),
        plan.update(one, at_unicodeattribute=TEXT, at_mapattribute={TEXT: TEXT}),
        plan.update(
            stored, [text.set(TEXT), Holder.at_unicodesetattribute.add({TEXT}), Holder.outer.remove()], text > TEXT
        ),
        plan.delete(stored, text.contains(TEXT)),
        plan.check(one, text.is_in(TEXT, "x")),
    ]
    queries = [
        Holder.item(ident=TEXT, number=1),
        Holder.query(ident=TEXT, filter=text == TEXT),
        Holder.query(Holder.number.between(1, 2), ident=TEXT),
        Holder.scan(filter=text == TEXT),
    ]
    shown = [*writes, *(each.request for each in writes), *queries]
    shown += [each.change for each in writes if hasattr(each, "change")] + [
        writes[2].actions,
        writes[2].request.actions,
    ]
    shown += [each.explain() for each in queries[:3]] + [each.sort_range() for each in queries[:3]]
    shown += [each.condition for each in queries[1:3]]
    transaction, batch = canaries.transaction(), canaries.batch()
    transaction.add(*writes)
    batch.put(one)
    batch.get(queries[0])
    change = read_change(CanaryTable, _record(one.serialize()))
    shown += [transaction, transaction._writes, batch, one, stored, change, change.record, vars(batch)["_gets"]]
    shown += [UnknownItem("X", (TEXT, TEXT), one.serialize()), canaries.load_collection(Holder, ident=TEXT)]
    shown += [ItemChange(one.serialize(), stored.serialize(), frozenset(), ("PK", "SK"))]
    for each in shown:
        assert_clean(f"{each!r} {each}")


def test_no_failed_write_shows_a_value(canaries):
    """Errors show no value; only the documented fields hold the item."""
    one = full()
    one.create()
    text = Holder.at_unicodeattribute
    conflict = lambda: canaries.transaction()  # noqa: E731

    def cancelled():
        with conflict() as transaction:
            transaction.create(full())

    def twice():
        with conflict() as transaction:
            transaction.create(full(), full())

    def pynamodbs():
        with TransactWrite(connection=connection_of(CanaryTable).connection) as transaction:
            transaction.save(full(), condition=Holder.number.does_not_exist())

    for action in (
        lambda: full().create(),
        lambda: full().save(text == "other"),
        lambda: full().delete(text == f"{TEXT}2"),
        lambda: full().update(number=None),
        lambda: full().update(number=2),
        lambda: full().update([text.set("x")], text == f"{TEXT}3"),
        lambda: holder(number=7).update(at_unicodeattribute=TEXT),
        lambda: Holder.get(ident=f"{TEXT}9", number=1),
        lambda: full().move(number=1),
        lambda: holder(at_unicodeattribute=TEXT * 100_000).create(),
        lambda: Holder.from_raw_data({**full().serialize(), "entityType": {"S": "OTHER"}}),
        cancelled,
        twice,
    ):
        assert isinstance(caught(action), SingletableError)
    assert isinstance(caught(pynamodbs), TransactWriteError)
    statement = {"Statement": 'SELECT * FROM "canaries"'}
    assert connection_of(CanaryTable).connection.client._make_api_call("ExecuteStatement", statement)["Items"]
    with inject(CanaryTable, Throttling()):
        error = caught(lambda: list(canaries.put_all([full()])))
    assert isinstance(error, BatchIncompleteError)


QUOTING = "One or more parameter values were invalid: {0}; '{0}'; [{0!r}]"


@pytest.mark.parametrize("code", ["ValidationException", "SerializationException", "TransactionCanceledException"])
def test_no_value_of_a_request_is_quoted_that_the_server_quotes(canaries, monkeypatch, code):
    """The server's message is cleaned in our error, in its causes and in cancellation reasons."""

    def refuse(operation, params):
        quoted = QUOTING.format(_values(params))
        reasons = [{"Code": "ValidationError", "Message": quoted}]
        raise ClientError({"Error": {"Code": code, "Message": quoted}, "CancellationReasons": reasons}, operation)

    def together():
        with canaries.transaction() as transaction:
            transaction.create(full())

    def pynamodbs():
        with TransactWrite(connection=connection_of(CanaryTable).connection) as transaction:
            transaction.save(full())

    monkeypatch.setattr(connection_of(CanaryTable).connection.client, "_make_api_call", refuse)
    for action in (
        lambda: full().save(),
        lambda: full().update(at_unicodeattribute=TEXT, at_mapattribute={TEXT: [TEXT, NUMBER]}),
        lambda: full().delete(Holder.at_integerattribute == NUMBER),
        lambda: Holder.query(ident=TEXT, filter=Holder.at_dateattribute == MOMENT.date()).all(),
        lambda: Holder.item(ident=TEXT, number=1).one(),
        lambda: canaries.batch_get([Holder.item(ident=TEXT, number=1)]),
        lambda: list(canaries.put_all([full()])),
        together,
        pynamodbs,
    ):
        assert caught(action) is not None


def _values(params):
    return [each for name, each in params.items() if name not in ("ExpressionAttributeNames", "TableName")]


def test_no_value_of_a_request_is_quoted_that_the_sdk_quotes(canaries):
    """botocore's errors for a value of the wrong Python type and for a lost answer are cleaned."""
    failures = (
        ParamValidationError(report=f"Invalid type for parameter Item.outer.M.{TEXT}.N, value: {NUMBER}, type: int"),
        HTTPClientError(request=_Request({"Item": {"at_unicodeattribute": TEXT}}), error=f"broken after {TEXT}"),
        ReadTimeoutError(request=_Request({"Item": {"at_unicodeattribute": TEXT}}), endpoint_url="http://x"),
    )
    for failure in failures:

        def fail(send, operation, params, failure=failure):
            raise failure

        connection_of(CanaryTable).connection.around = (fail,)
        assert isinstance(caught(full().save), SingletableError)


@attrs.frozen
class _Request:
    """A request like botocore's, with the body to send."""

    body: object


def test_no_dead_letter_shows_a_value(canaries, caplog):
    """Failed handlers, images and records show no value in letters, errors and the log."""
    letters = []
    router = StreamRouter(CanaryTable, dead_letters=letters.append)

    @router.on(Holder, "INSERT", idempotent=True)
    def quoting(change):
        raise ValueError(f"it is {change.new.at_unicodeattribute}")

    raw = record_of(new=full())
    with pytest.raises(SingletableError) as failed:
        router.process(raw)
    assert_clean(f"{failed.value} {failed.value!r} {failed.value.letters} {failed.value.outcome}")
    for damage in (
        {"NewImage": {**full().serialize(), "at_integerattribute": {"S": TEXT}}},
        {"NewImage": {"PK": TEXT}},
        {"Keys": TEXT},
        {"ApproximateCreationDateTime": TEXT},
        {"SequenceNumber": {TEXT: TEXT}},
    ):
        router.process({**raw, "dynamodb": {**raw["dynamodb"], **damage}})
    StreamRouter(CanaryTable).process({**raw, "dynamodb": {TEXT: TEXT}})
    assert 5 == len(letters)
    for letter in letters:
        assert_clean(f"{letter!r} {letter.to_dict()}")
    Holder.query(ident="x").all()


def test_no_reason_for_quarantine_shows_a_value():
    """Neither an unreadable source nor a failing function shows a value."""

    def quoting(text):
        raise ValueError(f"it is {text}")

    for source in SOURCES.values():
        for stored in ({"S": TEXT}, {"N": TEXT}, {"M": {TEXT: {"S": TEXT}}}, {"B": TEXT}):
            try:
                source("at").read({"at": stored})
            except UnfitItemError as unfit:
                assert_clean(f"{unfit} {unfit.reason}")
    work = BackfillWith("HOLDER", {"text": Text("at")}, quoting, writes=("x",)).compile_new()
    with pytest.raises(UnfitItemError) as caught_unfit:
        work({"at": {"S": TEXT}})
    assert_clean(f"{caught_unfit.value} {caught_unfit.value.reason}")
    assert_clean(repr(Backfill("HOLDER")))


def test_an_endpoint_is_shown_whole():
    """A value that is a part of the endpoint does not hide that part."""
    with AppTable.bind(endpoint_url="http://127.0.0.1:1", credentials=("x", "x", None), max_attempts=1):
        with pytest.raises(EndpointUnreachableError, match=r"No server answers at http://127\.0\.0\.1:1/"):
            Account.get(account_id="127")
