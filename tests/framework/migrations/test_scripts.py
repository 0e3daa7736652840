"""Scripts: a written script defines equal operations, is formatted, and derives the values of the models."""

import ast
import keyword
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import singletable.migrations
from models import ShopTable
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    Choice,
    CreateIndex,
    CreateTable,
    CustomText,
    DateTime,
    DeclareAttributes,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    Expires,
    Index,
    Integer,
    KeyText,
    Rekey,
    RemoveAttribute,
    RemoveEntity,
    RenameAttribute,
    RunPython,
    Text,
    state_of,
)
from singletable.migrations.script import render
from singletable.migrations.sources import SOURCES
from singletable.migrations.writer import script_text
from singletable.models.schema.table_schema import table_schema
from singletable.testing import entities
from singletable.testing.strategies import SOURCES as KEY_SOURCES
from singletable.testing.strategies import nasty_text, templates
from tests.framework.app import AppTable
from tests.framework.ledger import LedgerTable
from tests.framework.migrations.helpers import executed, state, written
from tests.samples import tutorial

WIDTH = 120

# --- values of scripts --------------------------------------------------------------

_names = st.from_regex(r"[a-z][A-Za-z0-9_]{0,30}", fullmatch=True)
_stored = st.one_of(_names, nasty_text(max_size=8))
_fields = _names.filter(lambda name: not keyword.iskeyword(name) and name not in ("when", "raw", "sort"))
_defaults = st.one_of(
    st.none(),
    st.builds(lambda text: {"S": text}, nasty_text()),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
    st.builds(lambda value: {"B": value}, st.binary(max_size=8)),
)


@st.composite
def sources(draw, kinds=tuple(SOURCES)):
    """Sources of any kind."""
    kind = SOURCES[draw(st.sampled_from(kinds))]
    options = {"default": draw(_defaults), "personal": draw(st.booleans())}
    if kind is Choice:
        return Choice(draw(_stored), draw(st.lists(nasty_text(), min_size=1, max_size=3)), **options)
    return kind(draw(_stored), **options)


@st.composite
def key_texts(draw):
    """Halves of keys with any template."""
    template = draw(templates(projections=True))
    fields = {field.attribute: draw(sources([KEY_SOURCES[field.attribute].kind])) for field in template.fields}
    more = draw(st.dictionaries(_fields, sources(), max_size=1))
    when = {name: ("a", "b") for name, each in more.items() if isinstance(each, Text)}
    options = {"when": when, "raw": draw(st.booleans()), "sort": draw(st.booleans())}
    return KeyText(draw(_stored), template.text, **{**more, **fields}, **options)


_days = st.one_of(st.integers(-1000, 1000), st.floats(-366000, 366000))
_expiries = st.builds(
    lambda name, after, days, past: Expires(name, after, days=days, expire_past=past),
    _names,
    st.one_of(_stored, st.builds(DateTime, _stored), st.builds(Integer, _stored)),
    _days,
    st.booleans(),
)
_derived = st.one_of(key_texts(), _expiries, st.builds(CustomText, _stored, nasty_text()))
_types = st.dictionaries(_stored, st.sampled_from(["S", "N", "B", "BOOL", "M"]), max_size=5)
_policy = st.fixed_dictionaries(
    {}, optional={"conflict": st.sampled_from(["quarantine", "overwrite", "keep"]), "bump": _stored}
)
_indexes = st.builds(
    Index, _names, _stored, st.none() | _stored, st.just("INCLUDE"), st.lists(_stored, max_size=5), st.booleans()
)


def function(**sources):
    """A script's function."""


_operations = st.one_of(
    st.builds(
        lambda pk, sk, kind, indexes: CreateTable(pk, sk, type_name=kind, indexes=tuple(indexes)),
        _stored,
        _stored,
        _stored,
        st.lists(_indexes, max_size=3),
    ),
    st.builds(CreateIndex, _names, _stored, st.none() | _stored, st.just("ALL"), st.lists(_stored, max_size=5)),
    st.builds(DeleteIndex, _names),
    st.builds(EnableTTL, _stored),
    st.builds(DisableTTL, _stored),
    st.builds(EnableStream, st.just("KEYS_ONLY")),
    st.builds(DisableStream),
    st.builds(
        lambda name, derived, types, stamp: AddEntity(name, *derived, attributes=types, stamp=stamp),
        _stored,
        st.lists(_derived, max_size=3),
        _types,
        st.none() | _stored,
    ),
    st.builds(RemoveEntity, _stored),
    st.builds(DeclareAttributes, _stored, _types.map(lambda types: {**types, "gone": None}), st.none() | _stored),
    st.builds(
        lambda name, derived, options: Backfill(name, *derived, **options),
        _stored,
        st.lists(_derived, min_size=1, max_size=3),
        _policy,
    ),
    st.builds(
        lambda name, expires, options: BackfillExpiry(
            name, expires.stored_name, after=expires.after, days=expires.days, **options
        ),
        _stored,
        _expiries,
        _policy,
    ),
    st.builds(
        lambda name, given, writes, options: BackfillWith(name, given, function, writes=writes, **options),
        _stored,
        st.dictionaries(_fields, sources(), max_size=3),
        st.lists(_stored, min_size=1, max_size=3),
        _policy,
    ),
    st.builds(lambda name, key: Rekey(name, *key), _stored, st.lists(key_texts(), max_size=2)),
    st.builds(RemoveAttribute, _stored, st.lists(_stored, min_size=1, max_size=4)),
    st.builds(RenameAttribute, _stored, _stored, _stored),
    st.builds(RunPython, st.just(function)),
)

