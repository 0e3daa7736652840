"""`singletable demo`: load a sample, run every access pattern on it, and migrate a live table."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.demo_migration import demonstrate_migration
from singletable.cli.demo_output import Answer, DemoOutcome, print_outcome, print_summary
from singletable.cli.place import PlaceOptions, fresh_table, place_options
from singletable.cli.project import find_project, users_code
from singletable.cli.shared_options import data_option, sample_option
from singletable.errors import (
    CredentialsMissingError,
    EndpointUnreachableError,
    PatternError,
    ProjectError,
    RequestFailedError,
    SingletableError,
)
from singletable.models import Table
from singletable.models.items.item import key_of
from singletable.models.schema.table_schema import table_schema
from singletable.patterns import AccessPattern, draw_arguments, patterns_of, requests_of
from singletable.requests import measure
from singletable.requests.batch_requests import identity
from singletable.testing.oracle import agrees

__all__ = ["demo_command", "sample_entities"]


@click.command(
    "demo",
    cls=Command,
    exit_codes={0: "All answers are correct.", 1: "An answer is wrong, or a pattern cannot be run."},
)
@sample_option
@data_option
@click.option("--rows", type=click.IntRange(0), metavar="N", default=3, help="Number of rows to print of each answer.")
@click.option("--no-migrations", is_flag=True, help="Leave out the second part, which migrates a live table.")
@click.option("--keep", is_flag=True, help="Do not delete the table on the server at the end.")
@place_options
def demo_command(
    place: PlaceOptions, sample: str | None, data: Path | None, rows: int, no_migrations: bool, keep: bool
) -> None:
    """Load a sample and run every access pattern on it.

    The sample is loaded into a new table, which is deleted at the end; a table that exists is refused. Arguments of
    each pattern are drawn from the sample: a parameter takes a value of the attribute with its name, or of the
    attribute that `parameters=` names. Each answer is compared with the expected one, which is computed from the
    sample's entities without keys.

    On the embedded engine, a second part follows: a table in the state after the project's first migration is migrated
    to the last one while the new models write to it; then it is verified, and every access pattern is run again.
    """
    if keep and place.ends_with_command:
        raise click.UsageError(
            f"The table on {place.engine} is lost when the demo ends. Use --keep with --endpoint-url or with"
            " --engine dynamodb."
        )
    project = find_project()
    table = project.load_table()
    name, function = project.load_sample(sample)
    console = make_console()
    patterns = patterns_of(table)
    if not patterns:
        raise ProjectError(
            "The project has no access patterns.", remedy="Decorate functions with @access_pattern in patterns/."
        )
    entities = sample_entities(name, function, data)
    console.print(f"[bold]{table.__name__}[/]: one table on {place.description}.")
    with fresh_table(table, place, keep=keep):
        _load(console, table, name, entities)
        outcomes = []
        for pattern in patterns:
            outcome = _ask(pattern, entities)
            print_outcome(console, outcome, rows)
            outcomes.append(outcome)
        print_summary(console, outcomes, estimated=not place.metered)
    right = all(outcome.right for outcome in outcomes)
    graph = (
        project.load_migrations() if project.migrations and place.engine == "embedded" and not no_migrations else None
    )
    if graph is not None and len(graph.order) > 1:
        right &= demonstrate_migration(
            console, table, graph, entities, lambda known: [_ask(each, known) for each in patterns]
        )
    sys.exit(0 if right else 1)


def sample_entities(name: str, function: Callable[..., Any], data: Path | None) -> list[Table]:
    """Return the entities of a sample.

    Args:
        name: The sample's name.
        function: The function that yields its entities.
        data: The folder with its files; None for a sample without files.

    Raises:
        ProjectError: The sample and `--data` do not fit, the function fails, it yields no entities or other objects, or
            two entities have the same key.
    """
    parameters = inspect.signature(function).parameters
    wants_data = "data" in parameters
    if data is not None and not wants_data:
        raise ProjectError(f"The sample {name!r} does not take --data.", value=name)
    if data is None and wants_data and parameters["data"].default is inspect.Parameter.empty:
        raise ProjectError(
            f"The sample {name!r} is read from files.", remedy="Name their folder: --data DIR.", value=name
        )
    with users_code(f"The sample {name!r} cannot be read"):
        entities = list(function(data=data) if wants_data and data is not None else function())
    foreign = next((entity for entity in entities if not isinstance(entity, Table)), None)
    if foreign is not None or not entities:
        yields = f"something of type {type(foreign).__name__}" if entities else "nothing"
        raise ProjectError(f"The sample {name!r} yields {yields}.", remedy="Yield entities of the table.", value=name)
    _refuse_twins(name, entities)
    return entities


def _refuse_twins(name: str, entities: list[Table]) -> None:
    """Raise an error if two entities have the same key: only one item would be stored, and answers would seem wrong."""
    seen: Counter[tuple[str, ...]] = Counter()
    for entity in entities:
        with users_code(f"The sample {name!r} yields an entity that cannot be stored"):
            entity.serialize()
        key = identity(key_of(entity), table_schema(entity).layout.primary)
        seen[key] += 1
        if seen[key] > 1:
            raise ProjectError(f"The sample {name!r} yields {entity!r} twice.", value=name)


def _load(console: Console, table: type[Table], name: str, entities: list[Table]) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("items"),
        TimeElapsedColumn(),
    )
    with measure() as usage, Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Loading {name}", total=len(entities))
        for written in table.put_all(entities):
            progress.advance(task, written)
    kinds = Counter(type(entity).__name__ for entity in entities)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    console.print(
        f"Loaded [bold]{len(entities):,}[/] items of the sample [bold]{name}[/]"
        f" in {counted(usage.requests, 'request')}: {counts}.\n"
    )


def _ask(pattern: AccessPattern[..., Any], entities: Sequence[Table]) -> DemoOutcome:
    try:
        arguments = draw_arguments(pattern, entities)
    except PatternError as error:
        return DemoOutcome(pattern, None, (), str(error))
    if arguments is None:
        return DemoOutcome(pattern, None, ())
    answers = []
    try:
        with users_code("It cannot be run"):
            requests = requests_of(pattern, pattern(**arguments))
        for request in requests:
            with measure() as usage:
                items = request.all()
            answers.append(Answer(request, items, attrs.evolve(usage), agrees(request, items, entities)))
    except (EndpointUnreachableError, CredentialsMissingError, RequestFailedError):
        raise  # every other pattern would fail in the same way
    except SingletableError as error:
        return DemoOutcome(pattern, arguments, tuple(answers), str(error))
    return DemoOutcome(pattern, arguments, tuple(answers))
