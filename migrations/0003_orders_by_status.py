"""Orders; by status through GSI2, with the other entities that have one, and a user's reviews."""

from singletable.migrations import (
    AddEntity,
    Backfill,
    Choice,
    CreateIndex,
    DateTime,
    Integer,
    KeyText,
    Migration,
    Text,
)

migration = Migration(
    depends_on=["0002_categories"],
    operations=[
        AddEntity(
            "ORDER",
            KeyText("PK", "USER#{user_id}", user_id=Text("userId")),
            KeyText("SK", "ORDER#{order_id}", order_id=Text("orderId"), sort=True),
            attributes={
                "createdAt": "S",
                "orderId": "S",
                "placedAt": "S",
                "status": "S",
                "total": "N",
                "updatedAt": "S",
                "userId": "S",
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "ORDER_ITEM",
            KeyText("PK", "ORDER#{order_id}", order_id=Text("orderId")),
            KeyText("SK", "ITEM#{line:03d}", line=Integer("line"), sort=True),
            attributes={
                "createdAt": "S",
                "line": "N",
                "orderId": "S",
                "placedAt": "S",
                "productId": "S",
                "quantity": "N",
                "unitPrice": "N",
                "updatedAt": "S",
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "ORDER_REQUEST",
            KeyText("PK", "USER#{user_id}", user_id=Text("userId")),
            KeyText("SK", "ORDER_REQUEST#{request_id}", request_id=Text("requestId"), sort=True),
            attributes={
                "createdAt": "S",
                "lines": "S",
                "orderId": "S",
                "requestId": "S",
                "updatedAt": "S",
                "userId": "S",
            },
            stamp="updatedAt",
        ),
        Backfill(
            "ORDER",
            KeyText("GSI1PK", "ORDER#{order_id}", order_id=Text("orderId")),
            KeyText("GSI1SK", "ORDER", order_id=Text("orderId"), sort=True),
            KeyText(
                "GSI2PK",
                "STATUS#{status}",
                status=Choice("status", choices=("PENDING", "PAID", "SHIPPED", "DELIVERED", "CANCELLED")),
                order_id=Text("orderId"),
                placed_at=DateTime("placedAt"),
            ),
            KeyText(
                "GSI2SK",
                "ORDER#{placed_at}",
                status=Choice("status", choices=("PENDING", "PAID", "SHIPPED", "DELIVERED", "CANCELLED")),
                order_id=Text("orderId"),
                placed_at=DateTime("placedAt"),
                sort=True,
            ),
        ),
        Backfill(
            "USER",
            KeyText(
                "GSI2PK",
                "STATUS#{status}",
                status=Choice("status", choices=("ACTIVE", "INACTIVE", "SUSPENDED")),
                created_at=DateTime("createdAt"),
            ),
            KeyText(
                "GSI2SK",
                "USER#{created_at}",
                status=Choice("status", choices=("ACTIVE", "INACTIVE", "SUSPENDED")),
                created_at=DateTime("createdAt"),
                sort=True,
            ),
        ),
        Backfill(
            "PRODUCT",
            KeyText(
                "GSI2PK",
                "STATUS#{status}",
                status=Choice("status", choices=("ACTIVE", "DISCONTINUED")),
                product_id=Text("productId"),
            ),
            KeyText(
                "GSI2SK",
                "PRODUCT#{product_id}",
                status=Choice("status", choices=("ACTIVE", "DISCONTINUED")),
                product_id=Text("productId"),
                sort=True,
            ),
        ),
        Backfill(
            "REVIEW",
            KeyText("GSI2PK", "USER#{user_id}", user_id=Text("userId"), review_id=Text("reviewId")),
            KeyText(
                "GSI2SK",
                "REVIEW#{review_id}",
                user_id=Text("userId"),
                review_id=Text("reviewId"),
                sort=True,
            ),
        ),
        CreateIndex("GSI2", "GSI2PK", sort="GSI2SK"),
    ],
)
