"""moto as a server, for tests with several processes, each with its own connections."""

import threading
from contextlib import contextmanager, suppress

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from singletable.engine.serializer import serialize_quickly
from singletable.errors import TableMissingError

CREDENTIALS = ("server", "server", None)


class OneAtATime:
    """A WSGI application with a lock: moto is not thread-safe, and connections stay open."""

    def __init__(self, application):
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self._lock:
            return list(self._application(environ, start_response))


class Quiet(WSGIRequestHandler):
    """A request handler that does not log requests."""

    def log_request(self, *arguments):
        """Log nothing."""


@contextmanager
def moto_in_process(monkeypatch):
    """Yield a URL that moto answers in this process, without HTTP, which takes three quarters of a request's time."""
    lock = threading.Lock()
    answer = BotocoreStubber.process_request

    def answer_one(stubber, request):
        with lock:
            return answer(stubber, request)

    serialize_quickly()
    monkeypatch.setattr(BotocoreStubber, "process_request", answer_one)
    with mock_aws():
        yield "https://dynamodb.us-east-1.amazonaws.com"


@contextmanager
def moto_server():
    """Yield the URL of a moto server in a thread of this process."""
    serialize_quickly()
    with serving(OneAtATime(DomainDispatcherApplication(create_backend_app))) as url:
        yield url


@contextmanager
def serving(application):
    """Yield the URL of a server for a WSGI application, in a thread of this process."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def on_server(url, table):
    """Bind a table class to a server under its own name; the table is deleted at the end of the block."""
    with table.bind(endpoint_url=url, credentials=CREDENTIALS):
        yield table
        # After a lost response, the SDK sends the request again, and the table is already deleted.
        with suppress(TableMissingError):
            table.delete_table()
