"""Derived attributes, frozen into scripts: stored values that follow from the other attributes of an item."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal as DecimalNumber
from string import Formatter
from time import time
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import DeclarationError, KeyParseError, MigrationError
from singletable.keys import PARTITION_KEY_BYTES, SORT_KEY_BYTES, Field, Template, encoding_for, parse_template
from singletable.keys.encoding import EncodingError
from singletable.migrations.script import Frozen
from singletable.migrations.sources import Choice, DateTime, Integer, Source, UnfitItemError
from singletable.requests.types import Item

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Derived",
    "Expires",
    "KeyText",
    "check_seconds",
]

_MILLISECONDS = 100_000_000_000
"""Epoch seconds beyond this (the year 5138) are probably milliseconds."""

_LONGEST_DAYS = 366 * 1000


@attrs.frozen
class Derived(Frozen):
    """A stored attribute that is derived from others."""

    stored_name: str

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources from which it is derived."""
        raise NotImplementedError

    @property
    def identity(self) -> tuple[Any, ...]:
        """A value that is equal for derived attributes with equal results; the names of fields do not matter."""
        raise NotImplementedError

    @property
    def personal(self) -> bool:
        """Whether its value contains a personal value."""
        return False

    def derive(self, item: Item) -> dict[str, Any] | None:
        """Return the value that an item should have, such as `{"S": "STATUS#PAID"}`; None if it should be absent.

        Raises:
            UnfitItemError: The value cannot be computed.
        """
        raise NotImplementedError

    def refuse(self, value: Mapping[str, Any]) -> None:
        """Refuse a value that must not be written now.

        Raises:
            UnfitItemError: The value must not be written now.
        """

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        """Return a copy with each source replaced by the result of a function."""
        return self

    def describe(self) -> str:
        """Return a short description of its value and sources."""
        raise NotImplementedError


@attrs.frozen(init=False)
class KeyText(Derived):
    """Half of a key: a template, with the source of each of its fields by name.

    ::

        KeyText("GSI2PK", "STATUS#{status}", status=Text("status"))

    The attribute is absent while one of the sources is absent, including sources that the template does not name:
    either both halves of a key exist, or none.

    Args:
        stored_name: The stored attribute.
        template: The template, as in `Key`; values are encoded by the rules of singletable.keys.
        when: The values, as key text, that sources must have for the key to exist.
        raw: Whether values are used without encoding (`Meta.key_encoding = "raw"`).
        sort: Whether it is a sort key, with at most 1024 bytes instead of 2048.
        fields: The sources, by the names of the fields.
    """

    template: str
    fields: Mapping[str, Source]
    when: Mapping[str, tuple[str, ...]]
    raw: bool
    sort: bool
    _parsed: Template = attrs.field(init=False, eq=False, repr=False)
    _allowed: Mapping[str, tuple[Any, ...]] = attrs.field(init=False, eq=False, repr=False)

    @_parsed.default
    def _parse(self) -> Template:
        sources = {name: each.for_keys for name, each in self.fields.items()}
        for name in (*(found for _, found, _, _ in Formatter().parse(self.template) if found), *self.when):
            if name not in sources:
                raise MigrationError(
                    f"KeyText({self.stored_name!r}): the field {name!r} has no source.",
                    remedy=f'Add it: {name}=Text("{name}").',
                )
        try:
            return parse_template(self.template, sources, raw=self.raw)
        except DeclarationError as error:
            raise MigrationError(f"KeyText({self.stored_name!r}): {error.what}", remedy=error.remedy) from None

    @_allowed.default
    def _read_conditions(self) -> Mapping[str, tuple[Any, ...]]:
        return {name: tuple(self._read(name, each) for each in values) for name, values in self.when.items()}

    def _read(self, name: str, text: str) -> Any:
        source = self.fields[name]
        try:
            return encoding_for(source.for_keys, "").decode(text)
        except EncodingError as refusal:
            raise MigrationError(
                f"KeyText({self.stored_name!r}): when= gives {name!r} the value {text!r}: {refusal.reason}.",
                remedy=f"Its kind is {source.kind.value}: write one as key text.",
            ) from None

    def __init__(
        self,
        stored_name: str,
        template: str,
        /,
        *,
        when: Mapping[str, Any] | None = None,
        raw: bool = False,
        sort: bool = False,
        **fields: Source,
    ) -> None:
        conditions = {name: (each,) if isinstance(each, str) else tuple(each) for name, each in (when or {}).items()}
        self.__attrs_init__(stored_name, template, fields, conditions, raw, sort)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        options = {name: getattr(self, name) for name in ("when", "raw", "sort") if getattr(self, name)}
        return (self.stored_name, self.template), {**self.fields, **options}

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(self.fields.values())

    @property
    def identity(self) -> tuple[Any, ...]:
        order = {name: position for position, name in enumerate(self._parsed.attributes)}
        # A choice is stored as its text, so the other allowed values do not change a key.
        plain = {name: _without_choices(each) for name, each in self.fields.items()}
        named = [plain[name] for name in order]
        others = sorted((each for name, each in plain.items() if name not in order), key=repr)
        conditions = sorted((self.fields[name].stored_name, values) for name, values in self.when.items())
        shape = tuple((each.literal, each.field and each.field.spec) for each in self._parsed.segments)
        places = tuple(order[each.attribute] for each in self._parsed.fields)
        return (self.stored_name, shape, places, tuple(named), tuple(others), tuple(conditions), self.raw, self.sort)

    @property
    def personal(self) -> bool:
        return any(field.personal for field in self._parsed.fields)

    def derive(self, item: Item) -> dict[str, Any] | None:
        values = {name: source.read(item) for name, source in self.fields.items()}
        if None in values.values():
            return None
        if any(values[name] not in allowed for name, allowed in self._allowed.items()):
            return None
        text = self._parsed.fill(self._encode(field, values[field.attribute]) for field in self._parsed.fields)
        size, limit = len(text.encode()), SORT_KEY_BYTES if self.sort else PARTITION_KEY_BYTES
        if size > limit:
            raise UnfitItemError(f"{self.stored_name} would be {size:,} bytes long; DynamoDB takes {limit:,}")
        return {"S": text}

    def _encode(self, field: Field, value: Any) -> str:
        try:
            return field.encoding.encode(value)
        except EncodingError as refusal:
            # Without the value: the reason is recorded, and shown to the person who runs the migration.
            name = self.fields[field.attribute].stored_name
            raise UnfitItemError(f"{name} cannot be a part of {self.stored_name}: {refusal.reason}") from None

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        fields = {name: change(source) for name, source in self.fields.items()}
        if fields == self.fields:
            return self
        return type(self)(self.stored_name, self.template, when=self.when, raw=self.raw, sort=self.sort, **fields)

    def fits(self, text: str) -> bool:
        """Return whether a text matches the template."""
        try:
            self._parsed.parse(text)
        except KeyParseError:
            return False
        return True

    def mask(self, text: str) -> str:
        """Return a key with its personal values hidden."""
        return self._parsed.mask(text, "‹personal›")

    def describe(self) -> str:
        return f"{self.stored_name} = {self.template}"


