"""Detection of calls whose result a `with` statement enters immediately.

`with T.bind(...)` holds for the current context, and `T.bind(...)` as a statement holds for the process. Another thread
may run between the call and `__enter__`, and must not see the binding of a block as a binding of the process. At that
moment, only the caller's next instruction distinguishes the two.
"""

from __future__ import annotations

from dis import opname
from functools import lru_cache
from types import CodeType, FrameType

__all__ = ["is_entered_at_once"]

_ENTERING = frozenset({"SETUP_WITH", "SETUP_ASYNC_WITH", "BEFORE_WITH", "BEFORE_ASYNC_WITH"})
"""The instructions with which Python 3.10 to 3.13 begin a `with` statement."""

_BEGINNING = 4
_KEEPING = 2
_COPIES = frozenset({"COPY", "DUP_TOP"})
_SKIPPED = frozenset({"CACHE", "EXTENDED_ARG", "JUMP_FORWARD", "NOP", "NOT_TAKEN"})
_RETURNING = "RETURN_VALUE"


def is_entered_at_once(frame: FrameType | None) -> bool:
    """Return whether a `with` statement enters the result of the frame's call, directly or through functions.

    Args:
        frame: The frame of the caller, in the middle of its call.
    """
    while frame is not None:
        following = _following(frame.f_code, frame.f_lasti)
        if following != _RETURNING:
            return following in _ENTERING
        frame = frame.f_back
    return False


@lru_cache(maxsize=1024)
def _following(code: CodeType, position: int) -> str:
    """Return the name of the instruction after a call; `BEFORE_WITH` for the two that begin `with` in Python 3.14.

    The two instructions of `with (binding := T.bind(...)):` that store the binding are skipped.
    """
    instructions = code.co_code
    found: list[str] = []
    at = position + 2
    while at < len(instructions) and len(found) < _BEGINNING:
        name, argument = opname[instructions[at]], instructions[at + 1]
        # The jump follows the first branch of a conditional expression:
        # `with T.bind(...) if tenant else nullcontext():`.
        at += 2 + (2 * argument if name == "JUMP_FORWARD" else 0)
        if name not in _SKIPPED:
            found.append(name)
    if len(found) > _KEEPING and found[0] in _COPIES and found[1].startswith("STORE_"):
        found = found[_KEEPING:]
    return "BEFORE_WITH" if found[:2] == ["COPY", "LOAD_SPECIAL"] else found[0] if found else ""
