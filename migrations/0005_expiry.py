"""Orders expire after seven years, and requests for orders after a week; DynamoDB deletes older ones at once."""

from singletable.migrations import BackfillExpiry, EnableTTL, Migration

migration = Migration(
    depends_on=["0004_orders_by_date"],
    operations=[
        BackfillExpiry("ORDER", "ttl", after="placedAt", days=2555, expire_past=True),
        BackfillExpiry("ORDER_ITEM", "ttl", after="placedAt", days=2555, expire_past=True),
        BackfillExpiry("ORDER_REQUEST", "ttl", after="createdAt", days=7, expire_past=True),
        EnableTTL("ttl"),
    ],
)
