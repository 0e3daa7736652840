"""How long a fresh interpreter takes to import singletable, and what PynamoDB's own users import."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial

from benchmarks.results import Row, compare
from benchmarks.rounds import ROOT, alternate

OURS = {
    "Table and Key": "from singletable import Table, Key",
    "singletable alone": "import singletable",
    "up to a first request": """
from pynamodb.attributes import UnicodeAttribute
from singletable import Key, Table

class ShopTable(Table):
    class Meta:
        table_name = "shop"

class User(ShopTable, discriminator="USER"):
    user_id = UnicodeAttribute()
    key = Key(pk="USER#{user_id}", sk="PROFILE")

User.query(user_id="u1").params()
""",
}
JUDGED = "Table and Key"
"""The others are information: a package that loads its parts when they are used costs nothing by itself."""

# `import pynamodb` alone is an empty package. These are what any model with an index needs.
THEIRS = (
    "from pynamodb.models import Model; from pynamodb.attributes import UnicodeAttribute;"
    " from pynamodb.indexes import GlobalSecondaryIndex"
)
_TIMED = "import time\nstart = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def imports(rounds: int) -> Iterator[Row]:
    """Wall time of the import statements alone, the interpreter's own start left out; all bytecode is compiled."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache

        def seconds(statement: str) -> float:
            command = [sys.executable, "-c", _TIMED.replace("{}", statement)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
            return float(ended.stdout)

        # The first round compiles, and is forgotten.
        measured = alternate({each: partial(seconds, each) for each in (*OURS.values(), THEIRS)}, rounds)
    for name, statement in OURS.items():
        yield compare(
            ("Import", name, "PynamoDB's Model"),
            measured[statement],
            measured[THEIRS],
            unit="ms",
            target=("at most 1.15", 1.15) if name == JUDGED else None,
            scale=1e3,
        )
