"""The consumer on the embedded engine."""

import threading

import pytest

from models import Product, Review, ShopTable
from singletable.engine import embedded
from singletable.errors import InvalidValueError, StreamMissingError, StreamViewError
from singletable.models.binding.binding import connection_of, pinned
from singletable.streams import StreamRouter, run_stream
from singletable.streams.client import StreamsClient
from tests.framework.app import AppTable
from tests.shop.conftest import table

__all__ = ["table"]  # a fixture


def product(number):
    return Product(product_id=f"p{number}", name="-", category_id="c", price=1)


def test_a_table_without_a_stream():
    """The error has a remedy."""
    with embedded(AppTable), pytest.raises(StreamMissingError, match=r"'app' has no stream. Set Meta.stream_view_type"):
        run_stream(StreamRouter(AppTable), idle=0)


def test_a_stream_that_only_meta_has(table, monkeypatch):
    """The remedy is a migration, because Meta already declares the stream."""
    connection = connection_of(ShopTable).connection
    connection.dispatch("UpdateTable", {"TableName": "shop", "StreamSpecification": {"StreamEnabled": False}})
    with pytest.raises(StreamMissingError, match="Meta declares NEW_AND_OLD_IMAGES. Run singletable makemigrations"):
        run_stream(StreamRouter(ShopTable), idle=0)


def test_what_the_stream_shows_is_checked_before_the_first_record(monkeypatch):
    """The view type of DescribeStream is checked."""
    monkeypatch.setattr(ShopTable.Meta, "stream_view_type", "NEW_IMAGE", raising=False)
    with embedded(ShopTable):
        monkeypatch.undo()
        monkeypatch.setattr(ShopTable.Meta, "stream_view_type", None, raising=False)
        router = StreamRouter(ShopTable)
        router.on(Product, "REMOVE", name="gone")(print)
        with pytest.raises(StreamViewError, match="shows NEW_IMAGE; gone needs the old image"):
            run_stream(router, idle=0)


def test_it_stops_behind_the_record_that_is_under_way(table):
    """The next run reads the records after it."""
    router, stop, seen = StreamRouter(ShopTable), threading.Event(), []

    @router.on(Product, "INSERT", name="stop")
    def handle(change):
        seen.append(change.new.product_id)
        stop.set()

    for number in range(3):
        product(number).create()
    assert 1 == run_stream(router, stop=stop).records
    stop.clear()
    assert 1 == run_stream(router, stop=stop).handled["stop"]
    assert ["p0", "p1"] == seen


def test_a_cancelled_transaction_leaves_nothing_in_the_stream(table):
    """As in DynamoDB; an existing reader continues."""
    from singletable.errors import TransactionCancelled

    router, seen, stop = StreamRouter(ShopTable), [], threading.Event()

    @router.on(ShopTable, "INSERT", "MODIFY", name="note", idempotent=True)
    def note(change):
        seen.append((change.event, type(change.new).__name__))
        if isinstance(change.new, Review):
            stop.set()

    reader = threading.Thread(target=run_stream, args=(router,), kwargs={"stop": stop})
    product(1).create()
    reader.start()
    with pytest.raises(TransactionCancelled), ShopTable.transaction() as transaction:
        transaction.update(product(1), name="never")
        transaction.create(product(2))
        transaction.check(product(3))
    with ShopTable.transaction() as transaction:
        transaction.update(product(1), name="new")
        transaction.create(Review(product_id="p1", user_id="u", rating=1))
    reader.join(timeout=30)
    assert [("INSERT", "Product"), ("MODIFY", "Product"), ("INSERT", "Review")] == seen
    assert "new" == Product.get(product_id="p1").name


def test_a_record_is_given_once_at_least(table):
    """Zero attempts are refused."""
    with pytest.raises(InvalidValueError, match="attempts=0 is less than 1"):
        run_stream(StreamRouter(ShopTable), attempts=0)


def test_the_client_is_the_tables(table):
    """The client has the table's time-outs, attempts, credentials and headers."""
    settings = connection_of(ShopTable).settings
    with pinned(
        ShopTable,
        region="eu-west-1",
        endpoint_url="https://dynamodb.eu-west-1.amazonaws.com",
        credentials=("key", "secret", "token"),
        read_timeout=7,
        connect_timeout=3,
        max_attempts=2,
        prepare=settings.prepare,
    ):
        client = StreamsClient(ShopTable)._client
    config = client.meta.config
    assert (7, 3, {"total_max_attempts": 2, "mode": "standard"}) == (
        config.read_timeout,
        config.connect_timeout,
        config.retries,
    )
    assert "https://streams.dynamodb.eu-west-1.amazonaws.com" == client.meta.endpoint_url
    used = client._request_signer._credentials
    assert ("key", "secret", "token") == (used.access_key, used.secret_key, used.token)
