"""Costs: what a load costs in a month by mode and table class, and where the choice between them turns.

Sources: DynamoDB, "Pricing for on-demand capacity" and "Pricing for provisioned capacity". Money is exact; the choice
turns where two linear functions meet, and is worked out, not searched for.
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
"""The capacity modes, as `setup.cfg` calls them."""

_MILLION = Decimal(1_000_000)
_LEAST = Decimal(1)
"""Units of each kind that a place has at least (Developer Guide, "Quotas")."""


@attrs.frozen
class Bill:
    """What a month costs.

    Args:
        mode: `on-demand` or `provisioned`.
        table_class: `standard` or `infrequent-access`.
        reads: For read units.
        writes: For write units.
        storage: For bytes.
    """

    mode: str
    table_class: str
    reads: Decimal
    writes: Decimal
    storage: Decimal

    @property
    def total(self) -> Decimal:
        """Everything."""
        return self.reads + self.writes + self.storage


@attrs.frozen
class Estimate:
    """What a load costs in a month.

    Args:
        loads: The load of the table and of each global index.
        gigabytes: What is stored.
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
                f"No capacity can be used to {target * 100:f} %.", remedy="Give more than 0 and at most 100 percent."
            )

    @property
    def bills(self) -> tuple[Bill, ...]:
        """On demand and provisioned, in both table classes."""
        return tuple(
            Bill(mode, name, *self._requests(mode, prices), self.gigabytes * prices.gigabyte_month)
            for mode in MODES
            for name, prices in self.prices.classes.items()
        )

    @property
    def cheapest(self) -> Bill:
        """The bill with the lowest total; of equal ones the first."""
        return min(self.bills, key=lambda bill: bill.total)

    def units(self, peak: Decimal) -> int:
        """The capacity units to provision for a peak: whole ones, and at least one."""
        return int(max(_LEAST, peak / self.target).to_integral_value(ROUND_CEILING))

    def used(self, table_class: str) -> Decimal:
        """The share of the provisioned capacity that is used on average, weighted by price."""
        prices = self.prices.classes[table_class]
        return self._at_full_use(prices) / sum(self._requests("provisioned", prices))

    def even_use(self, table_class: str) -> Decimal | None:
        """The share of provisioned capacity, used on average, at which both modes cost the same for this mix.

        With more use of it provisioned capacity is cheaper, with less on demand. None where nothing is asked.
        """
        prices = self.prices.classes[table_class]
        on_demand = sum(self._requests("on-demand", prices))
        return self._at_full_use(prices) / on_demand if on_demand else None

    def even_scale(self, table_class: str) -> Decimal | None:
        """How many times this load both modes cost the same at; below on demand is cheaper, above provisioned.

        Every place has at least a unit of each kind, which is what on demand saves at a small load. Capacity is not
        rounded to whole units here. None where on demand is cheaper at any scale, or nothing is asked.
        """
        prices = self.prices.classes[table_class]
        slope = sum(self._requests("on-demand", prices))
        needs = list(self._needs(prices))
        # Between the loads at which a place outgrows its least capacity both costs are linear in the scale.
        for start in sorted({Decimal(0), *(_LEAST / need for need, _ in needs if need)}):
            grown = sum((need * price for need, price in needs if need and _LEAST / need <= start), Decimal(0))
            least = sum((price for need, price in needs if not need or _LEAST / need > start), Decimal(0))
            ends = [_LEAST / need for need, _ in needs if need and _LEAST / need > start]
            if slope > grown and (not ends or least / (slope - grown) <= min(ends)):
                return least / (slope - grown)
        return None

    def even_gigabytes(self, mode: str) -> Decimal | None:
        """The storage from which infrequent access is cheaper than the standard class; None where it never is."""
        standard, infrequent = (self.prices.classes[name] for name in TABLE_CLASSES)
        dearer = sum(self._requests(mode, infrequent)) - sum(self._requests(mode, standard))
        saved = standard.gigabyte_month - infrequent.gigabyte_month
        return max(dearer / saved, Decimal(0)) if saved > 0 else None

    def _requests(self, mode: str, prices: ClassPrices) -> tuple[Decimal, Decimal]:
        """What reads and writes cost."""
        if mode == "on-demand":
            reads = sum((load.reads for load in self.loads), Decimal(0)) * SECONDS / _MILLION
            writes = sum((load.writes for load in self.loads), Decimal(0)) * SECONDS / _MILLION
            return reads * prices.million_reads, writes * prices.million_writes
        read_units = sum(self.units(load.peak_reads) for load in self.loads)
        write_units = sum(self.units(load.peak_writes) for load in self.loads)
        return read_units * HOURS * prices.read_hour, write_units * HOURS * prices.write_hour

    def _at_full_use(self, prices: ClassPrices) -> Decimal:
        """What capacity costs that is used to the last unit at all times."""
        hourly = (load.reads * prices.read_hour + load.writes * prices.write_hour for load in self.loads)
        return sum(hourly, Decimal(0)) * HOURS

    def _needs(self, prices: ClassPrices) -> Iterator[tuple[Decimal, Decimal]]:
        """The capacity that each place needs of each kind, and what a unit of it costs in a month."""
        for load in self.loads:
            yield load.peak_reads / self.target, prices.read_hour * HOURS
            yield load.peak_writes / self.target, prices.write_hour * HOURS
