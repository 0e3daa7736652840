"""Categories; a category's products, and users by e-mail, through GSI1."""

from singletable.migrations import AddEntity, Backfill, CreateIndex, DateTime, KeyText, Migration, Text

migration = Migration(
    depends_on=["0001_users_products_reviews"],
    operations=[
        AddEntity(
            "CATEGORY",
            KeyText("PK", "CATEGORY#{category_id}", category_id=Text("categoryId")),
            KeyText("SK", "METADATA", sort=True),
            attributes={"categoryId": "S", "createdAt": "S", "description": "S", "name": "S", "updatedAt": "S"},
            stamp="updatedAt",
        ),
        Backfill(
            "USER",
            KeyText("GSI1PK", "EMAIL#{email}", email=Text("email", personal=True), user_id=Text("userId")),
            KeyText(
                "GSI1SK",
                "USER#{user_id}",
                email=Text("email", personal=True),
                user_id=Text("userId"),
                sort=True,
            ),
        ),
        Backfill(
            "PRODUCT",
            KeyText(
                "GSI1PK",
                "CATEGORY#{category_id}",
                category_id=Text("categoryId"),
                created_at=DateTime("createdAt"),
            ),
            KeyText(
                "GSI1SK",
                "PRODUCT#{created_at}",
                category_id=Text("categoryId"),
                created_at=DateTime("createdAt"),
                sort=True,
            ),
        ),
        CreateIndex("GSI1", "GSI1PK", sort="GSI1SK"),
    ],
)
