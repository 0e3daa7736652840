"""Random histories of faults with concurrent tasks: nothing is lost, nothing is applied twice, and no key is stale.

The engine answers within the loop, and each wait lets other tasks run for a random number of iterations. So a seed
gives the same history each time.
"""

import asyncio
import json
import os
import random
from collections import Counter

import pytest
from botocore.awsrequest import AWSResponse

from singletable.engine import embedded
from singletable.errors import (
    SingletableError,
    is_uncertain,
)
from singletable.steps import Blocking, Pause, mark_sent
from singletable.testing import check_fresh
from singletable.testing.simulator.network import FAULTS
from tests.framework.ledger import LedgerTable, State, Task, task

HISTORIES = {"deep": 10_000, "random": 10_000}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 64)
GROUPS = 8
WRITING = {"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"}


class Raw:
    def __init__(self, body):
        self._body = body

    def stream(self):
        yield self._body


class Faulty:
    """An engine that gives some attempts a fault of the network; `met` counts them."""

    def __init__(self):
        self.rng = random.Random(0)
        self.rate = 0.0
        self.met = Counter()

    def __call__(self, answer, event_name, request):
        operation = event_name.rpartition(".")[2]
        possible = [each for each in FAULTS if each.operations is None or operation in each.operations]
        fault = self.rng.choice(possible) if self.rng.random() < self.rate else None
        if fault is None or fault.name == "unprocessed":
            return answer(event_name, request)
        self.met[fault.name] += 1
        response = answer(event_name, request) if fault.applied else None
        if fault.raises is not None:
            raise fault.raises()
        if fault.code:
            error = {"__type": f"com.amazonaws.dynamodb.v20120810#{fault.code}", "message": "injected"}
            if "Canceled" in fault.code:
                operations = json.loads(bytes(request.body))["TransactItems"]
                error["CancellationReasons"] = [{"Code": "TransactionConflict"} for _ in operations]
            return AWSResponse(request.url, fault.status, {}, Raw(json.dumps(error).encode()))
        return AWSResponse(request.url, 200, {}, Raw(response.content[: len(response.content) // 2]))


@pytest.fixture(scope="module")
def faults():
    engine = Faulty()
    with embedded(LedgerTable, intercept=engine):
        yield engine


@pytest.fixture
def deterministic(monkeypatch, faults):
    """Blocking calls run within the loop, and waits take a random number of its iterations."""

    async def others():
        for _ in range(faults.rng.randrange(4)):
            await asyncio.sleep(0)

    async def blocking(self):
        try:
            await others()
            result = self._function()
            await others()
            return result
        except asyncio.CancelledError as error:
            # As in a thread: it is not known whether the function was called.
            mark_sent(error)
            raise

    async def pause(self):
        await others()

    monkeypatch.setattr(Blocking, "aperform", blocking)
    monkeypatch.setattr(Pause, "aperform", pause)
    monkeypatch.setattr("botocore.retries.standard.RetryQuotaChecker.acquire_retry_quota", lambda *_: True)


class History:
    """The outcomes of the writes of one history, as its tasks know them.

    `done` has the additions that were acknowledged, and `doubtful` those whose outcome is unknown.
    """

    def __init__(self, rng):
        self.rng = rng
        self.done = 0
        self.doubtful = 0
        self.winners = Counter()
        self.unknown = Counter()

    async def write(self, number):
        """Run the operations of one writer."""
        for step in range(self.rng.randrange(1, 4)):
            operation = self.rng.choice([self.add, self.add_in_transaction, self.claim, self.batch])
            try:
                await operation(number, step)
            except (SingletableError, asyncio.CancelledError) as error:
                if operation in (self.add, self.add_in_transaction):
                    self.doubtful += is_uncertain(error)
                elif operation == self.claim and is_uncertain(error):
                    self.unknown[step] += 1

    async def add(self, number, step):
        """Add a point to the task that all writers share, by reading and writing it."""

        def one_more(each):
            each.points = (each.points or 0) + 1
            each.state = self.rng.choice([*State])

        await Task(project="p", number=0).amutate(one_more)
        self.done += 1

    async def add_in_transaction(self, number, step):
        """Add a point in a transaction."""
        shared = await Task.aget(project="p", number=0, consistent=True)
        async with LedgerTable.transaction() as transaction:
            transaction.update(shared, actions=[Task.points.add(1)])
            transaction.put(task(100 + number, project="log"))
        self.done += 1

    async def claim(self, number, step):
        """Create an item that only one writer may create."""
        await task(step, project="claims", title=str(number)).acreate()
        self.winners[step] += 1

    async def batch(self, number, step):
        """Write items of this writer only."""
        async with LedgerTable.batch(workers=2) as batch:
            batch.put(*[task(each, project=f"w{number}", points=step) for each in range(30)])


def run_history(seed, faults, *, cancelling=False):
    """Run one history, and return it with the points that are stored."""
    faults.rate = 0.0
    for each in LedgerTable.scan().all():
        each.delete()
    task(0, points=0).create()
    faults.rng, history = random.Random(seed), History(random.Random(seed + 1))
    faults.rate = faults.rng.choice([0.0, 0.05, 0.2])

    async def main():
        writers = [asyncio.ensure_future(history.write(number)) for number in range(4)]
        if cancelling:
            await asyncio.sleep(0)
            for _ in range(faults.rng.randrange(200)):
                await asyncio.sleep(0)
            faults.rng.choice(writers).cancel()
        await asyncio.gather(*writers)

    asyncio.run(main())
    faults.rate = 0.0
    check_fresh(LedgerTable)
    return history, Task.get(project="p", number=0).points


def assert_sound(seed, history, points):
    """Assert that each acknowledged write was applied once, and each refused one not at all."""
    assert history.done <= points <= history.done + history.doubtful, f"seed {seed}"
    assert {*history.winners.values()} <= {1}, f"seed {seed}: several writers created one item"
    for step in {*history.winners, *history.unknown}:
        if not history.unknown[step]:
            assert Task.item(project="claims", number=step).one_or_none() is not None, f"seed {seed}"


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("cancelling", [False, True], ids=["faults", "faults and cancellation"])
def test_no_history_loses_or_repeats_a_write(group, cancelling, faults, deterministic):
    """Four tasks write at once, over a network with every fault of the simulator."""
    for seed in range(group, HISTORIES, 2 * GROUPS):
        assert_sound(seed, *run_history(seed, faults, cancelling=cancelling))


def test_the_histories_meet_faults(faults, deterministic):
    """Most faults occur, and a history with the same seed is the same."""
    faults.met.clear()
    first = [run_history(seed, faults)[1] for seed in range(20)]
    met = Counter(faults.met)
    assert len(met) >= 10
    faults.met.clear()
    assert first == [run_history(seed, faults)[1] for seed in range(20)]
    assert met == faults.met
