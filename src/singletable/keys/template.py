"""Templates: `USER#{user_id}` as a value that builds key text, parses it, and describes all its keys as a language.

A template is literal text with fields `{attribute}` or `{attribute:spec}`. A field ends at the end of the template or
at a literal that begins with the separator, so every `#`-separated segment is literal text with at most one field at
its end. Encoded values never contain the separator, so splitting a key at `#` yields its segments. That is why parsing
is exact, and why two tuples of values never have the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from string import Formatter
from typing import Any

import attrs

from singletable.chains import unchained
from singletable.errors import (
    DeclarationError,
    InvalidKeyValueError,
    KeyParseError,
    MissingAttributesError,
)
from singletable.keys.encoding import SEPARATOR, Encoding, EncodingError
from singletable.keys.language import Language, Seq, literal
from singletable.keys.shown import kept, shown
from singletable.keys.spec import Source, UnpaddedNumberError, encoding_for
from singletable.keys.text import plain

__all__ = ["SEPARATOR", "Field", "Segment", "Template", "parse_template"]

_LONGEST_KEY = 2048
"""The highest number of characters of a key: DynamoDB limits a partition key to this number of bytes."""


@attrs.frozen
class Field:
    """A placeholder in a template for an attribute's value.

    Args:
        attribute: The attribute's Python name.
        spec: The specification after the colon; empty without one.
        encoding: The encoding of the value.
        personal: Whether the value must never be shown.
    """

    attribute: str
    spec: str
    encoding: Encoding
    personal: bool = False

    def encode(self, value: Any, template: str) -> str:
        """Return the field's text for a value.

        Raises:
            InvalidKeyValueError: The value cannot be part of a key.
        """
        try:
            return self.encoding.encode(value)
        except EncodingError as error:
            refusal = error
        # Raised outside of the handler, because the cause of the refusal may quote the value.
        raise InvalidKeyValueError(
            f"{self.attribute}={self.show(value)} cannot be part of the key {template!r}: {refusal.reason}.",
            remedy=refusal.remedy or "Give a value that the key can hold.",
            attribute=self.attribute,
            value=None if self.personal else kept(value),
        )

    def show(self, value: Any) -> str:
        """Return a value for a message: shortened, or hidden if it is personal."""
        if self.personal:
            return "‹personal›"
        return shown(value)

    def __str__(self) -> str:
        return f"{{{self.attribute}:{self.spec}}}" if self.spec else f"{{{self.attribute}}}"


@attrs.frozen
class Segment:
    """The part of a template between two separators: literal text, then at most one field."""

    literal: str
    field: Field | None = None

    def language(self) -> Language:
        """Return the language of the segment's texts."""
        head = literal(self.literal)
        return Seq((head, self.field.encoding.language())) if self.field else head


@attrs.frozen
class Template:
    """The text of one key attribute, as a function of an entity's attributes."""

    text: str
    segments: tuple[Segment, ...]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields, from left to right."""
        return tuple(segment.field for segment in self.segments if segment.field)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes, each once, from left to right."""
        return tuple(dict.fromkeys(field.attribute for field in self.fields))

    @property
    def recoverable(self) -> tuple[str, ...]:
        """The names of the attributes that can be read back, which are those of fields without a projection."""
        return tuple(dict.fromkeys(field.attribute for field in self.fields if not field.encoding.projection))

    def build(self, values: Mapping[str, Any]) -> str:
        """Return the key text.

        Raises:
            MissingAttributesError: An attribute is not in `values`, or is None.
            InvalidKeyValueError: A value cannot be part of a key.
        """
        missing = tuple(name for name in self.attributes if values.get(name) is None)
        if missing:
            raise MissingAttributesError(
                f"The key {self.text!r} cannot be built without {_listed(missing)}.",
                remedy="Give every attribute that the template names.",
                missing=missing,
            )
        return self.fill(field.encode(values[field.attribute], self.text) for field in self.fields)

    def fill(self, texts: Iterator[str]) -> str:
        """Return the key text, from the encoded texts of the fields."""
        return SEPARATOR.join(
            segment.literal + next(texts) if segment.field else segment.literal for segment in self.segments
        )

    def mask(self, key: str, hidden: str) -> str:
        """Return a key of this template with `hidden` in place of every personal value."""
        return SEPARATOR.join(
            segment.literal + hidden if segment.field and segment.field.personal else part
            for part, segment in zip(key.split(SEPARATOR), self.segments, strict=True)
        )

    def parse(self, key: str) -> dict[str, Any]:
        """Return the attributes from which a key was built, without projections.

        Raises:
            KeyParseError: No values have this key.
        """
        if len(key) > _LONGEST_KEY:
            raise self._foreign(f"it has {len(key):,} characters")
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.segments):
            raise self._foreign(f"it has {len(parts)} parts, not {len(self.segments)}")
        values: dict[str, Any] = {}
        for part, segment in zip(parts, self.segments, strict=True):
            if not part.startswith(segment.literal) or (not segment.field and part != segment.literal):
                raise self._foreign(f"a part does not begin with {segment.literal!r}")
            if segment.field and not segment.field.encoding.projection:
                self._read(segment.field, part[len(segment.literal) :], values)
        self._verify_projections(parts, values)
        return values

    @unchained
    def _read(self, field: Field, text: str, values: dict[str, Any]) -> None:
        try:
            value = field.encoding.decode(text)
        except EncodingError as refusal:
            raise self._foreign(f"the part for {field.attribute} is foreign: {refusal.reason}") from None
        if field.attribute in values and field.encoding.encode(values[field.attribute]) != text:
            raise self._foreign(f"it gives {field.attribute} two values")
        values[field.attribute] = value

    def _verify_projections(self, parts: list[str], values: Mapping[str, Any]) -> None:
        for part, segment in zip(parts, self.segments, strict=True):
            field = segment.field
            if field is None or not field.encoding.projection:
                continue
            text = part[len(segment.literal) :]
            if field.attribute in values:
                fits = field.encoding.encode(values[field.attribute]) == text
            else:
                fits = is_member(field.encoding, text)
            if not fits:
                raise self._foreign(f"the part for {field} does not fit")

    def _foreign(self, reason: str) -> KeyParseError:
        # The message does not show the key, because it may contain personal values.
        return KeyParseError(
            f"The key is not one of {self.text!r}: {reason}.",
            remedy="It belongs to another entity, or was written by other code.",
            template=self.text,
        )

    def language(self) -> Language:
        """Return the language of all keys that `build` can return.

        If one attribute fills several fields, their texts are treated as independent. The language is then larger than
        the set of keys, so a proof of disjointness is still a proof.
        """
        return joined(self.segments)

    def __str__(self) -> str:
        return self.text


