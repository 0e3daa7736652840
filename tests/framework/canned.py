"""A server that computes each answer from the request, over persistent connections; it stores nothing."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CREDENTIALS = ("canned", "canned", None)


class Asked:
    """A request: its operation, parameters, tables, the access key that signed it, and the port."""

    def __init__(self, handler, params):
        self.operation = handler.headers["X-Amz-Target"].rpartition(".")[2]
        self.params = params
        self.access_key = re.search("Credential=([^/]+)/", handler.headers["Authorization"])[1]
        self.port = handler.client_address[1]

    @property
    def tables(self):
        """The tables that the request names."""
        if "TableName" in self.params:
            return {self.params["TableName"]}
        if "RequestItems" in self.params:
            return set(self.params["RequestItems"])
        return {part["TableName"] for each in self.params["TransactItems"] for part in each.values()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One segment for an answer: with two, the client waits for 40 ms.
    wbufsize = -1

    def do_POST(self):
        params = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self, params)
        self.server.asked.append(asked)
        status, answer = self.server.answer(asked)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *arguments):
        """Ignore the error of a client that closes its connection."""


def nothing(asked):
    """Return the answer of an empty table, which accepts every write."""
    return 200, {"UnprocessedItems": {}} if asked.operation == "BatchWriteItem" else {}


@contextmanager
def canned(answer=nothing):
    """Run a server in a thread of this process: `url` is its address, `asked` its requests.

    Args:
        answer: Returns the status and the body for a request.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked, server.answer = [], answer
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
