"""Generated functions: source text, made from declarations, as a function that tracebacks and debuggers can show.

What is generated is straight-line code over what a class declares. Names of a user's choosing (attributes,
literals of templates) appear in it as Python literals only, never as identifiers.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

__all__ = ["Names", "generate", "source_of"]


class Names:
    """The objects that generated code uses, each under a name of its own."""

    def __init__(self, **objects: Any) -> None:
        self.objects: dict[str, Any] = dict(objects)

    def bind(self, hint: str, value: Any) -> str:
        """The name under which the code finds `value`: the hint, or one like it; the same for the same object."""
        for name, known in self.objects.items():
            if known is value:
                return name
        # Beyond ASCII, Python takes several spellings for one name.
        name = first = hint if hint.isidentifier() and hint.isascii() else "given"
        for number in count(2):
            if name not in self.objects:
                break
            name = f"{first}_{number}"
        self.objects[name] = value
        return name


def generate(name: str, label: str, lines: Iterable[str], objects: Mapping[str, Any]) -> Callable[..., Any]:
    """Compile the definition of one function; `source_of` gives its source again.

    Args:
        name: The function's name in `lines`.
        label: What tracebacks call the place: `keys of Order`.
        lines: The source.
        objects: What the code uses, by name.
    """
    source = "\n".join(lines) + "\n"
    filename = f"<singletable: {label}>"
    namespace = dict(objects)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - of declarations, never of input
    # As attrs does it: the source is found by its file's name, for tracebacks and debuggers.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    function: Callable[..., Any] = namespace[name]
    function.__source__ = source  # type: ignore[attr-defined]  # functions take attributes
    return function


def source_of(function: Callable[..., Any]) -> str:
    """The source of a generated function."""
    return str(function.__source__)  # type: ignore[attr-defined]
