"""The help of the commands: sections, summaries, options that mean the same everywhere, and defaults."""

import re

import click
import pytest

from singletable.cli import main
from singletable.cli.commands import Command
from singletable.cli.metrics_output import sparkline
from tests.framework.infra.test_commands import here


def leaves(group, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves(main))
NAMED = [pytest.param(command, id=" ".join(path)) for path, command in COMMANDS.items()]


def options(name):
    """The options with a name, of all commands."""
    return [each for command in COMMANDS.values() for each in command.params if name in each.opts]


def test_every_command_is_in_one_section():
    """The sections list each command of the group once."""
    listed = [command.name for commands in main.sections.values() for command in commands]
    assert sorted(main.commands) == sorted(listed)


@pytest.mark.parametrize("group", [(), ("infra",), ("streams",)])
def test_summaries_fit_one_line(group):
    """At 80 columns, each command has one line, with its whole summary."""
    done = here(*group, "--help", COLUMNS="80")
    commands = (
        {"infra": main.commands["infra"], "streams": main.commands["streams"]}.get(*group, main) if group else main
    )
    assert "..." not in done.stdout.replace("[ARGS]...", "")
    lines = done.stdout.splitlines()
    for name, command in commands.commands.items():
        summary = command.help.split("\n\n")[0]
        assert [f"  {name}", summary] == next(
            re.split(r" {2,}(?=[A-Z])", each) for each in lines if f"  {name} " in each
        )


@pytest.mark.parametrize("command", NAMED)
def test_every_command_documents_its_exit_codes(command):
    """Code 0 for success, code 2 for errors."""
    assert isinstance(command, Command)
    assert {0, 2} <= set(command.exit_codes)


@pytest.mark.parametrize("command", NAMED)
def test_defaults_are_shown_by_click(command):
    """No help text contains a default in brackets; every option has a help text."""
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help
            assert not re.search(r"\[|default", option.help, re.IGNORECASE), option.help


def test_defaults_are_shown():
    """Those that click knows, and those that are text."""
    text = " ".join(here("migrate", "--help").stdout.split())
    for words in ("[default: 4; x>=1]", "[default: (price in us-east-1)]", "[default: (Meta.table_name)]"):
        assert words in text


def test_one_option_for_the_format():
    """`--format` is the same in all commands; no command has `--json`."""
    formats = {(option.name, tuple(option.type.choices), option.default) for option in options("--format")}
    assert {("output_format", ("text", "json"), "text")} == formats
    assert [] == options("--json")


@pytest.mark.parametrize(
    "name", ["--rate", "--yes", "--accept-edited", "--redrive", "--show-personal", "--data", "--table"]
)
def test_an_option_means_the_same_in_all_commands(name):
    """Its type, its metavar and its help; `quarantine --redrive` lists the rest afterwards."""
    found = [each for each in options(name) if not (name == "--redrive" and each.help.startswith("First"))]
    assert len(found) > 1
    assert 1 == len({(each.name, repr(each.type), each.metavar, each.help) for each in found})


# --- sparklines -----------------------------------------------------------------------


def test_a_sparkline_shows_gaps_and_zeros():
    """From 0 to the highest value; a space where there is no value."""
    assert "▁▅ █" == sparkline([0.0, 5.0, None, 10.0])
    assert "▁▁" == sparkline([0.0, 0.0])
    assert "" == sparkline([])


def test_a_bar_of_a_narrow_sparkline_is_the_highest_of_its_points():
    """A peak is never lost; a gap remains only if all points are missing."""
    assert "█ ▂" == sparkline([1.0, 8.0, None, None, 1.0], 2)
