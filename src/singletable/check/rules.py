"""The catalogue of rules. An id is never reused, and a rule never changes its meaning."""

from __future__ import annotations

from singletable.check.finding import Rule, Severity

__all__ = ["RULES"]

_E, _W = Severity.ERROR, Severity.WARNING

_ALL = (
    # 1xx: refused when the class is made; `singletable check` shows them the same way
    Rule(
        "ST101",
        "unknown attribute in a key",
        _E,
        "A template or a condition names an attribute that the entity does not have.",
        "Use the Python name of an attribute of the entity.",
        declared=True,
    ),
    Rule(
        "ST102",
        "nullable attribute in a primary key",
        _E,
        "An item without a primary key cannot be stored, so an attribute that may be None cannot be part of it.",
        "Take null=True away, or use another attribute.",
        declared=True,
    ),
    Rule(
        "ST103",
        "ambiguous template",
        _E,
        "Where two values can meet without a separator between them, two items can get one key.",
        "Put '#' behind every field.",
        declared=True,
    ),
    Rule(
        "ST104",
        "unpadded number in a sort key",
        _E,
        "Sort keys are compared as text, and as text 10 comes before 9.",
        "Give the number a width: {line:03d}, {price:012.2f}.",
        declared=True,
    ),
    Rule(
        "ST105",
        "malformed template",
        _E,
        "The template cannot be read, or its specification does not fit the attribute.",
        "Write {attribute} or {attribute:spec}.",
        declared=True,
    ),
    Rule(
        "ST106",
        "malformed key",
        _E,
        "An entity needs one primary key called 'key', and at most one key on each index.",
        "Declare key = Key(pk=..., sk=...), and index keys with index=....",
        declared=True,
    ),
    Rule(
        "ST107",
        "malformed table or index",
        _E,
        "PynamoDB would accept it, and fail later or do something else.",
        "Declare indexes on the table class, each with an index_name of its own.",
        declared=True,
    ),
    Rule(
        "ST108",
        "missing or repeated discriminator",
        _E,
        "Without a type of its own an item is taken for another entity, or for none.",
        'Give each entity its own: class Order(ShopTable, discriminator="ORDER").',
        declared=True,
    ),
    Rule(
        "ST109",
        "malformed when= or Expiry",
        _E,
        "The condition can never hold, or the expiry has nothing to count from.",
        "Name attributes of the entity and values that they can have.",
        declared=True,
    ),
    Rule(
        "ST110",
        "name taken",
        _E,
        "Two things would be stored under one name, or a name means something else.",
        "Choose another name; attr_name keeps what is stored.",
        declared=True,
    ),
    Rule(
        "ST111",
        "primary key with a lone projection",
        _E,
        "A bucket or a shard stands for many values, so that two items could get one key.",
        "Put the attribute itself into the key as well.",
        declared=True,
    ),
    Rule(
        "ST112",
        "source that is both nullable and defaulted",
        _E,
        "Once removed, the attribute is absent in the item, and has its default for whoever reads it: the key would be"
        " both absent and present.",
        "Take null=True or default= away; default_for_new= is only for new instances.",
        declared=True,
    ),
    # 2xx: the keys
    Rule(
        "ST201",
        "colliding entities",
        _E,
        "Items of both entities can have one primary key: one would overwrite the other.",
        "Give one of them another literal in its primary key.",
    ),
    Rule(
        "ST202",
        "query reads rows of other entities",
        _W,
        "The rows are paid for, left out, and make a limit cost more requests than its items need.",
        "Begin the sort keys with different literals, or name all of these entities in one collection().",
    ),
    Rule(
        "ST203",
        "hot partition",
        _W,
        "All items with one of few values share a partition, which takes 1,000 writes/s and 3,000 reads/s at most;"
        " an index that is throttled throttles the table.",
        "Add a bucket ({created_at:%Y-%m}) or a shard ({user_id:shard(8)}) to the partition key.",
    ),
    # 3xx: the access patterns
    Rule(
        "ST301",
        "index that no pattern uses",
        _W,
        "Every write to an index costs as much as the write to the table.",
        "Register the pattern that needs it, or remove the keys and the index.",
    ),
    Rule(
        "ST302",
        "pattern needs a scan",
        _E,
        "Without the partition key DynamoDB reads, and charges for, the whole table.",
        "Declare a key whose partition key is made of what the pattern knows.",
    ),
    Rule(
        "ST303",
        "attribute not in the index",
        _E,
        "The index does not hold the attribute, so that the filter would silently match nothing.",
        "Project the attribute into the index, or filter after reading.",
    ),
    Rule(
        "ST304",
        "permanent answer that expires",
        _E,
        "The pattern says that its answer must not vanish, and DynamoDB will delete it.",
        "Remove the expiry, or permanent=True.",
    ),
    Rule(
        "ST305",
        "pattern cannot be asked",
        _E,
        "Calling it with values of the right types fails.",
        "See the message.",
    ),
    Rule(
        "ST306",
        "accepted finding that is not there",
        _W,
        "Whoever reads the list of accepted findings believes that the project lives with it.",
        "Take the line out of setup.cfg, or mend what it names.",
    ),
    Rule(
        "ST307",
        "parameter that changes nothing",
        _W,
        "The pattern asks for something else than its parameters say.",
        "Use the parameter in the request, or remove it.",
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
"""Every rule, by id."""
