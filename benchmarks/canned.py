"""A server in its own process that answers with prepared bytes, so that only the client is measured.

The table's name selects the mix, and the operation selects the answer. `bench-pages` is a table of 100,000 items in
pages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.data import ITERATED, MEGABYTE, MIXES, QUERIED, SAVED, answer, consumed, size, stored


def page_size(mix: str) -> int:
    """Return the number of items of one page of DynamoDB."""
    return MEGABYTE // size(stored(mix, ITERATED))


class Answers:
    """The prepared bodies of all answers."""

    def __init__(self) -> None:
        self._bodies = {}
        for mix in MIXES:
            name = f"bench-{mix}"
            self._bodies[name, "Query"] = answer(mix, [stored(mix, number) for number in range(QUERIED)])
            self._bodies[name, "GetItem"] = json.dumps({"Item": stored(mix, SAVED)} | consumed(mix)).encode()
            self._bodies[name, "PutItem"] = json.dumps(consumed(mix)).encode()
        self._page = [stored("flat", number) for number in range(page_size("flat"))]

    def answer(self, operation: str, body: bytes) -> bytes:
        """Return the body of an answer."""
        params = json.loads(body)
        name = params["TableName"]
        return self._next_page(params) if name == "bench-pages" else self._bodies[name, operation]

    def _next_page(self, params: dict[str, Any]) -> bytes:
        # The end of a page is the start of the next one, as in DynamoDB; every page has the same items.
        start = int(params.get("ExclusiveStartKey", {"SK": {"S": "ORDER#o0"}})["SK"]["S"].removeprefix("ORDER#o"))
        end = min(start + len(self._page), ITERATED)
        more = {"PK": self._page[0]["PK"], "SK": {"S": f"ORDER#o{end}"}} if end < ITERATED else None
        return answer("pages", self._page[: end - start], more)


@contextmanager
def serving() -> Iterator[str]:
    """Start a server, and give its URL."""
    command = [sys.executable, "-m", "benchmarks.canned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def main() -> None:
    """Print the port, and serve."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The header and the body are two writes; without this option the second waits for an acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            body = answers.answer(self.headers["X-Amz-Target"].partition(".")[2], request)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", "0" * 52)
            self.send_header("x-amz-crc32", str(zlib.crc32(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
