"""The options and the progress of a run."""

from __future__ import annotations

from collections import Counter

import attrs

from singletable.migrations.item_writer import WriteMode

__all__ = ["Options", "Progress"]


@attrs.frozen(kw_only=True)
class Options:
    """The options of a run.

    Args:
        segments: The number of segments of the table: many more than workers, so that the workers spread over the
            table.
        workers: The number of slices to run in parallel.
        rate: Units per second, of the table and each index, for reads and for writes. None for no limit except the
            ramp of an on-demand table.
        share: The share of the provisioned capacity to use, from 0 to 1, instead of a rate.
        write_mode: `single` UpdateItem requests, PartiQL `statements` (25 per request), or `auto`: statements if the
            server supports them.
        page_size: The number of items that DynamoDB reads for a page.
        slice_pages: The number of pages of a slice.
        max_errors: The share of items that may be quarantined before the run stops.
        lease_seconds: The time for which another runner must be silent until it counts as dead.
        verify: Whether to read the table again after each pass.
        accept_quarantine: Whether a migration may be applied although items are quarantined.
        accept_edited: Whether scripts may have been edited since they were begun or applied.
        redrive: Whether to try quarantined items again.
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
    """The progress of a pass.

    Args:
        migration: The migration's name.
        step: A description of the step.
        phase: `backfill` or `verify`.
        counts: The number of items so far, by outcome.
        done: The number of finished segments.
        segments: The number of all segments.
        consumed: The capacity units of this run so far, by `read` and `write`.
        throttled: The number of throttled requests, by `table` or index.
    """

    migration: str
    step: str
    phase: str
    counts: Counter[str]
    done: int
    segments: int
    consumed: dict[str, float]
    throttled: dict[str, int]
