"""A double of a DAX cluster: AWS's client, whose nodes answer from an engine that speaks DynamoDB.

No emulator of DAX exists. The client is real except for its sockets: it checks and encodes each request as for a node.
The engine answers the request that the client would decode, and the answer or error is converted to the form that the
client's decoder returns.
"""

import socket
import sys
from contextlib import contextmanager
from copy import deepcopy

import attrs
from amazondax import AmazonDaxClient
from amazondax.DaxClient import DaxClient
from amazondax.DaxError import DaxClientError, DaxErrorCode, DaxServiceError
from amazondax.Tube import Tube
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from singletable.models.binding.binding import connection_of, pinned
from singletable.requests.dax import Dax

ENDPOINT = "dax://cluster.test:8111"
CODES = {
    "ConditionalCheckFailedException": [4, 37, 38, 39, 43],
    "ProvisionedThroughputExceededException": [4, 37, 38, 39, 40],
    "ResourceNotFoundException": [4, 37, 38, 39, 41],
    "ThrottlingException": [4, 37, 38, 39, 50],
    "TransactionCanceledException": [4, 37, 38, 39, 58],
    "TransactionConflictException": [4, 37, 38, 39, 57],
    "ValidationException": [4, 37, 38, 39, 46],
}
METHODS = {
    "BatchGetItem": "batch_get_item",
    "BatchWriteItem": "batch_write_item",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "Scan": "scan",
    "TransactGetItems": "transact_get_items",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}


class Cluster:
    """A double of the client's cluster.

    `asked` has the requests to it, `table` the operations that went to the table instead. Each element of `faults` is
    raised in place of the next answer; in a pair with "applied", after the engine has applied the request.
    """

    def __init__(self, connection):
        self._engine = connection.connection
        self.asked = []
        self.table = []
        self.faults = []
        self.made = 0
        self.closed = 0
        self.reachable = True
        self.arguments = {}
        self.unprocessed = 0

    @property
    def operations(self):
        return [operation for operation, _ in self.asked]

    def __call__(self, *arguments, **options):
        """Create the cluster; the client calls this."""
        self.arguments = {"positional": arguments, **options}
        self.made += 1
        return self

    def start(self):
        if not self.reachable:
            raise unreachable()

    def close(self):
        self.closed += 1

    def read_client(self):
        if not self.reachable:
            raise unreachable()
        return Node(self)

    write_client = read_client

    def answer(self, operation, params):
        self.asked.append((operation, deepcopy(params)))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, tuple):
            self._engine._make_api_call(operation, deepcopy(params))
            fault = fault[1]
        if fault is not None:
            raise fault
        if operation == "BatchWriteItem" and self.unprocessed:
            return self._some(params)
        try:
            return self._engine._make_api_call(operation, deepcopy(params))
        except ClientError as error:
            raise service_error(operation, error.__cause__.response) from None

    def _some(self, params):
        """Return a batch of which a part is unprocessed; each put has no key, as in the client."""
        [(table, requests)] = params["RequestItems"].items()
        done, left = requests[self.unprocessed :], requests[: self.unprocessed]
        self.unprocessed = 0
        self._engine._make_api_call("BatchWriteItem", {"RequestItems": {table: done}})
        told = [
            {"PutRequest": {"Item": {k: v for k, v in each["PutRequest"]["Item"].items() if k not in ("PK", "SK")}}}
            if "PutRequest" in each
            else {"DeleteRequest": each["DeleteRequest"]}
            for each in left
        ]
        return {"UnprocessedItems": {table: told}}


def unreachable():
    return DaxClientError("No cluster endpoints available", DaxErrorCode.NoRoute)


def throttled(operation="GetItem"):
    code = "ProvisionedThroughputExceededException"
    return DaxServiceError(operation, "too fast", CODES[code], "id", code, 400)


def service_error(operation, response):
    """Return an error in the form of a node: without the item, and with flat reasons of a transaction."""
    error = response["Error"]
    reasons = response.get("CancellationReasons")
    info = ["id", error["Code"], 400]
    if reasons is not None:
        parts = [[each.get("Code"), each.get("Message"), None] for each in reasons]
        info.append([part for each in parts for part in each])
    return DaxServiceError(operation, error.get("Message"), CODES[error["Code"]], *info)


class _Socket:
    family = socket.AF_INET

    def sendall(self, data):
        self.sent = bytes(data)

    def send(self, data):
        return len(data)

    def close(self):
        pass


class _Tubes:
    @contextmanager
    def get(self):
        yield Tube(_Socket(), None, lambda: Credentials("x", "y"), "us-east-1")

    def close(self):
        pass


class Node(DaxClient):
    """The client's view of a node, without the network."""

    def __init__(self, cluster):
        super().__init__(_Tubes())
        self._of = cluster
        self._request = None

    def _decode_result(self, operation_name, request, assembler, tube):
        if operation_name == "defineKeySchema":
            return [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")]
        if operation_name == "defineAttributeListId":
            return 7
        return self._of.answer(*self._request)


def _remembering(operation, method):
    def remember(self, **params):
        self._request = (operation, deepcopy(params))
        return getattr(DaxClient, method)(self, **params)

    return remember


for _operation, _method in METHODS.items():
    setattr(Node, _method, _remembering(_operation, _method))


@contextmanager
def clustered(table, monkeypatch, **settings):
    """Yield the cluster of a table that is bound to an engine, inside another binding to a cluster."""
    connection = connection_of(table)
    plain = connection.settings
    cluster = Cluster(connection)
    monkeypatch.setattr(sys.modules[AmazonDaxClient.__module__], "Cluster", cluster)

    def prepare(client):
        plain.prepare(client)
        client.meta.events.register("before-call.dynamodb", lambda model, **_: cluster.table.append(model.name))

    fields = {field.name: getattr(plain, field.name) for field in attrs.fields(type(plain))}
    with pinned(table, **{**fields, "prepare": prepare, "dax_endpoints": ENDPOINT, **settings}):
        yield cluster


def dax_of(table):
    """Return the interceptor of a bound table."""
    [found] = [each for each in connection_of(table).connection.around if isinstance(each, Dax)]
    return found
