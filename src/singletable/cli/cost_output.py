"""How `singletable cost` shows what it worked out: for people in tables, for programs as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from singletable.cli.console import counted, make_table
from singletable.cli.durations import span_words

if TYPE_CHECKING:
    from singletable.operating.cost import Estimate
    from singletable.operating.marks import Marks
    from singletable.operating.prices import Prices
    from singletable.operating.window import Window
    from singletable.operating.workload import Call, Companion, Footprint, Load, Workload

__all__ = [
    "Live",
    "Measured",
    "as_data",
    "print_estimate",
    "print_live",
    "print_marks",
    "print_measured",
    "print_storage",
]

_WORDS = {"on-demand": "on demand", "infrequent-access": "infrequent access"}


@attrs.frozen
class Measured:
    """What a sample tells.

    Args:
        sample: Its name.
        items: How many items it has.
        calls: What a call of each access pattern asks for.
        silent: The access patterns that it could not ask, and why.
        footprints: What an item of each entity takes.
    """

    sample: str
    items: int
    calls: tuple[Call, ...]
    silent: tuple[tuple[str, str], ...]
    footprints: tuple[Footprint, ...]


@attrs.frozen
class Live:
    """What a live table consumes.

    Args:
        name: Its name.
        where: CloudWatch's URL.
        window: In which time.
        loads: The load of the table and of each global index.
        gigabytes: What it stores.
        now: Its capacity mode and its table class.
    """

    name: str
    where: str
    window: Window
    loads: tuple[Load, ...]
    gigabytes: Decimal
    now: tuple[str, str]


def print_measured(console: Console, table: str, measured: Measured, workload: Workload, prices: Prices) -> None:
    """Show what each call and each item takes, and how much of it there is."""
    from singletable.operating.workload import units_of

    console.print(
        f"[bold]{table}[/]: measured on the sample [bold]{escape(measured.sample)}[/]"
        f" ({counted(measured.items, 'item')}), prices of {escape(prices.region)} as of {escape(prices.as_of)}"
    )
    standard = prices.classes["standard"]
    rows = _table("Reads", "access pattern", "asks", "items", "units each", "$ a million", "calls/s", "units/s")
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
    console.print("[dim]Each was asked with the values that have most to answer, and its answer read whole.[/]\n")
    for title, why in measured.silent:
        console.print(f"[yellow]Not asked:[/] {escape(title)} [dim]({escape(why)})[/]")
    rows = _table("Writes", "entity", "on", "bytes", "units each", "$ a million", "items/s", "units/s", "kept")
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
    for name, companions in _written_together(workload).items():
        console.print(f"[dim]In one transaction with each new {name}: {', '.join(map(str, companions))}.[/]")


def print_storage(console: Console, measured: Measured, workload: Workload, months: int) -> None:
    """Show what is stored of each entity that is written: more each month, until what expires comes to an end."""
    from singletable.operating.workload import GIGABYTE, bytes_after

    rows = _table("Storage", "entity", "GB a month", f"GB in month {months}", "GB in the end", "kept")
    for each in measured.footprints:
        if workload.written(each.name):
            amounts = (bytes_after(workload, each, when) for when in (1, months, None))
            rows.add_row(
                each.name,
                *("[dim]grows on[/]" if amount is None else _number(amount / GIGABYTE) for amount in amounts),
                _kept(each),
            )
    if rows.row_count:
        console.print(rows)


def print_marks(console: Console, marks: Marks, prices: Prices, months: int) -> None:
    """Show the load that the marks of stream handlers add to the table."""
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
    money = f"{_money(_marks_on_demand(marks, prices))} {escape(prices.currency)}"
    console.print(
        f"Marks of stream handlers: {_number(marks.reads)} read units/s, {_number(marks.writes)} write units/s,"
        f" {_number(marks.bytes_after(months) / _GIGABYTE)} GB, {money} a month on demand (standard)."
    )
    console.print(f"[dim]{_ASSUMED_OF_MARKS}[/]\n")


def _marks_on_demand(marks: Marks, prices: Prices) -> Decimal:
    """The monthly cost of the requests for marks, on demand and in the standard class."""
    from singletable.operating.workload import SECONDS

    standard = prices.classes["standard"]
    each_second = marks.reads * standard.million_reads + marks.writes * standard.million_writes
    return each_second * SECONDS / 1_000_000


def print_live(console: Console, live: Live, estimate: Estimate) -> None:
    """Show what a live table consumes."""
    window, prices = live.window, estimate.prices
    console.print(
        f"[bold]{escape(live.name)}[/] [dim]{escape(live.where)}[/]\n"
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, {span_words(window.period)} a point;"
        f" prices of {escape(prices.region)} as of {escape(prices.as_of)}"
    )


def print_estimate(
    console: Console, estimate: Estimate, *, months: int | None = None, now: tuple[str, str] | None = None
) -> None:
    """Show what a month costs, and where the choice turns."""
    rows = _table("Capacity", "", "reads/s", "highest", "to provision", "writes/s", "highest", "to provision")
    for load in estimate.loads:
        pairs = ((load.reads, load.peak_reads), (load.writes, load.peak_writes))
        figures = [(f"{mean:,.2f}", f"{peak:,.2f}", f"{estimate.units(peak):,}") for mean, peak in pairs]
        rows.add_row(f"[bold]{escape(load.place)}[/]", *figures[0], *figures[1])
    console.print(rows)
    when = f"in month {months}" if months else "a month"
    rows = _table(f"{estimate.prices.currency} {when}", "", "", "reads", "writes", "storage", "total", "")
    cheapest = estimate.cheapest
    before = ""
    for bill in estimate.bills:
        best = bill == cheapest
        marks = ["[bold green]← cheapest[/]"] * best + ["as it is now"] * ((bill.mode, bill.table_class) == now)
        rows.add_row(
            "" if bill.mode == before else f"[bold]{_word(bill.mode)}[/]",
            _word(bill.table_class),
            *(_money(amount) for amount in (bill.reads, bill.writes, bill.storage)),
            f"[bold green]{_money(bill.total)}[/]" if best else f"[bold]{_money(bill.total)}[/]",
            ", ".join(marks),
        )
        before = bill.mode
    console.print(rows)
    for line in _turns(estimate, months):
        console.print(line)
    console.print(f"\n[dim]{_ASSUMED if months else _ASSUMED_LIVE} {_LEFT_OUT}[/]")


def as_data(
    estimate: Estimate,
    *,
    measured: Measured | None = None,
    workload: Workload | None = None,
    marks: Marks | None = None,
    months: int | None = None,
    live: Live | None = None,
) -> dict[str, Any]:
    """Everything as plain data that JSON can hold."""
    from singletable.operating.workload import bytes_after

    prices = estimate.prices
    data: dict[str, Any] = {
        "prices": {"region": prices.region, "as_of": prices.as_of, "currency": prices.currency},
        "target": float(estimate.target),
        "gigabytes": float(estimate.gigabytes),
        "loads": [_plain(attrs.asdict(load)) for load in estimate.loads],
        "bills": [
            _plain({**attrs.asdict(bill), "total": bill.total, "cheapest": bill == estimate.cheapest})
            for bill in estimate.bills
        ],
        "break_even": {
            name: _plain(
                {
                    "use": estimate.even_use(name),
                    "used": estimate.used(name),
                    "scale": estimate.even_scale(name),
                }
            )
            for name in prices.classes
        },
        "infrequent_access_from_gigabytes": _plain(
            {mode: estimate.even_gigabytes(mode) for mode in dict.fromkeys(bill.mode for bill in estimate.bills)}
        ),
    }
    if measured is not None and workload is not None:
        data |= {
            "sample": measured.sample,
            "months": months,
            "calls": [
                _plain({**attrs.asdict(call), "calls_per_second": workload.reads.get(call.name, Decimal(0))})
                for call in measured.calls
            ],
            "not_asked": [{"title": title, "why": why} for title, why in measured.silent],
            "items": [
                _plain(
                    {
                        **attrs.asdict(each),
                        "items_per_second": workload.written(each.name),
                        "bytes_in_month": None if months is None else bytes_after(workload, each, months),
                        "bytes_in_the_end": bytes_after(workload, each, None),
                    }
                )
                for each in measured.footprints
            ],
        }
    if workload is not None:
        data["together"] = {name: [str(one) for one in found] for name, found in _written_together(workload).items()}
    if marks is not None and months is not None:
        data["marks"] = {
            **_plain(
                {
                    "records_per_second": marks.records,
                    "read_units_per_second": marks.reads,
                    "write_units_per_second": marks.writes,
                    "bytes_in_month": marks.bytes_after(months),
                    "on_demand": _marks_on_demand(marks, prices),
                }
            ),
            "handlers": [
                _plain(
                    {
                        "name": each.handler.name,
                        "marks_per_second": each.rate,
                        "write_units_per_second": sum(each.writes.values(), Decimal(0)),
                        "transactional": each.handler.transactional,
                        "days": each.handler.mark.days,
                    }
                )
                for each in marks.rates
            ],
            "assumed": _ASSUMED_OF_MARKS,
        }
    if live is not None:
        window = live.window
        data |= {
            "table": live.name,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "period": window.period,
            "now": list(live.now),
        }
    return data


_ASSUMED = (
    "Assumed: each write puts a whole new item; an update or a deletion costs as much, and once on each index; a"
    " transaction doubles the units of the table, not of indexes; deletions by time to live are free."
)
_ASSUMED_OF_MARKS = (
    "They are part of the figures below. Assumed: each event is delivered once; an update changes an attribute that its"
    " handlers wait for; a handler whose code names a transaction writes its mark in one, at twice the units. Other"
    " reads and writes of handlers are not counted: give them as rates."
)
_GIGABYTE = Decimal(2**30)
_ASSUMED_LIVE = "Assumed: the load stays as it was; capacity is provisioned for the highest point, or as --peak says."
_LEFT_OUT = "Left out: the free tier, backups, streams, replicas, reserved capacity, data transfer."


def _turns(estimate: Estimate, months: int | None) -> list[str]:
    """Where the choice turns, in sentences."""
    mode, name = estimate.cheapest.mode, estimate.cheapest.table_class
    even, scale, turn = estimate.even_use(name), estimate.even_scale(name), estimate.even_gigabytes(mode)
    lines = []
    if even is not None:
        lines.append(
            f"[bold]Break-even at {even * 100:.1f} % use[/] ({_word(name)}): with more of its capacity used on average,"
            f" provisioned is cheaper. Here {estimate.used(name) * 100:.1f} % would be used."
        )
        lines.append(
            "[bold]On demand is cheaper at any multiple of this load[/]; a steadier one would turn it."
            if scale is None
            else f"[bold]Break-even at {_number(scale)} times this load[/]: below it on demand is cheaper, above it"
            " provisioned."
        )
    if turn is not None:
        stored = f"in month {months}" if months else "now"
        lines.append(
            f"[bold]Break-even at {turn:,.1f} GB[/] ({_word(mode)}, this load): with more, infrequent access is"
            f" cheaper. Stored {stored}: {estimate.gigabytes:,.1f} GB."
        )
    return lines


def _written_together(workload: Workload) -> dict[str, tuple[Companion, ...]]:
    """Return the companions of the new items that have a rate."""
    names = dict.fromkeys((*workload.writes, *workload.transactions))
    return {name: workload.together[name] for name in names if name in workload.together}


def _table(title: str, *headings: str) -> RichTable:
    table = make_table(title)
    for number, heading in enumerate(headings):
        left = number == 0 or heading in ("", "asks", "on")
        # A name is to be typed; it is not cut while there is anything else to fold.
        table.add_column(heading, justify="left" if left else "right", no_wrap=number == 0)
    return table


def _kept(footprint: Footprint) -> str:
    return "for ever" if footprint.days is None else f"{footprint.days:,f} days"


def _rated(rate: Decimal, units: Decimal) -> tuple[str, str]:
    return (_number(rate), _number(units)) if rate else ("[dim]–[/]", "[dim]–[/]")


def _number(value: Decimal) -> str:
    """Three digits that say something, or all of a larger number, and no zeros behind the point."""
    if value >= 100:
        return f"{value:,.0f}"
    text = f"{Decimal(f'{value:.3g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _word(name: str) -> str:
    return _WORDS.get(name, name)


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Decimals as numbers of JSON."""
    plain: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Decimal):
            plain[name] = float(value)
        else:
            plain[name] = _plain(value) if isinstance(value, Mapping) else value
    return plain
