"""The group of all commands, and how faults are told: one line and the remedy, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

import singletable
from singletable.cli.check import check_command
from singletable.cli.demo import demo_command
from singletable.cli.init import init_command
from singletable.errors import SingletableError
from singletable.requests.sending import translate_any

__all__ = ["main"]


class _Commands(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except SingletableError as error:
            _fail(error)
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            _fail(translate_any(error))


def _fail(error: SingletableError) -> None:
    click.secho(f"Error: {error.what}", fg="red", err=True)
    if error.remedy:
        click.echo(f"       {error.remedy}", err=True)
    sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(singletable.__version__, prog_name="singletable")
def main() -> None:
    """Single-table modelling for DynamoDB. Run it in a folder whose setup.cfg has a [singletable] section."""


main.add_command(check_command)
main.add_command(demo_command)
main.add_command(init_command)
