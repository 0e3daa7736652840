"""The runner of mutants: its changes, and that it finds the mutants that no test notices."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a == b", ["a != b"]),
        ("a is None and b", ["a is None or b", "a is not None and b"]),
        ("not a", ["a"]),
        ("-a + b", ["a + b", "-a - b"]),
        ("7", ["8", "6"]),
        ("True", ["False"]),
        ("'09'", ["''", "'08'"]),
        ("'two words'", ["''"]),
        ("f'{a} of {b:03d}'", ["f'{a}{b:03d}'", "f'{a} of {b:}'"]),
        ("b if a else 'X Y'", ["b if not a else 'X Y'", "b if a else ''"]),
    ],
)
def test_mutants_of_an_expression(tmp_path, line, changed):
    """Operators, conditions, constants and texts are changed; each mutant has one change."""
    module = tmp_path / "module.py"
    module.write_text(f"value = {line}\n")
    assert [f"value = {each}" for each in changed] == [mutant.after for mutant in mutants(module)]


def test_mutants_of_a_function(tmp_path):
    """Statements are removed and values become None; docstrings, annotations and `from None` are not changed."""
    module = tmp_path / "module.py"
    module.write_text(
        '"""Text."""\n__all__ = ["f"]\ndef f(a: "A") -> "B":\n    """Text."""\n    b: "C" = a\n    b += a\n    f(b)\n'
        "    if a:\n        raise E from None\n    return b\n"
    )
    wanted = [(5, "b: 'C' = None"), (6, "pass"), (6, "b -= a"), (7, "pass"), (8, "if not a:"), (9, "pass")]
    found = mutants(module)
    assert [*wanted, (10, "return None")] == [(mutant.line, mutant.after) for mutant in found]
    assert {3} == {mutant.function for mutant in found}


def test_a_mutant_survives_if_no_test_notices_it(tmp_path):
    """The tests do not try the bound itself or the other function."""
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\npythonpath = .\n")
    (tmp_path / "module.py").write_text("def f(a):\n    return a > 1\n\n\ndef g():\n    return 'two words'\n")
    (tmp_path / "test_module.py").write_text("from module import f\ndef test_f():\n    assert (f(9), f(0)) == (1, 0)\n")
    command = [sys.executable, "-m", "tests.mutation", "module.py", "--tests", "test_module.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "module.py: 2 killed, 5 survived, 28.6%" in done.stdout
    assert "module.py:2\n  - return a > 1\n  + return a >= 1\n" in done.stdout
    assert "module.py:6  (no test enters it)\n  - return 'two words'\n  + return ''" in done.stdout
