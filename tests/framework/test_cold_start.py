"""Imports load only the parts that are used, and no slow modules."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import singletable

SOURCE = Path(singletable.__file__).parent
LAZY = ("singletable", "singletable.keys", "singletable.models", "singletable.requests", "singletable.testing")
HEAVY = {"moto", "rich", "click", "hypothesis", "cryptography", "pytest", "boto3"}
DECLARED = """
from singletable import Key, Table
from pynamodb.attributes import UnicodeAttribute

class ShopTable(Table):
    class Meta:
        table_name = "shop"

class User(ShopTable, discriminator="USER"):
    user_id = UnicodeAttribute()
    key = Key(pk="USER#{user_id}", sk="PROFILE")
"""
READ = DECLARED + "User.item(user_id='u1').params(); User.query(user_id='u1').params()"
WRITTEN = DECLARED + "from singletable import plan; plan.create(User(user_id='u1')).params()"


def loaded(code):
    """Return the modules that a new interpreter has loaded after running code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("code", ["import singletable", "from singletable import Table, Key", READ, WRITTEN])
def test_nothing_heavy_is_loaded(code):
    assert not {name.partition(".")[0] for name in loaded(code)} & HEAVY


def test_unused_modules_are_not_loaded():
    bare, read, written = loaded("import singletable"), loaded(READ), loaded(WRITTEN)
    assert not bare & {"pynamodb", "attrs"}
    for name in ("batch", "collection", "transaction", "plan"):
        assert f"singletable.models.{name}" not in read
    assert "singletable.requests.scan" not in read | written
    assert "singletable.models.writing.plan" in written


@pytest.mark.parametrize("name", LAZY)
def test_every_name_of_a_package_is_found(name):
    package = importlib.import_module(name)
    assert all(getattr(package, each) is not None for each in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - the access itself is the test


@pytest.mark.parametrize("name", LAZY)
def test_type_checkers_and_programs_see_the_same_names(name):
    tree = ast.parse((SOURCE / Path(*name.split(".")[1:], "__init__.py")).read_text())
    seen = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen - {"TYPE_CHECKING", "exports"} == set(importlib.import_module(name).__all__)
