"""Packages that load their parts at the first use, so that a Lambda function's cold start loads only the used parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["exports"]


def exports(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: The package's name.
        places: For each public name, the module or package that defines it, relative to the package.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place = f"{package}.{places[name]}"
        module = import_module(place)
        value = getattr(module, name) if hasattr(module, name) else import_module(f"{place}.{name}")
        # The next access finds the name without calling `get`.
        vars(import_module(package))[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *places})

    return get, names
