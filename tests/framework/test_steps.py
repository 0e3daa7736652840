"""Steps: the same results, errors and order in a thread and on an event loop."""

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from singletable.steps import Blocking, Crew, Pause, Together, arun, one_at_a_time, run

DRIVERS = {"thread": run, "event loop": lambda steps: asyncio.run(arun(steps))}
both = pytest.mark.parametrize("drive", DRIVERS.values(), ids=DRIVERS)


def returning(value):
    yield Pause(0)
    return value


def failing(error):
    yield Pause(0)
    raise error


@both
def test_results_and_the_value(drive):
    """Each step's result is the value of its `yield`."""

    def steps():
        first = yield Blocking(lambda: 1)
        second = yield from returning(2)
        return first, second, (yield Pause(0))

    assert (1, 2, None) == drive(steps())


@both
def test_steps_without_a_step(drive):
    """A function that needs nothing returns at once."""

    def steps():
        return "done"
        yield

    assert "done" == drive(steps())


@both
def test_an_error_is_raised_at_its_step(drive):
    """The steps can handle it, and go on."""

    def steps():
        try:
            yield Blocking(lambda: 1 / 0)
        except ZeroDivisionError:
            return (yield Blocking(lambda: "went on"))

    assert "went on" == drive(steps())


@both
def test_an_error_that_is_not_handled_is_raised(drive):
    """It is the error of the step, and its traceback names the steps."""

    def steps():
        yield Blocking(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError) as caught:
        drive(steps())
    assert "steps" in {each.name for each in caught.traceback}


@both
def test_together_keeps_the_order(drive):
    """The values are in the order of the parts, whatever ends first."""

    def slowly(value, seconds):
        yield Pause(seconds)
        return value

    def steps():
        return (yield Together([slowly("a", 0.03), slowly("b", 0.0), slowly("c", 0.01)], at_most=3))

    assert ["a", "b", "c"] == drive(steps())


@both
@pytest.mark.parametrize(("at_most", "expected"), [(1, 1), (3, 3), (9, 6)])
def test_together_is_bounded(drive, at_most, expected):
    """No more parts than `at_most` are in progress, and as many are if there are enough."""
    lock, now, most = threading.Lock(), 0, 0
    meeting = threading.Barrier(min(at_most, 6))

    def part():
        def work():
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            meeting.wait(5)
            with lock:
                now -= 1

        yield Blocking(work)

    def steps():
        yield Together([part() for _ in range(6)], at_most)

    if drive is not run:

        def steps_in_threads():
            # The default executor of a loop has few threads on a small machine.
            from concurrent.futures import ThreadPoolExecutor

            async def main():
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16))
                await arun(steps())

            asyncio.run(main())

        steps_in_threads()
    else:
        drive(steps())
    assert expected == most


@both
def test_the_first_failure_ends_together(drive):
    """Its error is raised, and the parts in progress end before."""
    ended = []

    def part(number):
        try:
            yield Pause(0.02)
        finally:
            ended.append(number)

    def steps():
        yield Together([part(1), failing(KeyError("this")), part(2)], at_most=3)

    with pytest.raises(KeyError, match="this"):
        drive(steps())
    assert {1, 2} == {*ended}


@both
def test_context_variables_reach_the_parts(drive):
    """The parts see the values of the caller, and do not change them."""
    color = ContextVar("color", default="none")

    def part():
        seen = yield Blocking(color.get)
        color.set("blue")
        return seen

    def steps():
        color.set("red")
        seen = yield Together([part(), part()], at_most=2)
        return seen, color.get()

    assert (["red", "red"], "red") == drive(steps())


def test_one_at_a_time():
    """A simulator decides which thread runs, so no other thread is started."""

    def part():
        return (yield Blocking(threading.get_ident))

    def steps():
        crew = Crew(4)
        task = yield crew.start(part())
        assert {task} == (yield crew.first_ended())
        crew.close()
        return {*(yield Together([part() for _ in range(4)], at_most=4)), task.result()}

    with one_at_a_time():
        assert {threading.get_ident()} == run(steps())
    assert threading.get_ident() not in run(steps())


def test_a_cancellation_is_raised_at_its_step():
    """The steps clean up; the cancellation goes on."""
    events = []

    def steps():
        try:
            yield Pause(10)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        finally:
            events.append("cleaned up")

    async def main():
        task = asyncio.create_task(arun(steps()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ["cancelled", "cleaned up"] == events


def test_a_cancellation_ends_all_parts():
    """No part goes on after its caller."""
    ended = []

    def part(number):
        try:
            yield Pause(10)
        finally:
            ended.append(number)

    def steps():
        yield Together([part(number) for number in range(5)], at_most=2)

    async def main():
        task = asyncio.create_task(arun(steps()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == len(asyncio.all_tasks())

    asyncio.run(main())
    assert [0, 1] == sorted(ended)


def test_a_pause_can_be_simulated(monkeypatch):
    """`time.sleep` is looked up at each pause."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    run(iter_pause())
    assert [7] == slept


def iter_pause():
    yield Pause(7)
