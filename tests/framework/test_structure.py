"""The structure of `src/singletable`: imports run one way, files and functions are short, private names stay private.

Each check also runs on a small tree with a planted fault, because a check that cannot fail proves nothing.
"""

from pathlib import Path

import pytest

from tests.framework import structure
from tests.framework.structure import Module

SOURCE = Path(__file__).parents[2] / "src" / "singletable"


@pytest.fixture(scope="module")
def tree():
    """The modules of `src/singletable`."""
    return structure.tree_of(SOURCE)


def planted(**texts):
    """Return a tree of a package `p`: `a="..."` is the module `p.a`, `a__init="..."` the package `p.a`."""
    tree = {"p": Module("p", "p/__init__.py", "", is_package=True)}
    for key, text in texts.items():
        is_package = key.endswith("__init")
        name = "p." + key.removesuffix("__init").replace("__", ".")
        path = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        tree[name] = Module(name, path, text, is_package)
    return tree


def test_no_module_imports_itself_through_others(tree):
    """No circle of imports exists at run time; imports within functions count, typing-only imports do not."""
    circles = structure.import_circles(tree)
    assert not circles, "\n".join(circles)


def test_no_file_is_long(tree):
    """No file has more than 450 lines."""
    found = structure.long_files(tree)
    assert not found, "\n".join(found)


def test_no_function_is_long(tree):
    """No function has more than 60 lines, its docstring not counted."""
    found = structure.long_functions(tree)
    assert not found, "\n".join(found)


def test_no_function_is_deeply_nested(tree):
    """No function nests blocks in more than 4 levels."""
    found = structure.deep_nesting(tree)
    assert not found, "\n".join(found)


def test_private_names_of_models_stay_in_models(tree):
    """No module outside `singletable.models` uses a private name that is defined in it."""
    found = structure.private_names_used(tree, "singletable.models")
    assert not found, "\n".join(found)


COMMANDS = ("cost", "environment", "metrics", "quarantine")
"""Commands that have the name of the module that does their work."""

VALUES = ("Boolean", "Choice", "Date", "Integer", "Source", "Text", "Uuid")
"""The values of keys: encodings, and the same in scripts of migrations, which may be applied already."""


def test_each_name_has_one_meaning(tree):
    """No two modules, and no two public classes, have one name for two things."""
    found = structure.repeated_names(tree, frozenset(COMMANDS + VALUES))
    assert not found, "\n".join(found)


def test_the_tree_holds_modules_and_packages(tree):
    """The modules of the tree have the names by which they are imported."""
    assert tree["singletable.models"].is_package
    assert "singletable/keys/template.py" == tree["singletable.keys.template"].path


# --- planted faults: circles ------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "import p.b", "b": "from p.a import x"},
        {"a": "from p import b", "b": "from p import a"},
        {"a": "from . import b", "b": "from .a import x"},
        {"a": "from p.b import x", "b": "def f():\n    from p.a import x"},
        {"a": "from p.b import x", "b": "class C:\n    def f(self):\n        if 1:\n            import p.a"},
        {"a": "from p.b import x", "b": "if TYPE_CHECKING:\n    pass\nelse:\n    from p.a import x"},
        {"a": "from p.b import x", "b": "if TYPE_CHECKING or True:\n    from p.a import x"},
    ],
    ids=["import", "from package", "relative", "in a function", "in a method", "else of TYPE_CHECKING", "other test"],
)
def test_a_circle_of_two_modules_is_found(texts):
    """Two modules that import each other are a circle, with any form and place of the imports."""
    assert ["circle of 2 modules:\n  p.a -> p.b\n  p.b -> p.a"] == structure.import_circles(planted(**texts))


def test_a_circle_of_three_modules_is_found():
    """The message lists the imports within the circle only, not those of other modules to it or from it."""
    texts = {"a": "import p.b", "b": "import p.c", "c": "import p.a\nimport p.d", "d": "", "e": "import p.a"}
    arrows = "  p.a -> p.b\n  p.b -> p.c\n  p.c -> p.a"
    assert [f"circle of 3 modules:\n{arrows}"] == structure.import_circles(planted(**texts))


def test_a_circle_through_a_lazy_name_is_found():
    """A name that a package loads on first use counts as an import of the module that defines it."""
    imports = "if TYPE_CHECKING:\n    from p.k.x import X as X\n    from p.k import y as y"
    package = f"{imports}\nexports(__name__)"
    texts = {"k__init": package, "k__x": "import p.a", "k__y": "", "a": "def f():\n    from p.k import X, y"}
    assert ["circle of 2 modules:\n  p.a -> p.k.x\n  p.k.x -> p.a"] == structure.import_circles(planted(**texts))


def test_a_circle_through_a_package_is_found():
    """A package that imports its modules, and a module that imports from the package, are a circle."""
    texts = {"k__init": "from p.k.x import X", "k__x": "from p.k import Y"}
    assert ["circle of 2 modules:\n  p.k -> p.k.x\n  p.k.x -> p.k"] == structure.import_circles(planted(**texts))


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_typing_are_no_circle(test):
    """An import under `if TYPE_CHECKING:` does not happen at run time."""
    texts = {"a": "from p.b import x", "b": f"if {test}:\n    from p.a import x"}
    assert [] == structure.import_circles(planted(**texts))


# --- planted faults: names --------------------------------------------------------------


def test_a_repeated_name_is_found():
    """Two classes or two modules of one name are reported with their places; private classes are not."""
    texts = {"a__m": "class X: ...\nclass _Y: ...", "b__m": "class X: ...\nclass _Y: ...", "c": "class Z: ..."}
    expected = ["class X: p/a/m.py, p/b/m.py", "module m: p/a/m.py, p/b/m.py"]
    assert expected == structure.repeated_names(planted(**texts))
    assert [] == structure.repeated_names(planted(**texts), frozenset({"X", "m"}))


