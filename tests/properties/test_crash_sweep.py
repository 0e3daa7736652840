"""A migration that crashes before and after each of its calls and is resumed, while old and new code write."""

import json
import os
from collections import Counter

import attrs
import pytest

from singletable.engine import embedded
from singletable.errors import MigrationStoppedError
from singletable.migrations import item_writer, segments
from singletable.migrations.control_records import key_from_text
from singletable.testing import Crash, InjectedCrash, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.changing import From
from tests.framework.migrations.world import LiveWriters, ShelfTable, graph, put_old, runner

FEW, MANY = 1, 20
EVERY = 12
BUSY = 0.4
DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("deep", "random")


@attrs.frozen(kw_only=True)
class Busy(Fault):
    """Other code writes before pages are read and items are written, usually to the same item.

    More writes, to any item, would leave no work for the migration. Old code is gone when the verification begins,
    which finds its earlier writes.
    """

    writers: LiveWriters

    def befall(self, send, operation, params, dice):
        if operation == "Scan" and params.get("ConsistentRead"):
            self.writers.old_code = False
        key = params.get("Key", {}).get("PK", {}).get("S", "")
        if (operation == "Scan" or key.startswith("TASK#")) and dice.random() < BUSY:
            self.writers.act(key)
        return send(operation, params)


def run(seed, crash_at=None, *, after=False, old_code=True, **options):
    """Run a migration that dies at a call, and resume it. Return the faults at the end, and the number of its calls."""
    with embedded(ShelfTable, create=False):
        runner(**options).migrate("0001_initial")
        writers = LiveWriters(seed, put_old(8, 3))
        writers.old_code = old_code
        faults = [Busy(writers=writers)]
        if crash_at is not None:
            # After the crash, clean-up requests are not sent either.
            faults += [Crash(after=True, calls={crash_at})] if after else []
            faults.append(Crash(calls=From(crash_at + after)))
        calls = 0
        for attempt in range(6):
            with inject(ShelfTable, *(faults if attempt == 0 else faults[:1]), seed=seed + attempt) as injection:
                try:
                    runner(graph(conflict="overwrite"), **options).migrate()
                    ended = True
                except (InjectedCrash, MigrationStoppedError):
                    ended = False
            calls = calls or len(injection.calls)
            if ended:
                return writers.problems(), calls
        return ["never at its end"], calls


def sweep(seed, every=1, **options):
    """Yield the faults after crashes of one seed, before and after each call, or some calls."""
    problems, calls = run(seed, **options)
    if problems:
        yield "no crash", problems
    for crash_at in range(1 + seed % every, calls + 1, every):
        for after in (False, True):
            problems, _ = run(seed, crash_at, after=after, **options)
            if problems:
                yield f"{'after' if after else 'before'} call {crash_at}", problems


@pytest.mark.parametrize("seed", range(MANY if DEEP else FEW))
def test_no_crash_loses_or_spoils_anything(seed):
    """No update or attribute is lost, no item is resurrected, and no key is stale.

    One seed crashes at every twelfth call; in `make test-deep` each of twenty crashes at every call.
    """
    assert [] == list(sweep(seed, every=1 if DEEP else EVERY))


# --- engines that are broken on purpose: the sweep must see it ------------------------


def without_condition(monkeypatch):
    """The update is sent without its condition."""

    def update(table, change):
        names = {f"#{number}": name for number, name in enumerate(change.sets)}
        return {
            "TableName": table,
            "Key": change.key,
            "UpdateExpression": "SET " + ", ".join(f"{place} = :{place[1:]}" for place in names),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":{number}": value for number, value in enumerate(change.sets.values())},
        }

    monkeypatch.setattr(item_writer, "update_params", update)


def early_checkpoint(monkeypatch):
    """The checkpoint is written before the writes of the page."""

    def run_slice(self, task):
        checkpoint = self._claim(task)
        counts = Counter(json.loads(checkpoint.counts))
        page = self._page(task, key_from_text(checkpoint.position))
        self._checkpoint(checkpoint, task, page.get("LastEvaluatedKey"), counts)
        counts += self._writer(task).write(self._sort_out(page["Items"], counts))
        return segments.SliceResult(task.segment, checkpoint.state == "done", dict(counts))

    monkeypatch.setattr(segments.SegmentWorker, "run", run_slice)


def skipped_segment(monkeypatch):
    """The last segment counts as finished."""
    run_slice = segments.SegmentWorker.run

    def skip(self, task):
        last = task.segment == task.segments - 1
        return segments.SliceResult(task.segment, True, {}) if last else run_slice(self, task)

    monkeypatch.setattr(segments.SegmentWorker, "run", skip)


def blind_retry(monkeypatch):
    """A change whose condition failed is sent again without the condition."""
    monkeypatch.setattr(
        item_writer.ItemWriter, "_again", lambda self, change, error, counts: attrs.evolve(change, pins=frozenset())
    )


def end_on_an_empty_page(monkeypatch):
    """A page without items counts as the last one."""
    scan = segments.patient_scan

    def stop(*arguments):
        answer = scan(*arguments)
        return answer if answer["Items"] else {**answer, "LastEvaluatedKey": None}

    monkeypatch.setattr(segments, "patient_scan", stop)


@pytest.mark.parametrize(
    "broken", [without_condition, early_checkpoint, skipped_segment, blind_retry, end_on_an_empty_page]
)
def test_a_broken_engine_is_caught(monkeypatch, broken):
    """The same sweep finds each planted fault, and stops at the first one."""
    options = {"old_code": False, "verify": False, "accept_quarantine": True}
    broken(monkeypatch)
    # Any seed finds each of them; the third seed finds all within seconds.
    seeds = sorted(range(MANY), key=lambda seed: seed < 3)
    assert any(next(sweep(seed, every=4, **options), None) for seed in seeds)
