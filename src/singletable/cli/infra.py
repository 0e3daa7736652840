"""`singletable infra`: templates, policies, and how a deployed table differs from its models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from singletable.cli.console import counted, make_console
from singletable.cli.environment import settings_of, template_of
from singletable.cli.place import Place, live_table, table_options
from singletable.cli.project import find_project
from singletable.errors import InfraError, RequestFailed
from singletable.models.reading.targets import TableSender
from singletable.patterns import patterns_of

if TYPE_CHECKING:
    pass

__all__ = ["infra_command"]


@click.group("infra")
def infra_command() -> None:
    """Infrastructure from the models: templates, policies, drift."""


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
@click.option("--tenant-tag", metavar="TAG", help="Tag of the caller that names the tenant whose items it may reach.")
@click.option(
    "--tenant-attribute",
    "tenant_attributes",
    multiple=True,
    metavar="NAME",
    help="Attribute that holds the tenant in keys; may be repeated.  [named as the tag]",
)
@click.option("--dax", metavar="CLUSTER", help="Name or ARN of a DAX cluster that a reader or a writer may use.")
@click.option("--part", type=click.IntRange(min=1), metavar="N", help="Print part N of a policy that is too large.")
@click.option("--region", default="*", show_default=True, help="The table's region.")
@click.option("--account", default="*", show_default=True, help="The table's account.")
def iam_command(
    role: str,
    environment: str,
    tenant_tag: str | None,
    tenant_attributes: tuple[str, ...],
    dax: str | None,
    part: int | None,
    region: str,
    account: str,
) -> None:
    """Write the IAM policy of a role: the operations and indexes that it uses, and no others.

    Gaps of a tenant's role are printed on standard error: access patterns that it cannot ask, entities that it cannot
    write, and holes that IAM leaves open.

    Rights of the project's own code are in setup.cfg, by role:

    \b
    [singletable:rights]
    stream =
        dynamodb:GetItem dynamodb:Query on {table}
        sns:Publish on arn:{partition}:sns:{region}:{account}:shop-events
    """
    from singletable.infra.documents import split
    from singletable.infra.partitions import partition_of
    from singletable.infra.policies import ROLES, cluster_arn, make_role
    from singletable.infra.rights import read_rights
    from singletable.infra.tenants import Tenant

    project = find_project()
    table = project.load_table()
    if tenant_attributes and not tenant_tag:
        raise click.UsageError("--tenant-attribute says what --tenant-tag is compared with: give that, too.")
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
    documents = split(made.statements)
    if part is None and len(documents) > 1:
        raise InfraError(
            f"The policy of {role} is too large for one managed policy: it has {len(documents)} parts.",
            remedy=f"Print each with --part 1 to --part {len(documents)}, and attach all of them to the role.",
            value=str(len(documents)),
        )
    if part is not None and part > len(documents):
        raise InfraError(
            f"The policy of {role} has no part {part}.",
            remedy=f"It has {counted(len(documents), 'part')}.",
            value=str(part),
        )
    for gap in made.gaps:
        click.echo(str(gap), err=True)
    click.echo(json.dumps(documents[(part or 1) - 1], indent=2, ensure_ascii=False))


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
