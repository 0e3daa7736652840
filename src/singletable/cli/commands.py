"""The click classes of the command line: a command with exit codes, and a group whose list has sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

__all__ = ["ERROR", "Command", "PlaceOption", "SectionedGroup"]

ERROR = "Error. Standard error has the message and the remedy."
"""The meaning of exit code 2 of every command."""


class PlaceOption(click.Option):
    """An option that names the place of the table. Help lists these options in a section of their own."""


class Command(click.Command):
    """A command whose help lists its exit codes.

    Args:
        exit_codes: The meaning of each exit code, without code 2. By default: 0 for success.
        **settings: The parameters of `click.Command`.
    """

    def __init__(self, *arguments: Any, exit_codes: Mapping[int, str] | None = None, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.exit_codes = dict(sorted({**(exit_codes or {0: "Success."}), 2: ERROR}.items()))

    def options_and_place(self) -> tuple[list[click.Option], list[PlaceOption]]:
        """Return the command's own options, and the options of the table's place."""
        options = [each for each in self.params if isinstance(each, click.Option)]
        place = [each for each in options if isinstance(each, PlaceOption)]
        return [each for each in options if not isinstance(each, PlaceOption)], place

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, those of the table's place, and the exit codes."""
        own, place = self.options_and_place()
        help_option = self.get_help_option(ctx)
        if help_option is not None:
            own.append(help_option)
        for title, options in (("Options", own), ("Options of the table", place)):
            rows = [row for row in (each.get_help_record(ctx) for each in options) if row is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in self.exit_codes.items()])


class SectionedGroup(click.Group):
    """A group whose help lists the commands by section, in the order in which they were added."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections: dict[str, list[click.Command]] = {}

    def add_section(self, title: str, *commands: click.Command) -> None:
        """Add commands under a title."""
        self.sections[title] = list(commands)
        for command in commands:
            self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each title."""
        names = [str(command.name) for commands in self.sections.values() for command in commands]
        width = max(map(len, names), default=0)
        # As click does it: a section is indented by two columns, and two more separate a name from its summary.
        limit = formatter.width - width - 6
        for title, commands in self.sections.items():
            with formatter.section(title):
                rows = [(str(each.name).ljust(width), each.get_short_help_str(limit)) for each in commands]
                formatter.write_dl(rows)
