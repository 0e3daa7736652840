"""Proofs: whether two templates can ever produce the same key, or one lie in the range of another.

Worked out from the templates' languages, never from samples. None is a proof that it cannot happen;
a text is an example of how it would.
"""

from __future__ import annotations

from collections.abc import Collection

from singletable.keys.composite import CompositeKey
from singletable.keys.language import ANYTHING, Language, Seq, common, literal
from singletable.keys.template import SEPARATOR, Segment, Template, joined

__all__ = ["keys_collide", "overlap", "prefix_overlap", "reads_foreign"]


def overlap(a: Template, b: Template) -> str | None:
    """A shortest key that both templates can produce, or None: then they are proved disjoint.

    Exact where no attribute fills two fields of one template; where one does, its texts are taken as
    independent, so that None is still a proof and a text may be an example that cannot occur.
    """
    return common(a.language(), b.language())


def prefix_overlap(a: Template, b: Template, given: Collection[str] = ()) -> str | None:
    """A shortest key of `b` that a query on the leading part of `a` would read, or None.

    Args:
        a: The template whose leading part is asked for with `begins_with`.
        b: The template of the other entity.
        given: The attributes of `a` that the query knows; the prefix ends before the first other field.
    """
    return common(_prefix(a, given), b.language())


def keys_collide(a: CompositeKey, b: CompositeKey) -> tuple[str, str | None] | None:
    """A key that items of both can have, or None: then no item of one can ever have a key of the other."""
    partition = overlap(a.partition, b.partition)
    if partition is None:
        return None
    if a.sort is None or b.sort is None:
        return partition, None
    sort = overlap(a.sort, b.sort)
    return None if sort is None else (partition, sort)


def reads_foreign(a: CompositeKey, given: Collection[str], b: CompositeKey) -> tuple[str, str | None] | None:
    """A key of `b` that a query on `a` would read, or None where it is proved to read none.

    Args:
        a: The key that is queried.
        given: The attributes that the query fixes, those of the partition key included.
        b: A key of another entity in the same table or index.
    """
    partition = overlap(a.partition, b.partition)
    if partition is None:
        return None
    if a.sort is None or b.sort is None:
        return partition, None
    sort = prefix_overlap(a.sort, b.sort, given)
    return None if sort is None else (partition, sort)


def _prefix(template: Template, given: Collection[str]) -> Language:
    known: list[Segment] = []
    for segment in template.segments:
        if segment.field and segment.field.attribute not in given:
            head = joined(tuple(known))
            separator = literal(SEPARATOR) if known else literal("")
            return Seq((head, separator, literal(segment.literal), ANYTHING))
        known.append(segment)
    return joined(tuple(known))
