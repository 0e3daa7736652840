"""Compiled keys: the templates of a key as one function of straight-line code.

The function builds keys of ordinary values: those of exactly the type that an encoding expects, with nothing to escape,
well within the size limits. For all other values it calls the slow path, `CompositeKey.build_carefully`, which builds
the same key or raises the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from singletable.keys.encoding import SEPARATOR, Inline
from singletable.keys.generated import Names, generate
from singletable.keys.text import quoted

if TYPE_CHECKING:
    from singletable.keys.template import Template

__all__ = ["Build", "compile_key"]

_WIDEST = 4
"""The highest number of UTF-8 bytes of one character, so a text of n characters has at most 4 n bytes."""

Build: TypeAlias = Callable[[Mapping[str, Any]], tuple[str, str | None]]
"""A function from values to the texts of a partition key and a sort key."""

_Convert: TypeAlias = Mapping[str, Callable[[Any], Any]]


def compile_key(
    label: str, templates: Mapping[str, tuple[Template, int]], convert: _Convert, carefully: Build
) -> Build:
    """Return a function from exactly the values of a key to its texts.

    Args:
        label: The name of the key, such as `Order.by_date`.
        templates: The template and the largest size in bytes of each text, by its variable's name.
        convert: For attributes whose values differ from the values that the encoding expects: the conversion.
        carefully: The slow path, which builds the key of unusual values or raises the error.
    """
    names = Names(carefully=carefully)
    fields = [field for template, _ in templates.values() for field in template.fields]
    # An attribute may be in several fields, with a different encoding in each.
    values = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(field.attribute for field in fields))}
    inlines = [field.encoding.inline(values[field.attribute], names) for field in fields]
    # Other expressions than names get a variable first: an f-string of Python 3.10 cannot contain its own quotes.
    texts = [each.text if each.text.isidentifier() else f"t{number}" for number, each in enumerate(inlines)]
    guards = dict.fromkeys(each.guard for each in inlines if each.guard)
    conditions = [f"len(values) == {len(values)}", *guards, *_searches(inlines, names)]
    # Both texts together are compared with the smaller limit: one comparison is enough for nearly all keys.
    together = " + ".join(f"len({called})" for called in templates)
    room = min(size for _, size in templates.values()) // _WIDEST
    result = ", ".join(templates) if len(templates) > 1 else f"{next(iter(templates))}, None"
    remaining = iter(texts)
    source = [
        "def build(values):",
        "    try:",
        *(f"        {value} = {_converted(name, convert, names)}" for name, value in values.items()),
        f"        if {' and '.join(conditions)}:",
        *(f"            {text} = {each.text}" for text, each in zip(texts, inlines, strict=True) if text != each.text),
        *(f"            {called} = {_joined(template, remaining)}" for called, (template, _) in templates.items()),
        f"            if {together} <= {room}:",
        f"                return {result}",
        "    except Exception:",
        "        pass  # the slow path raises the error",
        "    return carefully(values)",
    ]
    return cast(Build, generate("build", f"key {label}", source, names.objects))


def _converted(attribute: str, convert: _Convert, names: Names) -> str:
    value = f"values[{quoted(attribute)}]"
    return f"{names.bind('to_key', convert[attribute])}({value})" if attribute in convert else value


def _searches(inlines: list[Inline], names: Names) -> Iterator[str]:
    """Yield conditions that texts have no foreign characters: one search for all texts, because calls are expensive."""
    for foreign in dict.fromkeys(each.foreign for each in inlines if each.foreign):
        together = " + ".join(dict.fromkeys(each.text for each in inlines if each.foreign is foreign))
        # Half a surrogate pair is not printable. Texts that are neither ASCII nor printable take the slow path.
        yield f"((text := {together}).isascii() or text.isprintable())"
        yield f"not {names.bind('foreign', foreign.search)}(text)"


def _joined(template: Template, texts: Iterator[str]) -> str:
    """Return a template as an f-string."""
    parts = []
    for segment in template.segments:
        part = segment.literal.replace("{", "{{").replace("}", "}}")
        parts.append(f"{part}{{{next(texts)}}}" if segment.field else part)
    return f"f{quoted(SEPARATOR.join(parts))}"
