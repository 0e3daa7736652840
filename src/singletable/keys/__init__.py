"""Keys: composite key text from attribute values, and back.

Pure: imports neither PynamoDB nor I/O. `Template` builds the text of one key attribute, and `CompositeKey` a partition
key and a sort key together. `sort_range` returns the range of keys for a condition on an attribute. `overlap` and
related functions prove that two templates never produce the same key.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.keys.bounds import Condition as Condition
    from singletable.keys.bounds import KeyRange as KeyRange
    from singletable.keys.bounds import sort_range as sort_range
    from singletable.keys.composite import PARTITION_KEY_BYTES as PARTITION_KEY_BYTES
    from singletable.keys.composite import SORT_KEY_BYTES as SORT_KEY_BYTES
    from singletable.keys.composite import CompositeKey as CompositeKey
    from singletable.keys.encoding import SEPARATOR as SEPARATOR
    from singletable.keys.encoding import Encoding as Encoding
    from singletable.keys.kinds import ValueKind as ValueKind
    from singletable.keys.proofs import keys_collide as keys_collide
    from singletable.keys.proofs import overlap as overlap
    from singletable.keys.proofs import prefix_overlap as prefix_overlap
    from singletable.keys.proofs import reads_foreign as reads_foreign
    from singletable.keys.spec import Source as Source
    from singletable.keys.spec import encoding_for as encoding_for
    from singletable.keys.template import Field as Field
    from singletable.keys.template import Segment as Segment
    from singletable.keys.template import Template as Template
    from singletable.keys.template import parse_template as parse_template

exports(__name__)
