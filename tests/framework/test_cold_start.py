"""Imports load only the parts that are used, and no slow modules."""

import json
import subprocess
import sys

import pytest

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
