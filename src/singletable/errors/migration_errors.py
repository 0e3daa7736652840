"""Errors of migrations."""

from __future__ import annotations

from singletable.errors.base_error import SingletableError

__all__ = [
    "LeaseHeldError",
    "LeaseLostError",
    "MigrationConflictError",
    "MigrationError",
    "MigrationPausedError",
    "MigrationStoppedError",
]


class MigrationError(SingletableError):
    """A migration script, or the history that the scripts form, cannot work.

    Nothing was written.

    Remedy: Fix the script at `place`.

    Attributes:
        migration: The name of the script, if it is known.
        place: The file and line of the script, if they are known.
    """

    migration: str | None = None
    place: str | None = None


class MigrationConflictError(MigrationError):
    """The table, or the history recorded for it, does not fit the scripts.

    Remedy: Check `--table`, `--region` and the endpoint. If the table is right, the message names the command that
    brings it and the scripts together, such as `singletable stamp`.
    """


class LeaseHeldError(SingletableError):
    """Another runner is migrating the table.

    Remedy: Wait until it has finished. If it is dead and the error stays, run `singletable unlock`.

    Attributes:
        owner: The name of that runner.
    """

    owner: str | None = None


class LeaseLostError(SingletableError):
    """Another runner has taken over, because this one did not renew its lease in time.

    This runner stops. Its writes are correct.

    Remedy: Look at `singletable status`, and let the other runner finish.
    """


class MigrationStoppedError(SingletableError):
    """A migration run stopped before its end.

    It met more errors than its limit, or it found items afterwards that are not as they should be. It can be resumed.

    Remedy: Look at `singletable status`, correct the items or the script, and run the command again.
    """


class MigrationPausedError(MigrationStoppedError):
    """A migration run was asked to pause.

    Remedy: Run the same command again. A migration continues from its last checkpoints.
    """
