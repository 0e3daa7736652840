"""The demo's second act: a table as it was at the first migration, migrated to the last while it is written to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context

from rich.console import Console

from singletable.cli.console import counted
from singletable.cli.demo_output import Outcome, print_summary
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

__all__ = ["second_act"]

_MOST = 600
_HELD_BACK = 6


def second_act(
    console: Console,
    table: type[Table],
    graph: Graph,
    entities: Sequence[Table],
    ask: Callable[[Sequence[Table]], list[Outcome]],
) -> bool:
    """Show it. Returns whether everything was right in the end.

    Args:
        console: Where.
        table: The table class.
        graph: The project's migrations.
        entities: The sample; the live writer's copies of it change with what it writes.
        ask: Asks every access pattern, and compares with the entities.
    """
    first, last = graph.order[0], graph.order[-1]
    # moto copies much for each call: what it shows does not become clearer with more items.
    entities = entities[:: -(-len(entities) // _MOST)]
    console.rule("[bold]Second act: a live table, migrated[/]", align="left")
    with embedded(table, create=False):
        connection = connection_of(table)
        Runner(connection, graph).migrate(first)
        later, there = entities[::_HELD_BACK], [each for number, each in enumerate(entities) if number % _HELD_BACK]
        _write_as_old_code(connection, graph, first, there)
        console.print(
            f"A table as of [bold]{first}[/], with {counted(len(there), 'item')} as old code stores them: primary keys"
            " only.\nNow the new models write to it, and the migrations are applied."
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
        console.print("[bold]verify[/]: every derived attribute worked out again, every index compared with the table.")
        report = verify(runner.table, graph.state, Throttle(Clock()), models=table)
        print_report(console, report, graph.state)
        if runs_code(graph, graph.order):
            _adopt(console, table, entities)
        outcomes = ask(entities)
        print_summary(console, outcomes, estimated=True)
    return report.right and all(outcome.right for outcome in outcomes)


def _write_as_old_code(connection: TableConnection, graph: Graph, first: str, entities: Sequence[Table]) -> None:
    """Store entities with what was derived at the first migration, and nothing of what came later."""
    then, now = graph.state_at([first]), graph.state
    for entity in entities:
        item = entity.serialize()
        name = item[now.type_name]["S"]
        known = then.entities[name].derived if name in then.entities else {}
        for later in set(now.entities[name].derived) - set(known):
            item.pop(later, None)
        connection.connection.dispatch("PutItem", {"TableName": connection.table_name, "Item": item})


def _adopt(console: Console, table: type[Table], entities: Sequence[Table]) -> None:
    """Give the entities the values that a migration's own code stored in attributes that the sample leaves empty."""
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
    """Saves entities through the new models until it is stopped; then the rest of the new ones."""

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
            position += 7  # here and there in the table
            self._stop.wait(0.01)

    def _make(self) -> None:
        self._later.pop().save()
        self.made += 1
        self.written += 1
