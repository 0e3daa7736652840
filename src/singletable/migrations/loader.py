"""The loader: it makes a graph of the scripts in a folder."""

from __future__ import annotations

import importlib.util
import re
import traceback
from pathlib import Path

from singletable.errors import MigrationError, SingletableError
from singletable.migrations.graph import Graph, Migration, Script

__all__ = ["load_graph", "load_scripts"]

_NAME = re.compile(r"\d{4,}_\w+")


def load_graph(folder: Path) -> Graph:
    """Return the graph of the scripts in a folder.

    Args:
        folder: The folder; modules in it whose names begin with a digit are migrations.

    Raises:
        MigrationError: A script cannot be loaded, or the scripts do not fit together.
    """
    return Graph(load_scripts(folder))


def load_scripts(folder: Path) -> list[Script]:
    """Return the scripts of a folder.

    Raises:
        MigrationError: A script cannot be loaded, or defines no migration.
    """
    return [_load(path) for path in sorted(folder.glob("*.py")) if path.stem[:1].isdigit()]


def _load(path: Path) -> Script:
    if not _NAME.fullmatch(path.stem):
        raise MigrationError(
            f"{path.name} is not a valid name of a migration.",
            remedy="Use four digits, an underscore and words, for example 0002_orders_by_status.py.",
            place=str(path),
        )
    # Its name begins with a digit, so it can only be loaded by its path.
    spec = importlib.util.spec_from_file_location(f"singletable_migration_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SingletableError as error:
        place = getattr(error, "place", None) or _place(error, path)
        raise MigrationError(
            f"{path.stem}: {error.what}", remedy=error.remedy, migration=path.stem, place=place
        ) from error
    except (Exception, SystemExit) as error:
        raise MigrationError(
            f"{path.stem} cannot be loaded: {type(error).__name__}: {error}".replace("\n", " ") + ".",
            remedy="Correct the script.",
            migration=path.stem,
            place=_place(error, path),
        ) from error
    migration = getattr(module, "migration", None)
    if not isinstance(migration, Migration):
        raise MigrationError(
            f"{path.stem} does not define a migration.",
            remedy="Write: migration = Migration(depends_on=[...], operations=[...]).",
            migration=path.stem,
            place=str(path),
        )
    return Script(path.stem, migration, path.read_text(encoding="utf-8"), str(path))


def _place(error: BaseException, path: Path) -> str:
    """Return the script and its line that raised an error."""
    if isinstance(error, SyntaxError) and error.filename == str(path) and error.lineno:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)
