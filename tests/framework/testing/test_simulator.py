"""The simulator finds faults that are planted in the framework, in its users or in the engine, each with a name."""

import json
import random
import time
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from threading import Lock

import pytest
from hypothesis import strategies as st

from singletable.engine import embedded
from singletable.errors import ConditionFailed, InvalidValueError, PatternError, SingletableError
from singletable.models.schema.table_schema import entity_schema
from singletable.models.writing.writable import WritableItem
from singletable.testing import Fault, SimulatedHistory, SimulationFailedError, Simulator, inject, simulate
from singletable.testing.simulator import APPLIED_LATER, CHECKS, FAULTS, scheduler
from singletable.testing.simulator.corpus import draw_corpus
from singletable.testing.simulator.scheduler import Scheduler, without_sleep
from tests.framework.simulated import Plain, SimulatedTable
from tests.framework.stored import stored_item

LOST = [fault for fault in FAULTS if fault.applied]
REFUSED = [fault for fault in FAULTS if fault.known]


def wrapping(name, wrap):
    """Plant a method that calls the real one."""

    def plant(patch):
        real = getattr(WritableItem, name)
        patch.setattr(WritableItem, name, lambda self, *args, **kwargs: wrap(real, self, *args, **kwargs))

    return plant


def believing_equality(real, self, *args, **values):
    """Treat a failed condition as success if the stored item has the wanted values."""
    try:
        real(self, *args, **values)
    except ConditionFailed:
        names = [name for name in values if name in entity_schema(self).attributes]
        standing = stored_item(self)
        if standing is None or any(getattr(type(self)._from_item(standing), name) != values[name] for name in names):
            raise


def acknowledging_every_create(real, self):
    with suppress(SingletableError):
        real(self)


def sending_again(real, self, *args, **kwargs):
    """Send a write again after a failure that may have been applied, as if it were a new write."""
    try:
        real(self, *args, **kwargs)
    except SingletableError as error:
        if not error.uncertain:
            raise
        real(self, *args, **kwargs)


def replacing_after_a_lost_answer(real, self):
    try:
        real(self)
    except SingletableError as error:
        if not error.uncertain:
            raise
        self.save()


def certain(real, self, *args, **kwargs):
    try:
        real(self, *args, **kwargs)
    except SingletableError as error:
        error.uncertain = False
        raise


def doubting(real, self, *args, **kwargs):
    try:
        real(self, *args, **kwargs)
    except SingletableError as error:
        error.uncertain = True
        raise


def denying(real, self, *args, **kwargs):
    try:
        real(self, *args, **kwargs)
    except SingletableError as error:
        error.args = ("It failed; nothing was written.",)
        raise


def raising_a_plain_error(real, self, *args, **kwargs):
    try:
        real(self, *args, **kwargs)
    except SingletableError as error:
        raise RuntimeError("it failed") from error


def forgetting_unknown_attributes(real, self, *args, **kwargs):
    self.extra_attributes = {}
    real(self, *args, **kwargs)


def leaving_the_instance(real, self, *args, **kwargs):
    real(copy(self), *args, **kwargs)


def writing_a_neighbor(real, self, *args, **kwargs):
    Plain(name="somebody else").save()
    real(self, *args, **kwargs)


class Altered(Fault):
    """A fault that alters the request or the answer of every call."""

    def befall(self, send, operation, params, rng):
        return self.alter(send, operation, params)


def altering(alter):
    """Return an engine that alters requests before they reach the network."""

    class This(Altered):
        pass

    This.alter = staticmethod(alter)

    @contextmanager
    def engine(table, intercept):
        with embedded(table, intercept=intercept) as bound, inject(table, This()):
            yield bound

    return engine


def forgetting_unprocessed(send, operation, params):
    answer = send(operation, params)
    if operation == "BatchWriteItem":
        answer["UnprocessedItems"] = {}
    return answer


def without_conditions(send, operation, params):
    if operation in ("PutItem", "DeleteItem"):
        for name in ("ConditionExpression", "ReturnValuesOnConditionCheckFailure"):
            params.pop(name, None)
        # No other part of a put or a delete uses placeholders.
        for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            params.pop(name, None)
    return send(operation, params)


def restarting_versions(send, operation, params):
    if operation == "PutItem" and "version" in params["Item"]:
        params["Item"]["version"] = {"N": "1"}
    return send(operation, params)


def skipping_versions(send, operation, params):
    if operation == "PutItem" and "version" in params["Item"]:
        params["Item"]["version"] = {"N": str(int(params["Item"]["version"]["N"]) + 1)}
    return send(operation, params)


def stale_keys(send, operation, params):
    if operation == "PutItem":
        params["Item"].pop("GSI1SK", None)
    return send(operation, params)


