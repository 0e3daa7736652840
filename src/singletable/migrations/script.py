"""The values of scripts: they are frozen, and can be rendered as the Python text that creates them."""

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
        """Return the positional and the named arguments that create an equal value, without defaults."""
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
    """Return one name or several as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def render(value: Any, indent: int = 0, before: int = 0) -> str:
    """Return a value as Python text, in several lines if it is wider than a line.

    Args:
        value: A value of a script, or a part of it: a container, a text, a number, or a function, by its name.
        indent: The indentation of its lines.
        before: The number of characters before it in its first line, such as the name of an argument.
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
    """Return the beginning of the text, its named parts, and its end, which is empty for a value without parts."""
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
    """Return the repr, with the quotation marks that formatters prefer."""
    text = repr(value)
    if not isinstance(value, (str, bytes)) or text.endswith('"'):
        return text
    # repr() uses single quotes, escapes those inside, and does not change double quotes.
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
    """Yield the names of the classes that a rendered value uses."""
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
