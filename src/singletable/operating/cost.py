"""Costs: the monthly price of a load by capacity mode and table class, and the load at which both modes cost the same.

Sources: DynamoDB, "Pricing for on-demand capacity" and "Pricing for provisioned capacity". Money is exact. The load at
which both modes cost the same is the intersection of two linear functions, which is calculated, not searched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

import attrs

from singletable.errors import OperatingError
from singletable.operating.prices import TABLE_CLASSES, ClassPrices, Prices
from singletable.operating.workload import HOURS, SECONDS, Load

__all__ = ["MODES", "Bill", "Estimate"]

MODES = ("on-demand", "provisioned")
"""The capacity modes, by their names in `setup.cfg`."""

_MILLION = Decimal(1_000_000)
_LEAST = Decimal(1)
"""The lowest number of units of each kind that a place can have (Developer Guide, "Quotas")."""


@attrs.frozen
class Bill:
    """The cost of a month.

    Args:
        mode: `on-demand` or `provisioned`.
        table_class: `standard` or `infrequent-access`.
        reads: The cost of read units.
        writes: The cost of write units.
        storage: The cost of storage.
    """

    mode: str
    table_class: str
    reads: Decimal
    writes: Decimal
    storage: Decimal

    @property
    def total(self) -> Decimal:
        """The cost of reads, writes and storage together."""
        return self.reads + self.writes + self.storage


@attrs.frozen
class Estimate:
    """The estimated cost of a load in a month.

    Args:
        loads: The load of the table and of each global index.
        gigabytes: The storage in gigabytes.
        prices: The prices.
        target: The share of provisioned capacity that the peak uses, above 0 and at most 1.
    """

    loads: tuple[Load, ...]
    gigabytes: Decimal
    prices: Prices
    target: Decimal = attrs.field()

    @target.validator
    def _is_a_share(self, field: object, target: Decimal) -> None:
        if not 0 < target <= 1:
            raise OperatingError(
                f"{target * 100:f} % is not a possible utilization of capacity.",
                remedy="Give more than 0 and at most 100 percent.",
            )

    @property
    def bills(self) -> tuple[Bill, ...]:
        """The bills for on-demand and provisioned capacity, in both table classes."""
        return tuple(
            Bill(mode, name, *self._requests(mode, prices), self.gigabytes * prices.gigabyte_month)
            for mode in MODES
            for name, prices in self.prices.classes.items()
        )

    @property
    def cheapest(self) -> Bill:
        """The bill with the lowest total, the first of equal ones."""
        return min(self.bills, key=lambda bill: bill.total)

    def units(self, peak: Decimal) -> int:
        """Return the number of capacity units to provision for a peak; at least one."""
        return int(max(_LEAST, peak / self.target).to_integral_value(ROUND_CEILING))

    def used(self, table_class: str) -> Decimal:
        """Return the average utilization of the provisioned capacity, weighted by price."""
        prices = self.prices.classes[table_class]
        return self._at_full_use(prices) / sum(self._requests("provisioned", prices))

    def even_use(self, table_class: str) -> Decimal | None:
        """Return the average utilization at which both modes cost the same for this mix of requests.

        At a higher utilization provisioned capacity is cheaper, at a lower one on demand. None without requests.
        """
        prices = self.prices.classes[table_class]
        on_demand = sum(self._requests("on-demand", prices))
        return self._at_full_use(prices) / on_demand if on_demand else None

    def even_scale(self, table_class: str) -> Decimal | None:
        """Return the multiple of this load at which both modes cost the same.

        Below it on demand is cheaper, above it provisioned capacity. Every place has at least one provisioned unit of
        each kind, so on demand is cheaper at a small load. Capacity is not rounded to whole units here. None if on
        demand is cheaper at any multiple, or without requests.
        """
        prices = self.prices.classes[table_class]
        slope = sum(self._requests("on-demand", prices))
        needs = list(self._needs(prices))
        # Both costs are linear in the multiple, between the loads at which a place needs more than its lowest capacity.
        for start in sorted({Decimal(0), *(_LEAST / need for need, _ in needs if need)}):
            grown = sum((need * price for need, price in needs if need and _LEAST / need <= start), Decimal(0))
            least = sum((price for need, price in needs if not need or _LEAST / need > start), Decimal(0))
            ends = [_LEAST / need for need, _ in needs if need and _LEAST / need > start]
            if slope > grown and (not ends or least / (slope - grown) <= min(ends)):
                return least / (slope - grown)
        return None

    def even_gigabytes(self, mode: str) -> Decimal | None:
        """Return the storage from which infrequent access is cheaper than the standard class; None if it never is."""
        standard, infrequent = (self.prices.classes[name] for name in TABLE_CLASSES)
        dearer = sum(self._requests(mode, infrequent)) - sum(self._requests(mode, standard))
        saved = standard.gigabyte_month - infrequent.gigabyte_month
        return max(dearer / saved, Decimal(0)) if saved > 0 else None

    def _requests(self, mode: str, prices: ClassPrices) -> tuple[Decimal, Decimal]:
        """Return the costs of reads and of writes."""
        if mode == "on-demand":
            reads = sum((load.reads for load in self.loads), Decimal(0)) * SECONDS / _MILLION
            writes = sum((load.writes for load in self.loads), Decimal(0)) * SECONDS / _MILLION
            return reads * prices.million_reads, writes * prices.million_writes
        read_units = sum(self.units(load.peak_reads) for load in self.loads)
        write_units = sum(self.units(load.peak_writes) for load in self.loads)
        return read_units * HOURS * prices.read_hour, write_units * HOURS * prices.write_hour

    def _at_full_use(self, prices: ClassPrices) -> Decimal:
        """Return the cost of provisioned capacity at a utilization of 100 %."""
        hourly = (load.reads * prices.read_hour + load.writes * prices.write_hour for load in self.loads)
        return sum(hourly, Decimal(0)) * HOURS

    def _needs(self, prices: ClassPrices) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield the capacity that each place needs of each kind, with the price of a unit in a month."""
        for load in self.loads:
            yield load.peak_reads / self.target, prices.read_hour * HOURS
            yield load.peak_writes / self.target, prices.write_hour * HOURS
