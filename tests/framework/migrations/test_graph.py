"""The graph and the loader: scripts that are refused before a run, the reported place, and the order."""

from hashlib import sha256
from textwrap import dedent

import pytest

from singletable.errors import MigrationError
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillWith,
    CreateIndex,
    CreateTable,
    DeclareAttributes,
    DeleteIndex,
    Graph,
    KeyText,
    Migration,
    Rekey,
    RemoveAttribute,
    RunPython,
    Script,
    Text,
)
from singletable.migrations.graph import EMPTY
from singletable.migrations.loader import load_graph
from singletable.migrations.sources import UnfitItemError

IMPORT = "from singletable.migrations import *\n"
ENTITY = 'AddEntity("E", KeyText("PK", "E#{ident}", ident=Text("ident")), KeyText("SK", "E", sort=True))'
FIRST = f'{IMPORT}migration = Migration(operations=[CreateTable("PK", "SK"), {ENTITY}])\n'


def script(*operations, after="0001_initial"):
    """Return a script with one operation in each line, from line 5 on."""
    lines = "".join(f"        {each},\n" for each in operations)
    return f'{IMPORT}migration = Migration(\n    depends_on=["{after}"],\n    operations=[\n{lines}    ],\n)\n'


@pytest.fixture
def load(tmp_path):
    """Write scripts into a folder and load it."""

    def write_and_load(**scripts):
        for name, text in scripts.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return load_graph(tmp_path)

    return write_and_load


@pytest.fixture
def refused(load, tmp_path):
    """Load scripts that must be refused; return the reported place, without the folder."""

    def refuse(message, **scripts):
        with pytest.raises(MigrationError, match=message) as caught:
            load(**scripts).check_heads()
        assert caught.value.remedy, "the error has no remedy"
        assert caught.value.place is not None
        return caught.value.place.removeprefix(f"{tmp_path}/")

    return refuse


# --- how scripts hang together ------------------------------------------------------


def test_a_dependency_is_missing(refused):
    """The reported line names the dependency."""
    place = refused("0002_b depends on '0001_gone', which does not exist", **{"0002_b": script(after="0001_gone")})
    assert "0002_b.py:3" == place


def test_a_dependency_is_given_as_text(load):
    """A single name as text is one dependency, and not its letters."""
    text = f'{IMPORT}migration = Migration(depends_on="0001_initial")\n'
    assert ["0001_initial", "0002_b"] == load(**{"0001_initial": FIRST, "0002_b": text}).order


def test_a_circle(refused):
    """The error lists the circle in the order of the dependencies."""
    circle = {"0001_a": "0003_c", "0002_b": "0001_a", "0003_c": "0002_b"}
    place = refused(
        "form a circle: 000._. -> 000._. -> 000._. -> 000._.",
        **{name: script(after=each) for name, each in circle.items()},
    )
    assert place in {"0001_a.py:3", "0002_b.py:3", "0003_c.py:3"}


def test_a_script_that_depends_on_itself(refused):
    """A script that depends on itself is the smallest circle."""
    assert "0001_a.py:3" == refused("form a circle: 0001_a -> 0001_a", **{"0001_a": script(after="0001_a")})


def test_two_heads(refused):
    """Two heads are refused, since their order is not defined."""
    place = refused(
        "2 heads: 0002_b, 0002_c.* makemigrations --merge",
        **{"0001_initial": FIRST, "0002_b": script(), "0002_c": script()},
    )
    assert "0002_c.py" == place


