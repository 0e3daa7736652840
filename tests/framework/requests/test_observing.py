"""Observers, names of requests, and OpenTelemetry spans."""

import sys
import threading

import pytest
from botocore.exceptions import ClientError
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import patterns
from models import Order, OrderStatus, Product, ShopTable, User
from singletable import OpenTelemetryObserver, RequestEvent, RequestStats, measure, observe, request_name
from singletable.engine import embedded
from singletable.errors import (
    ConditionFailed,
    DeclarationError,
    EngineUnavailableError,
    RequestFailedError,
    ThrottledError,
)
from singletable.models.binding.binding import connection_of
from singletable.testing.faults import Throttling, inject
from tests.shop.conftest import table

__all__ = ["table"]  # a fixture


@pytest.fixture
def seen(table):
    """The events of the shop's table."""
    told = []
    with observe(ShopTable, told.append):
        yield told


def test_a_request_is_told(seen):
    """The event has the operation, the table, the duration and the capacity units; it has no key or value."""
    with measure() as usage:
        User(user_id="secret-u1", name="secret", email="e@example.com").create()
    (sent,) = seen
    assert ("PutItem", "shop", None, None, None, 1) == (
        sent.operation,
        sent.table,
        sent.index,
        sent.pattern,
        sent.error,
        sent.attempts,
    )
    assert (usage.read_units, usage.write_units) == (sent.read_units, sent.write_units) == (0.0, 1.0)
    assert 0 < sent.seconds < 60
    assert "secret" not in repr(sent)


def test_requests_are_told_by_access_pattern(seen):
    """The name does not depend on the caller; each of several requests has it, also those that fetch whole items."""
    asked = patterns.orders_of_user("u1"), patterns.user("u1"), patterns.users_by_status("ACTIVE")
    assert [] == seen
    asked[0].all()
    asked[1].one_or_none()
    asked[2].all()
    for each in patterns.order_with_items("o1"):
        each.all()
    assert [
        ("Query", None, "orders_of_user"),
        ("GetItem", None, "user"),
        ("Query", "GSI2", "users_by_status"),
        ("Query", "GSI1", "order_with_items"),
        ("Query", None, "order_with_items"),
    ] == [(sent.operation, sent.index, sent.pattern) for sent in seen]
    assert [0.5] * 5 == [sent.read_units for sent in seen]


def test_a_pattern_is_what_its_function_returns_but_for_the_name():
    """Its requests are equal to those made without the pattern."""
    assert Order.query(user_id="u1", descending=True) == patterns.orders_of_user("u1")
    pair = patterns.order_with_items("o1")
    assert isinstance(pair, tuple)
    assert Order.by_id.query(order_id="o1") == pair[0]


def test_what_is_no_pattern_can_be_given_a_name(seen):
    """The name applies to a block or a function; an access pattern inside keeps its own."""

    @request_name("stock taking")
    def take():
        Product(product_id="p1", name="-", category_id="c", price=1).create()
        patterns.product("p1").one()

    take()
    with request_name("outer"):
        with request_name("inner"):
            User.item(user_id="u").one_or_none()
        User.item(user_id="u").one_or_none()
    User.item(user_id="u").one_or_none()
    assert ["stock taking", "product", "inner", "outer", None] == [sent.pattern for sent in seen]


def test_a_name_is_of_the_threads_of_a_batch_too(seen):
    """It applies to their writes and reads."""
    with request_name("load"), ShopTable.batch(workers=4) as batch:
        for number in range(100):
            batch.save(User(user_id=f"u{number}", name="-", email="-"))
    with request_name("look"):
        ShopTable.batch_get([User.item(user_id=f"u{number}") for number in range(200)], workers=2)
    assert ["load"] * 4 + ["look"] * 2 == [sent.pattern for sent in seen]


def test_a_name_is_of_its_thread(seen):
    """Requests of another thread have no name."""
    with request_name("mine"):
        other = threading.Thread(target=lambda: User.item(user_id="u").one_or_none())
        other.start()
        other.join()
    assert [None] == [sent.pattern for sent in seen]


def test_what_failed_is_told_with_its_code(seen):
    """The request still raises the same error."""
    user = User(user_id="u1", name="-", email="-")
    user.create()
    with pytest.raises(ConditionFailed):
        user.update(name="x", condition=User.name == "y")
    with inject(ShopTable, Throttling(calls=[1])), pytest.raises(ThrottledError):
        user.refresh()
    assert [None, "ConditionalCheckFailedException", "ProvisionedThroughputExceededException"] == [
        sent.error for sent in seen
    ]
    assert all(sent.read_units == 0 for sent in seen[1:])


def test_an_observer_that_fails_breaks_no_request(table, caplog):
    """Its error is logged, and the other observers are called."""
    told = []

    def broken(sent):
        raise ValueError("metrics are down")

    with observe(ShopTable, broken, told.append):
        assert User.item(user_id="u").one_or_none() is None
    assert 1 == len(told)
    assert "An observer of shop failed: ValueError." in caplog.text


