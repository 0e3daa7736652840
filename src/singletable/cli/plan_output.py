"""The plan of migrations as text: steps, costs, dangers, and changes of sampled items."""

from __future__ import annotations

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.padding import Padding

from singletable.cli.console import counted
from singletable.cli.migration_context import MigrationContext
from singletable.migrations.operations import Backfill, BackfillWith, Rekey, RenameAttribute
from singletable.migrations.planner import Plan, PlannedStep, UnitPrices, difference

__all__ = ["print_examples", "print_plan"]


def print_plan(console: Console, plan: Plan, prices: UnitPrices, rate: float | None) -> None:
    """Print the steps of a plan with their costs, then the dangers.

    Args:
        console: The console.
        plan: The plan.
        prices: The prices of capacity units.
        rate: The maximum units per second, to estimate the time; None if there is none.
    """
    before = ""
    for step in plan.steps:
        if step.migration != before:
            before = step.migration
            console.print(f"[bold]{step.migration}[/]")
        console.print(Padding(escape(step.describe), (0, 0, 0, 2), expand=False))
        if step.items is not None:
            figures = " | ".join(_figures(step, prices, rate))
            console.print(Padding(f"[dim]{figures}[/]", (0, 0, 0, 4), expand=False))
    if any(step.items is not None for step in plan.steps):
        console.print(
            f"[dim]Estimated from {counted(plan.sampled, 'sampled item')}. DynamoDB counted {plan.counted:,} items some"
            f" hours ago. Reads include the verification. Prices: ${prices.million_reads:g} for a million read units,"
            f" ${prices.million_writes:g} for a million write units.[/]"
        )
    for each in plan.safety:
        console.print(f"[bold yellow]{escape(each.title)}[/]: {escape(each.message)}")
        console.print(f"  [dim]do:[/] {escape(each.remedy)}")
    for line in plan.not_checked:
        console.print(f"[yellow]not checked[/]: {escape(line)}")


def _figures(step: PlannedStep, prices: UnitPrices, rate: float | None) -> list[str]:
    """Return the items, units, dollars and seconds of a step that changes items."""
    seen = f"about {step.items:,}" if step.most is None else f"0 to {step.most:,} (none sampled)"
    figures = [
        f"{seen} of {step.looked:,} items, {decimal(step.size)}",
        f"{step.reads:,.0f} reads, {step.writes:,.0f} writes, {sum(step.index_writes.values()):,.0f} index writes",
        f"${step.dollars(prices):,.4f}",
    ]
    seconds = step.seconds(rate)
    if seconds is not None:
        figures.append(f"{seconds:,.0f} s at the rate")
    if step.writes:
        single, together = (step.cpu_seconds(statements=each) for each in (False, True))
        figures.append(f"{single:,.1f} s of CPU with single writes, {together:,.1f} s with statements")
    return figures


def print_examples(console: Console, context: MigrationContext, plan: Plan) -> None:
    """Print the changes of the sampled items. Personal values are hidden."""
    state = context.graph.state
    for step in plan.steps:
        for change in step.examples:
            entity = change.item.get(state.type_name, {}).get("S", "")
            personal = _personal(context, entity, step)
            console.print(f"[bold]{escape(state.show_key(change.key, entity))}[/]")
            for name, old, new in difference(change, personal):
                console.print(f"  {escape(name)}: [red]{escape(old)}[/] -> [green]{escape(new)}[/]")
    console.print("Nothing was written.")


def _personal(context: MigrationContext, name: str, step: PlannedStep) -> frozenset[str]:
    """Return the stored attributes with personal values, according to the models, the history and the script."""
    described = context.table.describe().entities
    found = {
        each.stored_name
        for entity in described
        if entity.discriminator == name
        for each in entity.attributes
        if each.personal
    }
    states = [context.graph.state, *(context.graph.before(each) for each in context.graph.order)]
    derived = [each for state in states if name in state.entities for each in state.entities[name].all_derived]
    for operation in step.operations:
        if isinstance(operation, (Backfill, Rekey)) and operation.entity == name:
            derived += operation.derived if isinstance(operation, Backfill) else operation.key
        if isinstance(operation, BackfillWith) and any(each.personal for each in operation.sources.values()):
            found |= {*operation.targets, *(each.stored_name for each in operation.sources.values() if each.personal)}
    for each in derived:
        found |= {each.stored_name} if each.personal else set()
        found |= {source.stored_name for source in each.sources if source.personal}
    for operation in step.operations:
        if isinstance(operation, RenameAttribute) and found & {operation.old, operation.new}:
            found |= {operation.old, operation.new}
    return frozenset(found)
