"""`singletable infra`: CloudFormation templates, IAM policies, and the differences of a deployed table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.environment import settings_of, template_of
from singletable.cli.place import PlaceOptions, live_table, table_options
from singletable.cli.project import find_project
from singletable.errors import InfraError, RequestFailedError
from singletable.models.reading.targets import TableSender
from singletable.patterns import patterns_of

__all__ = ["infra_command"]


@click.group("infra")
def infra_command() -> None:
    """Generate templates and IAM policies, and detect drift."""


@infra_command.command("cloudformation", cls=Command)
@click.option("--environment", required=True, metavar="NAME", help="Environment: dev, staging or prod.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="standard output",
    help="File to write.",
)
def cloudformation_command(environment: str, out: Path | None) -> None:
    """Write the CloudFormation template of an environment.

    The same models and settings always give the same text, so that a diff of two templates shows the changes. Settings
    of all environments are in the section [singletable:infra] of setup.cfg, those of one environment in a section of
    its own:

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
    from singletable.infra.stack_template import as_text

    text = as_text(template)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InfraError(f"{out} cannot be written: {error.strerror}.", value=str(out)) from None
    click.echo(f"Wrote {out}.")


@infra_command.command("iam", cls=Command)
@click.option("--role", required=True, metavar="ROLE", help="Role: reader, writer, migrator or stream.")
@click.option("--environment", default="prod", metavar="NAME", help="Environment: dev, staging or prod.")
@click.option(
    "--tenant-tag", metavar="TAG", help="Tag of the caller with the name of the tenant whose items it may reach."
)
@click.option(
    "--tenant-attribute",
    "tenant_attributes",
    multiple=True,
    metavar="NAME",
    show_default="the name of the tag",
    help="Attribute that holds the tenant in keys. May be repeated.",
)
@click.option("--dax", metavar="CLUSTER", help="Name or ARN of a DAX cluster that a reader or a writer may use.")
@click.option(
    "--part", type=click.IntRange(min=1), metavar="N", help="Part of the policy to print, if it is too large for one."
)
@click.option("--region", default="*", help="Region of the table.")
@click.option("--account", default="*", help="Account of the table.")
def iam_command(part: int | None, **options: Any) -> None:
    """Write the IAM policy of a role.

    The policy allows the operations and indexes that the role uses, and no others. For a tenant's role, gaps are
    printed on standard error: access patterns that it cannot use, entities that it cannot write, and access that IAM
    cannot prevent.

    Declare the rights of the project's own code in setup.cfg, by role:

    \b
    [singletable:rights]
    stream =
        dynamodb:GetItem dynamodb:Query on {table}
        sns:Publish on arn:{partition}:sns:{region}:{account}:shop-events
    """
    documents, gaps = _policy(**options)
    role, count = options["role"], len(documents)
    if part is None and count > 1:
        raise InfraError(
            f"The policy of {role} is too large for one managed policy: it has {count} parts.",
            remedy=f"Print each with --part 1 to --part {count}, and attach all of them to the role.",
            value=str(count),
        )
    if part is not None and part > count:
        raise InfraError(
            f"The policy of {role} has no part {part}.", remedy=f"It has {counted(count, 'part')}.", value=str(part)
        )
    for gap in gaps:
        click.echo(gap, err=True)
    click.echo(json.dumps(documents[(part or 1) - 1], indent=2, ensure_ascii=False))


def _policy(
    role: str,
    environment: str,
    tenant_tag: str | None,
    tenant_attributes: tuple[str, ...],
    dax: str | None,
    region: str,
    account: str,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the policy documents of a role, and the gaps of a tenant's role."""
    from singletable.infra.aws_partitions import partition_of
    from singletable.infra.documents import split
    from singletable.infra.policies import ROLES, cluster_arn, make_role
    from singletable.infra.rights import read_rights
    from singletable.infra.tenants import Tenant

    project = find_project()
    table = project.load_table()
    if tenant_attributes and not tenant_tag:
        raise click.UsageError("--tenant-attribute needs --tenant-tag, to which the attribute is compared.")
    settings, partition = settings_of(project, table, environment), partition_of(region)
    tables = f"arn:{partition}:dynamodb:{region}:{account}:table/"
    table_arn = tables + settings.table_name
    values = {
        "table": table_arn,
        "partition": partition,
        "region": region,
        "account": account,
        "environment": environment,
    }
    made = make_role(
        table.describe(),
        patterns_of(table),
        role,
        table_arn,
        tenant=Tenant(tenant_tag, tenant_attributes or tenant_tag) if tenant_tag else None,
        control_arn=tables + project.control_table if project.control_table else None,
        rights=read_rights(project.rights, ROLES, values).get(role, ()),
        dax_arn=cluster_arn(dax, region, account) if dax else None,
        customer_key=settings.customer_key,
    )
    return list(split(made.statements)), [str(gap) for gap in made.gaps]


@infra_command.command(
    "diff", cls=Command, exit_codes={0: "The table matches the models.", 1: "There are differences."}
)
@table_options
def diff_command(place: PlaceOptions) -> None:
    """Compare the deployed table with the models.

    Prints each difference. Only describe calls are sent.
    """
    from singletable.infra.drift import differences

    table = find_project().load_table()
    with live_table(table, place):
        sender = TableSender(table)
        name = sender.table_name
        described = sender.send("DescribeTable", {"TableName": name})["Table"]
        try:
            ttl = sender.send("DescribeTimeToLive", {"TableName": name})["TimeToLiveDescription"]
        except RequestFailedError:
            ttl = None
        found = differences(table.describe(), described, ttl)
    console = make_console()
    for each in found:
        console.print(f"[yellow]{each}[/]")
    console.print(
        f"{name}: {counted(len(found), 'difference')}." if found else f"[bold green]{name} matches the models.[/]"
    )
    sys.exit(1 if found else 0)
