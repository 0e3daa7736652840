"""Packages that load their parts at the first use, so that a Lambda function's cold start loads only the used parts.

A package lists its public names once, as imports that only type checkers and editors follow::

    from typing import TYPE_CHECKING

    from singletable.lazy import exports

    if TYPE_CHECKING:
        from singletable.models.table import Table as Table

    exports(__name__)

`docs/decisions/0021-lazy-faces.md` gives the reasons.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import CodeType
from typing import Any

__all__ = ["exports"]


def exports(package: str) -> None:
    """Give the calling package its `__all__`, and the `__getattr__` and `__dir__` that load its names (PEP 562).

    The public names are those that the calling module imports under `if TYPE_CHECKING:`.

    Args:
        package: The name of the calling module.
    """
    frame = sys._getframe(1)
    members = frame.f_globals
    places = _imports(frame.f_code, package)

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place = places[name]
        module = import_module(place)
        value = getattr(module, name) if hasattr(module, name) else import_module(f"{place}.{name}")
        # The next access finds the value without this function.
        members[name] = value
        return value

    def names() -> list[str]:
        return sorted({*members, *places})

    members.update(__all__=sorted(places), __getattr__=get, __dir__=names)


def _imports(code: CodeType, package: str) -> dict[str, str]:
    """Return the module of each name that a package's code imports under `if TYPE_CHECKING:`.

    The code runs a second time, in a namespace of its own. There an import loads nothing: it is recorded, and the
    imported names (`TYPE_CHECKING` and `exports` also) are stand-ins.
    """
    places: dict[str, str] = {}

    def record(module: str, _globals: object, _locals: object, names: tuple[str, ...] | None, _level: int) -> _StandIn:
        # `import module` has None. Pytest adds such imports to the modules that it rewrites.
        for name in names or ():
            places[name] = module
        return _STAND_IN

    exec(code, {"__name__": package, "__builtins__": {"__import__": record}})  # noqa: S102 - the caller's own code
    inside = f"{package.partition('.')[0]}."
    return {name: module for name, module in places.items() if f"{module}.".startswith(inside) and module != __name__}


class _StandIn:
    """Replaces modules and names: it is true, as `TYPE_CHECKING` must be, and can be called, as `exports` is."""

    def __getattribute__(self, name: str) -> _StandIn:
        return self

    def __call__(self, package: str) -> None:
        return None


_STAND_IN = _StandIn()
