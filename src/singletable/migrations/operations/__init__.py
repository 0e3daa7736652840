"""Operations: the parts of a migration, as frozen values. Each describes itself and changes a state like the table."""

from singletable.migrations.operations.backfilling import Backfill, BackfillExpiry, BackfillWith
from singletable.migrations.operations.base import Edit, ItemOperation, Operation, TableOperation
from singletable.migrations.operations.code import RunPython
from singletable.migrations.operations.converting import ConvertAttribute
from singletable.migrations.operations.declaring import AddEntity, DeclareAttributes, RemoveEntity
from singletable.migrations.operations.items import RemoveAttribute, RenameAttribute
from singletable.migrations.operations.rekey import Rekey
from singletable.migrations.operations.table_changes import (
    CreateIndex,
    CreateTable,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
)
from singletable.migrations.operations.typing import RenameEntity, StampType

__all__ = [
    "AddEntity",
    "Backfill",
    "BackfillExpiry",
    "BackfillWith",
    "ConvertAttribute",
    "CreateIndex",
    "CreateTable",
    "DeclareAttributes",
    "DeleteIndex",
    "DisableStream",
    "DisableTTL",
    "Edit",
    "EnableStream",
    "EnableTTL",
    "ItemOperation",
    "Operation",
    "Rekey",
    "RemoveAttribute",
    "RemoveEntity",
    "RenameAttribute",
    "RenameEntity",
    "RunPython",
    "StampType",
    "TableOperation",
]
