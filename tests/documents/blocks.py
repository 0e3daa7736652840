"""The code blocks of a Markdown document, with the comments directly above them."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})\s*(?P<language>\S*).*$")
COMMENT = re.compile(r"^ *<!-- (?P<name>not run|deep|given|exits with): (?P<value>.+) -->$")
FILE = re.compile(r"^# (?P<path>[\w./-]+\.(?:py|cfg|ini))\n")
LIST = re.compile(r"^ *(?:[-*+]|\d+\.) ")


class DocumentError(AssertionError):
    """A fault of a document; the message begins with its file and line."""


@dataclass(frozen=True, eq=False)
class Block:
    """A code block.

    Args:
        document: The path of the document in the repository.
        line: The line of its first fence, from 1.
        language: The word after the fence; an empty one for a block without a fence.
        text: Its lines, without the indent of the fence.
        comments: The comments directly above it, by name: `not run`, `deep`, `given`, `exits with`.
    """

    document: str
    line: int
    language: str
    text: str
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The file and line, for messages."""
        return f"{self.document}:{self.line}"

    @property
    def reason(self) -> str | None:
        """The reason why it is not run, or only in `make test-deep`; None if it is always run."""
        deep = self.comments.get("deep")
        return self.comments.get("not run") or (f"deep: {deep}" if deep else None)

    @property
    def runs(self) -> bool:
        """Whether the current test run runs it."""
        return self.reason is None or (DEEP and "not run" not in self.comments)

    @property
    def file(self) -> str | None:
        """The file to which it is written; None if its first line does not name a file."""
        named = FILE.match(self.text)
        return named and named["path"]

    def wrong(self, what: str) -> DocumentError:
        """Return an error with the place of the block."""
        return DocumentError(f"{self.place}: {what}")


def blocks_of(path: Path, name: str) -> list[Block]:
    """Return the code blocks of a document in their order, including those without a fence."""
    blocks: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    comments: dict[str, str] = {}
    in_list = False
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if opened := FENCE.match(line):
            start = number
            closing = re.compile(rf"^ *{opened['fence'][0]}{{{len(opened['fence'])},}}\s*$")
            while number < len(lines) and not closing.match(lines[number]):
                number += 1
            if number == len(lines):
                raise DocumentError(f"{name}:{start}: the fence is not closed.")
            indent = len(opened["indent"])
            text = "".join(f"{each[indent:] if each[:indent].isspace() else each}\n" for each in lines[start:number])
            number += 1
            blocks.append(Block(name, start, opened["language"], text, comments))
            comments = {}
        elif comment := COMMENT.match(line):
            comments = {**comments, comment["name"]: comment["value"]}
        elif comments:
            raise DocumentError(f"{name}:{number - 1}: the comment is not directly above a code block.")
        elif line.startswith(" " * (8 if in_list else 4)) and (number == 1 or not lines[number - 2].strip()):
            blocks.append(Block(name, number, "", f"{line.strip()}\n"))
        elif line and not line.startswith(" "):
            in_list = bool(LIST.match(line))
    if comments:
        raise DocumentError(f"{name}:{len(lines)}: the comment is not directly above a code block.")
    return blocks


def inline_code_of(path: Path) -> list[tuple[int, str]]:
    """Return the code in the lines of prose and tables, each with its line."""
    found = []
    fence = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if opened := FENCE.match(line):
            if fence is None:
                fence = opened["fence"]
            elif opened["fence"].startswith(fence):
                fence = None
        elif fence is None:
            found += [(number, code) for code in re.findall(r"`([^`]+)`", line)]
    return found
