"""The lease: one runner at a time per table. A counter that moves shows that the holder lives, not a clock."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from singletable.errors import (
    AlreadyExistsError,
    ConditionFailed,
    LeaseHeldError,
    LeaseLostError,
    SingletableError,
    TableMissingError,
)
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import Records
from singletable.requests.retry import TRANSIENT_FAULTS

__all__ = ["Lease", "owner_name"]

_NAME = "runner"


def owner_name() -> str:
    """Return the name of this process in a lease: user, machine, process and a random part."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or "someone"
    return f"{user}@{socket.gethostname()} pid {os.getpid()} {uuid4().hex[:6]}"


class Lease:
    """The right to migrate a table.

    It keeps two runners from working against each other. It fences checkpoints: each holder has a higher `epoch` than
    the one before. It does not fence writes of items, which must be harmless when they are repeated.

    Args:
        records: The records of the table, which hold the lease.
        clock: The clock, which tests replace.
        seconds: The time for which its counter must not move before another runner may take it.
        tell: Called with a line about each wait.
        owner: The name of this runner; None for `owner_name()`.
    """

    def __init__(
        self,
        records: Records,
        clock: Clock,
        seconds: float = 20.0,
        tell: Callable[[str], None] = lambda line: None,
        owner: str | None = None,
    ) -> None:
        self._records = records
        self._clock = clock
        self._seconds = seconds
        self._tell = tell
        self.owner = owner or owner_name()
        self.epoch = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost: SingletableError | None = None

    def acquire(self) -> None:
        """Take the lease.

        Raises:
            LeaseHeldError: Another living runner has it.
        """
        record = self._records.Lease
        held = self._read()
        if held is None:
            try:
                TRANSIENT_FAULTS.call(record(name=_NAME, owner=self.owner, epoch=1).create)
            except AlreadyExistsError:
                held = self._read()
            else:
                self.epoch = 1
                return
        assert held is not None
        if held.owner == self.owner:
            # Its owner has passed it on, or repeats the request since the first response was lost.
            self.epoch = held.epoch
            return
        if held.owner is not None:
            self._wait_for(held.owner, held.epoch, held.beat)
            fresh = self._read()
            if fresh is not None and fresh.owner is None:
                held = fresh  # it was given back meanwhile
        self._take(held.epoch, held.beat, held.owner)

    def adopt(self, epoch: int) -> None:
        """Continue with a lease that another process of the same owner has taken and passed on.

        Args:
            epoch: Its epoch.

        Raises:
            LeaseLostError: Another runner has taken it, or it was given back.
        """
        self.epoch = epoch
        TRANSIENT_FAULTS.call(self.beat)

    def beat(self) -> None:
        """Count the lease up, to show that its holder lives.

        Raises:
            LeaseLostError: Another runner has taken it.
        """
        record = self._records.Lease
        try:
            record(name=_NAME).update(
                # Added to the stored value: several processes may hold one lease, and each of them must move it.
                actions=[record.beat.set(record.beat + 1)],
                condition=(record.epoch == self.epoch) & (record.owner == self.owner),
            )
        except ConditionFailed:
            raise self._gone() from None
        except record.DoesNotExist:
            raise self._gone() from None

    def assert_held(self) -> None:
        """Beat now, directly before a change that has no condition. Before `acquire`, nothing is sent.

        Raises:
            LeaseLostError: Another runner has taken it.
        """
        if self.epoch:
            TRANSIENT_FAULTS.call(self.beat)

    def keep(self) -> None:
        """Beat in a thread until `release`. `lost` holds the error if another runner has taken the lease."""
        # A runner may run again after it has released its lease.
        self._stop.clear()
        self.lost = None
        self._thread = threading.Thread(target=self._keep_beating, name="singletable-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise the error of the beating thread, if it has one.

        Raises:
            LeaseLostError: Another runner has taken the lease.
        """
        if self.lost is not None:
            raise self.lost

    def rest(self) -> None:
        """Stop beating without giving the lease back: another process continues with it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def release(self) -> None:
        """Give the lease back. Its epoch stays, so that the next holder's is higher."""
        self.rest()
        record = self._records.Lease
        # If another runner has taken it, that runner gives it back.
        with suppress(ConditionFailed, record.DoesNotExist):
            TRANSIENT_FAULTS.call(
                lambda: record(name=_NAME).update(
                    actions=[record.owner.remove()],
                    condition=(record.epoch == self.epoch) & (record.owner == self.owner),
                )
            )

    def holder(self) -> str | None:
        """Return the owner of the lease; None if it is free."""
        try:
            held = self._read()
        except TableMissingError:
            return None
        return None if held is None else held.owner

    def break_(self) -> str | None:
        """Take the lease from its owner, and give it back: `singletable unlock`. Return the former owner."""
        held = self._read()
        if held is None or held.owner is None:
            return None
        self._take(held.epoch, held.beat, held.owner)
        self.release()
        return str(held.owner)

    def _keep_beating(self) -> None:
        while not self._stop.is_set():
            self._clock.sleep(self._seconds / 4, self._stop)
            if self._stop.is_set():
                return
            try:
                self.beat()
            except LeaseLostError as error:
                self.lost = error
                return
            except SingletableError:
                continue  # the next beat may succeed; if none does, another runner takes over

    def _read(self) -> Any:
        record = self._records.Lease
        try:
            return record.get(name=_NAME, consistent=True)
        except record.DoesNotExist:
            return None

    def _wait_for(self, owner: str, epoch: int, beat: int) -> None:
        start = self._clock.monotonic()
        self._tell(f"{owner} holds the lease of this table; waiting {self._seconds:.0f} s for its next heartbeat")
        while True:
            waited = self._clock.monotonic() - start
            if waited >= self._seconds:
                return
            self._clock.sleep(min(self._seconds / 10, self._seconds - waited))
            held = self._read()
            if held is None or held.owner is None:
                return
            if (held.epoch, held.beat) != (epoch, beat):
                raise self._held(held.owner)

    def _take(self, epoch: int, beat: int, owner: str | None) -> None:
        record = self._records.Lease
        same_owner = record.owner.does_not_exist() if owner is None else record.owner == owner
        try:
            TRANSIENT_FAULTS.call(
                lambda: record(name=_NAME).update(
                    actions=[record.owner.set(self.owner), record.epoch.set(epoch + 1), record.beat.set(0)],
                    condition=(record.epoch == epoch) & (record.beat == beat) & same_owner,
                )
            )
        except (ConditionFailed, record.DoesNotExist):
            held = self._read()
            if held is not None and held.owner == self.owner:
                pass  # a response was lost: this runner has the lease already
            else:
                raise self._held(getattr(held, "owner", None) or "another runner") from None
        self.epoch = epoch + 1

    def _held(self, owner: str) -> LeaseHeldError:
        return LeaseHeldError(
            f"{owner} is migrating this table.",
            remedy="Wait until it is done. If it has died and the lease remains, run `singletable unlock`.",
            owner=owner,
        )

    def _gone(self) -> LeaseLostError:
        return LeaseLostError(
            "Another runner has taken over the migration of this table.",
            remedy="This runner was silent for too long, and stops. Its writes are valid: see `singletable status`.",
        )
