"""Keys: composite key text from attribute values, and back.

Pure: imports neither PynamoDB nor I/O. `Template` builds the text of one key attribute, and `CompositeKey` a partition
key and a sort key together. `sort_range` returns the range of keys for a condition on an attribute. `overlap` and
related functions prove that two templates never produce the same key.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.keys.bounds import Condition, KeyRange, sort_range
    from singletable.keys.composite import PARTITION_KEY_BYTES, SORT_KEY_BYTES, CompositeKey
    from singletable.keys.encoding import SEPARATOR, Encoding
    from singletable.keys.kinds import ValueKind
    from singletable.keys.proofs import keys_collide, overlap, prefix_overlap, reads_foreign
    from singletable.keys.spec import Source, encoding_for
    from singletable.keys.template import Field, Segment, Template, parse_template

__all__ = [
    "PARTITION_KEY_BYTES",
    "SEPARATOR",
    "SORT_KEY_BYTES",
    "CompositeKey",
    "Condition",
    "Encoding",
    "Field",
    "KeyRange",
    "Segment",
    "Source",
    "Template",
    "ValueKind",
    "encoding_for",
    "keys_collide",
    "overlap",
    "parse_template",
    "prefix_overlap",
    "reads_foreign",
    "sort_range",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "PARTITION_KEY_BYTES": "composite",
        "SEPARATOR": "encoding",
        "SORT_KEY_BYTES": "composite",
        "CompositeKey": "composite",
        "Condition": "bounds",
        "Encoding": "encoding",
        "Field": "template",
        "KeyRange": "bounds",
        "Segment": "template",
        "Source": "spec",
        "Template": "template",
        "ValueKind": "kinds",
        "encoding_for": "spec",
        "keys_collide": "proofs",
        "overlap": "proofs",
        "parse_template": "template",
        "prefix_overlap": "proofs",
        "reads_foreign": "proofs",
        "sort_range": "bounds",
    },
)
