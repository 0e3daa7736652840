"""Ratings: each review counted once, those from before the stream included.

The totals of earlier versions lacked reviews that are older than the stream. They are counted again, under new names,
beside the live traffic of `shop.stream`: a transaction stores the stars of one review in its count and in its product,
and only while all three items are as they were read. The old totals stay in the items for code that still reads them.
"""

from datetime import datetime, timezone

from singletable.migrations import (
    AddEntity,
    DeclareAttributes,
    Expires,
    KeyText,
    Migration,
    RunPython,
    Stored,
    Text,
)


def count_reviews(table):
    """Count each review that has no count yet."""
    for review in table.items(**_of_type("REVIEW")):
        while not _count(table, {name: review[name] for name in ("PK", "SK")}):
            pass


def _count(table, key):
    """Count one review; return False if something changed meanwhile."""
    count_key = {"PK": key["PK"], "SK": {"S": key["SK"]["S"].replace("REVIEW#", "REVIEW_COUNT#", 1)}}
    count = table.item(count_key)
    product = table.item({"PK": key["PK"], "SK": {"S": "METADATA"}})
    review = table.item(key)
    if review is None or product is None or review["rating"] not in [{"N": str(stars)} for stars in range(1, 6)]:
        return True  # the stream's handler reports stars that cannot be counted
    made_at = product.get("createdAt", {"NULL": True})
    if count is not None and count.get("productMadeAt", {"NULL": True}) == made_at:
        return True
    now = {"S": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")}
    counted = {
        **count_key,
        "entityType": {"S": "REVIEW_COUNT"},
        "productId": review["productId"],
        "reviewId": review["reviewId"],
        "stars": review["rating"],
        "createdAt": now,
        "updatedAt": now,
        **({"productMadeAt": made_at} if "createdAt" in product else {}),
    }
    if count is None:
        put = {"Item": counted, "ConditionExpression": "attribute_not_exists(PK)"}
    else:
        put = {"Item": counted, **_still({"updatedAt": count.get("updatedAt")})}
    return table.transact(
        {"Put": put},
        {
            "Update": {
                "Key": {"PK": key["PK"], "SK": {"S": "METADATA"}},
                "UpdateExpression": "ADD ratedReviews :one, ratedStars :stars",
                **_still({"createdAt": product.get("createdAt")}, {":one": {"N": "1"}, ":stars": review["rating"]}),
            }
        },
        {"ConditionCheck": {"Key": key, **_still({"rating": review["rating"]})}},
    )


def forget_counts(table):
    """Remove all counts and totals; the handlers of `shop.stream` must have the code of before."""
    for count in table.items(**_of_type("REVIEW_COUNT")):
        table.send("DeleteItem", {"TableName": table.name, "Key": {name: count[name] for name in ("PK", "SK")}})
    for product in table.items(**_of_type("PRODUCT")):
        table.send(
            "UpdateItem",
            {
                "TableName": table.name,
                "Key": {name: product[name] for name in ("PK", "SK")},
                "UpdateExpression": "REMOVE ratedReviews, ratedStars",
                "ConditionExpression": "attribute_exists(PK)",
            },
        )


def _of_type(name):
    """Return the arguments of a scan for the items of one entity."""
    return {
        "FilterExpression": "#type = :type",
        "ExpressionAttributeNames": {"#type": "entityType"},
        "ExpressionAttributeValues": {":type": {"S": name}},
    }


def _still(attributes, values=None):
    """Return the condition that attributes of an item are as they were read."""
    terms, values = ["attribute_exists(PK)"], dict(values or {})
    for name, value in attributes.items():
        if value is None:
            terms.append(f"attribute_not_exists({name})")
        else:
            terms.append(f"{name} = :{name}")
            values[f":{name}"] = value
    return {
        "ConditionExpression": " AND ".join(terms),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


migration = Migration(
    depends_on=["0007_attributes"],
    operations=[
        AddEntity(
            "REVIEW_COUNT",
            KeyText("PK", "PRODUCT#{product_id}", product_id=Text("productId")),
            KeyText("SK", "REVIEW_COUNT#{review_id}", review_id=Text("reviewId"), sort=True),
            Expires("ttl", after="deletedAt", days=30),
            attributes={
                "createdAt": Stored("datetime", required=True),
                "deletedAt": Stored("datetime", required=False),
                "productId": Stored("text", required=True),
                "productMadeAt": Stored("datetime", required=False),
                "reviewId": Stored("text", required=True),
                "stars": Stored("integer", required=False),
                "updatedAt": Stored("datetime", required=True),
            },
            stamp="updatedAt",
        ),
        DeclareAttributes(
            "PRODUCT",
            {
                "ratedReviews": Stored("integer", required=False),
                "ratedStars": Stored("integer", required=False),
                "ratingCount": None,
                "ratingSum": None,
            },
        ),
        RunPython(count_reviews, forget_counts, needs_items=True),
    ],
)
