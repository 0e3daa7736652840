"""The rules in the reference are those of `singletable.check.RULES`."""

from tests.documents.rules_page import PAGE, rules_text


def test_the_page_has_the_rules():
    """`python -m tests.documents.rules_page` writes them."""
    assert rules_text() in PAGE.read_text(encoding="utf-8")