def test_what_an_observers_failure_logs_has_nothing_of_the_request(table, caplog):
    """DynamoDB's message may quote a value: "cannot be converted to a numeric value: ..."."""

    def broken(sent):
        raise ValueError("metrics are down")

    def refuse(send, operation, params):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "no number: secret"}}, operation)

    connection = connection_of(ShopTable).connection
    with observe(ShopTable, broken):
        connection.around = (*connection.around, refuse)
        try:
            with pytest.raises(RequestFailedError, match="secret") as caught:
                User.item(user_id="u").one_or_none()
        finally:
            connection.around = connection.around[:-1]
    assert "metrics are down" in caplog.text
    assert "secret" not in caplog.text
    assert isinstance(caught.value.__cause__, ClientError)


def test_observers_come_and_go(table):
    """They are added for a block or by hand, and survive a change of the binding."""
    first, second = [], []
    outer = observe(User, first.append)  # an entity means its table
    with observe(ShopTable, second.append):
        User.item(user_id="u").one_or_none()
        with embedded(ShopTable, create=False), pytest.raises(Exception, match="does not exist"):
            User.item(user_id="u").one_or_none()
    User.item(user_id="u").one_or_none()
    outer.undo()
    outer.undo()
    User.item(user_id="u").one_or_none()
    assert (3, 2) == (len(first), len(second))
    assert () == ShopTable._observers


def test_request_stats_add_up_by_pattern(table):
    """It adds up requests, failures, time and units."""
    stats = RequestStats()
    with observe(ShopTable, stats):
        for user_id in ("u1", "u2"):
            patterns.orders_of_user(user_id).all()
        with request_name("registering"):
            patterns.register_user("Ann", "ann@example.com")
            with pytest.raises(patterns.EmailTakenError):
                patterns.register_user("Bob", "ann@example.com")
    asked, writing = stats.totals["orders_of_user"], stats.totals["registering"]
    assert (2, 0, 1.0, 0.0) == (asked.requests, asked.failed, asked.read_units, asked.write_units)
    assert 0 < asked.slowest < asked.seconds
    assert (2, 1, 4.0) == (writing.requests, writing.failed, writing.write_units)


def test_the_slowest_is_kept():
    """The order of the requests does not matter."""
    stats = RequestStats()
    for seconds in (0.25, 1.0, 0.5):
        stats(RequestEvent("Query", "shop", None, "p", 0.0, seconds))
    assert (3, 1.75, 1.0) == (stats.totals["p"].requests, stats.totals["p"].seconds, stats.totals["p"].slowest)


@pytest.mark.parametrize("observer", ["x", RequestStats, None])
def test_what_cannot_observe(observer):
    """observe() raises, not the first request."""
    with pytest.raises(
        DeclarationError, match=r"is not an observer. Give a function that takes a RequestEvent, or an instance"
    ):
        observe(ShopTable, observer)


def test_the_repr_of_request_stats():
    """The repr has a part for each name."""
    stats = RequestStats()
    assert "<RequestStats: no requests>" == repr(stats)
    stats(RequestEvent("Query", "shop", None, "user", 0.0, 0.25, read_units=0.5))
    assert "<RequestStats: user: 1 requests, 0 failed, 0.250 s, 0.5 read and 0 write units>" == repr(stats)


# --- OpenTelemetry -----------------------------------------------------------------------


@pytest.fixture
def tracing(table):
    """A tracer and a function that returns its finished spans."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with observe(ShopTable, OpenTelemetryObserver(tracer)):
        yield tracer, exporter.get_finished_spans


def test_a_span_for_each_request(tracing):
    """Each is a child of the current span, as long as the request, with the names of the conventions."""
    tracer, written = tracing
    with tracer.start_as_current_span("request") as parent:
        patterns.users_by_status("ACTIVE").all()
    span, _ = written()
    assert ("DynamoDB.Query", trace.SpanKind.CLIENT) == (span.name, span.kind)
    assert parent.get_span_context().span_id == span.parent.span_id
    assert {
        "db.system.name": "aws.dynamodb",
        "db.operation.name": "Query",
        "db.collection.name": "shop",
        "aws.dynamodb.table_names": ("shop",),
        "aws.dynamodb.index_name": "GSI2",
        "singletable.access_pattern": "users_by_status",
        "singletable.read_units": 0.5,
        "singletable.write_units": 0.0,
        "singletable.attempts": 1,
    } == dict(span.attributes)
    assert parent.start_time <= span.start_time < span.end_time
    assert trace.StatusCode.UNSET is span.status.status_code


def test_a_span_is_as_long_as_its_request(tracing):
    """Its times are in nanoseconds."""
    tracer, written = tracing
    OpenTelemetryObserver(tracer)(RequestEvent("Query", "shop", None, None, 1_000.5, 0.25))
    assert (1_000_500_000_000, 1_000_750_000_000) == (written()[0].start_time, written()[0].end_time)


def test_a_span_of_what_failed(tracing):
    """It has the error status and the code."""
    _, written = tracing
    with pytest.raises(Order.DoesNotExist):
        Order(user_id="u", order_id="o").update(status=OrderStatus.PAID)
    assert "ConditionalCheckFailedException" == written()[0].attributes["error.type"]
    assert trace.StatusCode.ERROR is written()[0].status.status_code


def test_without_opentelemetry(monkeypatch):
    """The error is one line and the remedy."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(EngineUnavailableError, match=r"pip install 'singletable\[opentelemetry\]'"):
        OpenTelemetryObserver()
