"""Orders by date through GSI3, keys only; orders by status spread over four shards, since one partition was hot."""

from singletable.migrations import Backfill, Choice, CreateIndex, DateTime, KeyText, Migration, Text

migration = Migration(
    depends_on=["0003_orders_by_status"],
    operations=[
        Backfill(
            "ORDER",
            KeyText(
                "GSI2PK",
                "STATUS#{status}#{order_id:shard(4)}",
                status=Choice("status", choices=("PENDING", "PAID", "SHIPPED", "DELIVERED", "CANCELLED")),
                order_id=Text("orderId"),
                placed_at=DateTime("placedAt"),
            ),
            KeyText(
                "GSI3PK",
                "ORDER_BY_DATE#{placed_at:%Y-%m}",
                placed_at=DateTime("placedAt"),
                order_id=Text("orderId"),
            ),
            KeyText(
                "GSI3SK",
                "{placed_at}#{order_id}",
                placed_at=DateTime("placedAt"),
                order_id=Text("orderId"),
                sort=True,
            ),
        ),
        CreateIndex("GSI3", "GSI3PK", sort="GSI3SK", projection="KEYS_ONLY"),
    ],
)
