"""The shop's stream handlers on moto's SES and SNS and the embedded table."""

import json
import os
import random
import sys
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

import patterns
from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable, User
from shop.notices import NotConfiguredError, notices
from shop.stream import router
from singletable.errors import InvalidValueError, MalformedRecordError
from singletable.streams import record_of, run_stream
from tests.framework.streams.conftest import logged
from tests.shop.test_patterns import sold

__all__ = ["logged"]  # a fixture

REGION = "eu-central-1"
FROM = "shop@example.com"


@pytest.fixture
def post(monkeypatch):
    """Verify a sender and create a topic; return a function that returns the messages in the topic's queue."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        boto3.client("ses", REGION).verify_email_identity(EmailAddress=FROM)
        topic = boto3.client("sns", REGION).create_topic(Name="shop-events")["TopicArn"]
        queues = boto3.client("sqs", REGION)
        queue = queues.create_queue(QueueName="seen")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        boto3.client("sns", REGION).subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )
        monkeypatch.setenv("SHOP_FROM_ADDRESS", FROM)
        monkeypatch.setenv("SHOP_TOPIC_ARN", topic)
        notices.cache_clear()

        def events():
            found = []
            while messages := queues.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages"):
                for each in messages:
                    queues.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
                    found.append((each["MessageAttributes"]["event"]["StringValue"], json.loads(each["Body"])))
            return found

        yield events
    notices.cache_clear()


def mails():
    """Return the mails that were sent with SES, as (to, text)."""
    sent = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    return [(each.destinations["ToAddresses"][0], each.body) for each in sent]


def run():
    """Handle all records in the table's stream."""
    return run_stream(router, idle=0)


@pytest.fixture
def shop(post, table):
    """Return the shop's table with its mails and events, and one user whose welcome was sent."""
    user = patterns.register_user("Ann", "ann@example.com")
    run()
    post()
    ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages.clear()
    return user


def test_a_new_user_is_welcomed_and_announced(post, table):
    """By one mail and one event without personal values, for any number of reads of the stream."""
    user = patterns.register_user("Zoë", "zoe@example.com")
    report = run()
    assert {"shop.stream.welcome": 1, "shop.stream.announce_user": 1} == report.handled
    assert [] == report.letters
    ((to, text),) = mails()
    assert "zoe@example.com" == to
    assert "Hello Zoë," in text
    assert [("user-created", {"userId": user.user_id})] == post()
    again = run()
    assert {} == again.handled
    assert {"shop.stream.welcome": 1, "shop.stream.announce_user": 1} == again.repeated
    assert (1, []) == (len(mails()), post())


def test_an_order_is_confirmed_and_announced_and_its_stock_taken_once(post, shop):
    """place_order() takes the stock with the order, so the handler does not."""
    sold("p1", stock=5)
    order = patterns.place_order(shop.user_id, {"p1": 2}, "r")
    assert [] == run().letters
    assert 3 == Product.get(product_id="p1").stock
    ((to, text),) = mails()
    assert "ann@example.com" == to
    assert f"your order of {order.total}" in text
    assert [("order-created", {"orderId": order.order_id, "userId": shop.user_id})] == post()


def other_code_orders(user, lines, order_id="o1", **attributes):
    """Write an order like code that does not know of stock."""
    with ShopTable.transaction() as transaction:
        transaction.create(Order(order_id=order_id, user_id=user.user_id, total=Decimal(1), **attributes))
        for number, (product_id, quantity) in enumerate(lines, start=1):
            transaction.create(
                OrderItem(
                    order_id=order_id, line=number, product_id=product_id, quantity=quantity, unit_price=Decimal(1)
                )
            )


def test_other_codes_orders_take_their_stock_by_the_stream(shop):
    """All lines, two of one product together, and once; a cancellation returns it."""
    sold("p1", stock=5)
    sold("p2", stock=1)
    other_code_orders(shop, [("p1", 1), ("p2", 1), ("p1", 2)])
    for _ in range(2):
        run()
        assert (2, 0) == tuple(Product.get(product_id=each).stock for each in ("p1", "p2"))
    assert Order.get(user_id=shop.user_id, order_id="o1").stock_taken
    patterns.cancel_order(shop.user_id, "o1")
    assert (5, 1) == tuple(Product.get(product_id=each).stock for each in ("p1", "p2"))