def one_time(send, operation, params):
    if operation == "PutItem" and "writtenAt" in params["Item"]:
        params["Item"]["writtenAt"] = {"S": "2026-01-01T00:00:00.000000+0000"}
    return send(operation, params)


@contextmanager
def forgetting_tokens(table, intercept):
    """Return an engine that applies each repetition of a transaction and ignores its token."""

    def without_token(answer, event_name, request):
        def forgetful(event_name, request, **kwargs):
            body = json.loads(request.body)
            if body.pop("ClientRequestToken", None):
                request.body = json.dumps(body).encode()
                request.headers["Content-Length"] = str(len(request.body))
            return answer(event_name, request, **kwargs)

        return intercept(forgetful, event_name, request)

    with embedded(table, intercept=without_token) as bound:
        yield bound


def planted(method, wrap):
    """Return a fault in the framework: one of its methods is replaced."""
    return wrapping(method, wrap), embedded


def in_engine(engine):
    """Return a fault of the engine or of the network."""
    return lambda patch: None, engine


def both(*plants):
    """Return two faults as one."""
    return lambda patch: [plant(patch) for plant, _ in plants], embedded


PLANTED = {
    "equality is taken as proof": (planted("update", believing_equality), ["claim"], REFUSED, "two winners"),
    "every create is acknowledged": (
        planted("create", acknowledging_every_create),
        ["create"],
        REFUSED,
        "two winners",
    ),
    "attempts are forgotten between requests": (
        planted("create", sending_again),
        ["create", "delete"],
        LOST,
        "hidden write",
    ),
    "an error denies a write": (planted("update", denying), ["claim", "update"], LOST, "nothing was written"),
    "an error hides a lost answer": (planted("save", certain), ["save", "save if"], LOST, "hidden write"),
    "every error is uncertain": (planted("update", doubting), ["update"], REFUSED, "over-claim"),
    "an uncertain error denies a write": (planted("update", doubting), ["claim"], LOST, "contradiction"),
    "a create is repeated after a lost answer": (
        planted("create", replacing_after_a_lost_answer),
        ["create"],
        LOST,
        "applied twice",
    ),
    "mutate goes on after an uncertain failure": (planted("mutate", sending_again), ["mutate"], LOST, "applied twice"),
    "an increment is sent again": (planted("update", sending_again), ["increment"], LOST, "counter"),
    "an error is not ours": (planted("update", raising_a_plain_error), ["update"], REFUSED, "foreign error"),
    "unknown attributes are dropped": (planted("save", forgetting_unknown_attributes), ["save"], (), "wrong effect"),
    "an instance is left as it was": (planted("update", leaving_the_instance), ["update"], (), "instance"),
    "a write writes a neighbor": (planted("update", writing_a_neighbor), ["update"], (), "unasked write"),
    "a batch forgets unprocessed items": (
        in_engine(altering(forgetting_unprocessed)),
        ["batch", "load all"],
        [fault for fault in FAULTS if fault.name == "unprocessed"],
        "not applied",
    ),
    "a version is not checked": (in_engine(altering(without_conditions)), ["save", "delete"], (), "stale version"),
    "a version restarts": (
        in_engine(altering(restarting_versions)),
        ["create", "delete", "save"],
        (),
        "version repeated",
    ),
    "a version is skipped": (in_engine(altering(skipping_versions)), ["save"], (), "version"),
    "an index key goes stale": (in_engine(altering(stale_keys)), ["save"], (), "stale key"),
    "a time is not renewed": (in_engine(altering(one_time)), ["save"], (), "stamp"),
    "a token is forgotten": (in_engine(forgetting_tokens), ["transaction"], LOST, "ledger"),
}
"""Each planted fault: its planting, the kinds of calls and network faults that show it, and the check that finds it."""

HISTORIES = 25
CORPUS = draw_corpus(SimulatedTable, {})
"""The corpus of all tests of this module."""


def simulator(**options):
    """Return a simulator of the table that has every kind of entity."""
    made = Simulator(SimulatedTable, calls=8, **options)
    made.corpus = CORPUS
    return made


def checks_of(history):
    """Return the names of the checks with findings."""
    return {found.check for found in history.findings}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name, monkeypatch):
    """Its own check finds the fault within 25 histories, and finds nothing without the fault."""
    (plant, engine), kinds, faults, check = PLANTED[name]
    with monkeypatch.context() as patch:
        plant(patch)
        faulty = simulator(kinds=kinds, faults=faults, engine=engine)
        seed = next((seed for seed in range(HISTORIES) if check in checks_of(faulty.run(seed))), None)
    assert seed is not None, f"no history of {HISTORIES} has {check!r}"
    assert check not in checks_of(simulator(kinds=kinds, faults=faults).run(seed))


def test_every_check_finds_a_planted_fault():
    """Each check has a planted fault that it finds."""
    assert set(CHECKS) == {check for *_, check in PLANTED.values()}


