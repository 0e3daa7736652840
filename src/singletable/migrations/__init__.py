"""Migrations: scripts that change a live table safely until it fits the models, and a history of the applied ones.

A script imports from this package, and from no other package of the framework::

    from singletable.migrations import Backfill, KeyText, Migration, Text

    migration = Migration(
        depends_on=["0001_initial"],
        operations=[Backfill("ORDER", KeyText("GSI2PK", "STATUS#{status}", status=Text("status")))],
    )
"""

from singletable.migrations.custom_text import CustomText
from singletable.migrations.declared import Stored
from singletable.migrations.derived import Expires, KeyText
from singletable.migrations.graph import Graph, Migration, Script
from singletable.migrations.loader import load_graph
from singletable.migrations.operations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    ConvertAttribute,
    CreateIndex,
    CreateTable,
    DeclareAttributes,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    Rekey,
    RemoveAttribute,
    RemoveEntity,
    RenameAttribute,
    RenameEntity,
    RunPython,
    StampType,
)
from singletable.migrations.sources import (
    Boolean,
    Bytes,
    Choice,
    Date,
    DateTime,
    Decimal,
    Integer,
    Number,
    Text,
    Uuid,
)
from singletable.migrations.state import Index, TableState, state_of

__all__ = [
    "AddEntity",
    "Backfill",
    "BackfillExpiry",
    "BackfillWith",
    "Boolean",
    "Bytes",
    "Choice",
    "ConvertAttribute",
    "CreateIndex",
    "CreateTable",
    "CustomText",
    "Date",
    "DateTime",
    "Decimal",
    "DeclareAttributes",
    "DeleteIndex",
    "DisableStream",
    "DisableTTL",
    "EnableStream",
    "EnableTTL",
    "Expires",
    "Graph",
    "Index",
    "Integer",
    "KeyText",
    "Migration",
    "Number",
    "Rekey",
    "RemoveAttribute",
    "RemoveEntity",
    "RenameAttribute",
    "RenameEntity",
    "RunPython",
    "Script",
    "StampType",
    "Stored",
    "TableState",
    "Text",
    "Uuid",
    "load_graph",
    "state_of",
]