def test_an_order_that_is_cancelled_before_takes_no_stock_and_puts_none_back(shop):
    """In both orders of events the stock does not change."""
    sold("p1", stock=5)
    other_code_orders(shop, [("p1", 1)])
    patterns.cancel_order(shop.user_id, "o1")
    assert [] == run().letters
    assert 5 == Product.get(product_id="p1").stock


def test_an_order_of_before_there_was_the_attribute_puts_its_stock_back(shop):
    """place_order() wrote it and took the stock."""
    sold("p1", stock=5)
    other_code_orders(shop, [("p1", 1)], stock_taken=None)
    run()
    assert 5 == Product.get(product_id="p1").stock
    patterns.cancel_order(shop.user_id, "o1")
    assert 6 == Product.get(product_id="p1").stock


def test_a_cancellation_goes_round_the_stream_that_takes_the_stock_meanwhile(shop):
    """It sees that the stock was taken, and returns it."""
    from singletable.testing.faults import Rival, inject

    sold("p1", stock=5)
    other_code_orders(shop, [("p1", 2)])
    rival = Rival(lambda: run(), calls={1}, operations=["TransactWriteItems"])
    with inject(ShopTable, rival):
        patterns.cancel_order(shop.user_id, "o1")
    assert 5 == Product.get(product_id="p1").stock
    assert OrderStatus.CANCELLED is Order.get(user_id=shop.user_id, order_id="o1").status


def test_an_order_that_is_sent_meanwhile_is_not_cancelled(shop):
    """Its stock stays taken."""
    from singletable.testing.faults import Rival, inject

    sold("p1", stock=5)
    order = patterns.place_order(shop.user_id, {"p1": 2}, "r")
    patterns.change_status(shop.user_id, order.order_id, OrderStatus.PAID)
    send = Rival(
        lambda: patterns.change_status(shop.user_id, order.order_id, OrderStatus.SHIPPED),
        calls={1},
        operations=["TransactWriteItems"],
    )
    with inject(ShopTable, send), pytest.raises(patterns.StatusChangeRefusedError, match="is no longer PAID"):
        patterns.cancel_order(shop.user_id, order.order_id)
    assert 3 == Product.get(product_id="p1").stock
    assert OrderStatus.SHIPPED is Order.get(user_id=shop.user_id, order_id=order.order_id).status


def test_an_order_takes_its_stock_once_though_its_event_has_another_id(shop):
    """As if its mark had expired: the order itself has `stock_taken`."""
    sold("p1", stock=5)
    other_code_orders(shop, [("p1", 2)])
    order = Order.get(user_id=shop.user_id, order_id="o1")
    for _ in range(2):
        assert [] == list(router.process(record_of(new=order)).letters)
        assert 3 == Product.get(product_id="p1").stock


def test_an_order_that_cannot_be_filled_is_a_dead_letter_that_says_why(shop):
    """At once, with the product. The mail and the event are still sent, and the order is not tried again."""
    sold("p1", stock=1)
    sold("p2", stock=9)
    other_code_orders(shop, [("p2", 1), ("p1", 2)])
    report = run()
    (letter,) = report.letters
    assert "Order o1: the stock of product p1 is too low." == letter.reason
    assert ("Order", "INSERT", "shop.stream.take_stock") == (letter.entity, letter.event, letter.handler)
    assert (1, 9) == tuple(Product.get(product_id=each).stock for each in ("p1", "p2"))
    assert 1 == report.handled["shop.stream.confirm"]
    assert [] == run().letters


