"""The types of the writing methods, as a type checker sees them. Read by mypy in `make lint`, and never run.

A line with `# type: ignore[code]` is a planted mistake: mypy reports an unused ignore if it no longer sees the mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import assert_type

    from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable, User
    from singletable import Batch, Collection, Transaction, plan
    from singletable.models.writing.writes import (
        CheckWrite,
        CreateWrite,
        DeleteWrite,
        SaveWrite,
        UpdateWrite,
        Write,
    )
    from singletable.requests.cancellation import CancellationReason
    from singletable.steps import Stream

    PAID = Order.status == OrderStatus.PAID

    def create(order: Order) -> None:
        assert_type(order.create(), None)
        order.create(PAID)  # type: ignore[call-arg]  # `create` has a condition of its own
        order.create(user_id="u1")  # type: ignore[call-arg]  # the values are those of the instance
        Order.create()  # type: ignore[call-arg]  # a method of an instance

    def save(order: Order) -> None:
        assert_type(order.save(), dict[str, Any])
        assert_type(order.save(PAID), dict[str, Any])
        assert_type(order.save(PAID, add_version_condition=False), dict[str, Any])
        order.save(PAID, False)  # type: ignore[call-arg]  # by keyword only
        order.save(status=OrderStatus.PAID)  # type: ignore[call-arg]  # `update` takes values
        order.save("status = :paid")  # type: ignore[arg-type]  # not an expression as text

    def update(order: Order, product: Product) -> None:
        order.update(status=OrderStatus.PAID)
        order.update(status=OrderStatus.PAID, condition=Order.status == OrderStatus.PENDING)
        order.update([Order.status.set(OrderStatus.PAID)], PAID, add_version_condition=False)
        product.update(actions=[Product.stock.set(Product.stock - 1)], condition=Product.stock >= 1)
        assert_type(order.update(status=OrderStatus.PAID), None)
        order.update({"status": OrderStatus.PAID})  # type: ignore[arg-type]  # values are given by name
        order.update(Order.status.set(OrderStatus.PAID))  # type: ignore[arg-type]  # a list of actions
        order.update([PAID])  # type: ignore[list-item]  # a condition is not an action
        order.update(status=OrderStatus.PAID, condition="status")  # type: ignore[arg-type]
        order.update(status=OrderStatus.PAID, add_version_condition=None)  # type: ignore[arg-type]

    def upsert(product: Product) -> None:
        product.upsert(stock=1)
        product.upsert(actions=[Product.stock.add(1)])
        product.upsert([Product.stock.add(1)], Product.stock >= 1)
        assert_type(product.upsert(stock=1), None)
        product.upsert("stock")  # type: ignore[arg-type]
        product.upsert(actions=[1])  # type: ignore[list-item]

    def delete(order: Order) -> None:
        order.delete()
        order.delete(PAID, add_version_condition=False)
        order.delete(missing="raise")
        order.delete(missing="ignore")
        order.delete(missing="warn")  # type: ignore[arg-type]  # `raise` or `ignore`
        order.delete(user_id="u1")  # type: ignore[call-arg]
        order.delete(PAID, False)  # type: ignore[call-arg]  # by keyword only

    def mutate(order: Order) -> None:
        def pay(found: Order) -> int:
            found.status = OrderStatus.PAID
            return 1

        def of_a_product(found: Product) -> None: ...

        assert_type(order.mutate(pay), int)
        assert_type(order.mutate(lambda found: found.order_id), str)
        order.mutate(of_a_product)  # type: ignore[arg-type]  # the function gets an Order
        order.mutate(lambda found: found.stock)  # type: ignore[attr-defined]  # of a Product
        order.mutate()  # type: ignore[call-arg]

    def move(order: Order) -> None:
        order.move(user_id="u2")
        assert_type(order.move(user_id="u2"), None)
        order.move("u2")  # type: ignore[call-arg]  # by name

    def assignments(order: Order) -> None:
        order.status = OrderStatus.PAID
        order.status = "PAID"  # the text of a member is accepted
        order.order_id = 1  # type: ignore[assignment]
        order.total = 1.5  # type: ignore[assignment]  # a Decimal
        order.placed_at = "2026-12-01"  # type: ignore[assignment]  # a datetime

    def batch(order: Order, product: Product) -> None:
        with ShopTable.batch(workers=2, unknown="yield", malformed="skip") as writes:
            assert_type(writes, Batch)
            writes.put(order, product)
            writes.save(order)
            writes.put_all(each for each in [order])
            writes.delete(order, product)
            writes.delete_all([order, product])
            writes.get(Order.item(user_id="u1", order_id="o1"))
            writes.put([order])  # type: ignore[arg-type]  # `put_all` takes an iterable
            writes.put_all(order)  # type: ignore[arg-type]  # `put` takes instances
            writes.put(Order)  # type: ignore[arg-type]  # an instance, not the class
            writes.put(order, PAID)  # type: ignore[arg-type]  # a batch has no conditions
            writes.get(Order.query(user_id="u1"))  # type: ignore[arg-type]  # a query is not a Get
        assert_type(writes.items, list[Any])
        assert_type(writes.folded, int)
        assert_type(ShopTable.put_all([order, product]), Stream[int])
        ShopTable.batch(2)  # type: ignore[call-arg]  # by keyword only
        ShopTable.batch(unknown="drop")  # type: ignore[arg-type]

    def transaction(order: Order, product: Product, user: User) -> None:
        with ShopTable.transaction(token="t1") as together:
            assert_type(together, Transaction)
            together.create(order, user)
            together.put(order, PAID)
            together.save(order)
            together.update(order, status=OrderStatus.PAID)
            together.update(product, [Product.stock.set(Product.stock - 1)], Product.stock >= 1)
            together.upsert(product, actions=[Product.stock.add(1)])
            together.delete(order, PAID, missing="raise")
            together.check(user)
            together.add(plan.delete(order), plan.update(product, stock=1))
            together.create([order])  # type: ignore[arg-type]  # instances, not a list
            together.update(PAID)  # type: ignore[arg-type]  # the entity comes first
            together.delete(order, missing="warn")  # type: ignore[arg-type]
            together.check(User)  # type: ignore[arg-type]  # an instance, not the class
            together.check(user, "status")  # type: ignore[arg-type]
            together.add(order)  # type: ignore[arg-type]  # `add` takes plans
        assert_type(len(together), int)
        assert_type(together.ended, bool)
        ShopTable.transaction("t1")  # type: ignore[call-arg]  # by keyword only
        ShopTable.transaction(token=1)  # type: ignore[arg-type]
        assert_type(ShopTable.transact_get(Order.item(user_id="u1", order_id="o1")), list[Any])
        ShopTable.transact_get(order)  # type: ignore[arg-type]  # `Order.item(...)`

    def collection(review: Review, line: OrderItem) -> None:
        basket = ShopTable.load_collection(Product, Review, product_id="p1")
        assert_type(basket[Review], list[Review])
        assert_type(basket.one(Product), Product)
        basket.add(review)
        basket.remove(review)
        assert_type(basket.transaction(), Transaction)
        assert_type(basket.save(), int)
        basket.one("Product")  # type: ignore[arg-type]  # a class, not its name
        reviews: Collection[Review] = ShopTable.load_collection(Review, product_id="p1")
        reviews.add(line)  # type: ignore[arg-type]  # a collection of reviews

    def plans(order: Order) -> None:
        assert_type(plan.create(order), CreateWrite[Order])
        assert_type(plan.save(order), SaveWrite[Order])
        assert_type(plan.update(order, status=OrderStatus.PAID), UpdateWrite[Order])
        assert_type(plan.delete(order, missing="raise"), DeleteWrite[Order])
        assert_type(plan.check(order, PAID), CheckWrite[Order])
        assert_type(plan.delete(order).entity, Order)
        assert_type(plan.delete(order).params(), dict[str, Any])
        writes: list[Write[Order]] = [plan.create(order), plan.delete(order)]
        products: Write[Product] = writes[0]  # type: ignore[assignment]  # a write of an Order
        assert_type(products, Write[Product])
        plan.create(Order)  # type: ignore[type-var]  # an instance, not the class
        plan.delete(order, missing="warn")  # type: ignore[arg-type]

    def reasons(reason: CancellationReason) -> None:
        reason.code = "None"  # type: ignore[misc]  # frozen
