"""What scripts are made of: frozen values that can be written as the Python text that makes them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

__all__ = ["Frozen", "as_names", "names_in", "render"]

_WIDTH = 110


@attrs.frozen
class Frozen:
    """A value of a script."""

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and the named arguments that make an equal one, defaults left out."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if not field.init or (field.default is not attrs.NOTHING and value == _default(field)):
                continue
            if field.kw_only or named or field.default is not attrs.NOTHING:
                named[field.name] = value
            else:
                positional.append(value)
        return tuple(positional), named


def as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def render(value: Any, indent: int = 0, before: int = 0) -> str:
    """A value as Python text, cut into lines where it would be wider than a line.

    Args:
        value: A value of a script, or what it is made of: containers, texts, numbers, functions by their names.
        indent: How many spaces its lines stand to the right.
        before: How many characters stand before it in its first line: the name of an argument.
    """
    line = _flat(value)
    if len(line) + indent + before <= _WIDTH:
        return line
    opening, parts, closing = _parts(value)
    inner = indent + 4
    if not parts:
        return line
    lines = [f"{' ' * inner}{name}{render(each, inner, len(name))},\n" for name, each in parts]
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing}"


def _flat(value: Any) -> str:
    opening, parts, closing = _parts(value)
    if not parts and not closing:
        return opening
    inner = ", ".join(name + _flat(each) for name, each in parts)
    return f"{opening}{inner}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{closing}"


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """How the text begins, its named parts, and how it ends; no ending for what has no parts."""
    if isinstance(value, Frozen):
        positional, named = value.arguments()
        parts = [*(("", each) for each in positional), *((f"{name}=", each) for name, each in named.items())]
        return f"{type(value).__name__}(", parts, ")"
    if isinstance(value, Mapping):
        return "{", [(f"{_text(name)}: ", each) for name, each in value.items()], "}"
    if isinstance(value, tuple):
        return "(", [("", each) for each in value], ")"
    if isinstance(value, list):
        return "[", [("", each) for each in value], "]"
    if callable(value):
        return value.__name__, [], ""
    return _text(value), [], ""


def _text(value: Any) -> str:
    """As repr, with the quotation marks that formatters prefer."""
    text = repr(value)
    if not isinstance(value, (str, bytes)) or text.endswith('"'):
        return text
    # repr() puts single quotes around and escapes those inside, and leaves double ones as they are.
    start, inside = text.index("'") + 1, text[text.index("'") + 1 : -1]
    single, double = inside.count("\\'"), inside.count('"')
    if double > single:
        return text
    inside = inside.replace("\\'", "'").replace('"', '\\"')
    return f'{text[: start - 1]}"{inside}"'


def _default(field: attrs.Attribute[Any]) -> Any:
    default = field.default
    factory = getattr(default, "factory", None)
    return factory() if factory else default


def names_in(value: Any) -> Iterator[str]:
    """The names of the classes that a rendered value needs."""
    if isinstance(value, Frozen):
        yield type(value).__name__
        positional, named = value.arguments()
        for each in (*positional, *named.values()):
            yield from names_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from names_in(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from names_in(each)
