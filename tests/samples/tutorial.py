"""The tutorial's items, and a few hundred more that are generated from a fixed seed."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from models import Category, Order, OrderItem, OrderStatus, Product, ProductStatus, Review, User, UserStatus
from singletable import Table
from tests.samples import registered, reviewed

_START = datetime(2025, 9, 1, 9, tzinfo=timezone.utc)
_FAMILY = ("鈴木", "高橋", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "O'Brien", "Müller", "Ünal")
_GIVEN = ("一郎", "美咲", "健太", "さくら", "大輔", "Anna", "Zoë", "José")
_CATEGORIES = (("electronics", "家電"), ("books", "本"), ("kitchen", "台所用品"), ("sports & outdoor", "スポーツ"))
_GOODS = ("ヘッドホン", "カメラ", "辞書", "包丁", "テント", "水筒", "モニター", "キーボード", "時計", "ランプ")


def entities() -> Iterator[Table]:
    """Return all entities: the tutorial's two users, two products and their reviews, then generated ones."""
    chance = random.Random(20251101)
    users = [*_tutorial_users(), *_users(chance, 20)]
    products = [*_tutorial_products(), *_products(chance, 30)]
    yield from _categories()
    for user in users:
        yield from registered(user)
    yield from products
    reviews = [*_tutorial_reviews()]
    for review in (*reviews, *_reviews(chance, users, products, reviews, 80)):
        yield from reviewed(review)
    yield from _orders(chance, users, products, 90)


def _dates(moment: datetime) -> dict[str, datetime]:
    return {"created_at": moment, "updated_at": moment}


def _tutorial_users() -> list[User]:
    return [
        User(user_id="user-0001", name="田中 太郎", email="tanaka@example.com", **_dates(_START)),
        User(user_id="user-0002", name="佐藤 花子", email="sato@example.com", **_dates(_START + timedelta(hours=1))),
    ]


def _tutorial_products() -> list[Product]:
    shelf = {"category_id": "electronics"}
    return [
        Product(
            product_id="product-0001",
            name="ノートパソコン",
            price=Decimal(120000),
            stock=10,
            description="高性能なノートパソコン",
            **shelf,
            **_dates(_START),
        ),
        Product(
            product_id="product-0002",
            name="スマートフォン",
            price=Decimal(80000),
            stock=25,
            description="最新のスマートフォン",
            **shelf,
            **_dates(_START + timedelta(hours=1)),
        ),
    ]


def _tutorial_reviews() -> Iterator[Review]:
    written = (
        ("product-0001", "user-0001", 5, "動作が速くて満足しています。"),
        ("product-0001", "user-0002", 4, "画面がきれいです。"),
        ("product-0002", "user-0002", 5, "カメラの性能が素晴らしい!"),
    )
    for number, (product_id, user_id, rating, text) in enumerate(written):
        yield Review(
            product_id=product_id,
            user_id=user_id,
            review_id=f"review-{number:04d}",
            rating=rating,
            text=text,
            **_dates(_START + timedelta(days=30, hours=number)),
        )


def _categories() -> Iterator[Category]:
    for category_id, name in _CATEGORIES:
        yield Category(category_id=category_id, name=name, **_dates(_START - timedelta(days=1)))


def _users(chance: random.Random, count: int) -> Iterator[User]:
    for number in range(3, 3 + count):
        yield User(
            user_id=f"user-{number:04d}",
            name=f"{chance.choice(_FAMILY)} {chance.choice(_GIVEN)}",
            email=f"user+{number}@example.com",
            status=chance.choices(list(UserStatus), weights=(8, 2, 1))[0],
            phone=chance.choice((None, f"+81-90-{number:04d}-{chance.randrange(10_000):04d}")),
            **_dates(_START + timedelta(minutes=chance.randrange(60 * 24 * 60))),
        )


def _products(chance: random.Random, count: int) -> Iterator[Product]:
    for number in range(3, 3 + count):
        yield Product(
            product_id=f"product-{number:04d}",
            name=f"{chance.choice(_GOODS)} {number}",
            category_id=chance.choice(_CATEGORIES)[0],
            price=Decimal(chance.randrange(500, 60_000)),
            stock=chance.randrange(50),
            status=chance.choices(list(ProductStatus), weights=(5, 1))[0],
            **_dates(_START + timedelta(minutes=chance.randrange(60 * 24 * 60))),
        )


def _reviews(
    chance: random.Random, users: list[User], products: list[Product], written: list[Review], count: int
) -> Iterator[Review]:
    """Return more reviews, so that each user reviews each product at most once."""
    taken = {(review.user_id, review.product_id) for review in written}
    free = [
        (user.user_id, product.product_id)
        for user in users
        for product in products
        if (user.user_id, product.product_id) not in taken
    ]
    for number, (user_id, product_id) in enumerate(chance.sample(free, count), start=3):
        yield Review(
            product_id=product_id,
            user_id=user_id,
            review_id=f"review-{number:04d}",
            rating=chance.randrange(1, 6),
            text=chance.choice((None, "良い", "普通", "100% 満足 #1")),
            **_dates(_START + timedelta(days=31, hours=number)),
        )


def _orders(
    chance: random.Random, users: list[User], products: list[Product], count: int
) -> Iterator[Order | OrderItem]:
    placed_at = _START + timedelta(days=2)
    for number in range(1, 1 + count):
        placed_at += timedelta(minutes=chance.randrange(10, 60 * 48))
        order_id = f"order-{number:05d}"
        lines = [
            OrderItem(
                order_id=order_id,
                line=line,
                product_id=chosen.product_id,
                quantity=chance.randrange(1, 4),
                unit_price=chosen.price,
                placed_at=placed_at,
                **_dates(placed_at),
            )
            for line, chosen in enumerate(chance.sample(products, chance.randrange(1, 5)), start=1)
        ]
        yield Order(
            order_id=order_id,
            user_id=chance.choice(users).user_id,
            status=chance.choice(list(OrderStatus)),
            placed_at=placed_at,
            total=sum((line.quantity * line.unit_price for line in lines), Decimal(0)),
            stock_taken=True,
            **_dates(placed_at),
        )
        yield from lines
