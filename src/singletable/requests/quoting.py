"""Quoting: values of a request are removed from the errors of the SDK and of a server.

DynamoDB quotes a value that it cannot convert, and botocore quotes a value of the wrong Python type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from pynamodb.exceptions import CancellationReason

from singletable.requests.calls import Call
from singletable.steps import Steps

__all__ = ["unquoted"]

_HIDDEN = "‹value›"
_HOLDERS = frozenset({"ExclusiveStartKey", "ExpressionAttributeValues", "Item", "Key", "Keys", "Parameters"})
"""The members of a request that hold values (API Reference, "Actions")."""

_TYPES = frozenset({"B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"})


def unquoted(call: Call, operation: str, params: dict[str, Any]) -> Steps[dict[str, Any]]:
    """Send a request, and remove the request's values and the names within maps from its errors."""
    try:
        return (yield from call(operation, params))
    except (BotoCoreError, ClientError) as error:
        _mask_chain(error, params)
        raise


def _mask_chain(error: BaseException | None, params: dict[str, Any]) -> None:
    # The longest first, since one may be a part of another.
    texts = sorted(set(_texts(params)), key=len, reverse=True)
    while isinstance(error, (BotoCoreError, ClientError)):
        if isinstance(error, ClientError):
            error.args = tuple(_masked(each, texts) for each in error.args)
            _mask_messages(error.response, texts)
        else:
            # A value such as "1" may be a part of the endpoint.
            shown = {name: str(each) for name, each in error.kwargs.items()}
            masked = {name: _masked(each, texts) for name, each in shown.items() if name != "endpoint_url"}
            error.kwargs = {**shown, **masked}
            error.args = (error.fmt.format(**error.kwargs),)
        for reason in getattr(error, "cancellation_reasons", None) or ():
            if isinstance(reason, CancellationReason):
                reason.message = _masked(reason.message, texts)
        if isinstance(error, HTTPClientError):
            error.request = None  # it contains the body
        error = error.__cause__ or error.__context__


def _mask_messages(part: Any, texts: list[str]) -> None:
    if isinstance(part, list):
        for each in part:
            _mask_messages(each, texts)
    elif isinstance(part, dict):
        for name, each in part.items():
            if name in ("Message", "message"):
                part[name] = _masked(each, texts)
            elif name != "Item":
                _mask_messages(each, texts)


def _masked(message: Any, texts: list[str]) -> Any:
    if not isinstance(message, str):
        return message
    for text in texts:
        if text in message:
            # Whole words only: a value such as "a" occurs in every sentence.
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", _HIDDEN, message)
    return message


def _texts(params: Any) -> Iterator[str]:
    """Return the values in a request as errors may quote them (text, Python, JSON), and the names within maps."""
    if isinstance(params, dict):
        for name, each in params.items():
            yield from _texts_of_values(name, each) if name in _HOLDERS else _texts(each)
    elif isinstance(params, (list, tuple, set, frozenset)):
        for each in params:
            yield from _texts(each)


def _texts_of_values(name: str, content: Any) -> Iterator[str]:
    """Return the texts in a member of a request that holds values, by the member's name."""
    for part in content if isinstance(content, list) else (content,):
        # The names of top-level attributes and placeholders are not values.
        for value in part.values() if name != "Parameters" and isinstance(part, dict) else (part,):
            yield from _texts_within(value)


def _texts_within(value: Any) -> Iterator[str]:
    """Return the texts in a stored value."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in _TYPES:
                yield from _forms(name)
            yield from _texts_within(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _texts_within(each)
    elif value is not None and not isinstance(value, bool):
        yield from _forms(value)


def _forms(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from {value, repr(value)[1:-1], json.dumps(value)[1:-1]} - {""}
    else:
        yield from {str(value), repr(value)}
