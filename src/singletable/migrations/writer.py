"""The writer: it renders a migration as a Python module that imports only singletable.migrations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from textwrap import wrap

from singletable.errors import MigrationError
from singletable.migrations.graph import Graph
from singletable.migrations.operations import (
    AddEntity,
    BackfillWith,
    ConvertAttribute,
    CreateIndex,
    CreateTable,
    Operation,
    RunPython,
)
from singletable.migrations.script import names_in, render

__all__ = ["next_name", "script_text", "suggested_name", "unique_name", "write_script"]

_DIGEST = 6
_WORDS = re.compile(r"[^0-9A-Za-z]+")


def script_text(name: str, depends_on: Sequence[str], operations: Iterable[Operation]) -> str:
    """Return the text of a script.

    Args:
        name: The migration's name.
        depends_on: The names of its dependencies.
        operations: Its operations.
    """
    operations = list(operations)
    functions = dict.fromkeys(function for each in operations for function in _functions(each))
    imports = sorted({"Migration", *(found for each in operations for found in names_in(each))}, key=str.lower)
    line = f"from singletable.migrations import {', '.join(imports)}"
    if len(line) > 110:
        line = "from singletable.migrations import (\n" + "".join(f"    {each},\n" for each in imports) + ")"
    parts = [f'"""{_title(name)}."""', line]
    parts += [f"\n{each}" for each in functions]
    body = "".join(f"        {render(each, 8)},\n" for each in operations)
    inside = f"[\n{body}    ]" if operations else "[]"
    head = "\n" if functions else ""
    parts.append(
        f"{head}migration = Migration(\n    depends_on={render(list(depends_on), 4)},\n    operations={inside},\n)\n"
    )
    return "\n\n".join(parts)


def _functions(operation: Operation) -> list[str]:
    if isinstance(operation, BackfillWith):
        function = operation.function
        return [
            f"def {function.__name__}({', '.join(operation.sources)}):\n"
            f'    """{_words(function.__doc__ or "The values to store, by name.")}"""\n'
            f'    raise NotImplementedError("write {function.__name__}()")'
        ]
    if isinstance(operation, ConvertAttribute):
        return [
            f"def {each.__name__}(value):\n"
            f'    """{_words(each.__doc__ or f"{operation.task}.")}"""\n'
            f'    raise NotImplementedError("write {each.__name__}()")'
            for each in filter(None, (operation.function, operation.reverse_function))
        ]
    if isinstance(operation, RunPython):
        both = filter(None, (operation.function, operation.reverse_function))
        return [
            f'def {each.__name__}(table):\n    """To be written."""\n    raise NotImplementedError' for each in both
        ]
    return []


def _words(text: str) -> str:
    """Return text for a docstring, wrapped into lines."""
    lines = wrap(text.replace("\\", "\\\\").replace('"', "'"), 105)
    return "\n    ".join(lines)


def suggested_name(operations: Sequence[Operation]) -> str:
    """Return a name for a migration from its operations."""
    if any(isinstance(each, CreateTable) for each in operations):
        return "initial"
    words: list[str] = []
    for each in operations:
        entity = getattr(each, "entity", None)
        if isinstance(each, AddEntity) or (entity and not words):
            words.append(str(entity))
        elif isinstance(each, CreateIndex):
            words.append(each.name)
    words = list(dict.fromkeys(words)) or [type(each).__name__ for each in operations[:1]]
    return _WORDS.sub("_", "_".join(words[:3])).strip("_").lower() or "empty"


def unique_name(operations: Sequence[Operation]) -> str:
    """Return a name from the operations of a migration that differs from names of changes on other branches."""
    words = suggested_name(operations)
    if words == "initial":
        return words
    digest = sha256("\n".join(render(each) for each in operations).encode()).hexdigest()
    return f"{words}_{digest[:_DIGEST]}"


def next_name(graph: Graph, words: str) -> str:
    """Return the name of the next script: an unused number, and words.

    Raises:
        MigrationError: The words have no letters or digits.
    """
    clean = _WORDS.sub("_", words).strip("_").lower()
    if not clean:
        raise MigrationError(f"{words!r} is not a valid name of a migration.", remedy="Use letters and digits.")
    numbers = [int(re.match(r"\d+", name)[0]) for name in graph.scripts]  # type: ignore[index]  # names begin so
    return f"{max(numbers, default=0) + 1:04d}_{clean}"


def write_script(folder: Path, name: str, text: str) -> Path:
    """Write a script into a folder, and never replace a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise MigrationError(f"{path} exists already.", remedy="Choose another name with --name.") from None
    except OSError as error:
        raise MigrationError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def _title(name: str) -> str:
    words = name.partition("_")[2].replace("_", " ")
    return words[:1].upper() + words[1:]
