"""The source of generated code that reads and writes the values of each attribute class: an expression, or a call.

The choice depends on the attribute's `deserialize` (or `serialize`), not on the name of its class: a subclass that
inherits the method of PynamoDB or of this package is compiled like its parent, and a subclass with its own method is
called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    DynamicMapAttribute,
    ListAttribute,
    MapAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.constants import NULL

from singletable.keys.generated import Names, generate
from singletable.keys.text import plain, quoted
from singletable.models.declare.attributes import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    IntegerAttribute,
    UUIDAttribute,
)
from singletable.models.declare.defaults import evaluated
from singletable.models.declare.lists import RawMapAttribute, StrictListAttribute, element_of
from singletable.models.declare.strict import (
    DerivedAttribute,
    StrictBooleanAttribute,
    StrictNumberAttribute,
    StrictNumberSetAttribute,
    StrictUnicodeAttribute,
    StrictUTCDateTimeAttribute,
    StrictVersionAttribute,
)
from singletable.models.declare.typed_maps import is_plain_map, read_map, set_map
from singletable.models.declare.untyped import read_untyped, read_untyped_map
from singletable.requests.stored_values import DIGITS, number_value

__all__ = ["Written", "getter", "reader", "reading", "set_default", "writer"]

# --- reading ---------------------------------------------------------------------------

Reading = Callable[[Any, str, Names], str]
"""Converts an attribute and the source of a stored value's content to the source of the Python value."""


def reader(attribute: Attribute[Any], content: str, names: Names) -> str:
    """Return the source of an attribute's value.

    Args:
        attribute: The attribute.
        content: The source of the stored content, without its type: `value['S']`.
        names: The names that the code may use.
    """
    return _inline(attribute, content, names) or f"{_own(attribute, names)}({content})"


def _inline(attribute: Attribute[Any], content: str, names: Names) -> str:
    """Return the source of an expression for an attribute's value; empty if only the attribute can read it."""
    known = _READ.get(_method(attribute, "deserialize"))
    return known(attribute, content, names) if known else ""


def _own(attribute: Attribute[Any], names: Names) -> str:
    return names.bind(f"deserialize_{attribute.attr_name}", attribute.deserialize)


def _method(attribute: Attribute[Any], name: str) -> Any:
    """Return the function of a method; None if the instance has its own."""
    return None if name in vars(attribute) else getattr(type(attribute), name)


def _has_own_value(attribute: Attribute[Any]) -> bool:
    """Return whether an attribute has its own `get_value`, so that a value's content is not just `value[type]`."""
    return _method(attribute, "get_value") is not Attribute.get_value


def reading(attributes: Mapping[str, Attribute[Any]], names: Names, derived: Container[str] = ()) -> Iterator[str]:
    """Yield the statements that read attributes from `get` into `values`, the values of `self`.

    Args:
        attributes: The attributes, by Python name.
        names: The names that the code may use.
        derived: The names of the attributes that are never set.
    """
    # All defaults come first, as in PynamoDB: this is the order in which a map yields its names.
    for name, attribute in attributes.items():
        if attribute.default is not None:
            default = names.bind("default", attribute.default)
            if type(attribute).__set__ is not Attribute.__set__:
                yield f"set_default(self, {quoted(name)}, {default})"
            elif callable(attribute.default):
                yield f"if (value := {default}()) is not None: values[{quoted(name)}] = value"
            else:
                yield f"values[{quoted(name)}] = {default}"
    for name, attribute in attributes.items():
        value, content = f"(value := get({quoted(attribute.attr_name)}))", f"value[{quoted(attribute.attr_type)}]"
        if _has_own_value(attribute):
            content = f"{names.bind('get_value', attribute.get_value)}(value)"
            condition = f"{value} and 'NULL' not in value"
        else:
            # NULL means absent. For a required attribute that is malformed, so the slow path reports it.
            nullable = attribute.null or attribute.attr_type == NULL
            condition = f"{value} is not None" + (" and 'NULL' not in value" if nullable else "")
        read = reader(attribute, content, names)
        plainly = name in derived or _sets_plainly(attribute)
        yield f"if {condition}:"
        yield f"    values[{quoted(name)}] = {read}" if plainly else f"    setattr(self, {quoted(name)}, {read})"


def set_default(instance: Any, name: str, default: Any) -> None:
    """Set an attribute to its default, which the value in an item replaces."""
    value = evaluated(default)
    if value is not None:
        setattr(instance, name, value)


def _sets_plainly(attribute: Attribute[Any]) -> bool:
    """Return whether `__set__` only stores a value that was read in `attribute_values`."""
    setter = type(attribute).__set__
    return setter is Attribute.__set__ or (setter, _method(attribute, "deserialize")) in _SETTERS


