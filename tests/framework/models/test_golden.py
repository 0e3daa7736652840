"""The generated code of entities equals the golden files, which a reviewer reads."""

import pytest

from tests.framework.models import golden


@pytest.mark.parametrize("entity", golden.ENTITIES, ids=lambda entity: entity.__name__)
def test_the_generated_code_is_golden(entity):
    """A change of the generated code fails, with a diff, until the golden files are written again."""
    found = golden.difference(entity)
    assert not found, f"The generated code has changed. If that is intended, run `{golden.COMMAND}`.\n{found}"


def test_every_golden_file_is_compared():
    """The folder has no file of an entity that is not listed."""
    assert sorted(map(golden.path_of, golden.ENTITIES)) == sorted(golden.FOLDER.glob("*.py.txt"))


def test_a_golden_file_names_its_command():
    """The first line names the entity and the command that writes the file."""
    for entity in golden.ENTITIES:
        first = golden.path_of(entity).read_text(encoding="utf-8").partition("\n")[0]
        assert f"# The generated code of {entity.__name__}. Do not edit: `{golden.COMMAND}` writes this file." == first


def test_a_difference_is_a_unified_diff(monkeypatch, tmp_path):
    """Each changed line of the code is shown, with the line of the golden file."""
    entity = golden.ENTITIES[1]
    text = golden.text_of(entity)
    changed = text.replace("    get = item.get\n", "    get = item.fetch\n")
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    golden.path_of(entity).write_text(changed, encoding="utf-8")
    lines = golden.difference(entity).splitlines()
    assert [f"--- {golden.path_of(entity)}", "+++ generated now"] == lines[:2]
    assert {"-    get = item.fetch", "+    get = item.get"} <= set(lines)
