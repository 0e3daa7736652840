"""The lease: one runner at a time on a table, told apart by a counter that moves, never by another machine's clock."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from singletable.errors import AlreadyExists, ConditionFailed, LeaseHeld, LeaseLost, SingletableError, TableMissing
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import Records
from singletable.requests.retry import TRANSIENT_FAULTS

__all__ = ["Lease", "owner_name"]

_NAME = "runner"


def owner_name() -> str:
    """What this process is called in a lease: user, machine, process and a random part."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or "someone"
    return f"{user}@{socket.gethostname()} pid {os.getpid()} {uuid4().hex[:6]}"


class Lease:
    """The right to migrate a table.

    It keeps two runners from working against each other. It fences no write of an item, which must be harmless when
    it is done twice; it fences checkpoints: each holder has a higher `epoch` than the one before.

    Args:
        records: Where it is kept.
        clock: Time.
        seconds: How long its counter must stand still before another runner may take it.
        tell: Called with a line about what is waited for.
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
        """Take it.

        Raises:
            LeaseHeld: Another runner has it, and lives.
        """
        record = self._records.Lease
        held = self._read()
        if held is None:
            try:
                TRANSIENT_FAULTS.call(record(name=_NAME, owner=self.owner, epoch=1).create)
            except AlreadyExists:
                held = self._read()
            else:
                self.epoch = 1
                return
        assert held is not None
        if held.owner == self.owner:
            # Its owner has handed it on, or is asking a second time since the first answer was lost.
            self.epoch = held.epoch
            return
        if held.owner is not None:
            self._wait_for(held.owner, held.epoch, held.beat)
            fresh = self._read()
            if fresh is not None and fresh.owner is None:
                held = fresh  # it was given back meanwhile
        self._take(held.epoch, held.beat, held.owner)

    def adopt(self, epoch: int) -> None:
        """Go on with a lease that another process has taken under the same owner and handed on.

        Args:
            epoch: Its epoch.

        Raises:
            LeaseLost: Another runner has taken it, or it was given back.
        """
        self.epoch = epoch
        TRANSIENT_FAULTS.call(self.beat)

    def beat(self) -> None:
        """Show that its holder lives.

        Raises:
            LeaseLost: Another runner has taken it.
        """
        record = self._records.Lease
        try:
            record(name=_NAME).update(
                # Added to what is stored: several processes may hold one lease, and it must move with each.
                actions=[record.beat.set(record.beat + 1)],
                condition=(record.epoch == self.epoch) & (record.owner == self.owner),
            )
        except ConditionFailed:
            raise self._gone() from None
        except record.DoesNotExist:
            raise self._gone() from None

    def assert_held(self) -> None:
        """Beat now, directly before a change that no condition of its own protects. Nothing is sent before `acquire`.

        Raises:
            LeaseLost: Another runner has taken it.
        """
        if self.epoch:
            TRANSIENT_FAULTS.call(self.beat)

    def keep(self) -> None:
        """Beat from a thread of its own until `release`; `lost` says if it was taken."""
        # A runner may run more than once, and its lease was released then.
        self._stop.clear()
        self.lost = None
        self._thread = threading.Thread(target=self._keep_beating, name="singletable-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what the beating thread found."""
        if self.lost is not None:
            raise self.lost

    def rest(self) -> None:
        """Stop beating without giving it back: another process goes on with it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def release(self) -> None:
        """Give it back. Its epoch stays, so that the next holder's is higher."""
        self.rest()
        record = self._records.Lease
        # Where another has taken it, that one will give it back.
        with suppress(ConditionFailed, record.DoesNotExist):
            TRANSIENT_FAULTS.call(
                lambda: record(name=_NAME).update(
                    actions=[record.owner.remove()],
                    condition=(record.epoch == self.epoch) & (record.owner == self.owner),
                )
            )

    def holder(self) -> str | None:
        """Who has it; None for nobody."""
        try:
            held = self._read()
        except TableMissing:
            return None
        return None if held is None else held.owner

    def break_(self) -> str | None:
        """Take it from whoever has it, and give it back: `singletable unlock`. Returns who had it."""
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
            except LeaseLost as error:
                self.lost = error
                return
            except SingletableError:
                continue  # the next beat may come through; if none does, another runner takes over

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
                pass  # an answer was lost: it is this one's already
            else:
                raise self._held(getattr(held, "owner", None) or "another runner") from None
        self.epoch = epoch + 1

    def _held(self, owner: str) -> LeaseHeld:
        return LeaseHeld(
            f"{owner} is migrating this table.",
            remedy="Wait for it. If it is dead and this stays: `singletable unlock`.",
            owner=owner,
        )

    def _gone(self) -> LeaseLost:
        return LeaseLost(
            "Another runner has taken over the migration of this table.",
            remedy="This one was silent for too long, and stops. What it wrote is right: `singletable status`.",
        )
