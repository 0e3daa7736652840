"""How a run is done, and how far it is."""

from __future__ import annotations

from collections import Counter

import attrs

from singletable.migrations.item_writer import WriteMode

__all__ = ["Options", "Progress"]


@attrs.frozen(kw_only=True)
class Options:
    """How a run is done.

    Args:
        segments: Into how many segments the table is cut; many more than workers, so that no worker stays on one
            part of the table.
        workers: How many slices are done at once.
        rate: Units per second, of the table and each index, for reads and for writes; None for no limit but the ramp
            of an on-demand table.
        share: The share of the provisioned capacity to use, from 0 to 1, in place of a rate.
        write_mode: One UpdateItem an item, or PartiQL statements, 25 a request; `auto` for what the server does.
        page_size: How many items DynamoDB looks at for a page.
        slice_pages: How many pages a slice has.
        max_errors: The share of items that may be quarantined before the run stops.
        lease_seconds: How long another runner must be silent before it is taken for dead.
        verify: Whether to read the table again behind each pass.
        accept_quarantine: Whether a migration may be applied although items are quarantined.
        accept_edited: Whether scripts may have been edited since they were begun or applied.
        redrive: Whether to try again what is quarantined.
    """

    segments: int = attrs.field(default=32, validator=attrs.validators.in_(range(1, 1_000_001)))
    workers: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    rate: float | None = None
    share: float | None = None
    write_mode: WriteMode = "auto"
    page_size: int = 250
    slice_pages: int = 1
    max_errors: float = 0.1
    lease_seconds: float = 20.0
    verify: bool = True
    accept_quarantine: bool = False
    accept_edited: bool = False
    redrive: bool = False


@attrs.frozen
class Progress:
    """How far a pass is.

    Args:
        migration: The migration's name.
        step: What the step does.
        phase: `backfill` or `verify`.
        counts: What was done so far.
        done: How many segments are at their end.
        segments: How many there are.
        consumed: Capacity units of this run so far, by `read` and `write`.
        throttled: How often what was throttled, `table` or an index.
    """

    migration: str
    step: str
    phase: str
    counts: Counter[str]
    done: int
    segments: int
    consumed: dict[str, float]
    throttled: dict[str, int]
