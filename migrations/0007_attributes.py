"""The declarations of the attributes: their kinds, whether they are required, and their allowed values."""

from singletable.migrations import DeclareAttributes, Migration, Stored

migration = Migration(
    depends_on=["0006_stream"],
    operations=[
        DeclareAttributes(
            "CATEGORY",
            {
                "categoryId": Stored("text", required=True),
                "createdAt": Stored("datetime", required=True),
                "description": Stored("text", required=False),
                "name": Stored("text", required=True),
                "updatedAt": Stored("datetime", required=True),
            },
        ),
        DeclareAttributes(
            "EMAIL_CLAIM",
            {
                "createdAt": Stored("datetime", required=True),
                "email": Stored("text", required=True),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
        DeclareAttributes(
            "ORDER",
            {
                "createdAt": Stored("datetime", required=True),
                "orderId": Stored("text", required=True),
                "placedAt": Stored("datetime", required=True),
                "status": Stored(
                    "choice",
                    required=True,
                    choices=("PENDING", "PAID", "SHIPPED", "DELIVERED", "CANCELLED"),
                ),
                "stockTaken": Stored("boolean", required=False),
                "total": Stored("decimal", required=True),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
        DeclareAttributes(
            "ORDER_ITEM",
            {
                "createdAt": Stored("datetime", required=True),
                "line": Stored("integer", required=True),
                "orderId": Stored("text", required=True),
                "placedAt": Stored("datetime", required=True),
                "productId": Stored("text", required=True),
                "quantity": Stored("integer", required=True),
                "unitPrice": Stored("decimal", required=True),
                "updatedAt": Stored("datetime", required=True),
            },
        ),
        DeclareAttributes(
            "ORDER_REQUEST",
            {
                "createdAt": Stored("datetime", required=True),
                "lines": Stored("text", required=True),
                "orderId": Stored("text", required=True),
                "requestId": Stored("text", required=True),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
        DeclareAttributes(
            "PRODUCT",
            {
                "categoryId": Stored("text", required=True),
                "createdAt": Stored("datetime", required=True),
                "description": Stored("text", required=False),
                "name": Stored("text", required=True),
                "price": Stored("decimal", required=True),
                "productId": Stored("text", required=True),
                "ratingCount": Stored("integer", required=False),
                "ratingSum": Stored("integer", required=False),
                "status": Stored("choice", required=True, choices=("ACTIVE", "DISCONTINUED")),
                "stock": Stored("integer", required=True),
                "updatedAt": Stored("datetime", required=True),
            },
        ),
        DeclareAttributes(
            "REVIEW",
            {
                "createdAt": Stored("datetime", required=True),
                "productId": Stored("text", required=True),
                "rating": Stored("integer", required=True),
                "reviewId": Stored("text", required=True),
                "text": Stored("text", required=False),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
        DeclareAttributes(
            "REVIEW_CLAIM",
            {
                "createdAt": Stored("datetime", required=True),
                "productId": Stored("text", required=True),
                "reviewId": Stored("text", required=True),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
        DeclareAttributes(
            "USER",
            {
                "address": Stored("text", required=False),
                "createdAt": Stored("datetime", required=True),
                "email": Stored("text", required=True),
                "name": Stored("text", required=True),
                "phone": Stored("text", required=False),
                "status": Stored("choice", required=True, choices=("ACTIVE", "INACTIVE", "SUSPENDED")),
                "updatedAt": Stored("datetime", required=True),
                "userId": Stored("text", required=True),
            },
        ),
    ],
)
