"""Ratings: each review counted once, those from before the stream included.

The totals of earlier versions lacked reviews that are older than the stream. They are counted again, under new names,
beside the live traffic of `shop.stream`: a transaction stores the stars of one review in its count, in the rating of
its product and in the product, and only while all of them are as they were read. The old totals stay in the items for
code that still reads them.

Deploy the handlers of this version before: a deletion that older handlers hear while this runs may stay counted.
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
    count_key, rating_key, product_key = (
        {"PK": key["PK"], "SK": {"S": text}}
        for text in (key["SK"]["S"].replace("REVIEW#", "REVIEW_COUNT#", 1), "RATING", "METADATA")
    )
    count, rating, product = table.item(count_key), table.item(rating_key), table.item(product_key)
    review = table.item(key)
    if review is None or review.get("rating") not in [{"N": str(stars)} for stars in range(1, 6)]:
        return True  # the stream's handler reports stars that cannot be counted
    if count is not None and "stars" in count:
        return True
    old = {name: rating[name] for name in ("reviews", "stars")} if rating else {}
    new = {
        "reviews": {"N": str(int(old["reviews"]["N"]) + 1 if old else 1)},
        "stars": {"N": str(int(old["stars"]["N"]) + int(review["rating"]["N"]) if old else review["rating"]["N"])},
    }
    now = {"S": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")}
    common = {"productId": review["productId"], "createdAt": now, "updatedAt": now}
    counted = {**count_key, **common, "entityType": {"S": "REVIEW_COUNT"}, "reviewId": review["reviewId"]}
    total = {**rating_key, **common, "entityType": {"S": "PRODUCT_RATING"}, **new}
    fresh = {"ConditionExpression": "attribute_not_exists(PK)"}
    writes = [
        {
            "Put": {
                "Item": {**counted, "stars": review["rating"]},
                **(fresh if count is None else _still({"updatedAt": count.get("updatedAt")})),
            }
        },
        {"Put": {"Item": total, **(_still(old) if old else fresh)}},
        {"ConditionCheck": {"Key": key, **_still({"rating": review["rating"]})}},
    ]
    if product is not None:
        names = {":reviews": new["reviews"], ":stars": new["stars"]}
        update = {"Key": product_key, "UpdateExpression": "SET ratedReviews = :reviews, ratedStars = :stars"}
        writes.append({"Update": {**update, **_still({}, names)}})
    return table.transact(*writes)


def forget_counts(table):
    """Remove all counts and totals; the handlers of `shop.stream` must have the code of before."""
    for name in ("REVIEW_COUNT", "PRODUCT_RATING"):
        for item in table.items(**_of_type(name)):
            table.send("DeleteItem", {"TableName": table.name, "Key": {each: item[each] for each in ("PK", "SK")}})
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
                "reviewId": Stored("text", required=True),
                "stars": Stored("integer", required=False),
                "updatedAt": Stored("datetime", required=True),
            },
            stamp="updatedAt",
        ),
        AddEntity(
            "PRODUCT_RATING",
            KeyText("PK", "PRODUCT#{product_id}", product_id=Text("productId")),
            KeyText("SK", "RATING", sort=True),
            attributes={
                "createdAt": Stored("datetime", required=True),
                "productId": Stored("text", required=True),
                "reviews": Stored("integer", required=True),
                "stars": Stored("integer", required=True),
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
