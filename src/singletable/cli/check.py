"""`singletable check`: what is wrong with the project's table and access patterns."""

from __future__ import annotations

import json
import sys

import click
from rich.markup import escape
from rich.padding import Padding

from singletable.check import RULES, Finding, Severity, check, declaration_finding
from singletable.cli.console import counted, make_console
from singletable.cli.project import find_project
from singletable.errors import DeclarationError, InvalidValueError
from singletable.models import Table
from singletable.models.binding.table_names import require_length
from singletable.patterns import patterns_of

__all__ = ["check_command"]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@click.command("check")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print findings.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings, too.")
def check_command(form: str, strict: bool) -> None:
    """Check the table and its access patterns.

    Exit code 0 if there is no error, 1 if there is. Findings that the project lives with are listed in
    setup.cfg, each with the reason:

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
    if form == "json":
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False))
    else:
        _print(findings, summary)
    open_findings = [finding for finding in findings if finding.accepted is None]
    errors = [finding for finding in open_findings if finding.severity is Severity.ERROR]
    sys.exit(1 if errors or (strict and open_findings) else 0)


def _name_findings(table: type[Table]) -> list[Finding]:
    """Return a finding if the table's name is valid on the embedded engine only."""
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
        colour = _COLOURS[finding.severity]
        console.print(
            f"[bold {colour}]{finding.severity.value} {finding.rule.id}[/] {finding.rule.title}:"
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