@pytest.mark.parametrize("lines", [[], [(f"p{number}", 1) for number in range(99)]], ids=["none", "99 products"])
def test_an_order_whose_stock_no_transaction_can_take(shop, lines):
    """It has no lines, or more products than a transaction can have."""
    for start in range(0, len(lines), 50):
        other_code_orders(shop, lines[start : start + 50], order_id=f"part {start}", stock_taken=True)
    order = Order(order_id="o1", user_id=shop.user_id)
    for number, (product_id, quantity) in enumerate(lines):
        OrderItem(order_id="o1", line=number, product_id=product_id, quantity=quantity, unit_price=Decimal(1)).create()
    order.create()
    reasons = [each.reason for each in run().letters]
    assert [f"Order o1 has {len(lines)} products; its stock was not taken."] == reasons


def test_a_change_of_status_is_told_with_old_and_new(shop):
    """Other changes of an order do not send a mail."""
    sold("p1", stock=5)
    order = patterns.place_order(shop.user_id, {"p1": 1}, "r")
    run()
    patterns.change_status(shop.user_id, order.order_id, OrderStatus.PAID)
    order.refresh()
    order.update(total=Decimal(7))
    run()
    texts = [text for _, text in mails()]
    assert ["Your order was PENDING. It is PAID now.\n"] == [each for each in texts if "was" in each]


def test_an_order_of_nobody_is_a_dead_letter(shop):
    """Without a user a mail has no recipient; the other handlers succeed."""
    other_code_orders(User(user_id="nobody", name="-", email="-"), [], stock_taken=True)
    report = run()
    assert ["The user of order o1 does not exist."] == [each.reason for each in report.letters]
    assert {"shop.stream.take_stock", "shop.stream.announce_order"} == set(report.handled) - {"shop.stream.confirm"}


def test_a_review_counts_once_and_no_longer_once_it_is_gone(post, shop):
    """New, changed and removed reviews; repeated events have no effect."""
    sold("p1", stock=1)
    assert Product.get(product_id="p1").rating is None
    first = patterns.review_product("p1", "u1", 5)
    patterns.review_product("p1", "u2", 2, "so so")
    run()
    product = Product.get(product_id="p1")
    assert (2, 7, Decimal("3.5")) == (product.rating_count, product.rating_sum, product.rating)
    assert [("review-created", "p1")] * 2 == [(event, facts["productId"]) for event, facts in post()]
    first.update(rating=1)
    first.update(text="no stars change")
    run()
    product.refresh()
    assert (2, 3) == (product.rating_count, product.rating_sum)
    first.delete()
    run()
    product.refresh()
    assert (1, 2) == (product.rating_count, product.rating_sum)
    assert [] == post()


def test_a_review_of_a_product_that_is_gone(shop):
    """It has no product to rate, and is not a dead letter."""
    report = router.process(record_of(new=Review(product_id="gone", user_id="u", rating=3)))
    assert "shop.stream.rate" in report.handled
    assert Product.item(product_id="gone").one_or_none() is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SHOP_FROM_ADDRESS", "", "SHOP_FROM_ADDRESS is ''. Give the sender's address"),
        ("SHOP_FROM_ADDRESS", "shop", "SHOP_FROM_ADDRESS is 'shop'. Give the sender's address"),
        ("SHOP_TABLE", "", "SHOP_TABLE is not set. Give the name of the table"),
        ("SHOP_TABLE", "a b", "a b"),
        ("SHOP_TOPIC_ARN", "", "SHOP_TOPIC_ARN is ''. Give the ARN"),
        (
            "SHOP_TOPIC_ARN",
            "arn:aws:sns:eu-central-1:123456789012:gone",
            r"gone of SHOP_TOPIC_ARN cannot be used \(Not",
        ),
    ],
)
def test_a_missing_setting_is_reported_when_the_function_starts(post, monkeypatch, name, value, message):
    """Importing the Lambda's module is the start, before the first event."""
    monkeypatch.setenv("SHOP_TABLE", "shop-dev")
    monkeypatch.setenv(name, value)
    with pytest.raises((NotConfiguredError, InvalidValueError), match=message), lambda_function():
        pass


@contextmanager
def lambda_function():
    """Start the shop's Lambda function for a block, by importing its module again; undo its bindings afterwards."""
    vars(router).pop("lambda_handler", None)
    sys.modules.pop("shop.awslambda", None)
    before = ShopTable._home.bindings
    try:
        yield import_module("shop.awslambda").handler
    finally:
        sys.modules.pop("shop.awslambda", None)
        # An import that fails after the module's binding leaves no module, by which the binding could be undone.
        ShopTable._home.bindings = before
        vars(router).pop("lambda_handler", None)


