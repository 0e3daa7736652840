"""The simulator: it runs histories of several writers on a few items, with faults, and checks them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import attrs

from singletable.engine import embedded
from singletable.errors import InvalidValueError, SingletableError
from singletable.models import Table
from singletable.models.items.item import key_of
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests.batch_requests import identity
from singletable.steps import one_at_a_time
from singletable.testing.invariants import scan_raw
from singletable.testing.simulator.checks import CHECKS, Violation, violations_in
from singletable.testing.simulator.corpus import Corpus, draw_corpus, varied
from singletable.testing.simulator.ledger import ItemKey, Ledger
from singletable.testing.simulator.network import FAULTS, Network, NetworkFault
from singletable.testing.simulator.scheduler import Scheduler, without_sleep
from singletable.testing.simulator.simulated_calls import Call
from singletable.testing.simulator.simulated_workload import KINDS, SimulatedWorkload
from singletable.testing.strategies.changes import Given

__all__ = ["SimulatedHistory", "SimulationFailedError", "Simulator", "simulate"]

_RATES = (0.0, 0.3, 0.6, 0.9)
"""Shares of attempts that have a fault; a writer draws one share for each call."""

_FEWEST = 2
"""The minimum number of writers of a history."""

_UNKNOWN_ATTRIBUTE = "unknownToTheModel"
"""An attribute that some items have from the start, as if other code had written it."""


@attrs.frozen
class SimulatedHistory:
    """The history of one seed. `print(history)` shows it step by step.

    Args:
        seed: The seed.
        table: The name of the table class.
        items: The items as text: k1, k2, ...
        steps: The steps, one line each.
        calls: The logical operations.
        findings: The findings of the checks.
        attempts: The number of HTTP attempts with each fault; "" counts the attempts without a fault.
    """

    seed: int
    table: str
    items: Sequence[str]
    steps: Sequence[str]
    calls: Sequence[Call]
    findings: Sequence[Violation]
    attempts: Counter[str]

    def __str__(self) -> str:
        lines = [f"SimulatedHistory {self.seed} of {self.table}"]
        lines += [f"  {item}" for item in self.items]
        lines += [f"{number:4d} {step}" for number, step in enumerate(self.steps, 1)]
        lines += [f"  {finding.check}: {finding.text}" for finding in self.findings] or ["  No finding."]
        return "\n".join(lines)


class SimulationFailedError(AssertionError):
    """A history has findings. `history` is the history; `findings` are its findings."""

    def __init__(self, history: SimulatedHistory) -> None:
        self.history, self.findings = history, history.findings
        meanings = "\n".join(f"{each}: {CHECKS[each]}" for each in dict.fromkeys(one.check for one in self.findings))
        repeat = f"Repeat the history with the same options: Simulator({history.table}).run(seed={history.seed})"
        super().__init__(f"{history}\n{meanings}\n{repeat}")


class Simulator:
    """Runs histories of a table: several writers, every kind of write, faults at each HTTP attempt.

    The writers take turns at each HTTP attempt, in an order that the seed decides. Retries do not wait, and no request
    goes over a network. The SDK's own retries are real. Histories of one process run one after another.

    Args:
        table: The table class.
        given: Strategies for attributes that need their own, by the name of the entity:
            `{"Review": {"rating": st.integers(1, 5)}}`.
        writers: The maximum number of writers of a history, at least 2.
        calls: The number of calls that each writer makes.
        kinds: The kinds of calls; see `KINDS`.
        faults: The faults that an attempt may have; see `FAULTS`.
        engine: A function that returns a context manager, with the parameters of `embedded`, `intercept` included.

    Raises:
        InvalidValueError: A kind of calls or an entity in `given` is unknown, or a number is too small.
    """

    def __init__(
        self,
        table: type[Table],
        *,
        given: Mapping[str, Given] | None = None,
        writers: int = 3,
        calls: int = 4,
        kinds: Collection[str] = KINDS,
        faults: Sequence[NetworkFault] = FAULTS,
        engine: Callable[..., AbstractContextManager[Any]] = embedded,
    ) -> None:
        unknown = sorted({kinds} if isinstance(kinds, str) else {*kinds} - {*KINDS})
        if unknown or not kinds:
            raise InvalidValueError(
                f"kinds={kinds!r} is not a list of kinds of calls.",
                remedy=f"Give some of: {', '.join(KINDS)}.",
                value=kinds,
            )
        names = {schema.name for schema in table_schema(table).entities.values()}
        strangers = sorted({*(given or {})} - names)
        if strangers:
            raise InvalidValueError(
                f"given names {', '.join(strangers)}, which is not an entity of {table.__name__}.",
                remedy=f"Its entities are: {', '.join(sorted(names))}.",
                value=given,
            )
        _require_least("writers", writers, _FEWEST)
        _require_least("calls", calls, 1)
        self.table = table
        self._given = given or {}
        self._writers = writers
        self._calls = calls
        self._kinds = sorted(kinds)
        self._faults = faults
        self._engine = engine

    @cached_property
    def corpus(self) -> Corpus:
        """The entities and changes from which every history is drawn."""
        return draw_corpus(self.table, self._given)

    def run(self, seed: int) -> SimulatedHistory:
        """Run one history.

        Args:
            seed: Decides all drawn values and the order of the writers.
        """
        rng = random.Random(seed)  # noqa: S311 - not a secret
        keys = self._choose_keys(rng)
        ledger = Ledger(table_schema(self.table).layout.primary)
        scheduler = Scheduler(rng, rng.choice((0.3, 0.6, 0.9)))
        faults = rng.sample(self._faults, min(len(self._faults), rng.randint(2, 6)))
        network = Network(scheduler, ledger, rng, faults)
        kinds = rng.sample(self._kinds, min(len(self._kinds), rng.randint(1, 6)))
        calls: list[Call] = []
        with self._engine(self.table, intercept=network), without_sleep(), one_at_a_time():
            workloads = self._set_up(keys, rng, network)
            scheduler.run(
                {name: _Writer(name, each, network, ledger, rng, kinds, self._calls, calls) for name, each in workloads}
            )
            network.deliver()
            findings = violations_in(self.table, calls, ledger, network.doubtful)
            stored = {identity(item, ledger.primary): item for item in scan_raw(self.table)}
            if stored != ledger.items:
                findings.append(
                    Violation("ledger", "The engine holds items that differ from those that the last write left.")
                )
        items = [f"k{number} = {self.corpus.templates[key]!r}" for number, key in enumerate(keys, 1)]
        return SimulatedHistory(seed, self.table.__name__, items, network.steps, calls, findings, network.met)

    def check(self, histories: int = 100, seed: int = 0) -> Counter[str]:
        """Run several histories, and raise an error if one of them has a finding; see `simulate`."""
        _require_least("histories", histories, 1)
        attempts: Counter[str] = Counter()
        for number in range(seed, seed + histories):
            history = self.run(number)
            if history.findings:
                raise SimulationFailedError(history)
            attempts += history.attempts
        return attempts

    def _choose_keys(self, rng: random.Random) -> list[ItemKey]:
        """Choose the keys of up to four items, of one or two entities; some have the same partition."""
        by_entity: dict[str, list[ItemKey]] = {}
        for key, template in self.corpus.templates.items():
            by_entity.setdefault(entity_schema(template).name, []).append(key)
        names = rng.sample(sorted(by_entity), min(len(by_entity), rng.randint(1, 2)))
        first = rng.choice(by_entity[names[0]])
        neighbors = [key for key in self.corpus.templates if key[0] == first[0] and key != first]
        others = [key for name in names for key in by_entity[name] if key != first]
        chosen = [first, *rng.sample(neighbors, min(len(neighbors), rng.randint(0, 1)))]
        return list(dict.fromkeys([*chosen, *rng.sample(others, min(len(others), rng.randint(0, 2)))]))

    def _set_up(
        self, keys: Sequence[ItemKey], rng: random.Random, network: Network
    ) -> list[tuple[str, SimulatedWorkload]]:
        """Store some of the items, and give each writer instances of them."""
        stored = []
        for number, key in enumerate(keys, 1):
            if rng.random() < 0.7:
                entity = varied(self.corpus.templates[key], {})
                try:
                    entity.create()
                except SingletableError:
                    continue
                network.note(f"k{number} is stored")
                if rng.random() < 0.5:
                    self._write_as_other_code(entity)
                entity.refresh(consistent=True)
                stored.append((key, entity))
        workloads = []
        for number in range(1, rng.randint(_FEWEST, self._writers) + 1):
            workload = SimulatedWorkload(self.table, self.corpus, keys, rng)
            for key, entity in stored:
                workload.hold(key, varied(entity, {}))
            workloads.append((f"w{number}", workload))
        return workloads

    def _write_as_other_code(self, entity: Table) -> None:
        sender = TableSender(self.table)
        asked = {"Key": key_of(entity), "UpdateExpression": "SET #n = :v"}
        names = {"#n": _UNKNOWN_ATTRIBUTE}
        values = {":v": {"M": {"kept": {"BOOL": True}}}}
        more = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        sender.send("UpdateItem", {"TableName": sender.table_name, **asked, **more})


@attrs.frozen
class _Writer:
    """One writer: it draws calls and makes them, one after another."""

    name: str
    workload: SimulatedWorkload
    network: Network
    ledger: Ledger
    rng: random.Random
    kinds: Sequence[str]
    count: int
    calls: list[Call]

    def __call__(self) -> None:
        for _ in range(self.count):
            call = self.workload.next_call(self.rng.choice(self.kinds))
            if call is not None:
                self._make(call)

    def _make(self, call: Call) -> None:
        call.number, call.writer, call.begun = len(self.calls) + 1, self.name, len(self.ledger.applications)
        self.calls.append(call)
        self.network.note(f"#{call.number} {call.kind} {call.text}")
        self.network.calls[self.name] = (call.number, self.rng.choice(_RATES))
        error: Exception | None = None
        try:
            call.perform()
        except Exception as raised:  # the checks judge every exception of a call
            error = raised
        finally:
            del self.network.calls[self.name]
        call.end(error, len(self.ledger.applications))
        self.network.note(f"#{call.number} -> {call.outcome}")


def simulate(table: type[Table], *, histories: int = 100, seed: int = 0, **options: Any) -> Counter[str]:
    """Run histories of a table, and raise an error if one of them has a finding; see `Simulator`.

    ::

        def test_writers_and_faults():
            simulate(ShopTable, histories=100)

    A history takes about a tenth of a second.

    Args:
        table: The table class.
        histories: The number of histories.
        seed: The seed of the first history; each further history has the next number.
        options: The options of `Simulator`.

    Returns:
        The number of HTTP attempts with each fault; "" counts the attempts without a fault.

    Raises:
        SimulationFailedError: A history has findings. The message shows the history and how to repeat it.
        InvalidValueError: As for `Simulator`, or `histories` is below 1.
        PatternError: The kit has no strategy for an attribute's class; give one with `given`.
    """
    return Simulator(table, **options).check(histories, seed)


def _require_least(option: str, number: int, least: int) -> None:
    if number < least:
        raise InvalidValueError(f"{option}={number} is too small.", remedy=f"Give {least} or more.", value=number)
