"""Record the requests that the code sends, each with the role that its sender would have.

Only names, keys and the names of attributes are kept. The role is read from the stack of the request: code of a stream
router, code of a migration, an access pattern, or code that writes.

As a plugin (`pytest -p tests.roles.recording`) it writes all requests of a run to the file `RECORDED_REQUESTS`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from singletable.requests.observing import _name as name_of_pattern
from tests.roles.requests import actions_of
from tests.roles.simulator import Action

__all__ = ["Recording", "recorded"]

_WRITING = {"batch", "moving", "plan", "transaction", "upserting", "writes", "writing"}
_ROOT = Path(__file__).parents[2]


class Recording:
    """The actions that requests needed, by role.

    Attributes:
        actions: For each role, the actions that IAM would check, with the number of requests.
        operations: For each role, the operations that were sent.
        unclaimed: The operations that tests sent by themselves.
    """

    def __init__(self) -> None:
        self.actions: dict[str, Counter[Action]] = {}
        self.operations: dict[str, Counter[str]] = {}
        self.unclaimed: Counter[str] = Counter()
        self._partitions: dict[str, str] = {}

    def take(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Record one request."""
        if operation == "CreateTable":
            (self._partitions[params["TableName"]],) = (
                each["AttributeName"] for each in params["KeySchema"] if each["KeyType"] == "HASH"
            )
        role = _role(service, operation)
        if role is None:
            self.unclaimed[operation] += 1
            return
        self.operations.setdefault(role, Counter())[operation] += 1
        found = actions_of(service, operation, params, lambda name: self._partitions.get(name, "PK"))
        self.actions.setdefault(role, Counter()).update(found)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record the requests of a block."""
    recording = Recording()
    send = BaseClient._make_api_call

    def noting(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        recording.take(client.meta.service_model.service_name, operation, params)
        return send(client, operation, params)

    with patch.object(BaseClient, "_make_api_call", noting):
        yield recording


def _role(service: str, operation: str) -> str | None:
    """Return the role of the code that sends a request; None for a request of a test's own."""
    places = {each.f_globals.get("__name__", "") for each in _frames()}
    packages = {".".join(each.split(".")[:2]) for each in places}
    if "singletable.streams" in packages or "shop.stream" in places:
        return "stream"
    if service not in ("dynamodb",):
        return None
    if "singletable.migrations" in packages:
        return "migrator"
    if name_of_pattern.get() is not None:
        return "reader"
    if any(each.startswith("patterns.") for each in places):
        return "writer"
    if any(each.rpartition(".")[2] in _WRITING for each in places if each.startswith("singletable.models.")):
        return "writer"
    # `Entity.get` and `batch_get` belong to the writing API; a get by an index key sends a Query, as patterns do.
    own = {"singletable.requests.get", "singletable.requests.batch_requests"}
    if operation != "Query" and not own.isdisjoint(places):
        return "writer"
    return None


def _frames() -> Iterator[FrameType]:
    """Yield the frames of the callers, and those of the steps that wait for the request."""
    frame: FrameType | None = sys._getframe(4)
    while frame is not None:
        yield frame
        for name in ("steps", "chunks"):
            yield from _waiting(frame.f_locals.get(name))
        frame = frame.f_back


def _waiting(steps: Any) -> Iterator[FrameType]:
    """Yield the frames of a generator, and of those from which it yields."""
    while isinstance(steps, GeneratorType) and steps.gi_frame is not None:
        yield steps.gi_frame
        yield from _waiting(steps.gi_frame.f_locals.get("chunks"))
        steps = steps.gi_yieldfrom


_whole_run: Any = None


def pytest_configure() -> None:
    """Start to record the whole run."""
    global _whole_run
    _whole_run = recorded()
    _whole_run.recording = _whole_run.__enter__()


def pytest_unconfigure() -> None:
    """Write the recorded requests."""
    _whole_run.__exit__(None, None, None)
    recording: Recording = _whole_run.recording
    report = {
        "actions": {
            role: [[each.name, each.resource, dict(each.context), times] for each, times in found.items()]
            for role, found in recording.actions.items()
        },
        "operations": {role: dict(found) for role, found in recording.operations.items()},
        "unclaimed": dict(recording.unclaimed),
    }
    Path(os.environ["RECORDED_REQUESTS"]).write_text(json.dumps(report), encoding="utf-8")
