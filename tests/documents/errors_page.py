"""`docs/reference/errors.md`, written from the docstrings of the error classes.

`python -m tests.documents.errors_page` writes the page. The text above the marker is written by hand and is kept.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import attrs

import singletable
from singletable.errors import SingletableError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
MARKER = "<!-- The rest of this page is written by `python -m tests.documents.errors_page`. -->\n"
HOME = "singletable.errors"

_DOCUMENT = re.compile(r"\bdocs/(?P<folder>[\w-]+)/(?P<page>[\w-]+)\.md(?P<anchor>#[\w-]+)?")
_SECTION = re.compile(r"\n\n(?:Args|Attributes):\n")
_FIELD = re.compile(r"^    (?P<name>\w+): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)


@attrs.frozen
class Entry:
    """The parts of one class's docstring.

    Args:
        kind: The class.
        situation: The first line: when the error is raised.
        more: The other paragraphs.
        remedy: The paragraph that begins with `Remedy:`, without that word; "" if it is missing.
        fields: The text of each field, by its name.
    """

    kind: type[SingletableError]
    situation: str
    more: tuple[str, ...]
    remedy: str
    fields: dict[str, str]


def error_classes() -> list[type[SingletableError]]:
    """Return the public error classes of singletable, by name."""
    for module in pkgutil.walk_packages(singletable.__path__, f"{singletable.__name__}."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)
    return sorted((kind for kind in _descendants(SingletableError) if _module_of(kind)), key=lambda kind: kind.__name__)


def entry_of(kind: type[SingletableError]) -> Entry:
    """Return the parts of a class's docstring."""
    prose, *sections = _SECTION.split(inspect.cleandoc(kind.__doc__ or ""))
    situation, *paragraphs = (" ".join(each.split()) for each in prose.split("\n\n"))
    remedies = [each.removeprefix("Remedy: ") for each in paragraphs if each.startswith("Remedy: ")]
    return Entry(
        kind=kind,
        situation=situation,
        more=tuple(each for each in paragraphs if not each.startswith("Remedy: ")),
        remedy=" ".join(remedies),
        fields=dict(_fields(sections[-1])) if "\nAttributes:\n" in inspect.cleandoc(kind.__doc__ or "") else {},
    )


def page_text(introduction: str, kinds: Iterable[type[SingletableError]]) -> str:
    """Return the whole page.

    Args:
        introduction: The text above the marker.
        kinds: The classes, in the order of their sections.
    """
    kinds = list(kinds)
    parts = [
        introduction + MARKER,
        "## Tree of classes\n",
        "In parentheses: the other base classes, which are built-in or PynamoDB's.\n",
        "".join(f"{line}\n" for line in _tree(SingletableError, kinds)),
        "## Classes\n",
        *(_section(entry_of(kind)) for kind in kinds),
    ]
    return "\n".join(parts)


def introduction_of(text: str) -> str:
    """Return the part of the page that is written by hand."""
    return text.partition(MARKER)[0]


def _descendants(kind: type[SingletableError]) -> Iterator[type[SingletableError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _descendants(each)


def _module_of(kind: type[SingletableError]) -> str | None:
    """Return the shortest name of a module of singletable that exports the class; None if it is not public."""
    modules = [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == singletable.__name__
        and kind.__name__ in getattr(module, "__all__", ())
        and getattr(module, kind.__name__) is kind
    ]
    return HOME if HOME in modules else min(modules, key=len, default=None)


def _own_bases(kind: type[SingletableError]) -> list[str]:
    """Return the names of the direct bases that are not singletable's."""
    return [f"`{base.__name__}`" for base in kind.__bases__ if not issubclass(base, SingletableError)]


def _tree(root: type[SingletableError], kinds: list[type[SingletableError]], depth: int = 0) -> Iterator[str]:
    bases = f" ({', '.join(_own_bases(root))})" if depth and _own_bases(root) else ""
    yield f"{'  ' * depth}- {_link(root)}{bases}"
    for each in kinds:
        if root in each.__bases__:
            yield from _tree(each, kinds, depth + 1)


def _link(kind: type[SingletableError]) -> str:
    return f"[`{kind.__name__}`](#{kind.__name__.lower()})"


def _section(entry: Entry) -> str:
    kind = entry.kind
    module = _module_of(kind)
    paragraphs = [f"### `{kind.__name__}`", entry.situation, *entry.more]
    if entry.remedy:
        paragraphs.append(f"**Remedy.** {entry.remedy}")
    if module != HOME:
        paragraphs.append(f"Import it from `{module}`.")
    parts = [_wrapped(each) for each in paragraphs]
    if entry.fields:
        parts.append("\n".join(_wrapped(f"- `{name}`: {text}", "  ") for name, text in entry.fields.items()))
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str, indent: str = "") -> str:
    text = _DOCUMENT.sub(_as_link, text)
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _as_link(match: re.Match[str]) -> str:
    """Return the path of a document as a link from the page."""
    folder, page, anchor = match["folder"], match["page"], match["anchor"] or ""
    path = f"{page}.md" if folder == PAGE.parent.name else f"../{folder}/{page}.md"
    return f"[{(anchor.removeprefix('#') or page).replace('-', ' ')}]({path}{anchor})"


def _fields(section: str) -> Iterator[tuple[str, str]]:
    for match in _FIELD.finditer(section):
        yield match["name"], " ".join(match["text"].split())


def main() -> None:
    """Write the page."""
    introduction = introduction_of(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page_text(introduction, error_classes()), encoding="utf-8")


if __name__ == "__main__":
    main()
