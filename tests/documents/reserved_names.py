"""The list of reserved names in `docs/reference/declaring.md`, written from the code that refuses them.

`python -m tests.documents.reserved_names` writes the list into the page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from singletable import Key, Table
from singletable.models.schema.names import OPTIONS, PARAMETERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "declaring.md"
BEGIN = "<!-- This list is written by `python -m tests.documents.reserved_names`. -->\n"
END = "<!-- End of the list. -->\n"


class _SampleTable(Table):
    class Meta:
        table_name = "sample"


class _Sample(_SampleTable, discriminator="SAMPLE"):
    key = Key(pk="SAMPLE", sk="SAMPLE")


def reserved_names() -> dict[str, list[str]]:
    """Return the public names that no attribute, key or expiry of an entity can have, by the reason."""
    groups = {
        "Names of the keys and the type": ["key", "pk", "sk", "entity_type"],
        "Parameters of the constructor or of `update()`": list(PARAMETERS),
        "Options of the methods that take attributes by name": list(OPTIONS),
    }
    others = {name for names in groups.values() for name in names}
    members = {*dir(Table), *vars(_Sample())}
    groups["Methods and fields of `Table`"] = [
        name for name in members if not name.startswith("_") and name not in others
    ]
    return {reason: sorted(names) for reason, names in groups.items()}


def list_text() -> str:
    """Return the list as it is in the page, with its markers."""
    lines = (_line(f"- **{reason}**: {_joined(names)}.") for reason, names in reserved_names().items())
    return "\n".join([BEGIN, *lines, "", END])


def _joined(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _line(text: str) -> str:
    return textwrap.fill(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Write the list into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + list_text() + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
