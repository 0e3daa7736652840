"""`singletable check`: find mistakes in the project's table and access patterns."""

from __future__ import annotations

import json
import sys

import click
from rich.markup import escape
from rich.padding import Padding

from singletable.check import RULES, Finding, Severity, check, declaration_finding
from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.project import find_project
from singletable.cli.shared_options import format_option
from singletable.errors import DeclarationError, InvalidValueError
from singletable.models import Table
from singletable.models.binding.table_names import require_length
from singletable.patterns import patterns_of

__all__ = ["check_command"]

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@click.command("check", cls=Command, exit_codes={0: "No errors.", 1: "There are errors; with --strict, or warnings."})
@format_option
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings also.")
def check_command(output_format: str, strict: bool) -> None:
    """Check the keys and the access patterns.

    Prints each finding with its rule, the reason and the remedy. List the findings that the project accepts in
    setup.cfg, each with a reason:

    \b
    [singletable:check]
    accept =
        ST203 User.by_status: a few hundred users, all of them staff
    """
    project = find_project()
    summary = ""
    try:
        table = project.load_table()
        findings = [*_name_findings(table), *check(table, project.accept)]
        description = table.describe()
        summary = (
            f"{description.name}: {counted(len(description.entities), 'entity', 'entities')},"
            f" {counted(len(description.indexes), 'index', 'indexes')},"
            f" {counted(len(patterns_of(table)), 'access pattern')}"
        )
    except DeclarationError as error:
        findings = [declaration_finding(error)]
        summary = "A class cannot be created, so nothing else was checked."
    if output_format == "json":
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False))
    else:
        _print(findings, summary)
    open_findings = [finding for finding in findings if finding.accepted is None]
    errors = [finding for finding in open_findings if finding.severity is Severity.ERROR]
    sys.exit(1 if errors or (strict and open_findings) else 0)


def _name_findings(table: type[Table]) -> list[Finding]:
    """Return a finding if only the embedded engine accepts the table's name."""
    try:
        require_length(table.Meta.table_name)
    except InvalidValueError as error:
        return [Finding(RULES["ST107"], table.__name__, error.what, remedy=error.remedy)]
    return []


def _print(findings: list[Finding], summary: str) -> None:
    console = make_console()
    for finding in findings:
        if finding.accepted is not None:
            continue
        color = _COLORS[finding.severity]
        console.print(
            f"[bold {color}]{finding.severity.value} {finding.rule.id}[/] {finding.rule.title}:"
            f" [bold]{escape(finding.where)}[/]"
        )
        for label, text in (
            ("", finding.message),
            ("why: ", finding.rule.reason),
            ("do:  ", finding.remedy or finding.rule.remedy),
        ):
            console.print(Padding(f"[dim]{label}[/]{escape(text)}", (0, 0, 0, 4), expand=False))
        console.print()
    accepted = [finding for finding in findings if finding.accepted is not None]
    for finding in accepted:
        console.print(
            f"[dim]accepted {finding.rule.id} {finding.rule.title}: {escape(finding.where)}"
            f" ({escape(finding.accepted or '')})[/]"
        )
    errors = sum(finding.severity is Severity.ERROR for finding in findings if finding.accepted is None)
    warnings = len(findings) - len(accepted) - errors
    if summary:
        console.print(summary)
    verdict = "[bold green]No problems.[/]"
    if errors + warnings:
        verdict = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}."
    console.print(verdict + (f" {len(accepted)} accepted." if accepted else ""))
