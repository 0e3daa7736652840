"""The Lambda function of the state machine: one handler for all actions, which stops before Lambda ends its call."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import attrs

from singletable.errors import MigrationError
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import VERIFYING
from singletable.migrations.lease import Lease
from singletable.migrations.pass_runner import VERIFIED_PAGE, PassAhead
from singletable.migrations.remote import Job, WorkerPlace, do_slice, kept_place
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.segments import Slice
from singletable.migrations.stepfunctions import MOST_SEGMENTS
from singletable.migrations.sweep import DEFERRED_SECONDS, Breaker

__all__ = ["Context", "Order", "handler"]

_log = logging.getLogger(__name__)

_HAND_ON = 60_000
"""Milliseconds that another slice needs. If fewer are left, the function returns and is called again."""

_SEGMENTS = 200


class Context(Protocol):
    """The part of Lambda's context that the handler uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the call."""


@attrs.frozen
class Order:
    """The input of an execution.

    Args:
        job: The table and the scripts. Its rate is the total of all functions. It has no credentials, since functions
            have a role.
        target: The last migration to apply; None for the head.
        options: The options of the run. The input may have `segments`, `page_size`, `write_mode`, `max_errors`,
            `lease_seconds`, `verify`, `accept_quarantine`, `accept_edited` and `redrive`.
    """

    job: Job
    target: str | None
    options: Options

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Order:
        """Return an order from an execution's input.

        Raises:
            MigrationError: A field is missing, unknown or invalid.
        """
        unknown = sorted(set(plain) - {"job", "target", *_OPTIONS})
        if unknown or "job" not in plain:
            raise MigrationError(
                f"The input has an unknown field {unknown[0]!r}." if unknown else "The input has no 'job'.",
                remedy=f"Its fields are: job, target, {', '.join(_OPTIONS)}.",
            )
        job = Job.from_dict(plain["job"])
        if job.credentials is not None:
            raise MigrationError(
                "The input has credentials, and every user who may describe an execution can read its input.",
                remedy="Remove them, and give the function a role.",
            )
        chosen = {name: plain[name] for name in _OPTIONS if name in plain}
        try:
            options = Options(**{"segments": _SEGMENTS, **chosen, "rate": job.rate})
        except (TypeError, ValueError) as error:
            raise MigrationError(f"The input's options are invalid: {error.args[0]}.", remedy="Correct them.") from None
        if options.segments > MOST_SEGMENTS:
            raise MigrationError(
                f"segments={options.segments:,}: the states can pass on at most {MOST_SEGMENTS:,} segment numbers.",
                remedy=f"Give at most {MOST_SEGMENTS:,}.",
            )
        return cls(job, plain.get("target"), options)


_OPTIONS = (
    "segments",
    "page_size",
    "write_mode",
    "max_errors",
    "lease_seconds",
    "verify",
    "accept_quarantine",
    "accept_edited",
    "redrive",
)


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """The Lambda handler for every state of `state_machine`.

    Args:
        event: `action`, and the parameters that the state machine adds.
        context: Lambda's context.

    Raises:
        SingletableError: The action failed. Step Functions uses the class as the error's name.
    """
    do = _ACTIONS.get(event.get("action", ""))
    if do is None:
        raise MigrationError(
            f"{event.get('action')!r} is not an action of the migrations' function.",
            remedy="Call the function only from the states of state_machine().",
        )
    left = context.get_remaining_time_in_millis()
    if left < _HAND_ON:
        raise MigrationError(
            f"The function has only {left / 1000:.0f} s for a call.",
            remedy=f"Set its timeout to 15 minutes. It returns when {_HAND_ON // 1000} s are left, and is called"
            " again.",
        )
    return do(event, context)


class _OutOfTimeError(Exception):
    """The call would end during a wait."""


class _CallClock(Clock):
    """Time in a call of the function: a wait raises `_OutOfTimeError` when the call is near its end."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def near(self) -> bool:
        """Whether the call must return, so that another one continues."""
        return self._context.get_remaining_time_in_millis() < _HAND_ON

    def sleep(self, seconds: float, until: Any = None) -> None:
        # The beating thread waits for an event, and the thread that started it sets the event.
        if until is None and self.near:
            raise _OutOfTimeError
        super().sleep(seconds, until)


def _begin(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Take every step up to the next pass; return `again` if a call is too short for them: an index may take hours."""
    order = Order.from_dict(event["input"])
    runner = _runner(order, WorkerPlace.of(order.job), event["execution"], context)
    try:
        runner.prepare(order.target)
        runner.lease.acquire()
        with _beating(runner.lease):
            history = runner.open()
            ahead = None if runner.start(history, order.target) else runner.next_pass(history, order.target)
            if ahead is not None and order.options.redrive and not ahead.swept:
                runner.redrive(ahead)
    except _OutOfTimeError:
        return {"state": "again"}
    if ahead is None:
        runner.lease.release()
        return {"state": "applied"}
    return _handed_on(order, runner, ahead, event["concurrency"])


