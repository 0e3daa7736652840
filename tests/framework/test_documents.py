"""The README and the docs: their links are valid, their lists are complete. `tests/documents` runs their code."""

import re
from pathlib import Path

import pytest

from singletable.check import RULES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests" / "README.md"])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_are_valid(path):
    """Relative links point to existing files and folders of the repository."""
    missing = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()]
    assert [] == missing


def test_the_index_links_every_page():
    """`docs/README.md` has a link to every page of `docs/`."""
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = {path for path in index.parent.glob("**/*.md") if path != index}
    assert [] == sorted(str(path) for path in pages if path.resolve() not in linked)


def test_every_rule_is_documented():
    """The reference has the id and the title of every rule."""
    text = (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    assert [] == [rule.id for rule in RULES.values() if f"| {rule.id} | {rule.title} |" not in text]


def test_every_error_is_documented():
    """The reference has the name of every error."""
    from singletable import errors

    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [] == [name for name in errors.__all__ if f"`{name}`" not in text]


LISTS = ("backfill-faults", "key-failures", "pynamodb-traps")


@pytest.mark.parametrize("name", LISTS)
def test_the_tests_that_a_list_names_exist(name):
    """Every row of the list names an existing test, or is marked as "to come"."""
    text = (ROOT / "docs" / "explanation" / f"{name}.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| test |" not in line]
    assert [] == [row for row in rows if "::test_" not in row and "to come" not in row]
    path = ""
    for file, test in re.findall(r"`([\w/]*(?:\.py)?)::(\w+)`", text):
        path = file or path
        assert f"def {test}(" in (ROOT / "tests" / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_every_trap_of_the_facts_has_a_row():
    """Every trap of the shared list has a row with its name."""
    facts = ROOT.parent / "shared" / "facts" / "pynamodb-traps.md"
    if not facts.is_file():
        pytest.skip(f"{facts} is not there")
    traps = [line.split("|")[1].strip() for line in facts.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    text = (ROOT / "docs" / "explanation" / "pynamodb-traps.md").read_text(encoding="utf-8")
    assert [] == [trap for trap in traps if f"| {trap} |" not in text]
