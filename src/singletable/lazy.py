"""Packages whose parts are loaded when they are used: a function's cold start pays for what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["exports"]


def exports(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: The package's name.
        places: The module or package in it that each public name is from, by name.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place = f"{package}.{places[name]}"
        module = import_module(place)
        value = getattr(module, name) if hasattr(module, name) else import_module(f"{place}.{name}")
        # Found at once the next time.
        vars(import_module(package))[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *places})

    return get, names
