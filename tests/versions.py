"""Print the installed version of each dependency, next to its lowest version in setup.cfg.

`make test-lowest` runs `python -m tests.versions lowest`, which fails if a lowest version is not the one installed: the
bound is then a version that does not exist, or that another dependency excludes, so the tests would not prove it.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version

DEVELOPMENT = "dev"
"""The extra with the tools of this repository. No user installs it."""


class Dependency(NamedTuple):
    """A dependency of singletable or of an extra, its lowest version, and the installed one (None if absent)."""

    name: str
    lowest: Version
    installed: Version | None


def dependencies(requirements: list[str]) -> Iterator[Dependency]:
    """Return the dependencies that have a lowest version, without those of the extra `dev`."""
    for requirement in sorted(set(map(_without_marker, filter(_is_for_users, requirements)))):
        parsed = Requirement(requirement)
        bounds = [Version(each.version) for each in parsed.specifier if each.operator == ">="]
        if bounds:
            yield Dependency(parsed.name, max(bounds), _installed(parsed.name))


def _is_for_users(requirement: str) -> bool:
    return f'extra == "{DEVELOPMENT}"' not in requirement.replace("'", '"')


def _without_marker(requirement: str) -> str:
    return requirement.partition(";")[0].strip()


def _installed(name: str) -> Version | None:
    try:
        return Version(version(name))
    except PackageNotFoundError:
        return None


def main(arguments: list[str]) -> int:
    """Print the versions; return 1 if the lowest ones are required and another one is installed."""
    found = list(dependencies(requires("singletable") or []))
    wrong = [each.name for each in found if each.installed != each.lowest]
    for each in found:
        print(f"{each.name:24} at least {each.lowest!s:12} installed {each.installed or 'none'}")
    if arguments == ["lowest"] and wrong:
        print(f"Not installed in the lowest version: {', '.join(wrong)}. Correct the bounds in setup.cfg.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
