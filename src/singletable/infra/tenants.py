"""Tenants: the partitions of a table or an index that belong to the value of one of the caller's tags.

IAM compares the partition keys of a request (`dynamodb:LeadingKeys`) with patterns. A pattern is made from a key
template: the tenant's field becomes the tag, and every later field becomes `*`. It is used only if it matches no key of
another template of the same table or index.

Sources: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control"; IAM User Guide, "IAM
policy elements: Variables and tags" and "Multivalued context keys"; IAM API Reference, "Tag" (the characters of a tag's
value: letters, digits, spaces and `_ . : / = + - @`, so that a value is never a wildcard and never has a separator).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.keys import CompositeKey, Template
from singletable.keys.encoding import SEPARATOR, Choice, Encoding, RawText, Text, Uuid
from singletable.keys.language import ANYTHING, Chars, Language, Seq, Star, common, literal
from singletable.keys.template import Field, Segment
from singletable.models import TableDescription
from singletable.models.items.internal_items import INTERNAL_KEYS

__all__ = ["SOME_KEY", "Gap", "Reach", "Tenant", "notes_on_values", "reach"]

# All characters that a tag's value can have, and all characters above U+007F.
_LETTERS_AND_DIGITS = ((0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39))
_SIGNS = tuple((ord(sign), ord(sign)) for sign in " _.:/=+-@")
_TAG_CHARACTER = Chars((*_LETTERS_AND_DIGITS, *_SIGNS, (0x80, 0xD7FF), (0xE000, 0x10FFFF)))
_TAG: Language = Seq((_TAG_CHARACTER, Star(_TAG_CHARACTER)))
_LAST_CHARACTER = 0xFF
"""The last character that a policy can have (IAM User Guide, "IAM and AWS STS quotas")."""


SOME_KEY = {"Null": {"dynamodb:LeadingKeys": "false"}}
"""The condition that a request has partition keys. `ForAllValues` also holds for a request without, such as a Scan."""


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen
class Tenant:
    """The tenant of a role: its caller reaches the items whose partition key holds the value of a tag.

    Args:
        tag: The tag of the caller's session or role, `aws:PrincipalTag/...`.
        attributes: The attribute with which partition keys begin; several names if the entities name it differently.
    """

    tag: str = attrs.field()
    attributes: tuple[str, ...] = attrs.field(converter=_names)

    @tag.validator
    def _check_tag(self, _: Any, value: str) -> None:
        if not value or not set(value).isdisjoint("*?${}',") or max(value) > chr(_LAST_CHARACTER):
            raise InfraError(
                f"{value!r} cannot be the name of a tag in a policy.",
                remedy="Use letters, digits, spaces and _ . : / = + - @.",
                value=value,
            )

    @property
    def attribute(self) -> str:
        """The attributes, for messages."""
        return " or ".join(self.attributes)

    def leads(self, template: Template) -> bool:
        """Return whether the first field of a template is the tenant, in a form that IAM can compare."""
        field = _first(template)
        return field is not None and field.attribute in self.attributes and not field.encoding.projection

    @property
    def variable(self) -> str:
        """The policy variable that has the tag's value."""
        return f"${{aws:PrincipalTag/{self.tag}}}"

    @property
    def conditions(self) -> dict[str, dict[str, Any]]:
        """The conditions that make a pattern safe.

        With an empty tag, `TENANT${tag}#*` would match the keys of `TENANT#...`. So a tag of at least one character is
        required.
        """
        return {
            **SOME_KEY,
            "StringLike": {f"aws:PrincipalTag/{self.tag}": "?*"},
        }


@attrs.frozen
class Gap:
    """An access that a tenant's role cannot have, or that IAM cannot prevent.

    Args:
        subject: A pattern, an entity, an index or a function.
        reason: The reason, as a sentence.
    """

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


@attrs.frozen
class Reach:
    """The partitions of a table or an index that a tenant's role reaches.

    Args:
        patterns: For each template whose partitions are the tenant's, the pattern that matches them.
        refused: For each other template, the reason why its partitions are not the tenant's.
    """

    patterns: Mapping[Template, str]
    refused: Mapping[Template, str]


