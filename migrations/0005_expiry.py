"""Orders are kept for seven years, and requests for orders for a week; what is older goes at once, as it should."""

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
