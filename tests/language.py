"""Check the language of the project: count turns of phrase that have to be read twice.

`make lint` runs `python -m tests.language`. It reads docstrings, comments and texts of Python files, and the prose of
documents, and it fails if an area has more than `LIMIT` hits per 1,000 words. `--list [PATH ...]` prints every hit.
The checker does not replace reading: a page without a hit can still be hard to read.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LIMIT = 3.0
"""The highest number of hits per 1,000 words of an area."""

AREAS = {
    "src": ("src",),
    "shop": ("models", "patterns", "shop", "migrations"),
    "docs": ("docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "changelog.d", ".github"),
    "tests": ("tests", "benchmarks"),
}

PATTERNS = {
    r"\bwhat\b(?![^.!?]*\?)": "Name the thing: 'the item', 'the cursor', not 'what was read'.",
    r"\b(?:whatever|whoever|whichever|nobody|somebody|everybody)\b": "Name the thing or the person.",
    r"\bwhere (?:it|its|there|an?|one|none|no|nothing|neither|both|several|they|that|this)\b": "'if' for conditions.",
    r"\b(?:tell|tells|told|telling|say|says|said|saying)\b": "A text states, prints, reports, names or returns.",
    r"\bbehind\b": "'after' for an order, 'in front of' or 'through' for a place.",
    r"(?<!there )\b(?:is|are|was|were|be) (?:no|none)\b(?! longer)": "'is not a ...', 'has no ...'.",
    r"\b(?:take|takes|know|knows|need|needs|make|makes) (?:no|none)\b": "'does not take a ...'.",
    r", too\b": "'also'.",
    r"\bfor ever\b": "'forever'.",
    r"\b[Oo]nce more\b": "'again'.",
    r"\bmend(?:s|ed|ing)?\b": "'fix'.",
    r"\b(?:stand|stands|stood) in the way\b|\bin the way\b": "Name the conflict.",
    r"\bunder way\b": "'in progress', 'running'.",
    r"\bcomes? to (?!an end)\b": "'equals', 'results in'.",
    r"\bas good as\b": "Write what it means: 'equal to', 'treated as'.",
    r"(?:^|[.!?] )(?:Were|Had) (?:it|the|there|they|we)\b": "Write 'If ...'.",
    r"\b\w+(?:isation|isations|ise|ises|ised|ising)\b": "American spelling: 'serialize'.",
    r"\b(?:behaviour|colour|favour|honour|neighbour|catalogue|licence|modelled|modelling|labelled)\w*": (
        "American spelling: 'behavior'."
    ),
}
"""Each turn of phrase, as a regular expression, and the advice for it."""

# Words that end in -ise or -ised also in American spelling.
_AMERICAN = re.compile(
    r"(?:other|like|pre?c|conc|ra|no|prom|surpr|exerc|rev|superv|adv|comprom|enterpr|w|r|ar|prem|dev|expert|disgu|cru)"
    r"is(?:e|es|ed|ing)$",
    re.IGNORECASE,
)
_COMPILED = {re.compile(pattern): advice for pattern, advice in PATTERNS.items()}
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_CODE = re.compile(r"``[^`]*``|`[^`]*`|\"[^\"\n]*\"|https?://\S+|<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1?\2[ ]*$", re.DOTALL | re.MULTILINE)
_LITERAL = re.compile(r"::\n\n(?:[ \t]+.*\n|\n)+")


class Text(NamedTuple):
    """A piece of prose, and the line of its file on which it begins."""

    path: Path
    line: int
    text: str


class Hit(NamedTuple):
    """A turn of phrase in a text."""

    path: Path
    line: int
    phrase: str
    advice: str


def texts_of(path: Path) -> Iterator[Text]:
    """Return the prose of a file: all of a document, the docstrings, comments and messages of a module."""
    source = path.read_text()
    if path.suffix == ".py":
        yield from _of_module(path, source)
    else:
        yield Text(path, 1, _blank(_FENCE, source))


def hits_in(text: Text) -> Iterator[Hit]:
    """Return the turns of phrase in a text, in their order."""
    prose = _blank(_CODE, text.text)
    found = [
        (match.start(), match.group(), advice)
        for pattern, advice in _COMPILED.items()
        for match in pattern.finditer(prose)
        if not _AMERICAN.search(match.group())
    ]
    for start, phrase, advice in sorted(found):
        yield Hit(text.path, text.line + prose.count("\n", 0, start), phrase.strip(), advice)


def words_in(text: Text) -> int:
    """Return the number of words of a text, without code."""
    return len(_WORD.findall(_blank(_CODE, text.text)))


def files_of(*places: str) -> Iterator[Path]:
    """Return the files of folders and paths that hold prose."""
    for place in map(Path, places):
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (each for each in found if each.suffix in (".md", ".py", ".txt") and each != Path(__file__))


def _of_module(path: Path, source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # A value counts as one neutral word.
            parts = (part.value if isinstance(part, ast.Constant) else "`x`" for part in node.values)
            text = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = _LITERAL.sub(lambda match: "\n" * match.group().count("\n"), node.value)
        else:
            continue
        if len(_WORD.findall(text)) >= 3:
            yield Text(path, node.lineno, text)
    for line, comment in _comments(source):
        yield Text(path, line, comment)


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Return the comments, those of consecutive lines joined."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("# ")
        if block and line != last + 1:
            yield first, "\n".join(block)
            block = []
        if not block:
            first = line
        block.append(text)
        last = line
    if block:
        yield first, "\n".join(block)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return a text without the matches of a pattern; the lines keep their numbers."""
    return pattern.sub(lambda match: " _ " + "\n" * match.group().count("\n"), text)


def main(arguments: list[str] | None = None) -> int:
    """Print the hits per 1,000 words of each area; return 1 if one is above the limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.language", description=main.__doc__)
    parser.add_argument("--list", nargs="*", metavar="PATH", help="print every hit, in all areas or in these paths")
    options = parser.parse_args(arguments)
    areas = AREAS if not options.list else {"listed": tuple(options.list)}
    failed = False
    for name, places in areas.items():
        texts = [
            text for path in files_of(*(each for each in places if Path(each).exists())) for text in texts_of(path)
        ]
        hits = [hit for text in texts for hit in hits_in(text)]
        if options.list is not None:
            print(*(f"{hit.path}:{hit.line}: {hit.phrase!r}. {hit.advice}" for hit in hits), sep="\n")
        words = sum(map(words_in, texts))
        rate = 1000 * len(hits) / max(words, 1)
        failed = failed or rate > LIMIT
        print(f"language: {name:6} {rate:5.1f} hits per 1,000 words ({len(hits)} in {words:,}), at most {LIMIT}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