# --- operations that cannot follow --------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ('Backfill("F", KeyText("GSI1PK", "X"))', "The entity 'F' does not exist at this point.* Name an entity by"),
        ('CreateTable("PK", "SK")', "The table exists already.* Remove the second"),
        ('AddEntity("E", KeyText("PK", "E"), KeyText("SK", "E"))', "The entity 'E' exists already"),
        ('AddEntity("F", KeyText("PK", "E"))', "F does not define SK. Add KeyText"),
        ('AddEntity("singletable:x", KeyText("PK", "E"), KeyText("SK", "E"))', "has the prefix of the framework's own"),
        (
            'Backfill("E", KeyText("A", "{x}", x=Text("x")), KeyText("B", "{a}", a=Text("A")))',
            "B of E is computed from A, which is itself derived",
        ),
        ('Backfill("E", KeyText("A", "{x}", x=Text("PK")))', "A of E is computed from PK, which is itself derived"),
        ('Backfill("E", KeyText("PK", "X"))', "The primary key cannot be updated. Use Rekey"),
        ('Backfill("E", CustomText("A", "x"))', "Only code of the project can compute A. Use BackfillWith"),
        ('BackfillWith("E", {"a": Text("PK")}, print, writes=("A",))', "a is read from PK, which is itself derived"),
        ('Backfill("E", KeyText("A", "{x}"))', "the field 'x' has no source. Add it: x=Text"),
        ('Backfill("E", KeyText("A", "{x:03d}", x=Text("x")))', "KeyText.'A'.: The key template"),
        ('Backfill("E", KeyText("A", "X", when={"x": "1"}, x=Integer("x")), conflict="no")', "'no' is not a policy"),
        (
            'Backfill("E", KeyText("A", "X", when={"x": "red"}, x=Integer("x")))',
            "when= gives 'x' the value 'red': it is not a plain .* write one as key text",
        ),
        ('BackfillExpiry("E", "ttl", after="at", days=2_592_000_000)', "Give days, not seconds or milliseconds"),
        ('BackfillExpiry("E", "ttl", after=Text("at"), days=3)', "is counted from a time that the item has"),
        ('BackfillExpiry("E", "ttl", after=1767225600, days=3)', "is counted from a time that the item has"),
        ('BackfillExpiry("E", "ttl", after="at", days="3")', "`days` is not a finite number"),
        ('BackfillExpiry("E", "map.ttl", after="at", days=3)', "from a top-level attribute only"),
        ('Rekey("E", KeyText("PK", "E"))', "the table's key is PK and SK"),
        ('CreateIndex("GSI1", "GPK", projection="SOME")', "'SOME' is not a projection. One of"),
        ('CreateIndex("G", "GPK")', "The index name 'G' has fewer than 3 characters. Use 3 to 255 of"),
        ('CreateIndex("by name", "GPK")', "The index name 'by name' has the character ' '"),
        ('CreateIndex("arn:aws:dynamodb:eu-west-1:1:table/shop", "GPK")', "is not the name of an index"),
        ('DeleteIndex("G")', "The index 'G' does not exist"),
        ('EnableStream("ALL")', "'ALL' is not a view of a stream"),
        ('"CreateIndex"', "'CreateIndex' is not an operation. Import"),
    ],
)
def test_an_operation_that_cannot_follow(refused, operation, message):
    """The reported line is that of the operation, whether it is invalid or does not fit the state."""
    place = refused(message, **{"0001_initial": FIRST, "0002_b": script('DeclareAttributes("E", {})', operation)})
    expected = "0002_b.py:2" if operation.startswith('"') else "0002_b.py:6"
    assert expected == place


def test_operations_before_create_table(refused):
    """A history begins with its table."""
    text = f'{IMPORT}migration = Migration(\n    operations=[\n        EnableTTL("ttl"),\n    ],\n)\n'
    assert "0001_a.py:4" == refused(
        "The table does not exist yet. Begin the history with CreateTable", **{"0001_a": text}
    )


def test_an_index_over_the_limit(refused):
    """DynamoDB accepts 20 indexes; the error names the line of the 21st."""
    indexes = [f'CreateIndex("GSI{number}", "G{number}PK")' for number in range(21)]
    place = refused("more than 20 indexes.* share indexes", **{"0001_initial": FIRST, "0002_b": script(*indexes)})
    assert f"0002_b.py:{5 + 20}" == place


def test_local_indexes_do_not_count(load):
    """The limit of 20 is for global indexes."""
    local = 'Index("LSI", "PK", "LSK", local=True)'
    first = f'{IMPORT}migration = Migration(operations=[CreateTable("PK", "SK", indexes=({local},))])\n'
    indexes = [f'CreateIndex("GSI{number}", "G{number}PK")' for number in range(20)]
    assert 21 == len(load(**{"0001_initial": first, "0002_b": script(*indexes)}).state.indexes)


# --- invalid scripts ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("x = 1\nmigration = = 2\n", "0001_a cannot be loaded: SyntaxError", "0001_a.py:2"),
        ("x = 1\n", "0001_a does not define a migration. Write: migration = Migration", "0001_a.py"),
        ("migration = 5\n", "0001_a does not define a migration", "0001_a.py"),
        ("x = 1\n\nraise ValueError('no\\nway')\n", "0001_a cannot be loaded: ValueError: no way", "0001_a.py:3"),
        ("import sys\nsys.exit(3)\n", "0001_a cannot be loaded: SystemExit", "0001_a.py:2"),
        ("import nowhere_to_be_found\n", "0001_a cannot be loaded: ModuleNotFoundError", "0001_a.py:1"),
    ],
)
def test_a_script_that_is_none(refused, text, message, place):
    """Every fault of a script is reported with its place."""
    assert place == refused(message, **{"0001_a": text})


