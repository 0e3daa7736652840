"""The wire: what DynamoDB answers, parsed in one go instead of shape by shape.

botocore walks the body of an answer by the service's description, some microseconds for every value. The
values of items need no walk: their JSON is what botocore makes of it, but for binary, which is base64 on
the wire. So a handler of the event `before-parse` takes the body of the operations that carry items,
parses it with orjson, and leaves botocore's parser an empty one; whatever is unusual (an error) is left as it is. The
handler belongs to one client; all others of the process are as before.

A body that is not JSON, or whose checksum is wrong, is marked as damaged: botocore takes the first for an empty answer,
and the second, once its attempts are used up, for a good one. So is every other answer that botocore takes for success
and that DynamoDB does not send: a status below 300 other than 200, and JSON without any member of the operation's
answer, such as an error that a proxy sends with status 200.

What is below the members of an answer is taken as it comes: values are trusted to be of DynamoDB's types. A bare
number beyond 64 bits is a float here; DynamoDB sends none, since the numbers of items are text.
"""

from __future__ import annotations

import gc
import json
import re
from base64 import b64decode
from binascii import crc32
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from botocore.exceptions import HTTPClientError

__all__ = ["DAMAGED", "OPERATIONS", "DamagedAnswer", "decode_binary", "parse_items"]

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

DAMAGED = "SingletableDamaged"
"""The member that marks a parsed answer whose body arrived damaged."""

_SERVER_FAULT = 500
"""botocore itself reports statuses from here on if the body is empty."""

_OF_FAILURES = {"ConditionalCheckFailedException": "Item", "TransactionCanceledException": "CancellationReasons"}
_OF_REASONS = ("Item", "Code", "Message")


class DamagedAnswer(HTTPClientError):  # type: ignore[misc]  # botocore has no types
    """An answer arrived that is not DynamoDB's: a wrong checksum, a status that it does not send, or other content."""

    fmt = "The answer from {endpoint_url} arrived damaged."


def parse_items(client: Any) -> None:
    """Let a botocore client of DynamoDB parse items in one go, and mark answers that arrived damaged."""
    for operation in client.meta.service_model.operation_names:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _parse)


def _parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    body, status = response_dict["body"], response_dict["status_code"]
    answered, failed = status == HTTPStatus.OK, status == HTTPStatus.BAD_REQUEST
    carries_items = operation_model.name in OPERATIONS and (answered or (failed and b'"Item"' in body))
    taken: dict[str, Any] = {}
    left = body
    if status < HTTPStatus.MULTIPLE_CHOICES and not answered:
        customized_response_dict[DAMAGED] = True
        response_dict["body"] = b"{}"
        return
    if not body and not answered:
        return
    try:
        parsed = _loads(body)
        if answered and not (_has_its_checksum(body, response_dict["headers"]) and _is_answer(parsed, operation_model)):
            taken, left = {DAMAGED: True}, b"{}"
        elif carries_items:
            if (_PERHAPS_BINARY(body) and _BINARY(body)) or (b"\\" in body and _ESCAPED_B_OR_S(body)):
                decode_binary(parsed)
            taken, rest = _items_of_failure(parsed) if failed else (_items_of_answer(parsed, operation_model), b"")
            left = rest if taken else body
    except (AttributeError, RecursionError, TypeError, ValueError):
        # DynamoDB does not send such a body. botocore parses it if it is JSON at all.
        if answered:
            sound = _is_json(body) and _is_answer(json.loads(body), operation_model)
            taken, left = ({}, body) if sound else ({DAMAGED: True}, b"{}")
        elif not _is_json(body):
            # botocore would quote a truncated refusal, which may hold an item.
            taken, left = {}, b"" if status >= _SERVER_FAULT else b"{}"
    customized_response_dict.update(taken)
    response_dict["body"] = left


def _is_json(body: bytes) -> bool:
    """Whether the body is JSON as Python reads it, which takes NaN and more."""
    try:
        json.loads(body)
    except (RecursionError, ValueError):
        return False
    return True


def _has_its_checksum(body: bytes, headers: Any) -> bool:
    """Whether the body is the one whose checksum DynamoDB sent with it; other servers send none."""
    told = headers.get("x-amz-crc32")
    return told is None or told.strip() == str(crc32(body))


def _is_answer(parsed: Any, operation_model: Any) -> bool:
    """Whether a body of status 200 answers the operation: an object that is empty, or has one of its members."""
    shape = operation_model.output_shape
    return isinstance(parsed, dict) and not (parsed and shape and shape.members.keys().isdisjoint(parsed))


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


def _items_of_answer(answer: dict[str, Any], operation_model: Any) -> dict[str, Any]:
    taken = _members(answer, operation_model.output_shape.members)
    responses = taken.get("Responses")
    if type(responses) is list:
        # Of TransactGetItems; BatchGetItem has items by table.
        taken["Responses"] = [_members(each, ("Item",)) for each in responses]
    return taken


def _items_of_failure(error: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The items of a failed condition, and the body without them: its code and message are left to botocore."""
    name = _OF_FAILURES.get(error.get("__type", "").partition(":")[0].rpartition("#")[2], "")
    taken = _members(error, (name,))
    if "CancellationReasons" in taken:
        taken["CancellationReasons"] = [_members(reason, _OF_REASONS) for reason in taken["CancellationReasons"]]
    return taken, orjson.dumps({each: value for each, value in error.items() if each != name})


def _members(structure: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A structure as botocore gives it, without what is null, and what the service's description does not know."""
    return {name: structure[name] for name in names if structure.get(name) is not None}


def decode_binary(node: Any) -> None:
    """Decode every binary value below a part of the answer, in place.

    What is called "B" is a value's type if text stands below it, and the name of an attribute if a value
    does; "BS" likewise, for a list. (A table's name, which has lists of items below it, is longer.)
    What is bytes already is left as it is.
    """
    if type(node) is list:
        for each in node:
            decode_binary(each)
    elif type(node) is dict:
        for name, value in node.items():
            if name == "B" and type(value) is str:
                node[name] = b64decode(value)
            elif name == "BS" and type(value) is list:
                node[name] = [each if type(each) is bytes else b64decode(each) for each in value]
            elif type(value) is dict or type(value) is list:
                decode_binary(value)
