"""The demo's second part: a table is migrated from the first migration to the last while models write to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context

from rich.console import Console

from singletable.cli.console import counted
from singletable.cli.demo_output import DemoOutcome, print_summary
from singletable.cli.progress import ProgressReporter
from singletable.cli.verify import print_report
from singletable.engine import embedded
from singletable.migrations import Graph
from singletable.migrations.clock import Clock
from singletable.migrations.fresh import runs_code
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.requests import TableConnection

__all__ = ["demonstrate_migration"]

_MOST = 600
"""The maximum number of entities: moto copies much data in each call, and more items would explain no more."""

_NEW = 6
"""One of so many entities is new: it is written while the migrations run."""


def demonstrate_migration(
    console: Console,
    table: type[Table],
    graph: Graph,
    entities: Sequence[Table],
    ask: Callable[[Sequence[Table]], list[DemoOutcome]],
) -> bool:
    """Migrate a table of old items while the new models write to it; return whether everything was correct at the end.

    Args:
        console: The console.
        table: The table class.
        graph: The project's migrations.
        entities: The entities of the sample. The live writer changes them.
        ask: Runs every access pattern, and compares its answers with the entities.
    """
    first, last = graph.order[0], graph.order[-1]
    entities = entities[:: -(-len(entities) // _MOST)]
    console.rule("[bold]Second part: the migration of a live table[/]", align="left")
    with embedded(table, create=False):
        connection = connection_of(table)
        Runner(connection, graph).migrate(first)
        later, there = entities[::_NEW], [each for number, each in enumerate(entities) if number % _NEW]
        _write_as_old_code(connection, graph, first, there)
        console.print(
            f"A table in the state after [bold]{first}[/], with {counted(len(there), 'item')} of old code, which have"
            " primary keys only.\nNow the new models write to it, and the migrations are applied."
        )
        writer = _LiveWriter(later, there)
        with ProgressReporter(console) as reporter:
            options = Options(segments=8, workers=2)
            runner = Runner(connection, graph, options, tell=reporter.tell, progress=reporter.show)
            with writer:
                runner.migrate()
        console.print(
            f"Applied up to [bold]{last}[/]. Meanwhile the new models wrote {counted(writer.written, 'item')},"
            f" {writer.made:,} of them new.\n"
        )
        console.print(
            "[bold]verify[/]: every derived attribute is computed again, every index is compared with the table."
        )
        report = verify(runner.table, graph.state, Throttle(Clock()), models=table)
        print_report(console, report, graph.state)
        if runs_code(graph, graph.order):
            _adopt(console, table, entities)
        outcomes = ask(entities)
        print_summary(console, outcomes, estimated=True)
    return report.right and all(outcome.right for outcome in outcomes)


def _write_as_old_code(connection: TableConnection, graph: Graph, first: str, entities: Sequence[Table]) -> None:
    """Store entities with the derived attributes of the first migration, without later ones."""
    then, now = graph.state_at([first]), graph.state
    for entity in entities:
        item = entity.serialize()
        name = item[now.type_name]["S"]
        known = then.entities[name].derived if name in then.entities else {}
        for later in set(now.entities[name].derived) - set(known):
            item.pop(later, None)
        connection.connection.dispatch("PutItem", {"TableName": connection.table_name, "Item": item})


def _adopt(console: Console, table: type[Table], entities: Sequence[Table]) -> None:
    """Set the attributes that the sample leaves empty to the values that a migration's own code stored."""
    used: dict[type[Table], set[str]] = {}
    for each in entities:
        filled = used.setdefault(type(each), set())
        filled.update(name for name in each.get_attributes() if getattr(each, name) is not None)
    stored = {repr(each): each for each in table.scan(unknown="skip")}
    adopted: set[str] = set()
    for each in entities:
        for name in set(each.get_attributes()) - used[type(each)]:
            value = getattr(stored[repr(each)], name)
            if value is not None:
                setattr(each, name, value)
                adopted.add(f"{type(each).__name__}.{name}")
    if adopted:
        console.print(f"not compared: {', '.join(sorted(adopted))}, which migrations computed and the sample lacks.")


class _LiveWriter:
    """A thread that saves entities with the new models until it is stopped; then it saves the remaining new ones."""

    def __init__(self, later: Sequence[Table], there: Sequence[Table]) -> None:
        self.made = 0
        self.written = 0
        self._later = list(later)
        self._there = list(there)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._write,), daemon=True)

    def __enter__(self) -> _LiveWriter:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        while self._later:
            self._make()

    def _write(self) -> None:
        position = 0
        while not self._stop.is_set():
            if self._later:
                self._make()
            self._there[position % len(self._there)].save()
            self.written += 1
            position += 7  # spreads the writes over the table
            self._stop.wait(0.01)

    def _make(self) -> None:
        self._later.pop().save()
        self.made += 1
        self.written += 1
