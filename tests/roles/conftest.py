"""A representative sequence of the shop's requests, recorded once for all tests of this folder."""

from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

import patterns
from models import EmailClaim, Order, OrderItem, OrderStatus, Product, Review, ReviewCount, ShopTable, User
from shop.notices import notices
from shop.stream import router
from singletable.cli import main
from singletable.engine import embedded
from singletable.models.binding.binding import connection_of
from singletable.patterns import draw_arguments, patterns_of, requests_of
from singletable.streams import run_stream
from tests.roles.recording import recorded
from tests.samples.tutorial import entities

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
FROM = "shop@example.com"


@pytest.fixture(scope="session")
def recording():
    """The recording of all access patterns, commands, writes, handlers and migrations of the shop."""
    with pytest.MonkeyPatch.context() as patched, mock_aws(), recorded() as found:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        boto3.client("ses", REGION).verify_email_identity(EmailAddress=FROM)
        topic = boto3.client("sns", REGION).create_topic(Name="shop-events")["TopicArn"]
        patched.setenv("SHOP_FROM_ADDRESS", FROM)
        patched.setenv("SHOP_TOPIC_ARN", topic)
        patched.chdir(ROOT)
        notices.cache_clear()
        with embedded(ShopTable):
            user = _commands()
            _writes(user)
            report = run_stream(router, idle=0)
            assert {"shop.stream.confirm", "shop.stream.rate", "shop.stream.take_stock"} <= set(report.handled)
            _ratings(user)
        with embedded(ShopTable):
            _patterns()
        with embedded(ShopTable, create=False):
            _migrations()
        notices.cache_clear()
    return found


def _commands():
    """Call every command of the shop; return a user."""
    user = patterns.register_user("Ann", "ann@example.com")
    patterns.update_user(user.user_id, name="Anna", email="anna@example.com")
    for product_id in ("p1", "p2"):
        Product(product_id=product_id, name="n", category_id="c", price=Decimal(1), stock=5).create()
    order = patterns.place_order(user.user_id, {"p1": 1, "p2": 1}, "r1")
    patterns.place_order(user.user_id, {"p1": 1, "p2": 1}, "r1")
    patterns.change_status(user.user_id, order.order_id, OrderStatus.PAID)
    patterns.cancel_order(user.user_id, order.order_id)
    patterns.review_product("p1", user.user_id, 5)
    with ShopTable.transaction() as transaction:  # an order by other code, whose stock the stream handler takes
        transaction.create(Order(order_id="o1", user_id=user.user_id, total=Decimal(1)))
        transaction.create(OrderItem(order_id="o1", line=1, product_id="p1", quantity=1, unit_price=Decimal(1)))
    return user


def _writes(user):
    """Call every function of the writing API."""
    product = Product(product_id="p3", name="n", category_id="c", price=Decimal(1), stock=5)
    product.create()
    product.name = "m"
    product.save()
    product.update(stock=4)
    product.mutate(lambda each: setattr(each, "stock", 3))
    product.upsert()
    product.refresh()
    product.move(product_id="p4")
    product.delete()
    with ShopTable.batch_write() as batch:
        batch.save(Product(product_id="p5", name="n", category_id="c", price=Decimal(1)))
        batch.delete(Product(product_id="p2"))
    list(ShopTable.batch_get([User.item(user_id=user.user_id), Product.item(product_id="p5")]))
    with ShopTable.transaction(token="t1") as transaction:
        transaction.check(user, condition=User.name.exists())
        transaction.delete(EmailClaim(email="nobody@example.com"))
        transaction.update(Product(product_id="p5"), stock=2)
    ShopTable.transact_get(User.item(user_id=user.user_id), Product.item(product_id="p5"))
    Review(product_id="p1", review_id="r0", user_id=user.user_id, rating=3).create()


def _ratings(user):
    """Write a review that is counted, changed, given invalid stars, and deleted; read its events each time."""
    review = Review(product_id="p1", review_id="r1", user_id=user.user_id, rating=2)
    count = ReviewCount.item(product_id="p1", review_id="r1", consistent=True)
    review.create()
    run_stream(router, idle=0)
    assert 2 == count.one().stars
    for stars, counted in ((4, [4]), (9, []), (3, [3])):
        review.update(rating=stars)
        run_stream(router, idle=0)
        assert counted == [each.stars for each in count.all()]
    review.delete()
    run_stream(router, idle=0)
    assert count.one().deleted_at is not None


def _patterns():
    """Call every access pattern, with arguments drawn from the tutorial's sample."""
    sample = list(entities())
    for _ in ShopTable.put_all(sample):
        pass
    for pattern in patterns_of(ShopTable):
        for request in requests_of(pattern, pattern(**draw_arguments(pattern, sample))):
            request.all()


def _migrations():
    """Run the shop's history on a table with items of old code; quarantine, verify and roll back."""
    few = ("--segments", "2", "--workers", "1", "--yes")
    _command("migrate", "0001", *few)
    for number, entity in enumerate(entities()):
        if number % 8 == 0:
            item = {name: value for name, value in entity.serialize().items() if name[:3] not in ("GSI", "ttl")}
            connection_of(ShopTable).connection.dispatch("PutItem", {"TableName": "shop", "Item": item})
    _command("migrate", "--plan")
    _command("migrate", *few)
    _command("verify")
    _command("status")
    _command("quarantine")
    for name in ("0008", "0007", "0006", "0005"):
        _command("rollback", name, "--yes")
    _command("migrate", *few)


def _command(*arguments):
    done = CliRunner(env={"COLUMNS": "160"}).invoke(main, arguments)
    assert 0 == done.exit_code, done.output