# --- an executed script defines equal operations -------------------------------------


@given(_derived)
def test_a_value_is_written_as_what_makes_it_again(value):
    """A value of any kind, with any text, is rendered as an equal value."""
    assert value == eval(render(value), vars(singletable.migrations).copy())


@given(st.lists(_operations, max_size=4).filter(lambda each: _functions(each) <= 1))
def test_operations_are_written_as_what_makes_them_again(operations):
    """An executed script defines equal operations."""
    assert tuple(operations) == written(operations)


def _functions(operations):
    return sum(isinstance(each, (BackfillWith, RunPython)) for each in operations)


@given(st.lists(_operations, max_size=4))
def test_a_script_imports_nothing_else(operations):
    """A script imports only singletable.migrations, and of that only the names that it uses."""
    tree = ast.parse(script_text("0001_initial", [], operations))
    (imported,) = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
    assert "singletable.migrations" == imported.module
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {each.name for each in imported.names} == used - {"migration", "NotImplementedError", "function"}


@given(st.lists(_operations, max_size=3))
def test_lines_are_no_wider_than_a_line(operations):
    """A line is too wide only if a single value, with its name, is."""
    for line in script_text("0001_initial", [], operations).splitlines():
        assert len(line) <= WIDTH or line.endswith(('",', "',")), line


@pytest.mark.parametrize("name", ["0002_orders_by_status", "0002_x"])
def test_a_script_has_a_title(name):
    """The title of a script follows from its name."""
    title = ast.get_docstring(ast.parse(script_text(name, [], [])))
    assert name.partition("_")[2].replace("_", " ").capitalize() + "." == title


def back(table):
    """A reverse function of a script."""


def test_a_function_that_takes_back_is_written_too():
    """A reverse function is written, since the script refers to it."""
    assert (RunPython(function, back),) == written([RunPython(function, back)])


def test_a_function_is_written_once():
    """A function of two operations is written once."""
    operations = [BackfillWith("E", {}, function, writes=(name,)) for name in ("a", "b")]
    assert 1 == script_text("0001_initial", [], operations).count("def function(")


# --- the text is formatted ----------------------------------------------------------

_LONG = "a_name_that_is_rather_long_and_stands_in_the_way"


def documented():
    """A long docstring with \\d, "quotes" and {a: 1}, which is wider than one line of the script can be, and wraps.

    It has another paragraph, which the script joins to the first one.
    """


def _everything():
    tables = (ShopTable, AppTable, LedgerTable)
    for each in (state_of(table.describe()) for table in tables):
        yield CreateTable(each.partition, each.sort, indexes=tuple(each.indexes.values()))
        for entity in each.entities.values():
            yield AddEntity(entity.name, *entity.all_derived, attributes=entity.attributes, stamp=entity.stamp)
    for length in range(1, 60):
        # One of the texts is exactly as wide as a line.
        yield Backfill("E", KeyText("PK", "x" * length, **{_LONG: Text("a")}), bump="version_of_the_item")
        yield DeclareAttributes("E", {_LONG: "S", "x" * length: "S", "y" * 20: "S"}, "updatedAt")
        yield RemoveAttribute("E", ("a" * length, _LONG))
        yield Backfill("E", KeyText("P", "{a}", a=Choice("a", ("RED", "x" * length), default={"S": "RED"})))
        yield BackfillWith("E", {_LONG: Text("x" * length)}, function, writes=("a" * 20, "b" * 20))
    yield RemoveAttribute("E", ("it's", 'say "no"', 'it\'s "no"', "a\\b", "tab\t", "\x00", "日本", "''\"", '""\''))
    yield AddEntity("F", KeyText("PK", "F", a=Text("a", default={"B": b"bytes \x00 and 'marks'"})))
    yield BackfillWith("E", {}, documented, writes=("a",))
    yield BackfillExpiry("E", "ttl", after="createdAt", days=1e-05)
    yield BackfillExpiry("E", "ttl", after=Integer("createdAt"), days=0.5, expire_past=True)
    yield CreateIndex("GSI9", "GSI9PK", "GSI9SK", "INCLUDE", ("a", "b"))


