"""The time that a new interpreter takes to import singletable, and the imports of PynamoDB's users."""

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
"""The others have no target, because a package that loads its parts on first use is fast alone."""

# `import pynamodb` alone imports an empty package. Every model with an index needs these imports.
THEIRS = (
    "from pynamodb.models import Model; from pynamodb.attributes import UnicodeAttribute;"
    " from pynamodb.indexes import GlobalSecondaryIndex"
)
_TIMED = "import time\nstart = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def imports(rounds: int) -> Iterator[Row]:
    """Measure the wall time of the import statements, without the interpreter's start and with compiled bytecode."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache

        def seconds(statement: str) -> float:
            command = [sys.executable, "-c", _TIMED.replace("{}", statement)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
            return float(ended.stdout)

        # The first round compiles the bytecode, and does not count.
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
