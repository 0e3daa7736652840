"""`singletable infra`: templates, policies, and how a deployed table differs from its models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from singletable.cli.engines import Place, live_table, table_options
from singletable.cli.project import Project, find_project
from singletable.cli.words import counted, make_console
from singletable.errors import InfraError, RequestFailed
from singletable.models import Table
from singletable.models.targets import TableSender
from singletable.patterns import patterns_of

if TYPE_CHECKING:
    from troposphere import Template

    from singletable.infra.settings import Settings

__all__ = ["infra_command", "settings_of", "template_of"]


@click.group("infra")
def infra_command() -> None:
    """Infrastructure from the models: templates, policies, drift."""


def settings_of(project: Project, table: type[Table], environment: str) -> Settings:
    """The settings of an environment, as setup.cfg says them."""
    from singletable.infra.settings import read_settings

    return read_settings(environment, table.bound().table_name, project.infra, table.describe().stream)


def template_of(table: type[Table], settings: Settings) -> Template:
    """The template of an environment.

    Raises:
        InfraError: troposphere is not installed.
    """
    try:
        from singletable.infra.template import make_template
    except ModuleNotFoundError as error:
        raise InfraError(
            f"The module {error.name} is missing.", remedy="Install it: pip install 'singletable[infra]'."
        ) from None
    return make_template(table.describe(), settings)


@infra_command.command("cloudformation")
@click.option("--environment", required=True, metavar="NAME", help="dev, staging or prod.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.  [standard output]")
def cloudformation_command(environment: str, out: Path | None) -> None:
    """Write the CloudFormation template of an environment.

    The same models and settings give the same text, so that a diff of two templates shows what changes. Settings are
    in setup.cfg, those of one environment in a section of its own:

    \b
    [singletable:infra]
    tags =
        owner = shop
    [singletable:infra:prod]
    index_units =
        GSI1 = 200/50
    """
    project = find_project()
    table = project.load_table()
    template = template_of(table, settings_of(project, table, environment))
    from singletable.infra.template import as_text

    text = as_text(template)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InfraError(f"{out} cannot be written: {error.strerror}.", value=str(out)) from None
    click.echo(f"Wrote {out}.")


@infra_command.command("iam")
@click.option("--role", required=True, metavar="ROLE", help="reader, writer, migrator or stream.")
@click.option("--environment", default="prod", show_default=True, metavar="NAME", help="dev, staging or prod.")
@click.option("--tenant-tag", metavar="TAG", help="The caller's tag that says whose items it may reach.")
@click.option("--tenant-attribute", metavar="NAME", help="The attribute that stands in keys.  [named as the tag]")
@click.option("--region", default="*", show_default=True, help="The table's region.")
@click.option("--account", default="*", show_default=True, help="The table's account.")
def iam_command(
    role: str,
    environment: str,
    tenant_tag: str | None,
    tenant_attribute: str | None,
    region: str,
    account: str,
) -> None:
    """Write the IAM policy of a role: the operations and indexes that the access patterns use, and no others."""
    from singletable.infra.policies import Tenant, policy

    project = find_project()
    table = project.load_table()
    if tenant_attribute and not tenant_tag:
        raise click.UsageError("--tenant-attribute says what --tenant-tag is compared with: give that, too.")
    tables = f"arn:aws:dynamodb:{region}:{account}:table/"
    document = policy(
        table.describe(),
        patterns_of(table),
        role,
        tables + settings_of(project, table, environment).table_name,
        Tenant(tenant_tag, tenant_attribute or tenant_tag) if tenant_tag else None,
        tables + project.control_table if project.control_table else None,
    )
    click.echo(json.dumps(document, indent=2))


@infra_command.command("diff")
@table_options
def diff_command(place: Place) -> None:
    """Say how the deployed table differs from the models.

    Exit code 0 if it does not, 1 if it does. Only describe calls are sent.
    """
    from singletable.infra.drift import differences

    table = find_project().load_table()
    with live_table(table, place):
        sender = TableSender(table)
        name = sender.table_name
        described = sender.send("DescribeTable", {"TableName": name})["Table"]
        try:
            ttl = sender.send("DescribeTimeToLive", {"TableName": name})["TimeToLiveDescription"]
        except RequestFailed:
            ttl = None
        found = differences(table.describe(), described, ttl)
    console = make_console()
    for each in found:
        console.print(f"[yellow]{each}[/]")
    console.print(
        f"{name}: {counted(len(found), 'difference')}." if found else f"[bold green]{name} is as the models say.[/]"
    )
    sys.exit(1 if found else 0)
