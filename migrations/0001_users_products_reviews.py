"""The table, with users, products and reviews: primary keys only."""

from singletable.migrations import AddEntity, CreateTable, KeyText, Migration, Text

migration = Migration(
    depends_on=[],
    operations=[
        CreateTable("PK", "SK"),
        AddEntity(
            "USER",
            KeyText("PK", "USER#{user_id}", user_id=Text("userId")),
            KeyText("SK", "PROFILE", sort=True),
            attributes={
                "address": "S",
                "createdAt": "S",
                "email": "S",
                "name": "S",
                "phone": "S",
                "status": "S",
                "updatedAt": "S",
                "userId": "S",
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "EMAIL_CLAIM",
            KeyText("PK", "EMAIL_CLAIM#{email}", email=Text("email", personal=True)),
            KeyText("SK", "CLAIM", sort=True),
            attributes={"createdAt": "S", "email": "S", "updatedAt": "S", "userId": "S"},
            stamp="updatedAt",
        ),
        AddEntity(
            "PRODUCT",
            KeyText("PK", "PRODUCT#{product_id}", product_id=Text("productId")),
            KeyText("SK", "METADATA", sort=True),
            attributes={
                "categoryId": "S",
                "createdAt": "S",
                "description": "S",
                "name": "S",
                "price": "N",
                "productId": "S",
                "status": "S",
                "stock": "N",
                "updatedAt": "S",
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "REVIEW",
            KeyText("PK", "PRODUCT#{product_id}", product_id=Text("productId")),
            KeyText("SK", "REVIEW#{review_id}", review_id=Text("reviewId"), sort=True),
            attributes={
                "createdAt": "S",
                "productId": "S",
                "rating": "N",
                "reviewId": "S",
                "text": "S",
                "updatedAt": "S",
                "userId": "S",
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "REVIEW_CLAIM",
            KeyText("PK", "REVIEW_CLAIM#{user_id}", user_id=Text("userId")),
            KeyText("SK", "{product_id}", product_id=Text("productId"), sort=True),
            attributes={"createdAt": "S", "productId": "S", "reviewId": "S", "updatedAt": "S", "userId": "S"},
            stamp="updatedAt",
        ),
    ],
)
