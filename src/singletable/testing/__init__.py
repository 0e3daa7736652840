"""The testing kit, for the tests of your own table (extra `testing`).

Parts that need Hypothesis, pytest or moto are loaded when they are used; the oracle needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from singletable.testing.oracle import agrees, expected

if TYPE_CHECKING:
    from singletable.testing.faults import (
        Crash,
        Fault,
        InjectedCrash,
        Injection,
        LostResponse,
        Rival,
        Throttling,
        Unprocessed,
        inject,
    )
    from singletable.testing.instances import entities
    from singletable.testing.invariants import check_fresh, stale_attributes
    from singletable.testing.machine import TableMachine
    from singletable.testing.properties import check_pattern, key_invariants

__all__ = [
    "Crash",
    "Fault",
    "InjectedCrash",
    "Injection",
    "LostResponse",
    "Rival",
    "TableMachine",
    "Throttling",
    "Unprocessed",
    "agrees",
    "check_fresh",
    "check_pattern",
    "entities",
    "expected",
    "inject",
    "key_invariants",
    "stale_attributes",
]

_PLACES = {
    "TableMachine": "machine",
    "check_fresh": "invariants",
    "check_pattern": "properties",
    "entities": "instances",
    "key_invariants": "properties",
    "stale_attributes": "invariants",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'faults')}"), name)
