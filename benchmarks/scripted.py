"""A server in its own process that answers by operation, like a table with any number of items.

It does not store items: each page of a scan is the same, and writes to items are ignored. It stores only the records of
a runner's migrations.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore import xform_name

_RECORDS = "SINGLETABLE#"
_LOOK = "NOT begins_with(#type, :own)"
"""The filter of the runner's check for an empty table; the table must be empty until a migration is recorded."""

_ASSIGNMENT = re.compile(r"(#\d+) = (:\d+)")
_REMOVED = re.compile(r"#\d+")
_PAGE = '{"Count":%d,"ScannedCount":%d,%s"ConsumedCapacity":%s,"Items":%s}'


class Answers:
    """The answers of the server.

    Args:
        page: The items of a page.
        pages: The number of pages of each segment.
    """

    def __init__(self, page: list[dict[str, Any]], pages: int) -> None:
        self._pages = pages
        self._items = json.dumps(page)
        self._count = len(page)
        self._first = page[0]
        self._records: dict[tuple[str, str], dict[str, Any]] = {}

    def answer(self, operation: str, body: bytes) -> bytes:
        """Return the body of an answer."""
        answering: Callable[[dict[str, Any]], str | dict[str, Any]] = getattr(self, xform_name(operation))
        answered = answering(json.loads(body))
        return (answered if isinstance(answered, str) else json.dumps(answered)).encode()

    def describe_table(self, params: dict[str, Any]) -> dict[str, Any]:
        keys = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
        return {"Table": {"TableName": params["TableName"], "TableStatus": "ACTIVE", "KeySchema": keys, "ItemCount": 0}}

    def scan(self, params: dict[str, Any]) -> str:
        if params.get("FilterExpression") == _LOOK and not any("MIGRATIONS" in pk for pk, _ in self._records):
            return json.dumps({"Items": [], "Count": 0, "ScannedCount": 0})
        served = int(params.get("ExclusiveStartKey", {"SK": {"S": "0"}})["SK"]["S"]) + 1
        more = "" if served >= self._pages else f'"LastEvaluatedKey":{{"PK":{{"S":"page"}},"SK":{{"S":"{served}"}}}},'
        return _PAGE % (self._count, self._count, more, json.dumps(_consumed(params, 64.0)), self._items)

    def update_item(self, params: dict[str, Any]) -> dict[str, Any]:
        if _is_record(params["Key"]):
            return {"Attributes": self._update(params)}
        # PynamoDB always requests the new item.
        whole = {"Attributes": self._first} if params.get("ReturnValues") == "ALL_NEW" else {}
        return {"ConsumedCapacity": _consumed(params, 2.0), **whole}

    def batch_execute_statement(self, params: dict[str, Any]) -> dict[str, Any]:
        statements = params["Statements"]
        if '"probe"' in statements[0]["Statement"]:
            return {"Responses": [{"Error": {"Code": "ConditionalCheckFailed", "Item": self._first}}]}
        consumed = [_consumed(params, 2.0 * len(statements))]
        return {"Responses": [{"TableName": "bench"}] * len(statements), "ConsumedCapacity": consumed}

    def describe_time_to_live(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def delete_table(self, params: dict[str, Any]) -> dict[str, Any]:
        self._records.clear()
        return {}

    # --- records of a runner ----------------------------------------------------

    def get_item(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self._records.get(_key(params["Key"]))
        return {"Item": found} if found else {}

    def put_item(self, params: dict[str, Any]) -> dict[str, Any]:
        self._records[_key(params["Item"])] = params["Item"]
        return {}

    def delete_item(self, params: dict[str, Any]) -> dict[str, Any]:
        self._records.pop(_key(params["Key"]), None)
        return {}

    def query(self, params: dict[str, Any]) -> dict[str, Any]:
        partition = params["ExpressionAttributeValues"][":0"]["S"]
        found = [item for (pk, _), item in sorted(self._records.items()) if pk == partition]
        return {"Items": found, "Count": len(found), "ScannedCount": len(found)}

    def batch_write_item(self, params: dict[str, Any]) -> dict[str, Any]:
        for requests in params["RequestItems"].values():
            for each in requests:
                self._records.pop(_key(each["DeleteRequest"]["Key"]), None)
        return {"UnprocessedItems": {}}

    def _update(self, params: dict[str, Any]) -> dict[str, Any]:
        """Apply SET and REMOVE of whole attributes; every condition is true."""
        names = params["ExpressionAttributeNames"]
        item = self._records.setdefault(_key(params["Key"]), dict(params["Key"]))
        sets, _, removes = params["UpdateExpression"].partition("REMOVE")
        for name, value in _ASSIGNMENT.findall(sets):
            item[names[name]] = params["ExpressionAttributeValues"][value]
        for name in _REMOVED.findall(removes):
            item.pop(names[name], None)
        return item


def _consumed(params: dict[str, Any], units: float) -> dict[str, Any]:
    """Return the consumed capacity, with the requested details."""
    detail = {"Table": {"CapacityUnits": units}} if params.get("ReturnConsumedCapacity") == "INDEXES" else {}
    return {"TableName": "bench", "CapacityUnits": units, **detail}


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


def _is_record(key: dict[str, Any]) -> bool:
    return bool(key["PK"]["S"].startswith(_RECORDS))


@contextmanager
def serving_pages(page: list[dict[str, Any]], pages: int) -> Iterator[str]:
    """Start a server whose segments have a number of pages, and give its URL."""
    command = [sys.executable, "-m", "benchmarks.scripted"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps({"page": page, "pages": pages}) + "\n")
            server.stdin.flush()
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def main() -> None:
    """Read the answers from standard input, print the port, and serve."""
    answers = Answers(**json.loads(sys.stdin.readline()))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = answers.answer(self.headers["X-Amz-Target"].partition(".")[2], body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