@pytest.mark.parametrize("name", ["2_short", "0002-dash", "0002"])
def test_a_script_with_a_bad_name(refused, name):
    """A file with a bad name is not ignored."""
    assert f"{name}.py" == refused("is not a valid name of a migration. Use four digits", **{name: script()})


def test_a_helper_with_a_syntax_error(refused, tmp_path, monkeypatch):
    """The reported line is that of the script that imports the helper."""
    (tmp_path / "broken_helper_of_a_migration.py").write_text("x = 1\n\n\n\ny = = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = "x = 1\nimport broken_helper_of_a_migration\n"
    assert "0001_a.py:2" == refused("0001_a cannot be loaded: SyntaxError", **{"0001_a": text})


def test_other_modules_are_no_scripts(load, tmp_path):
    """A file whose name does not begin with a digit is an ordinary module."""
    assert ["0001_initial"] == load(**{"0001_initial": FIRST, "__init__": "", "helpers": "raise ValueError"}).order
    assert [] == load_graph(tmp_path / "nowhere").order


# --- order --------------------------------------------------------------------------


def graph(**dependencies):
    """Return a graph of migrations that have only dependencies: m1_a is 0001_a."""
    return Graph(
        Script(name.replace("m", "000", 1), Migration(depends_on=[f"000{each}" for each in needed]))
        for name, needed in dependencies.items()
    )


DIAMOND = {"m1_a": [], "m2_c": ["1_a"], "m2_b": ["1_a"], "m3_d": ["2_b", "2_c"]}


def test_the_order():
    """Dependencies first, then by name; the same from run to run, independent of the order of the files."""
    assert ["0001_a", "0002_b", "0002_c", "0003_d"] == graph(**DIAMOND).order
    assert graph(**DIAMOND).order == graph(**dict(reversed(DIAMOND.items()))).order
    assert ["0003_a", "0001_c", "0002_b"] == graph(m1_c=["3_a"], m2_b=["1_c"], m3_a=[]).order


def test_heads():
    """No other migration depends on a head."""
    assert ["0003_d"] == graph(**DIAMOND).heads
    assert ["0002_b", "0002_c"] == graph(m1_a=[], m2_b=["1_a"], m2_c=["1_a"]).heads
    assert [] == graph().heads


def test_needed_by():
    """A migration needs its direct and indirect dependencies, and no others."""
    assert ["0001_a", "0002_b"] == graph(**DIAMOND).needed_by("0002_b")
    assert graph(**DIAMOND).order == graph(**DIAMOND).needed_by("0003_d")


def test_resolve():
    """`resolve` accepts a name, or its unique beginning."""
    assert "0001_a" == graph(**DIAMOND).resolve("0001")
    assert "0002_b" == graph(**DIAMOND).resolve("0002_b")
    assert "0001_a" == graph(m1_a=[], m1_ab=["1_a"]).resolve("0001_a"), "a whole name is meant as it is"
    with pytest.raises(MigrationError, match="'0002' matches several migrations: 0002_b, 0002_c. Migrations: 0001_a"):
        graph(**DIAMOND).resolve("0002")
    with pytest.raises(MigrationError, match="'x' does not match any migration. Migrations: none"):
        graph().resolve("x")


# --- states and steps ---------------------------------------------------------------

KEY = KeyText("PK", "E#{ident}", ident=Text("ident")), KeyText("SK", "E", sort=True)
NAMED = KeyText("GPK", "N#{name}", name=Text("name"))


def history(*operations):
    """Return a history of two migrations; the second has these operations."""
    first = Migration(operations=[CreateTable("PK", "SK"), AddEntity("E", *KEY)])
    return Graph([Script("0001_a", first), Script("0002_b", Migration(["0001_a"], operations))])


def test_states():
    """The graph has states before each migration, after any set of applied ones, and at the end."""
    made = history(CreateIndex("GSI", "GPK"))
    assert EMPTY == made.before("0001_a") == made.state_at([])
    assert made.before("0002_b") == made.state_at(["0001_a"])
    assert made.state == made.state_at(made.order)
    assert ["GSI"] == list(made.state.indexes)


def test_steps():
    """Operations on items share a scan; an operation that only declares is not a step."""
    made = history(
        DeclareAttributes("E", {"name": "S"}),
        Backfill("E", NAMED),
        DeclareAttributes("E", {"x": "S"}),
        RemoveAttribute("E", "y"),
        CreateIndex("GSI", "GPK"),
    )
    steps = made.steps("0002_b")
    assert [(0, True, 3), (1, False, 1)] == [(each.number, each.is_pass, len(each.operations)) for each in steps]
    assert "name" in steps[0].before.entity("E").attributes
    assert "Backfill GPK of E; Remove y from E" == steps[0].describe()


def test_steps_back():
    """A rollback takes the reverse operations in reverse order, each from the state after it to the state before."""
    made = history(DeclareAttributes("E", {"name": "S"}), Backfill("E", NAMED), CreateIndex("GSI", "GPK"))
    steps = made.steps_back("0002_b")
    assert ["Delete the index GSI", "Take back GPK of E"] == [each.describe() for each in steps]
    assert DeleteIndex("GSI") == steps[0].operations[0]
    assert made.state == steps[0].before
    state = steps[0].before
    for step in steps:
        for each in step.operations:
            state = each.apply(state)
    assert made.before("0002_b") == state


def test_an_item_that_lacks_what_its_new_key_is_made_of():
    """Such an item is quarantined, since every item needs a key."""
    made = history(Rekey("E", KeyText("PK", "N#{name}", name=Text("name")), KEY[1]))
    work = made.steps("0002_b")[0].compile()
    item = {"PK": {"S": "E#1"}, "SK": {"S": "E"}, "entityType": {"S": "E"}, "ident": {"S": "1"}}
    with pytest.raises(UnfitItemError, match="it lacks a source of PK"):
        work.change(item)
    assert {"S": "N#x"} == work.change({**item, "name": {"S": "x"}}).image["PK"]


def test_nothing_takes_it_back():
    """A rollback never deletes the table, or reverses code without a reverse function; the error has the place."""
    made = history(RunPython(print))
    with pytest.raises(
        MigrationError,
        match="0001_a cannot be rolled back: .*Create the table.* cannot be reversed. Write a new migration",
    ):
        made.steps_back("0001_a")
    with pytest.raises(MigrationError, match="0002_b cannot be rolled back: .*Run print") as caught:
        made.steps_back("0002_b")
    assert caught.value.place.startswith(f"{__file__}:")


OPERATION = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"label": state}, writes="label")
TEXT = dedent("""\
    from singletable.migrations import BackfillWith, Migration, Text

    LABEL = "label"


    def label(state):
        return {LABEL: state}


    migration = Migration(
        depends_on=["0001_initial"],
        operations=[BackfillWith("TASK", {"state": Text("state")}, label, writes="label")],
    )
    """)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n", "\r\n"),
        ("    return", "    # why\n    return"),
        ("def label(state):", 'def label(state):\n    """What it is."""'),
        ("from singletable", '"""Labels."""\n\nfrom singletable'),
        ('"TASK", {"state"', '"TASK",\n        {"state"'),
        ("import BackfillWith, Migration, Text", "import Migration, BackfillWith, Text"),
    ],
)
def test_a_comment_or_another_format_is_not_an_edit(before, after):
    """The digest covers the operations and the code of their functions."""
    assert before in TEXT
    migration = Migration(["0001_initial"], [OPERATION])
    script = Script("0002_a", migration, TEXT)
    assert script.has_digest(Script("0002_a", migration, TEXT.replace(before, after)).digest)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{LABEL: state}", "{LABEL: state + '!'}"),
        ('LABEL = "label"', 'LABEL = "other"'),
    ],
)
def test_another_function_is_an_edit(before, after):
    """Also if the operations are the same."""
    migration = Migration(["0001_initial"], [OPERATION])
    assert not Script("0002_a", migration, TEXT).has_digest(
        Script("0002_a", migration, TEXT.replace(before, after)).digest
    )


def test_another_operation_or_lambda_is_an_edit():
    """Even if the text is the same."""
    script = Script("0002_a", Migration(["0001_initial"], [OPERATION]), TEXT)
    other = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"label": state}, writes="title")
    for migration in (Migration(["0001_initial"], [other]), Migration([], [OPERATION])):
        assert not script.has_digest(Script("0002_a", migration, TEXT).digest)
    one, two = (f"migration = Migration([], [f(lambda x: {value})])" for value in (1, 2))
    assert not Script("0002_a", Migration(), one).has_digest(Script("0002_a", Migration(), two).digest)


def test_a_digest_of_an_earlier_version():
    """The digest of an earlier version is one of the text, without trailing spaces."""
    text = sha256(TEXT.strip().encode()).hexdigest()
    assert Script("0002_a", Migration(["0001_initial"], [OPERATION]), TEXT).has_digest(text)
