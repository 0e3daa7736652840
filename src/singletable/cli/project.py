"""The project of the current folder: its setup.cfg, and the modules that it names."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from singletable.check import RULES
from singletable.errors import ProjectError, SingletableError
from singletable.migrations import Graph, load_graph
from singletable.models import Table
from singletable.models.binding.table_names import NAME_RULE, server_fault
from singletable.models.schema.table_schema import table_schema

__all__ = ["Project", "find_project"]

_SECTION = "singletable"


@attrs.frozen
class Project:
    """A singletable project.

    Args:
        root: The project's folder.
        table: The table class, as `module:name`: `models:ShopTable`.
        patterns: The package of access patterns; None if there is none.
        migrations: The package of migration scripts; None if there is none.
        control_table: The table with the records of migrations; None for the table itself.
        samples: The functions of samples, as `module:name`, by the sample's name. The first is the default.
        accept: The reasons for accepted findings, by rule and place.
        stream: The router of the table's stream, as `module:name`; None if there is none.
        infra: The options of the infrastructure, by environment; those of all environments under "".
        together: The operations in one transaction with a new item, by the new item's entity, for `cost`.
        rights: The declared rights, by role, as in setup.cfg.
    """

    root: Path
    table: str
    patterns: str | None
    migrations: str | None
    control_table: str | None
    samples: Mapping[str, str]
    accept: Mapping[tuple[str, str], str]
    stream: str | None = None
    infra: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    together: Mapping[str, str] = attrs.field(factory=dict)
    rights: Mapping[str, str] = attrs.field(factory=dict)

    def load_table(self) -> type[Table]:
        """Import the table class, with all entities and access patterns.

        Raises:
            ProjectError: A module cannot be imported, or setup.cfg does not name a table class.
        """
        table = self.load_object(self.table, "table")
        if not (isinstance(table, type) and issubclass(table, Table)):
            raise ProjectError(f"{self.table} in setup.cfg is not a table class.", remedy="Name a subclass of Table.")
        if table_schema(table).table is not table:
            raise ProjectError(
                f"{self.table} in setup.cfg is an entity of {table_schema(table).table.__name__}.",
                remedy="Name the table.",
            )
        if self.patterns:
            self._import_all(self.patterns)
        return table

    @property
    def migrations_folder(self) -> Path:
        """The folder of migration scripts.

        Raises:
            ProjectError: setup.cfg does not name it.
        """
        if not self.migrations:
            raise ProjectError(
                f"{self.root / 'setup.cfg'} does not name the package of migrations.",
                remedy=f"Add migrations = migrations to [{_SECTION}].",
            )
        return self.root.joinpath(*self.migrations.split("."))

    def load_migrations(self) -> Graph:
        """Load the migration scripts.

        Raises:
            MigrationError: A script cannot be loaded, or the scripts contradict each other.
        """
        return load_graph(self.migrations_folder)

    def load_sample(self, name: str | None) -> tuple[str, Callable[..., Any]]:
        """Return the name of a sample and the function that yields its entities.

        Args:
            name: The sample's name; None for the default one.

        Raises:
            ProjectError: The project has no such sample, or it cannot be imported.
        """
        if not self.samples:
            raise ProjectError(
                "The project has no samples.",
                remedy="Name functions that yield entities in setup.cfg, under [singletable:samples]:"
                " small = tests.samples:small",
            )
        chosen = name or next(iter(self.samples))
        if chosen not in self.samples:
            raise ProjectError(
                f"The project has no sample {chosen!r}.",
                remedy=f"Its samples are: {', '.join(self.samples)}.",
                value=chosen,
            )
        sample = self.load_object(self.samples[chosen], f"sample {chosen}")
        if not callable(sample):
            raise ProjectError(f"{self.samples[chosen]} in setup.cfg is not a function.", value=chosen)
        return chosen, sample

    def load_object(self, path: str, what: str, source: str = "in setup.cfg") -> Any:
        """Return the object at a path `module:name`.

        Args:
            path: The path.
            what: The noun for the object in messages.
            source: The origin of the path, for messages.

        Raises:
            ProjectError: The object does not exist, or its module cannot be imported.
        """
        module_name, _, attribute = path.partition(":")
        if not module_name or not attribute:
            raise ProjectError(
                f"The {what} {path!r} {source} is not of the form module:name.", remedy="Write module:name.", value=path
            )
        module = self._import(module_name, source)
        try:
            return getattr(module, attribute)
        except AttributeError:
            raise ProjectError(
                f"The {what} {path!r} {source} does not exist: {module_name} has no {attribute!r}.",
                remedy="Write module:name.",
                value=path,
            ) from None

    def _import(self, name: str, source: str = "in setup.cfg") -> Any:
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))
        with users_code(f"Importing {name}, which is named {source}, failed", self.root):
            return importlib.import_module(name)

    def _import_all(self, package: str) -> None:
        module = self._import(package)
        for each in pkgutil.walk_packages(getattr(module, "__path__", []), prefix=f"{package}."):
            self._import(each.name)


@contextmanager
def users_code(what: str, root: Path | None = None) -> Iterator[None]:
    """Run code of the project during the block, and raise its exceptions as an error with their place in the code.

    Args:
        what: The first words of the message.
        root: The project's folder; None for the current folder.

    Raises:
        ProjectError: The code raised an exception that is not one of singletable's errors, or tried to exit.
    """
    try:
        yield
    except SingletableError:
        raise
    except (Exception, SystemExit) as error:
        place = _place(error, root or Path.cwd())
        raise ProjectError(f"{what}{place}: {type(error).__name__}: {error}".replace("\n", " ")) from error


def find_project(start: Path | None = None) -> Project:
    """Return the project of a folder, or of the nearest folder above it that is a project.

    Args:
        start: The folder; None for the current folder.

    Raises:
        ProjectError: No such folder is a project, or its setup.cfg cannot be read.
    """
    start = (start or Path(os.getcwd())).resolve()
    for folder in (start, *start.parents):
        config = _read(folder / "setup.cfg")
        if config is not None and config.has_section(_SECTION):
            return _project(folder, config)
    raise ProjectError(
        f"{start} is not a singletable project: no setup.cfg here or above has a section [{_SECTION}].",
        remedy="Go to a project's folder, or create a new project with `singletable init NAME`.",
        value=str(start),
    )


def _read(path: Path) -> ConfigParser | None:
    if not path.is_file():
        return None
    config = ConfigParser(interpolation=None)
    # Names of samples and entities are case-sensitive.
    config.optionxform = str  # type: ignore[assignment,method-assign]  # documented way to keep case
    try:
        config.read(path, encoding="utf-8")
    except (ConfigError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}.".replace("\n", " "), value=str(path)) from None
    return config


def _project(root: Path, config: ConfigParser) -> Project:
    section = config[_SECTION]
    if not section.get("table"):
        raise ProjectError(
            f"{root / 'setup.cfg'}: [{_SECTION}] does not name the table.",
            remedy="Add table = models:ShopTable.",
        )
    samples = f"{_SECTION}:samples"
    return Project(
        root=root,
        table=section["table"],
        patterns=section.get("patterns"),
        migrations=section.get("migrations"),
        control_table=_control_table(root, config.get(f"{_SECTION}:migrations", "control_table", fallback=None)),
        samples=dict(config[samples]) if config.has_section(samples) else {},
        accept=_accepted(root, config.get(f"{_SECTION}:check", "accept", fallback="")),
        stream=section.get("stream"),
        infra={
            name.removeprefix(f"{_SECTION}:infra").removeprefix(":"): dict(config[name])
            for name in config.sections()
            if name == f"{_SECTION}:infra" or name.startswith(f"{_SECTION}:infra:")
        },
        together=_together(root, config.get(f"{_SECTION}:cost", "together", fallback="")),
        rights=dict(config[f"{_SECTION}:rights"]) if config.has_section(f"{_SECTION}:rights") else {},
    )


def _control_table(root: Path, name: str | None) -> str | None:
    fault = None if name is None else server_fault(name)
    if fault:
        raise ProjectError(
            f"{root / 'setup.cfg'}: control_table {name!r} in [{_SECTION}:migrations] {fault}.",
            remedy=NAME_RULE,
            value=name,
        )
    return name


def _together(root: Path, text: str) -> dict[str, str]:
    """Return lines of `User = EmailClaim` as pairs."""
    together = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        entity, equals, others = line.partition("=")
        if not equals or not entity.strip() or not others.strip():
            raise ProjectError(
                f"{root / 'setup.cfg'}: the line {line!r} of together in [{_SECTION}:cost] cannot be read.",
                remedy="Write `User = EmailClaim`: the entity, and the items that are written with it.",
                value=line,
            )
        together[entity.strip()] = others.strip()
    return together


def _accepted(root: Path, text: str) -> dict[tuple[str, str], str]:
    """Return the reasons by rule and place, from lines of `ST203 User.by_status: the reason`."""
    accepted = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        head, _, reason = line.partition(":")
        rule, _, where = head.partition(" ")
        if not where.strip() or not reason.strip() or rule not in RULES:
            raise ProjectError(
                f"{root / 'setup.cfg'}: the accepted finding {line!r} cannot be read.",
                remedy="Write `ST203 User.by_status: REASON`, with the id of a rule.",
                value=line,
            )
        accepted[rule, where.strip()] = reason.strip()
    return accepted


def _place(error: BaseException, root: Path) -> str:
    """Return the last line of the project's own code in the traceback of an error."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if root in path.parents and ".venv" not in path.parts:
            place = f" at {path.relative_to(root)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
