"""The options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = [
    "accept_edited_option",
    "accept_quarantine_option",
    "data_option",
    "format_option",
    "rate_option",
    "redrive_option",
    "sample_option",
    "show_personal_option",
    "yes_option",
]

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)

rate_option = click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="UNITS",
    help="Maximum capacity units per second, each for the table's reads, its writes, and the writes of each index.",
)

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")

accept_edited_option = click.option(
    "--accept-edited",
    is_flag=True,
    help="Continue although a migration script was edited after it was begun or applied.",
)

accept_quarantine_option = click.option(
    "--accept-quarantine", is_flag=True, help="Complete the migration although items are quarantined."
)

redrive_option = click.option("--redrive", is_flag=True, help="Try quarantined items again.")

show_personal_option = click.option(
    "--show-personal", is_flag=True, help="Print keys in full, including personal values."
)

sample_option = click.option(
    "--sample", metavar="NAME", show_default="the first in setup.cfg", help="Sample of the project to load."
)

data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with the files of the sample.",
)
