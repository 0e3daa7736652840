"""Encodings: the text of a value in a key, with one `Encoding` for each kind of value.

An encoding is a frozen value with four parts: it writes a value (`encode`), reads it back (`decode`), describes all
texts that it can produce (`language`, for the proofs), and has a character above all that it uses (`ceiling`, for the
upper end of a range).

Two guarantees: two values never have the same text (injective), and the UTF-8 order of the texts is the order of the
values. The separator `#` (U+0023) never appears in an encoded value, and all characters that appear are greater. So
both guarantees also hold for whole keys.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import attrs

from singletable.keys.generated import Names
from singletable.keys.language import Alt, Chars, Language, Seq, Star, chars, literal, repeat

__all__ = [
    "SEPARATOR",
    "Boolean",
    "Choice",
    "Encoding",
    "EncodingError",
    "Hex",
    "Inline",
    "RawText",
    "Text",
    "Uuid",
    "check_text",
]

SEPARATOR = "#"

DIGIT = chars("09")
_HEX_DIGIT = chars("09", "af")
_LAST_ESCAPED = 0x25
_ESCAPES = {code: f"%{code:02X}" for code in range(_LAST_ESCAPED + 1)}
_NEEDS_ESCAPE = re.compile(r"[\x00-%]")
_ESCAPED_TEXT = re.compile(r"(?:[^\x00-%\ud800-\udfff]|%[01][0-9A-F]|%2[0-5])+")
_SEPARATOR = re.compile(SEPARATOR)
_ESCAPE = re.compile(r"%(..)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class EncodingError(Exception):
    """A value that cannot be encoded, or a text that cannot be decoded, with the reason and the remedy.

    Raised only inside `keys`. The caller that knows the attribute and the key converts it to the user's error, because
    only that caller knows whether the value may be shown.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)


class Inline(NamedTuple):
    """The source code that writes a value; if it does not apply, the slow path `encode` is used.

    Args:
        text: The Python source of the key text.
        guard: The Python source of the condition under which the text is right; empty if it always is.
        foreign: A pattern that must not match in the value, which is text and is not escaped. Values with the same
            pattern are searched together.
    """

    text: str
    guard: str = ""
    foreign: re.Pattern[str] | None = None


