"""The page of the errors is written from their docstrings, and each docstring has the parts that the page shows."""

import re
from inspect import get_annotations

import pytest

from singletable import errors
from singletable.errors import SingletableError
from tests.documents.errors_page import PAGE, entry_of, error_classes, introduction_of, page_text

CLASSES = error_classes()


def test_the_page_is_the_one_that_would_be_written():
    """`python -m tests.documents.errors_page` writes it."""
    text = PAGE.read_text(encoding="utf-8")
    assert page_text(introduction_of(text), CLASSES) == text


def test_a_changed_docstring_is_found(monkeypatch):
    """The comparison can fail: the text of a class differs from its section."""
    text = PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(CLASSES[0], "__doc__", "Another situation.\n\nRemedy: None.")
    changed = page_text(introduction_of(text), CLASSES)
    assert text != changed
    assert "Another situation.\n\n**Remedy.** None.\n" in changed


def test_classes_of_other_modules_are_found():
    """Those that their packages export, also below the classes of `singletable.errors`."""
    found = {kind.__name__: kind.__module__ for kind in CLASSES}
    assert "singletable.patterns.access_pattern" == found["ScanInPatternError"]
    assert "singletable.requests.partitions" == found["NeedsScanError"]
    assert "DoesNotExist" not in found


def test_the_docstring_of_the_package_has_the_tree_of_its_classes():
    """Each class of `singletable.errors` is listed below its base."""
    path, listed = [], []
    for indent, name in re.findall(r"^((?:  )+)- (\w+)$", errors.__doc__, re.MULTILINE):
        path[len(indent) // 2 - 2 :] = [name]
        listed.append(tuple(path[-2:]))
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert sorted(listed) == sorted(
        (*(base.__name__ for base in kind.__bases__ if issubclass(base, SingletableError)), kind.__name__)
        for kind in kinds
    )


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_class_has_a_situation_and_a_remedy(kind):
    """A sentence of its own, not one that it inherits, and advice for all but the base."""
    assert vars(kind).get("__doc__")
    entry = entry_of(kind)
    assert re.fullmatch(r"\S.{10,}\.", entry.situation)
    assert kind is SingletableError or entry.remedy


ELSEWHERE = {"SingletableError": {"what", "remedy"}, "ThrottledError": {"index"}}
"""Described fields that the class does not declare: the constructor sets them, or the base declares them."""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_field_is_described(kind):
    """The fields that a class declares, in their order."""
    described = [name for name in entry_of(kind).fields if name not in ELSEWHERE.get(kind.__name__, ())]
    assert list(get_annotations(kind)) == described
