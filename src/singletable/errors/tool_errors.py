"""Errors of engines, projects, infrastructure, metrics and costs."""

from __future__ import annotations

from singletable.errors.base_error import SingletableError

__all__ = [
    "EngineUnavailableError",
    "InfraError",
    "OperatingError",
    "ProjectError",
]


class EngineUnavailableError(SingletableError):
    """The chosen engine cannot be installed or started, or a needed package is not installed.

    Remedy: Install the package that the message names. See docs/reference/engines.md for the needs of each engine.
    """


class ProjectError(SingletableError):
    """The folder is not a singletable project, or its configuration names a module or an object that does not exist.

    Remedy: Run the command in the folder of the project, and check `[singletable]` in its setup.cfg.
    """


class InfraError(SingletableError):
    """A template, a policy or a stack cannot be made with the given options.

    Remedy: Change the option or the stack that the message names. See docs/reference/infrastructure.md.
    """


class OperatingError(SingletableError):
    """Metrics or costs cannot be computed from the given input.

    Remedy: Correct the rates or the time window that the message names. See docs/how-to/operate.md.
    """