def _handed_on(order: Order, runner: Runner, ahead: PassAhead, concurrency: int) -> dict[str, Any]:
    """Return the parameters of a pass for the states after Begin."""
    segments = int(ahead.record.segments)
    rate = order.job.rate
    share = rate / min(concurrency, segments) if rate else None
    return {
        "state": "pass",
        "work": {
            "job": attrs.evolve(order.job, rate=share).to_dict(),
            "owner": runner.lease.owner,
            "epoch": runner.lease.epoch,
            "migration": ahead.record.name,
            "step": ahead.step.number,
            "segments": segments,
            "swept": ahead.swept,
            "page_size": order.options.page_size,
            "statements": runner.knows_statements(),
            "max_errors": order.options.max_errors,
            "lease_seconds": order.options.lease_seconds,
        },
        "open": runner.open_segments(ahead),
        "verify": runner.verifies(ahead),
        "all": list(range(segments)),
    }


def _slice(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Work on one segment, from checkpoint to checkpoint, until its end or the end of the call."""
    work = event["work"]
    verifying = event["action"] == "verify"
    task = Slice(
        f"{work['migration']}{VERIFYING if verifying else ''}",
        work["step"],
        event["segment"],
        work["segments"],
        work["epoch"],
        1,  # the time is checked after every page
        max(work["page_size"], VERIFIED_PAGE) if verifying else work["page_size"],
        work["statements"] and not verifying,
    )
    job = Job.from_dict(work["job"])
    clock = _CallClock(context)
    lease = Lease(kept_place(job, task.epoch).records, clock, work["lease_seconds"], owner=work["owner"])
    lease.adopt(task.epoch)
    breaker = Breaker(1.0 if verifying else work["max_errors"])
    with _beating(lease):
        while True:
            result = do_slice(job, task)
            breaker.add(result.recent)
            lease.check()
            if result.done or clock.near:
                return {"done": result.done}
            if result.throttled:
                Clock().sleep(DEFERRED_SECONDS)


def _end(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record that a pass is done."""
    order, work = Order.from_dict(event["input"]), event["work"]
    runner = _runner(order, kept_place(order.job, work["epoch"]), work["owner"], context)
    runner.lease.adopt(work["epoch"])
    with _beating(runner.lease):
        history = runner.open()
        record = history.migrations[work["migration"]]
        step = next(each for each in history.steps(record.name) if each.number == work["step"])
        if record.step > step.number and not work["swept"]:
            return {}  # a response was lost: it is recorded already
        runner.finish_pass(PassAhead(record, step, work["swept"]))
    return {}


def _release(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Give the lease back, and describe the error that ended the execution."""
    error = event["error"]
    # An execution whose input or scripts are invalid has no lease.
    with suppress(MigrationError):
        order = Order.from_dict(event["input"])
        lease = Lease(WorkerPlace.of(order.job).records, Clock(), owner=event["execution"])
        if lease.holder() == lease.owner:
            lease.acquire()
            lease.release()
    return {"Error": error.get("Error", "Unknown"), "Cause": _cause(error)}


def _cause(error: Mapping[str, Any]) -> str:
    """Return the message of an error that Step Functions reports; Lambda wraps it in JSON, with a traceback."""
    cause = str(error.get("Cause", ""))
    try:
        told = json.loads(cause)
    except ValueError:
        told = None
    if isinstance(told, dict) and "errorMessage" in told:
        return str(told["errorMessage"])
    if str(error.get("Error", "")).startswith("States."):
        return (
            f"{cause} The failed child execution in the Map Run has the reason. Progress is recorded: start"
            " another execution to continue."
        )
    return cause


def _runner(order: Order, place: WorkerPlace, execution: str, context: Context) -> Runner:
    return Runner(
        place.connection,
        place.graph,
        order.options,
        records=place.records,
        clock=_CallClock(context),
        tell=_log.info,
        owner=execution,
    )


@contextmanager
def _beating(lease: Lease) -> Iterator[None]:
    """Beat while the call works, and keep the lease after it."""
    lease.keep()
    try:
        yield
    finally:
        lease.rest()


_ACTIONS: Mapping[str, Callable[[dict[str, Any], Context], dict[str, Any]]] = {
    "begin": _begin,
    "slice": _slice,
    "verify": _slice,
    "end": _end,
    "release": _release,
}