# The other effects of these `__set__` methods are on values of users: text for a member, a dict for a map, a float for
# a version.
_SETTERS = {
    (DerivedAttribute.__set__, Attribute.deserialize),
    (EnumAttribute.__set__, EnumAttribute.deserialize),
    (IntegerAttribute.__set__, IntegerAttribute.deserialize),
    (RawMapAttribute.__set__, RawMapAttribute.deserialize),
    (set_map, read_map),
    (StrictVersionAttribute.__set__, StrictVersionAttribute.deserialize),
}


def _utc_read(attribute: Attribute[Any], content: str, names: Names) -> str:
    """Return the source for a time in PynamoDB's form, `2026-11-23T12:00:00.000000+0000`, or a call."""
    return (
        f"{names.bind('moment', read_moment)}(text) if (text := {content})[4:20:3] == '--T::.' and text[26:] == '+0000'"
        f" else {_own(attribute, names)}(text)"
    )


def _moment(text: str) -> datetime:
    """Return a time of that form, for a standard library that does not accept +0000, or that accepts 24:00."""
    if text[11:13] == "24":
        raise ValueError("24 is not an hour")
    return datetime.fromisoformat(f"{text[:26]}+00:00")


# Python accepts +0000 since version 3.11, and 24:00 in later versions.
read_moment = datetime.fromisoformat if (3, 11) <= sys.version_info < (3, 13) else _moment


def _number(attribute: Attribute[Any], content: str, names: Names) -> str:
    fraction = names.bind("fraction", read_fraction)
    return f"int(text) if '.' not in (text := {content}) else {fraction}(text, {_own(attribute, names)})"


_FLOAT = sys.float_info.dig + 1
"""The most characters of a number with a point for which different numbers are always different floats."""


def read_fraction(text: str, otherwise: Callable[[str], Any]) -> Any:
    """Return a number with a point as a float if that is exact; otherwise let the attribute read it."""
    number = float(text)
    exact = (len(text) <= _FLOAT and text.replace(".", "").isdecimal()) or repr(number) == text
    return number if exact and not number.is_integer() else otherwise(text)


def _map(attribute: MapAttribute[Any, Any], content: str, names: Names) -> str:
    """Return the source of a map; empty if the attribute must read it."""
    kind = type(attribute)
    if kind is RawMapAttribute:
        return f"{names.bind('untyped_map', read_untyped_map)}({content})"
    # Inline source for a map that contains its own class would never end.
    if not is_plain_map(kind) or issubclass(kind, DynamicMapAttribute) or kind in names.objects.get("within", ()):
        return ""
    return f"{names.bind('read_' + kind.__name__, _map_reader(kind, names))}({content})"


def _map_reader(kind: type[MapAttribute[Any, Any]], names: Names) -> Callable[..., Any]:
    for known in names.objects.values():
        if getattr(known, "__reads__", None) is kind:
            return known  # type: ignore[no-any-return]
    within = (*names.objects.get("within", ()), kind)
    inner = Names(new=kind.__new__, kind=kind, set_default=set_default, within=within)
    lines = [
        "def read(item):",
        "    self = new(kind)",
        "    inside = self.__dict__",
        "    inside['attribute_kwargs'] = {}",
        "    inside['attribute_values'] = values = {}",
        "    inside['_read'] = item",
        "    get = item.get",
        *(f"    {line}" for line in reading(kind.get_attributes(), inner)),
        "    inside.pop('_set', None)",
        "    return self",
    ]
    made = generate("read", f"reading {kind.__name__}", lines, inner.objects)
    made.__reads__ = kind  # type: ignore[attr-defined]  # functions take attributes
    return made


def _list(attribute: ListAttribute[Any], content: str, names: Names) -> str:
    """Return the source of a list; empty if the attribute must read it."""
    kind = attribute.element_type
    if kind is None:
        return f"[{names.bind('untyped', read_untyped)}(each) for each in {content}]"
    try:
        element = element_of(kind)
    except Exception:
        return ""  # the attribute cannot make an element either, and raises
    # Untyped maps within lists are plain dicts, and the name of an element contains its position.
    if kind is MapAttribute or _has_own_value(element):
        return ""
    if isinstance(element, MapAttribute):
        element._make_attribute()  # type: ignore[no-untyped-call]  # PynamoDB's
    read = _inline(element, f"each[{quoted(element.attr_type)}]", names)
    return read and f"[None if 'NULL' in each else {read} for each in {content}]"


def _called(helper: Callable[..., Any]) -> Reading:
    return lambda attribute, content, names: f"{names.bind(helper.__name__, helper)}({content})"


