"""The `singletable` command: its subcommands by task, and errors as one line with a remedy, without a traceback."""

from __future__ import annotations

import sys
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

import singletable
from singletable.cli.abort import abort_command
from singletable.cli.adopt import adopt_command
from singletable.cli.check import check_command
from singletable.cli.commands import SectionedGroup
from singletable.cli.cost import cost_command
from singletable.cli.demo import demo_command
from singletable.cli.deploy import deploy_command
from singletable.cli.infra import infra_command
from singletable.cli.init import init_command
from singletable.cli.makemigrations import makemigrations_command
from singletable.cli.metrics import metrics_command
from singletable.cli.migrate import migrate_command
from singletable.cli.quarantine import quarantine_command
from singletable.cli.rollback import rollback_command
from singletable.cli.stamp import stamp_command
from singletable.cli.status import status_command
from singletable.cli.streams import streams_command
from singletable.cli.unlock import unlock_command
from singletable.cli.verify import verify_command
from singletable.errors import MigrationError, MigrationPausedError, MigrationStoppedError, SingletableError
from singletable.requests.sending import translate_any

__all__ = ["main"]

_CODES = ((MigrationPausedError, 3), (MigrationStoppedError, 1))
"""Exit codes of errors other than 2."""


class _Commands(SectionedGroup):
    """The subcommands. An error of any of them is printed, and sets the exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except SingletableError as error:
            _fail(error)
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            _fail(translate_any(error))


def _fail(error: SingletableError) -> None:
    paused = isinstance(error, MigrationPausedError)
    click.secho(error.what if paused else f"Error: {error.what}", fg=None if paused else "red", err=True)
    if isinstance(error, MigrationError) and error.place:
        click.echo(f"       {error.place}", err=True)
    if error.remedy:
        click.echo(f"       {error.remedy}", err=True)
    sys.exit(next((code for kind, code in _CODES if isinstance(error, kind)), 2))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(singletable.__version__, prog_name="singletable")
def main() -> None:
    """Single-table modeling for DynamoDB.

    Run it in a folder whose setup.cfg has a [singletable] section, or in a folder below it.
    """


main.add_section("Start", init_command, demo_command)
main.add_section("Design", check_command, cost_command)
main.add_section("Deploy", infra_command, deploy_command)
main.add_section(
    "Migrate",
    makemigrations_command,
    migrate_command,
    status_command,
    verify_command,
    quarantine_command,
    rollback_command,
)
main.add_section("Correct the history of migrations", stamp_command, abort_command, adopt_command, unlock_command)
main.add_section("Operate", metrics_command, streams_command)
