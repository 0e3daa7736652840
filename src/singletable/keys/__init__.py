"""Keys: composite key text from attribute values, and back.

Pure: knows neither PynamoDB nor I/O. `Template` is the text of one key attribute, `CompositeKey` a
partition and a sort key together, `sort_range` the range of keys that a condition on an attribute
means, `overlap` and its kin the proofs of which templates can never meet.
"""

from singletable.keys.bounds import Condition, KeyRange, sort_range
from singletable.keys.composite import PARTITION_KEY_BYTES, SORT_KEY_BYTES, CompositeKey
from singletable.keys.encoding import SEPARATOR, Encoding
from singletable.keys.proofs import keys_collide, overlap, prefix_overlap, reads_foreign
from singletable.keys.spec import Source, ValueKind, encoding_for
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