def reach(description: TableDescription, index: str | None, tenant: Tenant) -> Reach:
    """Return the partitions of a table or an index that belong to a tenant.

    Args:
        description: The table.
        index: The index's name; None for the table itself.
        tenant: The tenant.
    """
    keys = [key for entity in description.entities for key in entity.keys if key.index == index]
    patterns: dict[Template, str] = {}
    refused: dict[Template, str] = {}
    for template in dict.fromkeys(key.partition for key in keys):
        reason = _refusal(template, tenant, keys, own=index is None)
        if reason is None:
            patterns[template] = _pattern(template, tenant)
        else:
            refused[template] = reason
    return Reach(patterns, refused)


def notes_on_values(templates: Iterable[Template], tenant: Tenant) -> list[str]:
    """Return notes on tenants whose value differs from its text in keys; their tag must have that text."""
    notes = []
    for template in templates:
        encoding = template.fields[0].encoding
        if isinstance(encoding, (Text, Choice)):
            notes.append(
                f"keys write a space in {tenant.attribute} as %20, and a tag cannot have %. A tenant whose value has a"
                " space cannot reach its items."
            )
        elif not isinstance(encoding, (RawText, Uuid)):
            notes.append(
                f"keys write {tenant.attribute} as {encoding.describe}, and the tag must have the text of the key"
                f" ({_example(encoding)})."
            )
    return list(dict.fromkeys(notes))


def _refusal(template: Template, tenant: Tenant, keys: Sequence[CompositeKey], *, own: bool) -> str | None:
    """Return the reason why a role cannot be given the partitions of a template; None if it can."""
    if not tenant.leads(template):
        field = _first(template)
        if field is not None and field.attribute in tenant.attributes:
            return f"its partition key {template} holds {field}, which does not name one tenant"
        held = not set(tenant.attributes).isdisjoint(template.attributes)
        return f"its partition key {template} {'does not begin with' if held else 'does not hold'} {tenant.attribute}"
    last = max("".join(each.literal for each in template.segments), default="")
    if last > chr(_LAST_CHARACTER):
        return f"its partition key {template} has {last!r}, a character that a policy cannot have"
    matched = _language(template)
    if own and common(matched, Seq((literal(INTERNAL_KEYS), ANYTHING))) is not None:
        return f"its partition key {template} can be that of an item of singletable's own"
    for key in keys:
        if tenant.leads(key.partition) and _head(key.partition) == _head(template):
            continue
        shared = common(matched, key.partition.language())
        if shared is not None:
            return (
                f"a role that reaches its partition key {template} also reaches {key.partition} of {key.label}, for"
                f" example {shared!r}; give them different literals, or also name the other attribute if it holds a"
                " tenant"
            )
    return None


def _place(template: Template) -> int:
    """Return the position of the first segment with a field; -1 if the template has none."""
    return next((place for place, segment in enumerate(template.segments) if segment.field), -1)


def _first(template: Template) -> Field | None:
    return template.fields[0] if template.fields else None


def _head(template: Template) -> tuple[str, ...]:
    """Return the literals up to the first field.

    If two templates that begin with the tenant have the same head, every key that both can have belongs to one tenant.
    """
    return tuple(segment.literal for segment in template.segments[: _place(template) + 1])


def _pattern(template: Template, tenant: Tenant) -> str:
    place = _place(template)
    return SEPARATOR.join(
        _escaped(segment.literal) + _variable_part(segment, position == place, tenant)
        for position, segment in enumerate(template.segments)
    )


def _variable_part(segment: Segment, is_tenant: bool, tenant: Tenant) -> str:
    if segment.field is None:
        return ""
    return tenant.variable if is_tenant else "*"


def _escaped(text: str) -> str:
    """Return a literal for a policy, with `*`, `?` and `$` escaped."""
    return "".join(f"${{{char}}}" if char in "*?$" else char for char in text)


def _language(template: Template) -> Language:
    """Return all keys that the pattern of a template matches for any value of the tag."""
    place = _place(template)
    parts: list[Language] = []
    for position, segment in enumerate(template.segments):
        parts.append(literal((SEPARATOR if position else "") + segment.literal))
        if segment.field is not None:
            parts.append(_TAG if position == place else ANYTHING)
    return Seq(tuple(parts))


def _example(encoding: Encoding) -> str:
    return f"for example {common(encoding.language(), ANYTHING)}"