def test_a_history_is_repeated_by_its_seed():
    """One seed gives the same steps, and another seed gives another history."""
    first = str(simulator().run(7))
    assert first == str(simulator().run(7))
    assert first.splitlines()[1:] != str(simulator().run(8)).splitlines()[1:]


def test_a_finding_shows_its_history(monkeypatch):
    """The message has the steps, the check's meaning, and the code that repeats the history."""
    plant, _ = planted("update", certain)
    plant(monkeypatch)
    with pytest.raises(
        SimulationFailedError, match="was applied, and raised an error that is not `uncertain`"
    ) as caught:
        simulate(SimulatedTable, histories=HISTORIES, kinds=["update"], faults=LOST)
    history = caught.value.history
    assert isinstance(history, SimulatedHistory)
    assert history.findings == caught.value.findings
    message = str(caught.value)
    assert f"Repeat the history with the same options: Simulator(SimulatedTable).run(seed={history.seed})" in message
    assert all(step in message for step in history.steps)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_network_is_met(fault):
    """Each fault occurs within four histories, and the histories have no finding."""
    single = simulator(faults=[fault], kinds=["update", "batch", "transaction"])
    histories = (single.run(seed) for seed in range(4))
    met = next(history for history in histories if history.attempts[fault.name])
    assert [] == met.findings


def test_invalid_options_are_refused():
    """Unknown kinds of calls, unknown entities and numbers that are too small are refused."""
    for kinds in (["creat"], "create", []):
        with pytest.raises(InvalidValueError, match="is not a list of kinds of calls. Give some of: batch, claim, "):
            Simulator(SimulatedTable, kinds=kinds)
    with pytest.raises(InvalidValueError, match="writers=1 is too small. Give 2 or more."):
        Simulator(SimulatedTable, writers=1)
    with pytest.raises(InvalidValueError, match="calls=0 is too small. Give 1 or more."):
        Simulator(SimulatedTable, calls=0)
    with pytest.raises(InvalidValueError, match="histories=0 is too small. Give 1 or more."):
        Simulator(SimulatedTable).check(histories=0)
    with pytest.raises(
        InvalidValueError, match="given names Plane, which is not an entity of .* entities are: .*Plain"
    ):
        Simulator(SimulatedTable, given={"Plane": {}})


def test_a_request_that_arrives_later_is_recorded():
    """A request that is applied after the client gave up raises an uncertain error."""
    late = simulator(faults=[APPLIED_LATER], kinds=["claim", "increment", "mutate"])
    history = next(each for each in map(late.run, range(HISTORIES)) if any("applied; #" in step for step in each.steps))
    assert [] == history.findings


def test_one_thread_runs_at_a_time():
    """A thread runs until it switches or ends, and its failure is raised at the end."""

    def orders(seed):
        scheduler, order = Scheduler(random.Random(seed), 0.5), []

        def work(name):
            for _ in range(3):
                order.append(name)
                assert name == scheduler.running
                scheduler.switch()

        scheduler.run({name: partial(work, name) for name in "abc"})
        assert None is scheduler.running
        return "".join(order)

    assert orders(1) == orders(1)
    assert "aaabbbccc" == "".join(sorted(orders(1)))
    assert 1 < len({orders(seed) for seed in range(5)})
    with pytest.raises(ZeroDivisionError):
        Scheduler(random.Random(0), 0.5).run({"a": lambda: 1 / 0, "b": lambda: None})


def test_a_lock_that_is_held_while_others_run_is_found(monkeypatch):
    """A deadlock is an error."""
    monkeypatch.setattr(scheduler, "_TIMEOUT", 0.02)
    held, both = Lock(), Scheduler(random.Random(0), 1)

    def hold():
        with held:
            both.switch()

    with pytest.raises(RuntimeError, match="is running and waits for a lock that another writer holds"):
        both.run({"a": hold, "b": hold})


def test_only_the_threads_of_a_scheduler_do_not_sleep(monkeypatch):
    """Other threads sleep as before."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with without_sleep():
        time.sleep(1)
        Scheduler(random.Random(0), 1).run({"a": lambda: time.sleep(2)})
    assert [1] == slept


def test_strategies_narrow_the_written_values():
    """`given` narrows the values of an attribute."""
    narrow = draw_corpus(SimulatedTable, {"Plain": {"tally": st.just(7)}})
    assert {7} == {each.tally for each in narrow.templates.values() if isinstance(each, Plain)}
    assert {7} == {each["tally"] for each in narrow.changes["Plain"] if "tally" in each}
    with pytest.raises(PatternError, match="strategy for an unknown attribute: nothing"):
        draw_corpus(SimulatedTable, {"Plain": {"nothing": st.just(7)}})
