"""`docs/reference/command-line.md` is written from the commands."""

from tests.documents.command_line import PAGE, page


def test_the_page_is_up_to_date():
    """`python -m tests.documents.command_line` writes it."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text


def test_the_introduction_is_kept():
    """A changed introduction stays, and a changed command is found."""
    text = PAGE.read_text(encoding="utf-8")
    assert "# Other\n" + text == page("# Other\n" + text)
    assert page(text.replace("`--rate UNITS`", "`--rate N`")) == text