@pytest.mark.parametrize("name", ["shop-dev", "shop"])
def test_the_lambda_function(post, logged, monkeypatch, name):
    """It handles only events of the table that the environment names; its log lines name that table."""
    monkeypatch.setenv("SHOP_TABLE", name)
    with lambda_function() as handler:
        ShopTable.create_table(wait=True)
        user = User(name="Ann", email="ann@example.com")
        user.create()
        orphan = Order(user_id="nobody", stock_taken=True)
        records = [record_of(new=user, sequence_number="1"), record_of(new=orphan, sequence_number="2")]
        event = json.loads(json.dumps({"Records": records}))
        for each in event["Records"]:
            each["eventSourceARN"] = f"arn:aws:dynamodb:{REGION}:123456789012:table/{name}/stream/2026-11-30T00:00:00"
        assert {"batchItemFailures": []} == handler(event, None)
        assert ["ann@example.com"] == [to for to, _ in mails()]
        printed = logged.readouterr()
        assert "ann@example.com" not in printed.out + printed.err
        lines = [json.loads(line) for line in printed.out.splitlines()]
        assert {name} == {each["service"] if "_aws" in each else each["table"] for each in lines}
        assert ("started", [1.0]) == (lines[0]["message"], lines[-1]["DeadLetters"])
        scanned = boto3.client("dynamodb", REGION).scan(TableName=name)["Items"]
        assert 2 < len(scanned), "the user, and the marks of its handlers"
        event["Records"][0]["eventSourceARN"] = event["Records"][0]["eventSourceARN"].replace(name, "shop-prod")
        with pytest.raises(MalformedRecordError, match="of the table 'shop-prod', but the router's table is"):
            handler(event, None)
        ShopTable.delete_table()


def test_writes_are_tailed_while_they_are_written(post, table):
    """Each event is handled exactly once, also with a second reader of the same stream."""
    from threading import Event, Thread

    rng = random.Random(6)
    products = [f"p{number}" for number in range(5)]
    for each in products:
        sold(each, stock=10_000)
    stop, reports, faults = Event(), [], []

    def tail():
        try:
            reports.append(run_stream(router, idle=2.0, stop=stop))
        except Exception as error:
            faults.append(error)
            raise

    readers = [Thread(target=tail) for _ in range(2)]
    for reader in readers:
        reader.start()
    reviews, taken = [], dict.fromkeys(products, 0)
    user = patterns.register_user("Ann", "ann@example.com")
    writes = 2
    while writes < (1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 250):
        roll = rng.random()
        product_id = rng.choice(products)
        if roll < 0.08 or not reviews:
            review = Review(product_id=product_id, user_id="u", rating=rng.randrange(1, 6))
            review.create()
            reviews.append(review)
        elif roll < 0.09:
            quantity = rng.randrange(1, 4)
            other_code_orders(user, [(product_id, quantity)], order_id=f"o{writes}")
            taken[product_id] += quantity
            writes += 1
        elif roll < 0.11:
            reviews.pop(rng.randrange(len(reviews))).delete()
        elif roll < 0.22:
            rng.choice(reviews).update(rating=rng.randrange(1, 6))
        else:
            rng.choice(reviews).update(text=str(writes))
        writes += 1
    for reader in readers:
        reader.join(timeout=120)
    assert [] == faults
    assert [] == [letter for report in reports for letter in report.letters]
    for each in products:
        product = Product.get(product_id=each, consistent=True)
        stars = [review.rating for review in reviews if review.product_id == each]
        assert (len(stars), sum(stars)) == (product.rating_count, product.rating_sum)
        assert 10_000 - taken[each] == product.stock
    handled = reports[0].handled + reports[1].handled
    assert 1 <= handled["shop.stream.welcome"]
    assert 1 == len({each["userId"] for event, each in post() if event == "user-created"})