def _without_choices(source: Source) -> Source:
    return attrs.evolve(source, choices=()) if isinstance(source, Choice) else source


def _moment(after: str | Source) -> Source:
    return DateTime(after) if isinstance(after, str) else after


@attrs.frozen
class Expires(Derived):
    """The time when an item expires, in epoch seconds: some days after a time that the item has.

    Args:
        stored_name: The stored attribute. DynamoDB's time to live requires a top-level Number.
        after: The stored attribute with the time from which the days are counted, as text in UTC; or its `DateTime`
            source, or an `Integer` source of epoch seconds.
        days: The number of days from that time to the expiry.
        expire_past: Whether items may get an expiry in the past; DynamoDB deletes them within two days.
    """

    after: Source = attrs.field(converter=_moment)
    days: float = attrs.field(kw_only=True)
    expire_past: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        where = f"Expires({self.stored_name!r}, days={self.days!r})"
        if not isinstance(self.after, (DateTime, Integer)):
            raise MigrationError(
                f"{where}: an expiry is counted from a time that the item has, not from {self.after!r}.",
                remedy="Counted from the time of the run, it would differ between runs. Name the stored attribute:"
                ' after="createdAt".',
            )
        if "." in self.stored_name or "[" in self.stored_name:
            raise MigrationError(
                f"{where}: DynamoDB reads the time to live from a top-level attribute only.",
                remedy="Give the name of a top-level attribute.",
            )
        if isinstance(self.days, bool) or not isinstance(self.days, (int, float)) or not math.isfinite(self.days):
            raise MigrationError(f"{where}: `days` is not a finite number.", remedy="Give an int or a float.")
        if abs(self.days) > _LONGEST_DAYS:
            raise MigrationError(
                f"{where}: `days` is more than a thousand years.", remedy="Give days, not seconds or milliseconds."
            )

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        plain = self.after == DateTime(self.after.stored_name)
        past = {"expire_past": True} if self.expire_past else {}
        after = self.after.stored_name if plain else self.after
        return (self.stored_name,), {"after": after, "days": self.days, **past}

    @property
    def sources(self) -> tuple[Source, ...]:
        return (self.after,)

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        return attrs.evolve(self, after=change(self.after))

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.stored_name, self.after, float(self.days))

    def derive(self, item: Item) -> dict[str, Any] | None:
        start = self.after.read(item)
        if start is None:
            return None
        if not isinstance(start, datetime) and abs(start) >= _MILLISECONDS:
            raise UnfitItemError(f"{self.after.stored_name} holds milliseconds, not seconds")
        try:
            moment = start if isinstance(start, datetime) else datetime.fromtimestamp(start, tz=timezone.utc)
            return {"N": str(int((moment + timedelta(days=self.days)).timestamp()))}
        except (OSError, OverflowError, ValueError):
            raise UnfitItemError(f"{self.stored_name} would lie outside of the years 1 to 9999") from None

    def refuse(self, value: Mapping[str, Any]) -> None:
        """Refuse an expiry in the past, unless `expire_past` allows it."""
        if not self.expire_past and int(value["N"]) <= time():
            raise UnfitItemError(f"{self.stored_name} would lie in the past, and DynamoDB would delete the item")

    def describe(self) -> str:
        return f"{self.stored_name} = {self.days:g} days after {self.after.stored_name}"


def check_seconds(name: str, value: Mapping[str, Any]) -> None:
    """Refuse an expiry that DynamoDB would ignore or misread.

    Raises:
        UnfitItemError: It is not a whole number of seconds, or is too large to be seconds.
    """
    text = value.get("N")
    if text is None:
        raise UnfitItemError(f"{name} is the time to live, and would be stored as {next(iter(value))}, not as N")
    number = DecimalNumber(text)
    if number != number.to_integral_value() or abs(number) >= _MILLISECONDS:
        raise UnfitItemError(
            f"{name} is the time to live in whole epoch seconds; the value is not (is it in milliseconds?)"
        )
