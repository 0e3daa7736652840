"""A server for the tests of `server`: it answers every GET, or fails as its first argument demands."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

NAMES = ("AWS_SECRET_ACCESS_KEY", "BIND_HOST", "HOME")


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        """Answer with some environment variables and the process id."""
        self.send_response(404)
        self.end_headers()
        self.wfile.write(repr([*map(os.environ.get, NAMES), os.getpid()]).encode())

    def log_message(self, *args):
        pass


def main(mode, port):
    Path("left-behind").write_text("x")
    print(f"mode {mode}", flush=True)
    if mode == "dies":
        print("no such table space", flush=True)
        sys.exit(3)
    if mode == "silent":
        time.sleep(60)
    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


main(sys.argv[1], int(sys.argv[2]))
