"""The commands of `docs/reference/command-line.md`, from the definitions of the commands.

`python -m tests.documents.command_line` writes them into the page. The introduction above `MARKER` is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import click

from singletable.cli import main
from singletable.cli.commands import ERROR, Command, SectionedGroup

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
MARKER = "<!-- The rest of this page is written by `python -m tests.documents.command_line`. -->"
WIDTH = 120
CODE = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|\[[a-z][a-z:]*\]|setup\.cfg|Meta(?:\.\w+)?\b)")
"""Options, sections and names in prose that are shown as code."""


def page(text: str) -> str:
    """Return the page with an introduction that is kept, and with all commands as they are defined."""
    introduction, mark, _ = text.partition(MARKER)
    assert mark, f"{PAGE} has no line {MARKER}"
    return f"{introduction}{MARKER}\n\n" + "\n".join(_lines(main))


def _lines(group: SectionedGroup) -> Iterator[str]:
    yield from _overview(group)
    yield "## Options of the table"
    yield ""
    yield "Commands that use a table take these options."
    yield ""
    yield from _options(_shared(group))
    yield ""
    yield "## Exit codes"
    yield ""
    yield "Every command exits with 0 on success, and with 2 on an error. Other codes are listed below."
    yield ""
    for title, commands in group.sections.items():
        yield f"## {title}"
        yield ""
        for command in commands:
            yield from _command(command, f"singletable {command.name}", _shared(group))


def _overview(group: SectionedGroup) -> Iterator[str]:
    """Yield a table of all commands with their summaries."""
    yield "## Commands"
    yield ""
    yield "| task | command | purpose |"
    yield "|---|---|---|"
    for title, commands in group.sections.items():
        for number, command in enumerate(commands):
            link = f"[`{command.name}`](#singletable-{command.name})"
            yield f"| {'' if number else title} | {link} | {_summary(command)} |"
    yield ""


def _command(command: click.Command, path: str, shared: list[click.Option], level: int = 3) -> Iterator[str]:
    """Yield the section of a command, and those of its subcommands."""
    yield f"{'#' * level} {path}"
    yield ""
    yield _summary(command)
    yield ""
    if not isinstance(command, click.Group):
        with click.Context(command, info_name=path) as context:
            yield f"Usage: `{path} {' '.join(command.collect_usage_pieces(context))}`"
        yield ""
    yield from _description(command)
    if isinstance(command, click.Group):
        for name, each in sorted(command.commands.items()):
            yield from _command(each, f"{path} {name}", shared, level + 1)
        return
    assert isinstance(command, Command), f"{path} is not a Command, so that its exit codes are unknown"
    own, place = command.options_and_place()
    own += [each for each in place if each.name not in {one.name for one in shared}]
    if own:
        yield from _options(own)
        yield ""
    if place:
        yield "It also takes the [options of the table](#options-of-the-table)."
        yield ""
    codes = {code: meaning for code, meaning in command.exit_codes.items() if meaning != ERROR}
    if list(codes) != [0]:
        yield "| exit code | meaning |"
        yield "|---|---|"
        yield from (f"| {code} | {_marked(meaning)} |" for code, meaning in codes.items())
        yield ""


def _description(command: click.Command) -> Iterator[str]:
    """Yield the paragraphs of a command's help after its summary.

    A paragraph with the mark `\\b` has lines of setup.cfg, or examples.
    """
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n")[1:]:
        lines = paragraph.splitlines()
        if lines[0] != "\b":
            yield fill(_marked(" ".join(lines)), WIDTH, break_long_words=False, break_on_hyphens=False)
        elif lines[1].startswith("["):
            yield from ("```ini", *lines[1:], "```")
        else:
            yield from (f"- `{line}`" for line in lines[1:])
        yield ""


def _shared(group: click.Group) -> list[click.Option]:
    """Return the options of the table that more than one command takes."""
    found: dict[str, list[click.Option]] = {}
    for command in _leaves(group):
        for each in command.options_and_place()[1]:
            found.setdefault(str(each.name), []).append(each)
    return [options[0] for options in found.values() if len(options) > 1]


def _leaves(group: click.Group) -> Iterator[Command]:
    for each in group.commands.values():
        if isinstance(each, click.Group):
            yield from _leaves(each)
        elif isinstance(each, Command):
            yield each


def _options(options: list[click.Option]) -> Iterator[str]:
    """Yield a table of options, with a column of defaults if any of them has one."""
    defaults = [_default(each) for each in options]
    yield f"| option | meaning |{' default |' if any(defaults) else ''}"
    yield f"|---|---|{'---|' if any(defaults) else ''}"
    for option, default in zip(options, defaults, strict=True):
        text = _marked(" ".join((option.help or "").split())).replace("|", "\\|")
        required = " Required." if option.required else ""
        yield f"| {_name(option)} | {text}{required} |{f' {default} |' if any(defaults) else ''}"


def _name(option: click.Option) -> str:
    """Return an option's name with its value: `--rows N`, `--format text|json`."""
    value = option.metavar or ""
    if isinstance(option.type, click.Choice):
        value = "\\|".join(map(str, option.type.choices))
    elif not option.is_flag and not value:
        value = "TEXT"
    return f"`{f'{option.opts[0]} {value}'.strip()}`"


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return _marked(option.show_default)
    shown = isinstance(option.default, (str, int, float)) and not option.is_flag
    return f"`{option.default}`" if shown else ""


def _summary(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0]


def _marked(text: str) -> str:
    """Return prose with options, sections and names as code."""
    parts = re.split(r"(`[^`]*`)", text)
    for number in range(0, len(parts), 2):
        parts[number] = CODE.sub(r"`\1`", parts[number])
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
