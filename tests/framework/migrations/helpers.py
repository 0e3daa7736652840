"""Helpers of the tests of migrations: small tables, their states, and executed scripts."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, LocalSecondaryIndex

from singletable import Key, Table
from singletable.migrations import state_of
from singletable.migrations.autodetector import detect
from singletable.migrations.writer import script_text


def index(name="GSI1", projection=None, *, local=False):
    """Return an index; a local one uses the table's partition key."""
    base = LocalSecondaryIndex if local else GlobalSecondaryIndex
    body = {
        "Meta": type("Meta", (), {"index_name": name, "projection": projection or AllProjection()}),
        "pk": UnicodeAttribute(hash_key=True, attr_name="PK" if local else f"{name}PK"),
        "sk": UnicodeAttribute(range_key=True, attr_name=f"{name}SK"),
    }
    return type(base)(name, (base,), body)()


def table(*indexes, meta=None, **entities):
    """Return a table; each entity has an ident and a primary key unless its body defines others."""
    body = {f"index{number}": each for number, each in enumerate(indexes)}
    made = type(Table)("T", (Table,), {"Meta": type("Meta", (), {"table_name": "t", **(meta or {})}), **body})
    for name, attributes in entities.items():
        own = {"ident": UnicodeAttribute(), "key": Key(pk=f"{name}#{{ident}}", sk=name), **attributes}
        type(Table)(name.title(), (made,), own, discriminator=name)
    return made


def state(*indexes, meta=None, **entities):
    """Return the state that such a table describes."""
    return state_of(table(*indexes, meta=meta, **entities).describe())


def applied(operations, before):
    """Return the state after operations."""
    for each in operations:
        before = each.apply(before)
    return before


def executed(text):
    """Return the names that a script defines."""
    names = {}
    exec(compile(text, "0002_next.py", "exec"), names)
    return names


def written(operations):
    """Return operations as an executed script defines them."""
    return executed(script_text("0002_next", ["0001_initial"], operations))["migration"].operations


def changes(old, new, ask=None):
    """Return the detected changes. After them nothing is detected, and their script defines equal operations."""
    found = detect(old, new, ask)
    after = applied(found.operations, old)
    assert () == detect(after, new).operations, "the detected operations do not lead to the models"
    assert found.operations == written(found.operations), "a script of it does something else"
    assert after == applied(written(found.operations), old), "a script of it leads elsewhere"
    return found


def operations(old, new, ask=None):
    """Return only the detected operations, as a list."""
    return list(changes(old, new, ask).operations)
