"""Derived attributes, frozen: what is stored of an item that follows from the rest of it."""

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
from singletable.keys.encoding import Refusal
from singletable.migrations.script import Frozen
from singletable.migrations.sources import Choice, DateTime, Integer, Source, Unfit
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
"""Epoch seconds beyond this (the year 5138) are milliseconds that someone took for seconds."""

_LONGEST_DAYS = 366 * 1000


@attrs.frozen
class Derived(Frozen):
    """A stored attribute that is derived from others."""

    stored_name: str

    @property
    def sources(self) -> tuple[Source, ...]:
        """What it is derived from."""
        raise NotImplementedError

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes two equal: what they derive, and not what their parts are called."""
        raise NotImplementedError

    @property
    def personal(self) -> bool:
        """Whether its value shows a personal one."""
        return False

    def derive(self, item: Item) -> dict[str, Any] | None:
        """The value that an item should have, such as `{"S": "STATUS#PAID"}`; None where it should have none.

        Raises:
            Unfit: It cannot be worked out.
        """
        raise NotImplementedError

    def refuse(self, value: Mapping[str, Any]) -> None:
        """Refuse a value that must not be written now.

        Raises:
            Unfit: It is one.
        """

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        """Return the same with each source replaced by the result of a function."""
        return self

    def describe(self) -> str:
        """What it is made of, in a word or two."""
        raise NotImplementedError


@attrs.frozen(init=False)
class KeyText(Derived):
    """Half of a key: a template, with the source of each of its fields by name.

    ::

        KeyText("GSI2PK", "STATUS#{status}", status=Text("status"))

    The attribute is absent while one of the sources is; that goes for sources, too, which the template does not
    name: the two halves of a key are there together or not at all.

    Args:
        stored_name: The stored attribute.
        template: As in `Key`; values are written by the rules of singletable.keys.
        when: The values, as key text, that sources must have for the key to be there.
        raw: Whether values go in as they are (`Meta.key_encoding = "raw"`).
        sort: Whether it is a sort key, which may be 1024 bytes long and not 2048.
        fields: The sources.
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
                    f"KeyText({self.stored_name!r}): nothing says where {name!r} is stored.",
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
        except Refusal as refusal:
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
        # A choice is written as its text: which other values are allowed does not change a key.
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
            raise Unfit(f"{self.stored_name} would be {size:,} bytes long; DynamoDB takes {limit:,}")
        return {"S": text}

    def _encode(self, field: Field, value: Any) -> str:
        try:
            return field.encoding.encode(value)
        except Refusal as refusal:
            # Without the value: the reason is kept, and shown to whoever runs the migration.
            name = self.fields[field.attribute].stored_name
            raise Unfit(f"{name} cannot stand in {self.stored_name}: {refusal.reason}") from None

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        fields = {name: change(source) for name, source in self.fields.items()}
        if fields == self.fields:
            return self
        return type(self)(self.stored_name, self.template, when=self.when, raw=self.raw, sort=self.sort, **fields)

    def fits(self, text: str) -> bool:
        """Whether a text can be one of this template's."""
        try:
            self._parsed.parse(text)
        except KeyParseError:
            return False
        return True

    def mask(self, text: str) -> str:
        """A key without its personal values."""
        return self._parsed.mask(text, "‹personal›")

    def describe(self) -> str:
        return f"{self.stored_name} = {self.template}"


def _without_choices(source: Source) -> Source:
    return attrs.evolve(source, choices=()) if isinstance(source, Choice) else source


def _moment(after: str | Source) -> Source:
    return DateTime(after) if isinstance(after, str) else after


@attrs.frozen
class Expires(Derived):
    """When an item expires, in epoch seconds: some days after a point in time that it holds.

    Args:
        stored_name: The stored attribute; a top-level Number, as DynamoDB's time to live wants it.
        after: The stored attribute that holds the point in time; text in UTC, or its `DateTime` source, or an
            `Integer` of epoch seconds.
        days: How many days later.
        expire_past: Whether items whose time has come may be given it; DynamoDB deletes them within two days.
    """

    after: Source = attrs.field(converter=_moment)
    days: float = attrs.field(kw_only=True)
    expire_past: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        where = f"Expires({self.stored_name!r}, days={self.days!r})"
        if not isinstance(self.after, (DateTime, Integer)):
            raise MigrationError(
                f"{where}: an expiry counts from a point in time that the item holds, not from {self.after!r}.",
                remedy="Counted from the moment of the run it would be another with each run. Name the stored"
                ' attribute: after="createdAt".',
            )
        if "." in self.stored_name or "[" in self.stored_name:
            raise MigrationError(
                f"{where}: DynamoDB reads the time to live from a top-level attribute only.",
                remedy="Give the name of a top-level attribute.",
            )
        if isinstance(self.days, bool) or not isinstance(self.days, (int, float)) or not math.isfinite(self.days):
            raise MigrationError(f"{where}: that is no number of days.", remedy="Give an int or a float.")
        if abs(self.days) > _LONGEST_DAYS:
            raise MigrationError(
                f"{where}: that is more than a thousand years.", remedy="Give days, not seconds or milliseconds."
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
            raise Unfit(f"{self.after.stored_name} holds milliseconds, not seconds")
        try:
            moment = start if isinstance(start, datetime) else datetime.fromtimestamp(start, tz=timezone.utc)
            return {"N": str(int((moment + timedelta(days=self.days)).timestamp()))}
        except (OSError, OverflowError, ValueError):
            raise Unfit(f"{self.stored_name} would lie outside of the years 1 to 9999") from None

    def refuse(self, value: Mapping[str, Any]) -> None:
        """Refuse an expiry that has passed, unless such are wanted."""
        if not self.expire_past and int(value["N"]) <= time():
            raise Unfit(f"{self.stored_name} would lie in the past, and DynamoDB would delete the item")

    def describe(self) -> str:
        return f"{self.stored_name} = {self.days:g} days after {self.after.stored_name}"


def check_seconds(name: str, value: Mapping[str, Any]) -> None:
    """Refuse an expiry that DynamoDB would not understand, or take for another.

    Raises:
        Unfit: It is no number of whole seconds.
    """
    text = value.get("N")
    if text is None:
        raise Unfit(f"{name} is the time to live, and would be stored as {next(iter(value))}, not as N")
    number = DecimalNumber(text)
    if number != number.to_integral_value() or abs(number) >= _MILLISECONDS:
        raise Unfit(f"{name} is the time to live, in whole epoch seconds; that is no such number (milliseconds?)")
