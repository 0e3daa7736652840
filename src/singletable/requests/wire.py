"""The wire: answers of DynamoDB, parsed in one step instead of value by value.

botocore walks through the body of an answer by the service's description, which takes some microseconds for every
value. The values of items do not need this: botocore returns their JSON unchanged, except binary values, which are
base64 on the wire. A handler of the event `before-parse` therefore takes the body of operations that return items,
parses it with orjson, and leaves an empty body to botocore's parser. Unusual answers, such as errors, stay as they are.
The handler belongs to one client, and does not change the other clients of the process.

An answer whose body is not JSON, or whose checksum is wrong, is marked as damaged: botocore reads the first as an empty
answer, and the second, after its last attempt, as a good one. Every other answer that botocore counts as a success, and
that DynamoDB does not send, is also marked: a status below 300 other than 200, and JSON without any member of the
operation's answer, such as an error that a proxy sends with status 200.

The values below the members of an answer are not checked: they are assumed to have DynamoDB's types. A JSON number
beyond 64 bits becomes a float. DynamoDB sends none, since the numbers of items are texts.
"""

from __future__ import annotations

import gc
import json
import re
from base64 import b64decode
from binascii import crc32
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Any

import orjson
from botocore.exceptions import HTTPClientError

__all__ = ["DAMAGED", "OPERATIONS", "DamagedAnswerError", "decode_binary", "parse_items", "read_answer"]

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
"""The operations whose answers or errors contain items."""

# Most bodies have no binary values. This search is several times as fast as the exact one, which confirms its hits.
_PERHAPS_BINARY = re.compile(rb'BS?"').search
_BINARY = re.compile(rb'"BS?"\s*:').search
_ESCAPED_B_OR_S = re.compile(rb"\\u00(?:42|53)").search
_LARGE = 16 * 1024
"""Bytes of a body with some hundred values."""

DAMAGED = "SingletableDamaged"
"""The member that marks a parsed answer whose body arrived damaged."""

_SERVER_FAULT = 500
"""The first status that botocore itself reports if the body is empty."""

_OF_FAILURES = {"ConditionalCheckFailedException": "Item", "TransactionCanceledException": "CancellationReasons"}
_OF_REASONS = ("Item", "Code", "Message")
_OF_RESPONSES = ("Item", "TableName", "Error")


class DamagedAnswerError(HTTPClientError):  # type: ignore[misc]  # botocore has no types
    """An answer arrived that is not DynamoDB's: a wrong checksum, a status that it does not send, or other content."""

    fmt = "The answer from {endpoint_url} arrived damaged."


def parse_items(client: Any) -> None:
    """Make a botocore client of DynamoDB parse items in one step, and mark answers that arrived damaged."""
    for operation in client.meta.service_model.operation_names:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _parse)


def read_answer(body: bytes, checksum: str | None, members: Collection[str]) -> dict[str, Any] | None:
    """Return the parsed body of an answer with status 200; None if it is damaged, or is not the operation's answer.

    Args:
        body: The body.
        checksum: Its checksum as DynamoDB sent it; None if it was not sent.
        members: The members of the operation's answer.
    """
    try:
        parsed = _loads(body)
        if not _has_its_checksum(body, checksum) or not _is_answer(parsed, members):
            return None
        _decode(parsed, body)
        return _items_of_answer(parsed, members)
    except (AttributeError, RecursionError, TypeError, ValueError):
        return None


def _parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    body, status = response_dict["body"], response_dict["status_code"]
    checksum, shape = response_dict["headers"].get("x-amz-crc32"), operation_model.output_shape
    members = shape.members if shape else {}
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
        if answered and not (_has_its_checksum(body, checksum) and _is_answer(parsed, members)):
            taken, left = {DAMAGED: True}, b"{}"
        elif carries_items:
            _decode(parsed, body)
            taken, rest = _items_of_failure(parsed) if failed else (_items_of_answer(parsed, members), b"")
            left = rest if taken else body
    except (AttributeError, RecursionError, TypeError, ValueError):
        # DynamoDB does not send such a body. botocore parses it if it is JSON at all.
        if answered:
            sound = _is_json(body) and _is_answer(json.loads(body), members)
            taken, left = ({}, body) if sound else ({DAMAGED: True}, b"{}")
        elif not _is_json(body):
            # botocore would quote a truncated refusal, which may hold an item.
            taken, left = {}, b"" if status >= _SERVER_FAULT else b"{}"
    customized_response_dict.update(taken)
    response_dict["body"] = left


def _is_json(body: bytes) -> bool:
    """Return whether Python's parser reads the body as JSON; it also accepts NaN, for example."""
    try:
        json.loads(body)
    except (RecursionError, ValueError):
        return False
    return True


def _has_its_checksum(body: bytes, checksum: str | None) -> bool:
    """Return whether the body has the checksum that DynamoDB sent with it; other servers send none."""
    return checksum is None or checksum.strip() == str(crc32(body))


def _is_answer(parsed: Any, members: Collection[str]) -> bool:
    """Return whether a body of status 200 answers the operation: an object that is empty, or has one of its members.

    An operation without a described answer, such as a deletion of tags, has no members.
    """
    return isinstance(parsed, dict) and (not parsed or not members or any(name in members for name in parsed))


def _decode(parsed: Any, body: bytes) -> None:
    """Decode the binary values of a parsed body, in place."""
    if (_PERHAPS_BINARY(body) and _BINARY(body)) or (b"\\" in body and _ESCAPED_B_OR_S(body)):
        decode_binary(parsed)


def _loads(body: bytes) -> Any:
    """Return the parsed body; the garbage collector is off while a large body is parsed.

    Before Python 3.12 the collector would search the new values for cycles, which JSON cannot have, after every few
    hundred values. No other thread runs at the same time, because orjson does not release the interpreter lock.
    """
    if len(body) < _LARGE or not gc.isenabled():
        return orjson.loads(body)
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        gc.enable()


def _items_of_answer(answer: dict[str, Any], members: Iterable[str]) -> dict[str, Any]:
    taken = _members(answer, members)
    responses = taken.get("Responses")
    if type(responses) is list:
        # The answer of TransactGetItems or of statements. In that of BatchGetItem, the items are grouped by table.
        taken["Responses"] = [_members(each, _OF_RESPONSES) for each in responses]
    return taken


def _items_of_failure(error: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the items of a failed condition, and the body without them; botocore parses its code and message."""
    name = _OF_FAILURES.get(error.get("__type", "").partition(":")[0].rpartition("#")[2], "")
    taken = _members(error, (name,))
    if "CancellationReasons" in taken:
        taken["CancellationReasons"] = [_members(reason, _OF_REASONS) for reason in taken["CancellationReasons"]]
    return taken, orjson.dumps({each: value for each, value in error.items() if each != name})


def _members(structure: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a structure as botocore does: without null members, and without members unknown to the description."""
    return {name: structure[name] for name in names if structure.get(name) is not None}


def decode_binary(node: Any) -> None:
    """Decode every binary value below a part of the answer, in place.

    "B" is the type of a value if a text is below it, and the name of an attribute if a value is below it. "BS" is a
    type if a list is below it. (The name of a table, which also has a list below it, has at least three characters.)
    Bytes are not decoded again.
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