# --- planted faults: sizes --------------------------------------------------------------


def test_a_long_file_is_found():
    """A file of 451 lines is too long, and one of 450 is not."""
    tree = planted(a="x = 1\n" * 451, b="x = 1\n" * 450)
    assert ["p/a.py: 451 lines, at most 450"] == structure.long_files(tree)


def test_a_long_function_is_found():
    """A function of 61 lines is too long; the lines of a docstring do not count."""
    documented = 'def g():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 59
    tree = planted(a="def f():\n" + "    x = 1\n" * 60, b=documented)
    assert ["p/a.py:1: f() has 61 lines, at most 60"] == structure.long_functions(tree)


def test_a_long_method_is_found():
    """Methods, `async` functions and functions in functions have the same limit."""
    body = "            x = 1\n" * 60
    tree = planted(a=f"class C:\n    async def f(self):\n        def g():\n{body}")
    assert [
        "p/a.py:2: f() has 62 lines, at most 60",
        "p/a.py:3: g() has 61 lines, at most 60",
    ] == structure.long_functions(tree)


def nested(*heads):
    """Return a function with nested blocks, whose first lines are the heads."""
    lines = ["def f():", *(" " * number + head for number, head in enumerate(heads, 1))]
    return "\n".join([*lines, " " * (len(heads) + 1) + "x = 1"])


@pytest.mark.parametrize("head", ["if x:", "for x in y:", "while x:", "with x:", "def g():", "async for x in y:"])
def test_deep_nesting_is_found(head):
    """A fifth level is too deep, for any statement that opens a level."""
    text = nested("for a in b:", "with a:", "while a:", head, "if a:")
    assert ["p/a.py:6: f() has 5 levels, at most 4"] == structure.deep_nesting(planted(a=text))


@pytest.mark.parametrize(
    "part",
    ["try:\n   if a: x = 1\n  finally: x", "try: x\n  except E:\n   if a: x = 1", "match a:\n   case 1:\n    if a: x"],
)
def test_deep_nesting_in_a_part_of_a_block_is_found(part):
    """The parts of `try` and `match` are not separate levels; blocks in them are one level deeper."""
    head = "def f():\n if a:\n"
    assert [] == structure.deep_nesting(planted(a=f"{head}  {part}"))
    deeper = nested("if a:", "if a:", "if a:").rpartition("\n")[0] + "\n"
    text = deeper + "\n".join(f"  {line}" for line in f"  {part}".splitlines())
    (found,) = structure.deep_nesting(planted(a=text))
    assert found.endswith("f() has 5 levels, at most 4")


def test_four_levels_are_not_deep():
    """Four levels are allowed; an `elif` is on the level of its `if`, and a method starts at level 0."""
    four = nested("for a in b:", "with a:", "while a:", "if a:")
    chain = "def f():\n if a:\n  x = 1\n" + "".join(f" elif a == {n}:\n  x = 1\n" for n in range(6))
    method = "class C:\n" + "\n".join(f" {line}" for line in four.splitlines())
    assert [] == structure.deep_nesting(planted(a=four, b=chain, c=method))


# --- planted faults: private names --------------------------------------------------------

MODELS = """
class Table:
    _layout = 1
    _typed: int
    def _schema_of(self): ...
    def __secret(self): ...
    def public(self): self._instance = 1
"""


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("x = table._layout", "table._layout"),
        ("x = table._typed", "table._typed"),
        ("def f(table):\n  x = 1\n  return table.entity._schema_of().name", "table.entity._schema_of"),
        ("x = getattr(table, '_layout', None)", "getattr(table, '_layout', None)"),
        ("from p.models.table import _helper", "from p.models.table import _helper"),
        ("from p.models import table\ntable._helper()", "table._helper"),
        ("import p.models.table as t\nt._helper()", "t._helper"),
        ("class Mine(Table):\n  def f(self): return self._layout", "self._layout"),
        ("class Mine:\n  def f(self, other):\n    self._layout = other._layout", "other._layout"),
    ],
)
def test_a_use_of_a_private_name_is_found(text, used):
    """A private name is found as an attribute, as text and as an import, with its file and line."""
    tree = planted(models__init="", models__table=MODELS, a=text)
    line = len(text.splitlines()) if "import table" in text or text.startswith(("import", "def", "class")) else 1
    assert [f"p/a.py:{line}: {used}"] == structure.private_names_used(tree, "p.models")


@pytest.mark.parametrize(
    "text",
    [
        "x = table.public()",
        "x = table.__class__",
        "x = table._other",
        "x = table._instance",
        "from p.models.table import Table",
        "class Mine:\n  _layout = 2\n  def f(self, other): return self._layout, other._layout",
        "class Mine:\n  def f(self): self._layout = 1",
    ],
)
def test_other_names_are_no_use(text):
    """Public names, dunders and names of the module's own classes are not found."""
    tree = planted(models__init="", models__table=MODELS, a=text)
    assert [] == structure.private_names_used(tree, "p.models")


def test_a_name_of_a_base_class_outside_is_no_use():
    """Through `self`, a name that another class outside the package defines is not found."""
    tree = planted(
        models__table=MODELS, a="class Base:\n  _layout = 1", b="class C(Base):\n  x = lambda self: self._layout"
    )
    assert [] == structure.private_names_used(tree, "p.models")


def test_the_package_uses_its_own_private_names():
    """Modules of the package may use its private names."""
    tree = planted(models__table=MODELS, models__other="x = table._layout")
    assert [] == structure.private_names_used(tree, "p.models")