@pytest.mark.parametrize("command", [("format", "--diff"), ("check", "--select=E,F,W,I,UP")])
def test_a_formatter_finds_nothing(tmp_path, command):
    """Ruff, at the project's width, does not change a script with every kind of value."""
    ruff = pytest.importorskip("ruff")
    path = tmp_path / "0001_initial.py"
    path.write_text(script_text("0001_initial", ["0000_before"], _everything()), encoding="utf-8")
    run = subprocess.run(
        [ruff.find_ruff_bin(), *command, "--isolated", "--no-cache", f"--config=line-length={WIDTH}", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == run.returncode, run.stdout + run.stderr


def test_a_script_needs_nothing_of_the_project(tmp_path):
    """A script runs without the models of the project."""
    path = tmp_path / "0001_initial.py"
    path.write_text(script_text("0001_initial", [], _everything()), encoding="utf-8")
    code = f"import runpy, sys; runpy.run_path({str(path)!r}); sys.exit('models' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode


def test_the_text_of_a_script():
    """The text of a script is formatted as a person would write it."""
    operations = [
        Backfill("E", KeyText("GSI1PK", "N#{name}", name=Text("name"))),
        BackfillWith("E", {"name": Text("name")}, function, writes=("lower",)),
    ]
    assert (
        '"""Names."""\n'
        "\n"
        "from singletable.migrations import Backfill, BackfillWith, KeyText, Migration, Text\n"
        "\n"
        "\n"
        "def function(name):\n"
        '    """A script\'s function."""\n'
        '    raise NotImplementedError("write function()")\n'
        "\n"
        "\n"
        "migration = Migration(\n"
        '    depends_on=["0001_initial"],\n'
        "    operations=[\n"
        '        Backfill("E", KeyText("GSI1PK", "N#{name}", name=Text("name"))),\n'
        '        BackfillWith("E", {"name": Text("name")}, function, writes=("lower",)),\n'
        "    ],\n"
        ")\n"
    ) == script_text("0002_names", ["0001_initial"], operations)


# --- frozen derivations are the models' ---------------------------------------------


def frozen(table):
    """Return the entities of a table from a written and executed script."""
    described = state_of(table.describe())
    operations = [
        AddEntity(each.name, *each.all_derived, attributes=each.attributes) for each in described.entities.values()
    ]
    made = executed(script_text("0001_initial", [], operations))["migration"].operations
    return {each.entity: each.apply(state()).entities[each.entity] for each in made}


def stored_names(table):
    """Return the stored attributes that a table derives."""
    described = state_of(table.describe())
    names = {name for each in described.indexes.values() for name in each.names}
    return sorted(names | {*described.key_names, described.ttl} - {None})


FROZEN = {table: frozen(table) for table in (ShopTable, AppTable, LedgerTable)}
STORED = {table: stored_names(table) for table in FROZEN}


def agrees(table, instance):
    """Every derived attribute has the value that the model stores, or is absent like there."""
    item = instance.serialize()
    entity = FROZEN[table][item["entityType"]["S"]]
    stored = {name: item.get(name) for name in STORED[table]}
    made = dict.fromkeys(stored) | {each.stored_name: each.derive(item) for each in entity.all_derived}
    assert stored == made
    # They are computed from declared attributes, and not read from derived ones.
    bare = {name: value for name, value in item.items() if name not in stored}
    custom = {each.stored_name for each in entity.all_derived if isinstance(each, CustomText)}
    assert {name: None if name in custom else value for name, value in stored.items()} == dict.fromkeys(stored) | {
        each.stored_name: each.derive(bare) for each in entity.all_derived
    }


def test_the_shops_samples_derive_what_the_models_derive():
    """The scripts derive the models' values for all samples of the shop."""
    for instance in tutorial.entities():
        agrees(ShopTable, instance)


@pytest.mark.parametrize(
    ("table", "entity"),
    [(table, each.entity) for table in FROZEN for each in table_schema(table).entities.values()],
    ids=lambda each: each.__name__,
)
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
def test_any_instance_derives_what_its_model_derives(table, entity, data):
    """The scripts derive the models' values for any instance, with any values."""
    agrees(table, data.draw(entities(entity)))
