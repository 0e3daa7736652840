"""moto as a server, for what needs more than one process: each has connections of its own."""

import threading
from contextlib import contextmanager, suppress

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from singletable.engine.serializer import serialize_quickly
from singletable.errors import TableMissing

CREDENTIALS = ("server", "server", None)


class OneAtATime:
    """A WSGI application behind a lock: moto is not safe under threads, and connections are kept open."""

    def __init__(self, application):
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self._lock:
            return list(self._application(environ, start_response))


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_request(self, *arguments):
        """Nothing."""


@contextmanager
def moto_in_process(monkeypatch):
    """The URL that moto answers in this process, without HTTP, which takes three quarters of a request's time."""
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
    """The URL of a server in a thread of this process."""
    serialize_quickly()
    with serving(OneAtATime(DomainDispatcherApplication(create_backend_app))) as url:
        yield url


@contextmanager
def serving(application):
    """The URL of a server of a WSGI application, in a thread of this process."""
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
    """A block in which a table class is bound to a server, under its own name; what is made there is deleted behind."""
    with table.bind(endpoint_url=url, credentials=CREDENTIALS):
        yield table
        # Where an answer is lost, the SDK asks again, and the table is gone already.
        with suppress(TableMissing):
            table.delete_table()