@attrs.frozen
class Encoding:
    """The representation of values of one kind in a key."""

    projection: ClassVar[bool] = False
    """Whether the value cannot be read back from the text (a bucket, a shard)."""

    ceiling: ClassVar[str | None] = None
    """A character greater than all characters in texts of this encoding; None if no such character exists."""

    ordered: ClassVar[bool] = True
    """Whether texts are in the order of the values, also if more of the key follows."""

    @property
    def describe(self) -> str:
        """The name of the encoding in a word or two, for messages."""
        return type(self).__name__.lower()

    @abstractmethod
    def encode(self, value: Any) -> str:
        """Return the key text of a value.

        Raises:
            EncodingError: The value cannot be part of a key.
        """

    @abstractmethod
    def decode(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            EncodingError: No value has this text.
        """

    @abstractmethod
    def language(self) -> Language:
        """Return the language of exactly the texts that `encode` can return."""

    def inline(self, value: str, names: Names) -> Inline:
        """Return the source code that writes a value.

        Args:
            value: The name of the variable that holds the value.
            names: The objects that the code can use.
        """
        return Inline(f"{names.bind('encode', self.encode)}({value})")


def check_text(value: Any) -> str:
    """Return a value as a plain, non-empty string that UTF-8 can represent.

    Raises:
        EncodingError: The value is not such a text.
    """
    if not isinstance(value, str):
        raise EncodingError(f"expected text, got {type(value).__name__}")
    text = str.__str__(value)
    if not text:
        raise EncodingError(
            "it is empty, and an empty value would make two keys equal",
            "Give a value; an attribute that is None keeps an item out of an index.",
        )
    if _SURROGATE.search(text):
        raise EncodingError(
            "it holds half a surrogate pair, which UTF-8 cannot store", "Decode the text properly first."
        )
    return text


@attrs.frozen
class Text(Encoding):
    """Text, with every character from U+0000 to U+0025 written as `%XX`.

    A raw character is then greater than `%`, an escape starts with `%`, and the separator is less than both. So a value
    that is a prefix of another sorts before it, with any text after it in the key.
    """

    def encode(self, value: Any) -> str:
        text = check_text(value)
        return text.translate(_ESCAPES) if _NEEDS_ESCAPE.search(text) else text

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(value, f"type({value}) is str and {value}", _NEEDS_ESCAPE)

    def encode_prefix(self, prefix: str) -> str:
        """Return the beginning of all encoded values that begin with `prefix`; empty for an empty prefix."""
        return self.encode(prefix) if prefix else ""

    def decode(self, text: str) -> str:
        if not _ESCAPED_TEXT.fullmatch(text):
            raise EncodingError("it is not escaped text")
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)

    def language(self) -> Language:
        return _TEXT_LANGUAGE


_plain = Chars(((_LAST_ESCAPED + 1, 0xD7FF), (0xE000, 0x10FFFF)))
_escape = Seq(
    (
        literal("%"),
        Alt((Seq((chars("01"), chars("09", "AF"))), Seq((literal("2"), chars("05"))))),
    )
)
_one = Alt((_plain, _escape))
_TEXT_LANGUAGE = Seq((_one, Star(_one)))
_not_separator = Chars(((0, 0x22), (0x24, 0xD7FF), (0xE000, 0x10FFFF)))
_RAW_LANGUAGE = Seq((_not_separator, Star(_not_separator)))


@attrs.frozen
class RawText(Encoding):
    """Text without escapes, for tables whose keys other code wrote; a value with the separator is refused.

    Characters below the separator (a space, `!`, `"`) sort before it, so a range over such a field is meaningless if
    more of the key follows.
    """

    ordered = False

    def encode(self, value: Any) -> str:
        text = check_text(value)
        if SEPARATOR in text:
            raise EncodingError(
                f"it holds the separator {SEPARATOR!r}, and this table does not escape values",
                "Choose another value. Only a table with escaped keys can store it.",
            )
        return text

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(value, f"type({value}) is str and {value}", _SEPARATOR)

    def encode_prefix(self, prefix: str) -> str:
        """Return the beginning of all texts of values that begin with `prefix`; empty for an empty prefix."""
        return self.encode(prefix) if prefix else ""

    def decode(self, text: str) -> str:
        try:
            return self.encode(text)
        except EncodingError as refusal:
            raise EncodingError(refusal.reason) from None

    def language(self) -> Language:
        return _RAW_LANGUAGE


@attrs.frozen
class Choice(Encoding):
    """One text of a known set, such as the values of an enumeration; `inner` writes the text."""

    choices: tuple[str, ...]
    inner: Text | RawText = attrs.field(factory=Text)

    @property
    def describe(self) -> str:
        return f"choice of {len(self.choices)}"

    @property
    def ordered(self) -> bool:  # type: ignore[override]  # a class-level constant elsewhere, inherited here
        return self.inner.ordered

    def encode(self, value: Any) -> str:
        text = self.inner.encode(value)
        if value not in self.choices:
            raise EncodingError(f"it is not one of {', '.join(map(repr, self.choices))}")
        return text

    def inline(self, value: str, names: Names) -> Inline:
        texts = {}
        for choice in self.choices:
            with suppress(EncodingError):
                texts[choice] = self.inner.encode(choice)
        return Inline(f"{names.bind('choices', texts)}[{value}]", f"type({value}) is str")

    def encode_prefix(self, prefix: str) -> str:
        """Return the beginning of all texts of choices that begin with `prefix`; empty for an empty prefix."""
        return self.inner.encode_prefix(prefix)

    def decode(self, text: str) -> str:
        value = self.inner.decode(text)
        if value not in self.choices:
            raise EncodingError(f"it is not one of {', '.join(map(repr, self.choices))}")
        return value

    def language(self) -> Language:
        return Alt(tuple(literal(self.inner.encode(each)) for each in self.choices))


@attrs.frozen
class Boolean(Encoding):
    """`0` for False, `1` for True."""

    ceiling = ":"

    def encode(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise EncodingError(f"expected True or False, got {type(value).__name__}")
        return "1" if value else "0"

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(f"'1' if {value} else '0'", f"type({value}) is bool")

    def decode(self, text: str) -> bool:
        if text not in ("0", "1"):
            raise EncodingError("it is neither '0' nor '1'")
        return text == "1"

    def language(self) -> Language:
        return chars("01")


@attrs.frozen
class Uuid(Encoding):
    """A UUID in its canonical lower-case form, 36 characters (RFC 9562)."""

    ceiling = "g"

    def encode(self, value: Any) -> str:
        if not isinstance(value, UUID):
            raise EncodingError(f"expected a UUID, got {type(value).__name__}", "Wrap the text in uuid.UUID(...).")
        return str(value)

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(f"str({value})", f"type({value}) is {names.bind('UUID', UUID)}")

    def decode(self, text: str) -> UUID:
        try:
            value = UUID(text)
        except ValueError:
            raise EncodingError("it is not a UUID") from None
        if str(value) != text:
            raise EncodingError("it is not a UUID in lower-case form")
        return value

    def language(self) -> Language:
        parts: list[Language] = [repeat(_HEX_DIGIT, 8)]
        for length in (4, 4, 4, 12):
            parts += [literal("-"), repeat(_HEX_DIGIT, length)]
        return Seq(tuple(parts))


@attrs.frozen
class Hex(Encoding):
    """Bytes as lower-case hexadecimal digits, two a byte."""

    ceiling = "g"

    def encode(self, value: Any) -> str:
        if not isinstance(value, (bytes, bytearray)):
            raise EncodingError(f"expected bytes, got {type(value).__name__}")
        if not value:
            raise EncodingError("it is empty, and an empty value would make two keys equal")
        return value.hex()

    def decode(self, text: str) -> bytes:
        if not re.fullmatch(r"(?:[0-9a-f]{2})+", text):
            raise EncodingError("it is not lower-case hexadecimal")
        return bytes.fromhex(text)

    def language(self) -> Language:
        byte = repeat(_HEX_DIGIT, 2)
        return Seq((byte, Star(byte)))
