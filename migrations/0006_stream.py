"""The change stream of the table."""

from singletable.migrations import DeclareAttributes, EnableStream, Migration

migration = Migration(
    depends_on=["0005_expiry"],
    operations=[
        DeclareAttributes("ORDER", {"stockTaken": "BOOL"}),
        DeclareAttributes("PRODUCT", {"ratingCount": "N", "ratingSum": "N"}),
        EnableStream("NEW_AND_OLD_IMAGES"),
    ],
)
