"""The base class of all errors, and its pickling."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from singletable.pickling import nearest_class, portable, rebuild

__all__ = ["SingletableError", "as_uncertain", "is_uncertain", "mark_uncertain"]


class SingletableError(Exception):
    """The base of all errors.

    Its text is `what`, a space and `remedy`.

    Args:
        what: The failure, with the offending value.
        remedy: The advice that follows `what` in the message.
        parts: Values for the fields of the error. A field without a value reads as None or as its default.

    Attributes:
        what: The failure, with the offending value.
        remedy: The advice that follows `what` in the message; "" if the message has none.
        entity: The name of the entity.
        index: The name of the index.
        attribute: The Python name of the attribute.
        value: The offending value, unless it is personal.
        uncertain: True if the error ends a write that may have been applied, because an attempt ended without a
            definite answer. If it is False, nothing was written. See docs/reference/writing.md#lost-answers.
    """

    entity: str | None = None
    index: str | None = None
    attribute: str | None = None
    value: Any = None
    uncertain: bool = False

    def __init__(self, what: str, *, remedy: str = "", **parts: Any) -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())
        # After the constructors of the other base classes, because those of PynamoDB set fields of their own.
        for name, part in parts.items():
            setattr(self, name, part)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and every part that can be pickled; process pools send errors as pickles.

        An error of a class that cannot be imported, such as the `DoesNotExist` of an entity within a function, arrives
        as its base. `__cause__` and the traceback are not pickled, as with any exception.
        """
        return rebuild, (
            nearest_class(type(self)),
            self.args,
            {name: portable(each, self._replacement) for name, each in vars(self).items()},
        )

    def _replacement(self, part: Any) -> Any:
        """Return the value that a pickle holds instead of a part that cannot be pickled."""
        if isinstance(part, BaseException):
            return SingletableError(f"A {type(part).__name__} was raised, which cannot be pickled.")
        return None

    def __copy__(self) -> SingletableError:
        # A copy in this process keeps every part, also those that cannot be pickled.
        return cast(SingletableError, rebuild(type(self), self.args, vars(self)))


def is_uncertain(error: BaseException | None) -> bool:
    """Return whether an error ended a write that may have been applied: any error, also a cancellation or a time-out.

    ::

        try:
            async with asyncio.timeout(0.5):
                await order.acreate()
        except TimeoutError as error:
            if is_uncertain(error):
                ...  # read the order, to find out

    It looks at the error and at the errors that caused it. An interrupt (Ctrl-C) is treated like a cancellation.
    """
    while error is not None:
        if getattr(error, "uncertain", False):
            return True
        error = error.__cause__ or error.__context__
    return False


def mark_uncertain(error: BaseException, note: str) -> None:
    """Mark a cancellation or an interrupt that ended a write which may have been applied.

    Args:
        error: The error. It keeps its class, by which asyncio recognizes it.
        note: The fact, which a traceback shows after the error (Python 3.11).
    """
    error.uncertain = True  # type: ignore[attr-defined]
    if hasattr(error, "add_note"):
        error.add_note(note)


E = TypeVar("E", bound=SingletableError)


def as_uncertain(error: E, look: str = "Read the item (refresh() or get()) before you write again.") -> E:
    """Mark an error as one that ends a write which may have been applied, and add that to its message.

    Args:
        error: The error.
        look: The advice that is added to the error's remedy.

    Returns:
        The error.
    """
    error.uncertain = True
    error.what = f"{error.what} An attempt ended without a definite answer, so the write may have been applied."
    error.remedy = f"{error.remedy} {look}".strip()
    error.args = (f"{error.what} {error.remedy}",)
    return error
