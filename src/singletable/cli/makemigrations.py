"""`singletable makemigrations`: write a script for changes of the models that no migration contains."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from singletable.cli.commands import Command
from singletable.cli.project import find_project
from singletable.migrations import Graph, state_of
from singletable.migrations.autodetector import Detected, detect
from singletable.migrations.writer import next_name, script_text, unique_name, write_script

__all__ = ["makemigrations_command"]


@click.command("makemigrations", cls=Command, exit_codes={0: "Success.", 1: "With --check: a migration is missing."})
@click.option("--name", metavar="NAME", show_default="derived from the operations", help="Name of the migration.")
@click.option("--check", is_flag=True, help="Write nothing. Exit with 1 if a migration is missing.")
@click.option("--dry-run", is_flag=True, help="Print the script, and write nothing.")
@click.option("--empty", is_flag=True, help="Write a script without operations, to be completed by hand.")
@click.option("--merge", is_flag=True, help="Write a script that depends on all heads of the history.")
def makemigrations_command(name: str | None, check: bool, dry_run: bool, empty: bool, merge: bool) -> None:
    """Write a migration script for changed models.

    Compares the models with the history of migrations. No table is read or changed. If an attribute may have been
    renamed, the command asks; without a terminal it chooses the answer that changes no item, and prints a note.
    """
    if sum((check, empty, merge)) > 1:
        raise click.UsageError("--check, --empty and --merge exclude each other.")
    project = find_project()
    graph = project.load_migrations()
    folder = project.migrations_folder
    if merge:
        _merge(graph, folder, name, dry_run=dry_run)
        return
    graph.check_heads()
    if empty:
        _write(folder, next_name(graph, name or "empty"), graph.heads, Detected((), ()), dry_run=dry_run)
        return
    # Without a terminal for input and output, a question would get no answer.
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not check
    found = detect(graph.state, state_of(project.load_table().describe()), click.confirm if asks else None)
    if not found.operations:
        click.echo("No changes: the history matches the models.")
        return
    if check:
        click.echo("The models have changed, and no migration contains the changes:")
        for operation in found.operations:
            click.echo(f"  {operation.describe()}")
        click.echo("Write it: singletable makemigrations")
        sys.exit(1)
    script = next_name(graph, name or unique_name(found.operations))
    _write(folder, script, graph.heads, found, dry_run=dry_run)


def _merge(graph: Graph, folder: Path, name: str | None, *, dry_run: bool) -> None:
    if len(graph.heads) < 2:
        click.echo("Nothing to merge: the history has one head.")
        return
    _write(folder, next_name(graph, name or "merge"), graph.heads, Detected((), ()), dry_run=dry_run)


def _write(folder: Path, name: str, depends_on: list[str], found: Detected, *, dry_run: bool) -> None:
    text = script_text(name, depends_on, found.operations)
    if dry_run:
        click.echo(text, nl=False)
    else:
        click.echo(f"Wrote {_relative(write_script(folder, name, text))}:")
        for operation in found.operations:
            click.echo(f"  {operation.describe()}")
    for note in found.notes:
        click.secho(f"Note: {note}", fg="yellow", err=True)
    if not dry_run:
        click.echo("Read the script, edit it if necessary, then run: singletable migrate --plan")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
