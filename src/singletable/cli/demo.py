"""`singletable demo`: every access pattern of a project, asked and answered before one's eyes."""

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

from singletable.cli.console import counted, make_console
from singletable.cli.demo_migration import second_act
from singletable.cli.demo_output import Answer, Outcome, print_outcome, print_summary
from singletable.cli.place import Place, fresh_table, place_options
from singletable.cli.project import find_project, users_code
from singletable.errors import (
    CredentialsMissing,
    EndpointUnreachable,
    PatternError,
    ProjectError,
    RequestFailed,
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


@click.command("demo")
@click.option("--sample", metavar="NAME", help="Which sample of the project to load.  [the first]")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The folder of the sample's files."
)
@click.option(
    "--rows", type=click.IntRange(0), default=3, show_default=True, help="How many rows of an answer to show."
)
@click.option("--no-migrations", is_flag=True, help="Leave out the second act, in which a live table is migrated.")
@click.option("--keep", is_flag=True, help="Do not delete the table on the server in the end.")
@place_options
def demo_command(
    place: Place, sample: str | None, data: Path | None, rows: int, no_migrations: bool, keep: bool
) -> None:
    """Load a sample into a fresh table, and ask every access pattern; then migrate a live one.

    Each answer is compared with the one worked out from the sample's entities alone, without keys. Exit
    code 0 only if all of them agree. On the embedded engine a second act follows: a table as of the project's first
    migration, migrated to the last while the new models write to it, verified, and asked again.
    """
    if keep and place.ends_with_command:
        raise click.UsageError(
            f"The table on {place.engine} is gone when the demo ends. Use --keep with --endpoint-url or with"
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
    console.print(f"[bold]{table.__name__}[/]: one table on {place.words}.")
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
        right &= second_act(console, table, graph, entities, lambda known: [_ask(each, known) for each in patterns])
    sys.exit(0 if right else 1)


def sample_entities(name: str, function: Callable[..., Any], data: Path | None) -> list[Table]:
    parameters = inspect.signature(function).parameters
    wants_data = "data" in parameters
    if data is not None and not wants_data:
        raise ProjectError(f"The sample {name!r} takes no --data.", value=name)
    if data is None and wants_data and parameters["data"].default is inspect.Parameter.empty:
        raise ProjectError(
            f"The sample {name!r} is read from files.", remedy="Say where they are: --data DIR.", value=name
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
    """Two entities under one key would leave one item, and every answer would seem wrong."""
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


def _ask(pattern: AccessPattern[..., Any], entities: Sequence[Table]) -> Outcome:
    try:
        arguments = draw_arguments(pattern, entities)
    except PatternError as error:
        return Outcome(pattern, None, (), str(error))
    if arguments is None:
        return Outcome(pattern, None, ())
    answers = []
    try:
        with users_code("It cannot be asked"):
            requests = requests_of(pattern, pattern(**arguments))
        for request in requests:
            with measure() as usage:
                items = request.all()
            answers.append(Answer(request, items, attrs.evolve(usage), agrees(request, items, entities)))
    except (EndpointUnreachable, CredentialsMissing, RequestFailed):
        raise  # the surroundings are at fault, and the next pattern would fare no better
    except SingletableError as error:
        return Outcome(pattern, arguments, tuple(answers), str(error))
    return Outcome(pattern, arguments, tuple(answers))
