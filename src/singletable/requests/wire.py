"""The wire: what DynamoDB answers, parsed in one go instead of shape by shape.

botocore walks the body of an answer by the service's description, some microseconds for every value. The
values of items need no walk: their JSON is what botocore makes of it, but for binary, which is base64 on
the wire. So a handler of the event `before-parse` takes the body of the operations that carry items,
parses it with orjson, and leaves botocore's parser an empty one; whatever is unusual (an error, a body that
is no JSON) is left as it is. The handler belongs to one client; all others of the process are as before.
"""

from __future__ import annotations

import gc
import re
from base64 import b64decode
from typing import Any

import orjson

__all__ = ["OPERATIONS", "parse_items"]

OPERATIONS = (
    "BatchGetItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
)
"""The operations whose answers, or whose failed conditions, carry items."""

# A search by one letter is several times as fast as one for all of what is meant: most bodies hold no binary.
_PERHAPS_BINARY = re.compile(rb'BS?"').search
_BINARY = re.compile(rb'"BS?"\s*:').search
_ESCAPED_B_OR_S = re.compile(rb"\\u00(?:42|53)").search
_LARGE = 16 * 1024
"""Bytes of a body that has some hundred values."""

_FAILED_CONDITIONS = ("ConditionalCheckFailedException", "TransactionCanceledException")


def parse_items(client: Any) -> None:
    """Let a botocore client of DynamoDB parse items in one go."""
    for operation in OPERATIONS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _parse)


def _parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    body = response_dict["body"]
    if not body:
        return
    failed = response_dict["status_code"] >= 300
    if failed and b'"Item"' not in body:
        return
    try:
        parsed = _loads(body)
        if (_PERHAPS_BINARY(body) and _BINARY(body)) or (b"\\" in body and _ESCAPED_B_OR_S(body)):
            _decode_binary(parsed)
        taken, left = _items_of_failure(parsed) if failed else (_without_null(parsed), b"")
    except (AttributeError, TypeError, ValueError):
        # It is not what DynamoDB sends: botocore says what it makes of it.
        return
    if taken:
        customized_response_dict.update(taken)
        response_dict["body"] = left


def _loads(body: bytes) -> Any:
    """The body, parsed while the garbage collector waits.

    Before Python 3.12 it would look through the new values every few hundred of them, for cycles that JSON cannot have.
    No other thread runs meanwhile: orjson does not let go of the interpreter.
    """
    if len(body) < _LARGE or not gc.isenabled():
        return orjson.loads(body)
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        gc.enable()


def _items_of_failure(error: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The items of a failed condition, and the body without them: its code and message are left to botocore."""
    taken = {}
    if str(error.get("__type", "")).rpartition("#")[2] in _FAILED_CONDITIONS:
        taken = _without_null({name: error.pop(name, None) for name in ("Item", "CancellationReasons")})
        if "CancellationReasons" in taken:
            taken["CancellationReasons"] = [_without_null(reason) for reason in taken["CancellationReasons"]]
    return taken, orjson.dumps(error)


def _without_null(structure: dict[str, Any]) -> dict[str, Any]:
    """A structure as botocore gives it, which leaves out what is null."""
    return {name: value for name, value in structure.items() if value is not None}


def _decode_binary(node: Any) -> None:
    """Decode every binary value below a part of the answer, in place.

    What is called "B" is a value's type if text stands below it, and the name of an attribute if a value
    does; "BS" likewise, for a list. (A table's name, which has lists of items below it, is longer.)
    """
    if type(node) is list:
        for each in node:
            _decode_binary(each)
    elif type(node) is dict:
        for name, value in node.items():
            if name == "B" and type(value) is str:
                node[name] = b64decode(value)
            elif name == "BS" and type(value) is list:
                node[name] = [b64decode(each) for each in value]
            elif type(value) is dict or type(value) is list:
                _decode_binary(value)
