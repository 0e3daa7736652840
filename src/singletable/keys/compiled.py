"""Compiled keys: the templates of a key as one function of straight-line code.

The function builds what is plain: values of exactly the type that an encoding expects, with nothing to
escape, well within the size limits. Everything else takes the long way, which builds the same key or says why
there is none: `CompositeKey.build_carefully`.
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
"""Bytes of UTF-8 that one character takes at most: a text of n characters is within 4 n bytes."""

Build: TypeAlias = Callable[[Mapping[str, Any]], tuple[str, str | None]]
"""A function from values to a partition key's text and a sort key's."""

_Convert: TypeAlias = Mapping[str, Callable[[Any], Any]]


def compile_key(
    label: str, templates: Mapping[str, tuple[Template, int]], convert: _Convert, carefully: Build
) -> Build:
    """A function from exactly the values of a key to its texts.

    Args:
        label: What the key is called: `Order.by_date`.
        templates: The template and the largest size in bytes, by what the text is called.
        convert: What turns an attribute's value into what the key's encoding expects, where that is another.
        carefully: What builds the key of values that are out of the ordinary, or says what is wrong.
    """
    names = Names(carefully=carefully)
    fields = [field for template, _ in templates.values() for field in template.fields]
    # An attribute may stand in several places, and in each be written otherwise.
    values = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(field.attribute for field in fields))}
    inlines = [field.encoding.inline(values[field.attribute], names) for field in fields]
    # What is no plain name is a variable first: an f-string of Python 3.10 takes no quotes of its own kind.
    texts = [each.text if each.text.isidentifier() else f"t{number}" for number, each in enumerate(inlines)]
    guards = dict.fromkeys(each.guard for each in inlines if each.guard)
    conditions = [f"len(values) == {len(values)}", *guards, *_searches(inlines, names)]
    # Both texts together within the smaller limit: one comparison says of nearly all keys that they are not too long.
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
        "        pass  # the long way says what is wrong",
        "    return carefully(values)",
    ]
    return cast(Build, generate("build", f"key {label}", source, names.objects))


def _converted(attribute: str, convert: _Convert, names: Names) -> str:
    value = f"values[{quoted(attribute)}]"
    return f"{names.bind('to_key', convert[attribute])}({value})" if attribute in convert else value


def _searches(inlines: list[Inline], names: Names) -> Iterator[str]:
    """What must not be found in texts: one search for all of them, since a call costs more than what it reads."""
    for foreign in dict.fromkeys(each.foreign for each in inlines if each.foreign):
        together = " + ".join(dict.fromkeys(each.text for each in inlines if each.foreign is foreign))
        # Half a surrogate pair is not printable; what is neither ASCII nor printable is left to the long way.
        yield f"((text := {together}).isascii() or text.isprintable())"
        yield f"not {names.bind('foreign', foreign.search)}(text)"


def _joined(template: Template, texts: Iterator[str]) -> str:
    """A template as an f-string."""
    parts = []
    for segment in template.segments:
        part = segment.literal.replace("{", "{{").replace("}", "}}")
        parts.append(f"{part}{{{next(texts)}}}" if segment.field else part)
    return f"f{quoted(SEPARATOR.join(parts))}"
