"""The catalog of rules. An id is never reused, and a rule never changes its meaning."""

from __future__ import annotations

from singletable.check.finding import Rule, Severity

__all__ = ["RULES"]

_E, _W = Severity.ERROR, Severity.WARNING

_ALL = (
    # 1xx: refused when something is declared, mostly when the class is created; `singletable check` also shows them
    Rule(
        "ST100",
        "declaration that cannot work",
        _E,
        "No other rule covers it; the message does.",
        "See the message.",
        declared=True,
    ),
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
        "Remove null=True, or use another attribute.",
        declared=True,
    ),
    Rule(
        "ST103",
        "ambiguous template",
        _E,
        "If two values can meet without a separator between them, two items can get one key.",
        "Put '#' after every field.",
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
        "An entity needs one primary key called 'key', and at most one key on each index, with a template for each key"
        " attribute of the table or index and for no other.",
        "Declare key = Key(pk=..., sk=...), and index keys with index=....",
        declared=True,
    ),
    Rule(
        "ST107",
        "malformed table or index",
        _E,
        "PynamoDB would accept it, but fail later or do something else.",
        "Give the table and each index a valid name and text keys; declare indexes on the table class, each with an"
        " index_name of its own.",
        declared=True,
    ),
    Rule(
        "ST108",
        "missing or repeated discriminator",
        _E,
        "Without its own type an item would be read as another entity, or as none.",
        'Give each entity its own: class Order(ShopTable, discriminator="ORDER").',
        declared=True,
    ),
    Rule(
        "ST109",
        "malformed when= or Expiry",
        _E,
        "The condition can never hold, or cannot keep an item out of the key; or the expiry counts from nothing.",
        "Name attributes of the entity and values that they can have; when= is for index keys.",
        declared=True,
    ),
    Rule(
        "ST110",
        "name taken",
        _E,
        "Two attributes would share a stored name, or the name has another meaning.",
        "Choose another name; attr_name keeps the stored name.",
        declared=True,
    ),
    Rule(
        "ST111",
        "primary key with a lone projection",
        _E,
        "A bucket or a shard stands for many values, so two items could get one key.",
        "Put the attribute itself into the key as well.",
        declared=True,
    ),
    Rule(
        "ST112",
        "source that is both nullable and defaulted",
        _E,
        "After its removal the attribute is absent in the item, but readers get its default: the key would be both"
        " absent and present.",
        "Remove null=True or default=; default_for_new= applies only to new instances.",
        declared=True,
    ),
    Rule(
        "ST113",
        "bare annotation in a class body",
        _E,
        "An annotation without a value declares nothing: the attribute would be neither stored nor read.",
        "Give it a value: name = UnicodeAttribute().",
        declared=True,
    ),
    Rule(
        "ST114",
        "own __init__ that reading cannot call",
        _E,
        "Reading an item calls the class with its attributes by name.",
        "Remove the __init__, or let it take **attributes and pass them to super().__init__().",
        declared=True,
    ),
    Rule(
        "ST115",
        "name that is not an attribute in Meta",
        _E,
        "A list of attributes in Meta names one that the entity does not have, so the option has no effect on it.",
        "Use the Python name of an attribute of the entity.",
        declared=True,
    ),
    Rule(
        "ST116",
        "malformed option in Meta",
        _E,
        "The option has a value without a meaning, and would be ignored or fail later.",
        "Give it one of its values; see the message.",
        declared=True,
    ),
    Rule(
        "ST117",
        "class that is not an entity",
        _E,
        "A table class and an abstract base have no items of their own, and no discriminator.",
        "Use an entity of the table, or declare one with a discriminator.",
        declared=True,
    ),
    Rule(
        "ST118",
        "malformed stream router or handler",
        _E,
        "The handler could never be called, or the marks of handled events could not be kept.",
        "Name events, attributes and images that the entity has; see the message.",
        declared=True,
    ),
    Rule(
        "ST119",
        "observer that cannot be called",
        _E,
        "An observer is called with each request.",
        "Give a function that takes a RequestEvent, or an instance with __call__.",
        declared=True,
    ),
    Rule(
        "ST120",
        "second time to live",
        _E,
        "A DynamoDB table has one attribute for the time to live; items would never expire by another.",
        "Declare one Expiry for an entity, with the same attr_name in all entities.",
        declared=True,
    ),
    Rule(
        "ST121",
        "unusable stored name",
        _E,
        "No expression can hold the name, so the attribute could be neither updated nor compared.",
        "Give the attribute an attr_name without brackets, in characters that UTF-8 can store.",
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
        "The rows are paid for and then left out, and a limit needs more requests than for its own items.",
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
        "Declare a key whose partition key is made of the pattern's parameters.",
    ),
    Rule(
        "ST303",
        "attribute not in the index",
        _E,
        "The index does not hold the attribute, so the filter would silently match nothing.",
        "Project the attribute into the index, or filter after reading.",
    ),
    Rule(
        "ST304",
        "permanent answer that expires",
        _E,
        "The pattern is declared permanent, but DynamoDB will delete its items.",
        "Remove the expiry, or permanent=True.",
    ),
    Rule(
        "ST305",
        "pattern cannot be called",
        _E,
        "Calling it with values of the right types fails.",
        "See the message.",
    ),
    Rule(
        "ST306",
        "accepted finding that does not exist",
        _W,
        "The list of accepted findings names a finding that the project does not have.",
        "Remove the line from setup.cfg, or correct the rule and the place in it.",
    ),
    Rule(
        "ST307",
        "parameter that changes nothing",
        _W,
        "The pattern's request does not depend on the parameter.",
        "Use the parameter in the request, or remove it.",
    ),
    Rule(
        "ST308",
        "access patterns not checked",
        _W,
        "No access pattern of the table is registered, so ST202 and the rules 3xx were not checked.",
        "Import the modules of the access patterns before the check (import patterns), or name their package in"
        " setup.cfg: patterns = patterns in [singletable].",
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
"""Every rule, by id."""