def _unless_legacy(source: str) -> Reading:
    return lambda attribute, content, names: "" if attribute.legacy_encoding else source.format(content)


_READ: dict[Any, Reading] = {
    Attribute.deserialize: lambda attribute, content, names: content,
    BinaryAttribute.deserialize: _unless_legacy("{}"),
    BinarySetAttribute.deserialize: _unless_legacy("set({})"),
    BooleanAttribute.deserialize: lambda attribute, content, names: f"True if {content} else False",
    StrictNumberSetAttribute.deserialize: lambda attribute, content, names: (
        f"set(map({names.bind('number_value', number_value)}, {content}))"
    ),
    UnicodeSetAttribute.deserialize: lambda attribute, content, names: f"set({content})",
    UTCDateTimeAttribute.deserialize: _utc_read,
    # A longer number has more digits than DynamoDB keeps: the slow path reports it.
    StrictVersionAttribute.deserialize: lambda attribute, content, names: (
        f"int({content} if len({content}) <= {DIGITS} else '')"
    ),
    StrictNumberAttribute.deserialize: _number,
    StrictUTCDateTimeAttribute.deserialize: _utc_read,
    IntegerAttribute.deserialize: lambda attribute, content, names: f"int({content})",
    DecimalAttribute.deserialize: _called(Decimal),
    DateAttribute.deserialize: lambda attribute, content, names: f"{names.bind('day', date.fromisoformat)}({content})",
    UUIDAttribute.deserialize: _called(UUID),
    EnumAttribute.deserialize: lambda attribute, content, names: (
        f"{names.bind('members', {plain(each.value): each for each in attribute.enum})}[{content}]"
    ),
    StrictListAttribute.deserialize: _list,
    RawMapAttribute.deserialize: _map,
    read_map: _map,
}

# --- writing ---------------------------------------------------------------------------


class Written(NamedTuple):
    """The source of generated code that writes a value.

    Args:
        content: The source of the stored content, without its type.
        guard: The source of the condition under which the content is correct; otherwise the attribute writes it.
    """

    content: str
    guard: str


def writer(attribute: Attribute[Any], names: Names) -> Written | None:
    """Return the source that writes the value of the variable `value`; None if only the attribute can write it."""
    known = _WRITE.get(_method(attribute, "serialize"))
    return known(attribute, names) if known else None


def getter(name: str, attribute: Attribute[Any]) -> str:
    """Return the source of an instance's value: a lookup with `get` if the attribute's `__get__` does no more."""
    plainly = type(attribute).__get__ in (Attribute.__get__, MapAttribute.__get__)
    return f"get({quoted(name)})" if plainly else f"getattr(self, {quoted(name)})"


_EXACT = 10**38
"""The bound below which whole numbers have no more digits than DynamoDB stores."""


def _utc_written(attribute: Attribute[Any], names: Names) -> Written:
    moment, utc = names.bind("datetime", datetime), names.bind("utc", timezone.utc)
    return Written(
        "value.isoformat('T', 'microseconds')[:26] + '+0000'", f"type(value) is {moment} and value.tzinfo is {utc}"
    )


def _member(attribute: EnumAttribute[Any], names: Names) -> Written | None:
    own_values = any(type(each._value_) is not str or each.value != each._value_ for each in attribute.enum)
    if own_values or _method(attribute, "to_key") is not EnumAttribute.to_key:
        return None
    return Written("value._value_", f"type(value) is {names.bind('members_of', attribute.enum)}")


def _whole(attribute: Attribute[Any], names: Names) -> Written:
    most = names.bind("most", _EXACT)
    return Written("str(value)", f"type(value) is int and -{most} < value < {most}")


_WRITE: dict[Any, Callable[[Any, Names], Written | None]] = {
    StrictUnicodeAttribute.serialize: lambda attribute, names: Written("value", "type(value) is str"),
    StrictNumberAttribute.serialize: _whole,
    IntegerAttribute.serialize: _whole,
    VersionAttribute.serialize: _whole,
    StrictVersionAttribute.serialize: _whole,
    StrictBooleanAttribute.serialize: lambda attribute, names: Written("value", "type(value) is bool"),
    StrictUTCDateTimeAttribute.serialize: _utc_written,
    DateAttribute.serialize: lambda attribute, names: Written(
        "value.isoformat()", f"type(value) is {names.bind('date', date)}"
    ),
    UUIDAttribute.serialize: lambda attribute, names: Written(
        "str(value)", f"type(value) is {names.bind('UUID', UUID)}"
    ),
    EnumAttribute.serialize: _member,
}
