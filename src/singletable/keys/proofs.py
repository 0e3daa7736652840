"""Proofs: whether two templates can produce the same key, or a key of one can be in the range of another.

The functions use the templates' languages, not samples. None is a proof that it cannot happen; a text is an example.
"""

from __future__ import annotations

from collections.abc import Collection

from singletable.keys.composite import CompositeKey
from singletable.keys.language import ANYTHING, Language, Seq, common, literal
from singletable.keys.template import SEPARATOR, Segment, Template, joined

__all__ = ["keys_collide", "overlap", "prefix_overlap", "reads_foreign"]


def overlap(a: Template, b: Template) -> str | None:
    """Return a shortest key that both templates can produce; None proves that they are disjoint.

    The result is exact if no attribute fills two fields of one template. Otherwise the two texts are treated as
    independent: None is still a proof, but a text may be an example that cannot occur.
    """
    return common(a.language(), b.language())


def prefix_overlap(a: Template, b: Template, given: Collection[str] = ()) -> str | None:
    """Return a shortest key of `b` that a query on the leading part of `a` would read; None proves that there is none.

    Args:
        a: The template whose leading part is queried with `begins_with`.
        b: The template of the other entity.
        given: The attributes of `a` that the query has; the prefix ends before the first other field.
    """
    return common(_prefix(a, given), b.language())


def keys_collide(a: CompositeKey, b: CompositeKey) -> tuple[str, str | None] | None:
    """Return a key that items of both can have; None proves that no item of one can have a key of the other."""
    partition = overlap(a.partition, b.partition)
    if partition is None:
        return None
    if a.sort is None or b.sort is None:
        return partition, None
    sort = overlap(a.sort, b.sort)
    return None if sort is None else (partition, sort)


def reads_foreign(a: CompositeKey, given: Collection[str], b: CompositeKey) -> tuple[str, str | None] | None:
    """Return a key of `b` that a query on `a` would read; None proves that it reads no such key.

    Args:
        a: The queried key.
        given: The attributes that the query fixes, including those of the partition key.
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
