"""The measurements and results of `singletable cost`, and all of them as plain data for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from singletable.operating.cost import Estimate
    from singletable.operating.mark_load import MarkLoad
    from singletable.operating.prices import Prices
    from singletable.operating.window import Window
    from singletable.operating.workload import Companion, Footprint, Load, PatternCall, Workload

__all__ = ["ASSUMED_OF_MARKS", "Live", "Measured", "as_data", "marks_on_demand", "written_together"]

ASSUMED_OF_MARKS = (
    "The marks are included in the figures below. Assumed: each event is delivered once; an update changes an attribute"
    " that its handlers wait for; a handler whose code names a transaction writes its mark in one, for twice the units."
    " Other reads and writes of handlers are not counted: give them as rates."
)


@attrs.frozen
class Measured:
    """The measurements of a sample.

    Args:
        sample: The sample's name.
        items: The number of its items.
        calls: The units of a call, for each access pattern.
        skipped: The access patterns that could not be run, each with the reason.
        footprints: The size and units of an item, for each entity.
    """

    sample: str
    items: int
    calls: tuple[PatternCall, ...]
    skipped: tuple[tuple[str, str], ...]
    footprints: tuple[Footprint, ...]


@attrs.frozen
class Live:
    """The load of a live table.

    Args:
        name: The table's name.
        where: CloudWatch's URL.
        window: The time of the load.
        loads: The load of the table and of each global index.
        gigabytes: The stored gigabytes.
        now: The table's capacity mode and table class.
    """

    name: str
    where: str
    window: Window
    loads: tuple[Load, ...]
    gigabytes: Decimal
    now: tuple[str, str]


def as_data(
    estimate: Estimate,
    *,
    measured: Measured | None = None,
    workload: Workload | None = None,
    marks: MarkLoad | None = None,
    months: int | None = None,
    live: Live | None = None,
) -> dict[str, Any]:
    """Return an estimate, and the data that it is made of, as plain data for JSON."""
    data = _estimate_data(estimate)
    if measured is not None and workload is not None:
        data |= _measured_data(measured, workload, months)
    if workload is not None:
        data["together"] = {name: [str(one) for one in found] for name, found in written_together(workload).items()}
    if marks is not None and months is not None:
        data["marks"] = _marks_data(marks, estimate.prices, months)
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


def _estimate_data(estimate: Estimate) -> dict[str, Any]:
    prices = estimate.prices
    return {
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


def _measured_data(measured: Measured, workload: Workload, months: int | None) -> dict[str, Any]:
    from singletable.operating.workload import bytes_after

    return {
        "sample": measured.sample,
        "months": months,
        "calls": [
            _plain({**attrs.asdict(call), "calls_per_second": workload.reads.get(call.name, Decimal(0))})
            for call in measured.calls
        ],
        "not_asked": [{"title": title, "why": why} for title, why in measured.skipped],
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


def _marks_data(marks: MarkLoad, prices: Prices, months: int) -> dict[str, Any]:
    return {
        **_plain(
            {
                "records_per_second": marks.records,
                "read_units_per_second": marks.reads,
                "write_units_per_second": marks.writes,
                "bytes_in_month": marks.bytes_after(months),
                "on_demand": marks_on_demand(marks, prices),
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
        "assumed": ASSUMED_OF_MARKS,
    }


def marks_on_demand(marks: MarkLoad, prices: Prices) -> Decimal:
    """Return the monthly cost of the requests for marks, on demand and in the standard class."""
    from singletable.operating.workload import SECONDS

    standard = prices.classes["standard"]
    each_second = marks.reads * standard.million_reads + marks.writes * standard.million_writes
    return each_second * SECONDS / 1_000_000


def written_together(workload: Workload) -> dict[str, tuple[Companion, ...]]:
    """Return the companions of the new items that have a rate."""
    names = dict.fromkeys((*workload.writes, *workload.transactions))
    return {name: workload.together[name] for name in names if name in workload.together}


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data with decimals as numbers of JSON."""
    plain: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Decimal):
            plain[name] = float(value)
        else:
            plain[name] = _plain(value) if isinstance(value, Mapping) else value
    return plain