def is_member(encoding: Encoding, text: str) -> bool:
    """Return whether an encoding can produce a text."""
    from singletable.keys.language import common

    return common(encoding.language(), literal(text)) is not None


def joined(segments: tuple[Segment, ...]) -> Language:
    """Return the language of segments with separators between them."""
    parts: list[Language] = []
    for position, segment in enumerate(segments):
        if position:
            parts.append(literal(SEPARATOR))
        parts.append(segment.language())
    return Seq(tuple(parts))


def parse_template(text: str, sources: Mapping[str, Source], *, raw: bool = False, sort_key: bool = False) -> Template:
    """Parse a template.

    Args:
        text: The template, for example `"ORDER#{order_id}"`.
        sources: The attributes, by Python name.
        raw: Whether text values are not escaped.
        sort_key: Whether it is a sort key's template, where numbers need a width.

    Raises:
        DeclarationError: The template cannot work; `rule` is the id of the violated rule.
    """
    if not isinstance(text, str) or not text:
        raise _refused("ST105", text, "it is empty", "Write at least a literal, such as 'PROFILE'.")
    text = plain(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refused(
            "ST105", text, "it holds half a surrogate pair, which UTF-8 cannot store", "Write the character itself."
        ) from None
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise _refused("ST105", text, str(error), "Fields are written {attribute} or {attribute:spec}.") from None
    segments: list[Segment] = []
    pending = ""
    for before, name, spec, conversion in parsed:
        if segments and segments[-1].field and not pending and not before.startswith(SEPARATOR):
            after = f"{before!r} follows it" if before else "another field follows it"
            raise _refused(
                "ST103",
                text,
                f"the field {segments[-1].field} does not end at a separator: {after}",
                f"Put {SEPARATOR!r} after the field. Without it two different values could have the same key.",
            )
        *done, pending = (pending + before).split(SEPARATOR)
        if segments and segments[-1].field and done:
            # The literal after a field begins with the separator, which ends the field's segment.
            done = done[1:]
        segments += [Segment(each) for each in done]
        if name is not None:
            segments.append(Segment(pending, _field(text, name, spec or "", conversion, sources, raw, sort_key)))
            pending = ""
    if not segments or not segments[-1].field or parsed[-1][1] is None:
        segments.append(Segment(pending))
    return Template(text, tuple(segments))


def _field(
    text: str,
    name: str,
    spec: str,
    conversion: str | None,
    sources: Mapping[str, Source],
    raw: bool,
    sort_key: bool,
) -> Field:
    if conversion:
        raise _refused("ST105", text, f"{{{name}!{conversion}}} has a conversion", "Write {attribute:spec}.")
    if name not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise _refused(
            "ST101",
            text,
            f"the attribute {name!r} does not exist",
            f"Use the Python names of the entity's attributes: {known}.",
            attribute=name,
        )
    source = sources[name]
    try:
        encoding = encoding_for(source, spec, raw=raw, sort_key=sort_key)
    except EncodingError as refusal:
        rule = "ST104" if isinstance(refusal, UnpaddedNumberError) else "ST105"
        raise _refused(rule, text, f"{{{name}}}: {refusal.reason}", refusal.remedy, attribute=name) from None
    return Field(name, spec, encoding, source.personal)


def _refused(rule: str, text: str, reason: str, remedy: str, attribute: str | None = None) -> DeclarationError:
    return DeclarationError(
        f"The key template {text!r} cannot be used: {reason}.",
        remedy=remedy,
        rule=rule,
        value=text,
        attribute=attribute,
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))
