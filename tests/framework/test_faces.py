"""Packages that load a part on first use: each public name is listed once, and every tool sees the same names."""

import ast
import compileall
import importlib
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from singletable import lazy
from tests.framework import structure

TREE = structure.tree_of(Path(lazy.__file__).parent)
FACES = [name for name, module in TREE.items() if module.is_package and "exports(__name__)" in module.text]
FOLDERS = [name for name, module in TREE.items() if module.is_package and name.startswith("singletable.models.")]


def listed(name):
    """Return the module, the name and the alias of each import of a package under `if TYPE_CHECKING:`."""
    (block,) = [node for node in ast.parse(TREE[name].text).body if isinstance(node, ast.If)]
    return [(node.module, alias.name, alias.asname) for node in block.body for alias in node.names]


def test_the_packages_are_found():
    """The lists of packages, by which the tests below run, hold the best known ones."""
    assert {"singletable", "singletable.keys", "singletable.models", "singletable.testing.strategies"} <= set(FACES)
    assert "singletable.models.reading" in FOLDERS


@pytest.mark.parametrize("package", FACES)
def test_each_name_is_listed_once(package):
    """`X as X` marks a name as public for type checkers; `__all__` has the same names, sorted."""
    names = [name for _, name, _ in listed(package)]
    assert names == [alias for _, _, alias in listed(package)]
    assert sorted(names) == sorted(set(names)) == importlib.import_module(package).__all__


@pytest.mark.parametrize("package", FACES)
def test_each_name_is_the_object_of_its_module(package):
    """A name of a package and of the module that defines it are one object, which pickles as before."""
    face = importlib.import_module(package)
    for place, name, _ in listed(package):
        module = importlib.import_module(place)
        value = getattr(face, name)
        assert value is (getattr(module, name, None) or sys.modules[f"{place}.{name}"])
        if isinstance(value, type):
            assert value is pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("package", FACES)
def test_a_star_import_binds_the_names(package):
    """`from package import *` binds the names of `__all__` and no others."""
    members = {}
    exec(f"from {package} import *", members)
    assert importlib.import_module(package).__all__ == sorted(members.keys() - {"__builtins__"})


@pytest.mark.parametrize("package", FACES)
def test_dir_has_the_names(package):
    """`dir()` has every public name, also before its first use."""
    code = f"import {package} as face; assert set(face.__all__) <= set(dir(face)), face; assert '__name__' in dir(face)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", FACES)
def test_another_name_is_refused(package):
    """An unknown name raises the error that Python raises for any module."""
    with pytest.raises(AttributeError, match=f"^module '{package}' has no attribute 'nothing'$"):
        importlib.import_module(package).nothing  # noqa: B018 - the access itself is the test


@pytest.mark.parametrize("package", FOLDERS)
def test_the_folders_of_models_have_no_names(package):
    """The `__init__` of a folder is only a docstring: callers import from the module that defines a name."""
    assert [ast.Expr] == [type(node) for node in ast.parse(TREE[package].text).body]


# --- a small package, as applications are deployed ----------------------------------------

FACE = '''"""A package."""

import collections.abc as abstract
import sys
from typing import TYPE_CHECKING

from small.lazy import exports

if TYPE_CHECKING:
    from collections import OrderedDict as OrderedDict

    from small import part as part
    from small.part import Thing as Thing

exports(__name__)

__version__ = "1"
'''
USE = """
import sys
import small

def equal(one, other):
    if one != other:  # not an assert, which -OO removes
        sys.exit(f"{one} != {other}")

equal(False, "small.part" in sys.modules)
equal(["Thing", "part"], small.__all__)
equal(set(), {"__all__", "__dir__", "__getattr__", "__version__", "exports"} - vars(small).keys())
equal(set(), {"Thing", "part", "OrderedDict"} & vars(small).keys())
equal(("1", False), (small.__version__, small.TYPE_CHECKING))
from small import *
equal((Thing, Thing, Thing), (small.part.Thing, small.Thing, part.Thing))
"""


@pytest.fixture
def small(tmp_path):
    """The folder of a package with a lazy face, and a copy of `singletable.lazy`."""
    folder = tmp_path / "source" / "small"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FACE)
    (folder / "part.py").write_text("class Thing:\n    pass\n")
    shutil.copy(lazy.__file__, folder / "lazy.py")
    return folder


def use(place, *options):
    """Use the package from a folder or an archive, in a new interpreter."""
    environment = os.environ | {"PYTHONPATH": str(place)}
    subprocess.run([sys.executable, *options, "-c", USE], env=environment, cwd=place.parent, check=True)


@pytest.mark.parametrize("options", [(), ("-OO",), ("-B",)], ids=["plain", "-OO", "-B"])
def test_a_package_of_source_files(small, options):
    """The names are found with any optimization, and nothing is loaded before its first use."""
    use(small.parent, *options)


def test_a_package_without_source(small):
    """The names are found if only bytecode is deployed."""
    compileall.compile_dir(small, legacy=True, quiet=1)
    for path in small.glob("*.py"):
        path.unlink()
    use(small.parent)


@pytest.mark.parametrize("suffix", [".py", ".pyc"])
def test_a_package_in_an_archive(small, tmp_path, suffix):
    """The names are found in a zip archive, of source files or of bytecode."""
    compileall.compile_dir(small, legacy=True, quiet=1)
    archive = tmp_path / "application.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in small.glob(f"*{suffix}"):
            opened.write(path, f"small/{path.name}")
    use(archive)
