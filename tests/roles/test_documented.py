"""The tables of the roles in the docs match the simulator."""

from tests.roles.documented import PAGE, sections, tables


def test_each_role_has_its_table():
    """`python -m tests.roles.documented` writes them."""
    found = dict(sections(PAGE.read_text(encoding="utf-8")))
    for heading, lines in tables().items():
        assert lines == found[heading], heading


def test_a_changed_line_is_found():
    """The comparison can fail: a role is documented with an additional operation."""
    text = PAGE.read_text(encoding="utf-8").replace("| GetItem, Query", "| GetItem, PutItem, Query", 1)
    text = text.replace("| BatchGetItem, GetItem", "| BatchGetItem, PutItem, GetItem", 1)
    found = dict(sections(text))
    assert [heading for heading, lines in tables().items() if lines != found[heading]]
