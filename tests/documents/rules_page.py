"""The tables of `docs/reference/rules.md`, written from `singletable.check.RULES`.

`python -m tests.documents.rules_page` writes them into the page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from singletable.check import RULES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"
BEGIN = "<!-- The rules are written by `python -m tests.documents.rules_page`. -->\n"
END = "<!-- End of the rules. -->\n"


def rules_text() -> str:
    """Return the rules as they are in the page, with their markers: a table, then the reason and remedy of each."""
    table = [
        "| id | rule | severity |",
        "|---|---|---|",
        *(f"| {rule.id} | {rule.title} | {rule.severity.value} |" for rule in RULES.values()),
    ]
    return "\n".join([BEGIN, *table, "", "## Reasons and remedies", "", *_entries(), END])


def _entries() -> Iterator[str]:
    for rule in RULES.values():
        # Double signs are markup in Markdown, as in `__init__`.
        title, reason, remedy = (
            each.replace("__", r"\_\_").replace("**", r"\*\*") for each in (rule.title, rule.reason, rule.remedy)
        )
        text = f"**{rule.id}, {title}.** {reason} *Remedy*: {remedy}"
        yield textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
        yield ""


def main() -> None:
    """Write the rules into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + rules_text() + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
