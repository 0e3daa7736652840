"""The results of `singletable cost` as tables of text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from singletable.cli.console import counted, make_table
from singletable.cli.cost_data import ASSUMED_OF_MARKS, Live, Measured, marks_on_demand, written_together
from singletable.cli.durations import duration_text

if TYPE_CHECKING:
    from singletable.operating.cost import Estimate
    from singletable.operating.mark_load import MarkLoad
    from singletable.operating.prices import Prices
    from singletable.operating.workload import Footprint, Workload

__all__ = [
    "print_estimate",
    "print_live",
    "print_marks",
    "print_measured",
    "print_storage",
]

_NAMES = {"on-demand": "on demand", "infrequent-access": "infrequent access"}


def print_measured(console: Console, table: str, measured: Measured, workload: Workload, prices: Prices) -> None:
    """Print the units of each call and of each item, and their rates."""
    from singletable.operating.workload import units_of

    console.print(
        f"[bold]{table}[/]: measured on the sample [bold]{escape(measured.sample)}[/]"
        f" ({counted(measured.items, 'item')}), prices of {escape(prices.region)} as of {escape(prices.as_of)}"
    )
    standard = prices.classes["standard"]
    rows = _table("Reads", "access pattern", "reads from", "items", "units each", "$ per million", "calls/s", "units/s")
    for call in measured.calls:
        rate = workload.reads.get(call.name, Decimal(0))
        rows.add_row(
            call.name,
            ", ".join(call.units) + (" [dim]consistent[/]" if call.consistent else ""),
            f"{call.items:,}",
            _number(call.total),
            _number(call.total * standard.million_reads),
            *_rated(rate, rate * call.total),
        )
    console.print(rows)
    console.print(
        "[dim]Each pattern was called with the arguments that have the largest answer; all pages were read.[/]\n"
    )
    for title, why in measured.skipped:
        console.print(f"[yellow]Not run:[/] {escape(title)} [dim]({escape(why)})[/]")
    rows = _table("Writes", "entity", "writes to", "bytes", "units each", "$ per million", "items/s", "units/s", "kept")
    for each in measured.footprints:
        operations = workload.of(each.name)
        units = sum((amount for one in operations for amount in units_of(one, each, "table").values()), Decimal(0))
        rows.add_row(
            each.name,
            ", ".join(each.units),
            f"{each.size:,.0f}",
            _number(each.total),
            _number(each.total * standard.million_writes),
            *_rated(sum((one.rate for one in operations), Decimal(0)), units),
            _kept(each),
        )
    console.print(rows)
    for each in measured.footprints:
        if not each.sampled:
            console.print(f"[yellow]Not in the sample:[/] {each.name}; an item of 1 KB is assumed.")
    for name, companions in written_together(workload).items():
        console.print(f"[dim]In one transaction with each new {name}: {', '.join(map(str, companions))}.[/]")


def print_storage(console: Console, measured: Measured, workload: Workload, months: int) -> None:
    """Print the storage of each entity that is written: it grows each month until items expire."""
    from singletable.operating.workload import GIGABYTE, bytes_after

    rows = _table("Storage", "entity", "GB in month 1", f"GB in month {months}", "GB at most", "kept")
    for each in measured.footprints:
        if workload.written(each.name):
            amounts = (bytes_after(workload, each, when) for when in (1, months, None))
            rows.add_row(
                each.name,
                *("[dim]no limit[/]" if amount is None else _number(amount / GIGABYTE) for amount in amounts),
                _kept(each),
            )
    if rows.row_count:
        console.print(rows)


def print_marks(console: Console, marks: MarkLoad, prices: Prices, months: int) -> None:
    """Print the load that the marks of stream handlers add to the table."""
    if not marks.rates:
        return
    rows = _table("Marks of stream handlers", "handler", "marks/s", "units each", "write units/s", "kept")
    for each in marks.rates:
        units = sum(each.writes.values(), Decimal(0))
        rows.add_row(
            escape(each.handler.name),
            _number(each.rate),
            _number(units / each.rate) + (" [dim]transaction[/]" if each.handler.transactional else ""),
            _number(units),
            _kept(each.handler.mark),
        )
    console.print(rows)
    money = f"{_money(marks_on_demand(marks, prices))} {escape(prices.currency)}"
    console.print(
        f"Marks of stream handlers: {_number(marks.reads)} read units/s, {_number(marks.writes)} write units/s,"
        f" {_number(marks.bytes_after(months) / _GIGABYTE)} GB, {money} per month on demand (standard)."
    )
    console.print(f"[dim]{ASSUMED_OF_MARKS}[/]\n")


def print_live(console: Console, live: Live, estimate: Estimate) -> None:
    """Print the name of a live table, the time of its load, and the prices."""
    window, prices = live.window, estimate.prices
    console.print(
        f"[bold]{escape(live.name)}[/] [dim]{escape(live.where)}[/]\n"
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, {duration_text(window.period)} per point;"
        f" prices of {escape(prices.region)} as of {escape(prices.as_of)}"
    )


def print_estimate(
    console: Console, estimate: Estimate, *, months: int | None = None, now: tuple[str, str] | None = None
) -> None:
    """Print the capacity, the bills of a month, and the break-even points.

    Args:
        console: The console.
        estimate: The estimate.
        months: The month that is billed, of a workload; None for a live table.
        now: The capacity mode and table class of a live table; None for a workload.
    """
    rows = _table("Capacity", "", "reads/s", "highest", "to provision", "writes/s", "highest", "to provision")
    for load in estimate.loads:
        pairs = ((load.reads, load.peak_reads), (load.writes, load.peak_writes))
        figures = [(f"{mean:,.2f}", f"{peak:,.2f}", f"{estimate.units(peak):,}") for mean, peak in pairs]
        rows.add_row(f"[bold]{escape(load.place)}[/]", *figures[0], *figures[1])
    console.print(rows)
    when = f"in month {months}" if months else "per month"
    rows = _table(f"{estimate.prices.currency} {when}", "", "", "reads", "writes", "storage", "total", "")
    cheapest = estimate.cheapest
    before = ""
    for bill in estimate.bills:
        best = bill == cheapest
        marks = ["[bold green]← cheapest[/]"] * best + ["current"] * ((bill.mode, bill.table_class) == now)
        rows.add_row(
            "" if bill.mode == before else f"[bold]{_name(bill.mode)}[/]",
            _name(bill.table_class),
            *(_money(amount) for amount in (bill.reads, bill.writes, bill.storage)),
            f"[bold green]{_money(bill.total)}[/]" if best else f"[bold]{_money(bill.total)}[/]",
            ", ".join(marks),
        )
        before = bill.mode
    console.print(rows)
    for line in _break_even_points(estimate, months):
        console.print(line)
    console.print(f"\n[dim]{_ASSUMED if months else _ASSUMED_LIVE} {_LEFT_OUT}[/]")


_ASSUMED = (
    "Assumed: each write puts a whole new item; an update or a deletion costs as much, and is counted once on each"
    " index; a transaction doubles the units of the table, not of indexes; deletions by time to live are free."
)
_GIGABYTE = Decimal(2**30)
_ASSUMED_LIVE = "Assumed: the load does not change; capacity is provisioned for the highest point, or for --peak."
_LEFT_OUT = "Not included: the free tier, backups, streams, replicas, reserved capacity, data transfer."


def _break_even_points(estimate: Estimate, months: int | None) -> list[str]:
    """Return the break-even points, in sentences."""
    mode, name = estimate.cheapest.mode, estimate.cheapest.table_class
    even, scale, turn = estimate.even_use(name), estimate.even_scale(name), estimate.even_gigabytes(mode)
    lines = []
    if even is not None:
        lines.append(
            f"[bold]Break-even at {even * 100:.1f} % use[/] ({_name(name)}): if more of its capacity is used on"
            f" average, provisioned is cheaper. Here {estimate.used(name) * 100:.1f} % would be used."
        )
        lines.append(
            "[bold]On demand is cheaper at any multiple of this load[/], but perhaps not for a steadier one."
            if scale is None
            else f"[bold]Break-even at {_number(scale)} times this load[/]: below it, on demand is cheaper; above it,"
            " provisioned."
        )
    if turn is not None:
        stored = f"in month {months}" if months else "now"
        lines.append(
            f"[bold]Break-even at {turn:,.1f} GB[/] ({_name(mode)}, this load): above it, infrequent access is"
            f" cheaper. Stored {stored}: {estimate.gigabytes:,.1f} GB."
        )
    return lines


def _table(title: str, *headings: str) -> RichTable:
    table = make_table(title)
    for number, heading in enumerate(headings):
        left = number == 0 or heading in ("", "reads from", "writes to")
        # Names are typed as arguments, so they are not wrapped or truncated while other columns can be.
        table.add_column(heading, justify="left" if left else "right", no_wrap=number == 0)
    return table


def _kept(footprint: Footprint) -> str:
    return "forever" if footprint.days is None else f"{footprint.days:,f} days"


def _rated(rate: Decimal, units: Decimal) -> tuple[str, str]:
    return (_number(rate), _number(units)) if rate else ("[dim]–[/]", "[dim]–[/]")


def _number(value: Decimal) -> str:
    """Return a number with three significant digits, or with all digits from 100, without trailing zeros."""
    if value >= 100:
        return f"{value:,.0f}"
    text = f"{Decimal(f'{value:.3g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _name(name: str) -> str:
    return _NAMES.get(name, name)
