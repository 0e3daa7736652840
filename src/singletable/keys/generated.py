"""Generated functions: compiles source text that is made from declarations; tracebacks and debuggers can show it.

The generated code is straight-line code for the declarations of a class. Names that a user chooses (attributes,
literals of templates) appear in it only as Python literals, never as identifiers.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

__all__ = ["Names", "generate", "source_of"]


class Names:
    """The objects that generated code uses, each under its own name."""

    def __init__(self, **objects: Any) -> None:
        self.objects: dict[str, Any] = dict(objects)

    def bind(self, hint: str, value: Any) -> str:
        """Return the name of `value` in the code: the hint or a variant of it; the same object keeps its name."""
        for name, known in self.objects.items():
            if known is value:
                return name
        # Beyond ASCII, Python treats several spellings as one name.
        name = first = hint if hint.isidentifier() and hint.isascii() else "given"
        for number in count(2):
            if name not in self.objects:
                break
            name = f"{first}_{number}"
        self.objects[name] = value
        return name


def generate(name: str, label: str, lines: Iterable[str], objects: Mapping[str, Any]) -> Callable[..., Any]:
    """Compile the definition of one function; `source_of` returns its source.

    Args:
        name: The function's name in `lines`.
        label: The name of the source in tracebacks, such as `keys of Order`.
        lines: The source.
        objects: The objects that the code uses, by name.
    """
    source = "\n".join(lines) + "\n"
    filename = f"<singletable: {label}>"
    namespace = dict(objects)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - of declarations, never of input
    # Like attrs: tracebacks and debuggers find the source by its file name.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    function: Callable[..., Any] = namespace[name]
    function.__source__ = source  # type: ignore[attr-defined]  # functions take attributes
    return function


def source_of(function: Callable[..., Any]) -> str:
    """Return the source of a generated function."""
    return str(function.__source__)  # type: ignore[attr-defined]
