"""Requests as values, and the code that sends them.

`Get`, `Query` and `Scan` read; `Put` and `Update` write. Each has a pure method `params()`, which returns the exact
request, and a separate step that sends it through PynamoDB's connection.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.requests.connection import TableConnection
    from singletable.requests.connection_settings import Settings
    from singletable.requests.explanation import Explanation
    from singletable.requests.get import Get
    from singletable.requests.metering import Usage, measure
    from singletable.requests.observing import Observer, RequestEvent, RequestStats, Totals, request_name
    from singletable.requests.query import Query, make_query
    from singletable.requests.results import Page
    from singletable.requests.scan import Scan
    from singletable.requests.target import Target
    from singletable.requests.tracing import OpenTelemetryObserver
    from singletable.requests.types import Item, MalformedItem, Params, Sender, UnknownItem
    from singletable.requests.write_requests import Put, Update

__all__ = [
    "Explanation",
    "Get",
    "Item",
    "MalformedItem",
    "Observer",
    "OpenTelemetryObserver",
    "Page",
    "Params",
    "Put",
    "Query",
    "RequestEvent",
    "RequestStats",
    "Scan",
    "Sender",
    "Settings",
    "TableConnection",
    "Target",
    "Totals",
    "UnknownItem",
    "Update",
    "Usage",
    "make_query",
    "measure",
    "request_name",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Explanation": "explanation",
        "Get": "get",
        "Item": "types",
        "MalformedItem": "types",
        "Observer": "observing",
        "OpenTelemetryObserver": "tracing",
        "Page": "results",
        "Params": "types",
        "Put": "write_requests",
        "Query": "query",
        "RequestEvent": "observing",
        "RequestStats": "observing",
        "Scan": "scan",
        "Sender": "types",
        "Settings": "connection_settings",
        "TableConnection": "connection",
        "Target": "types",
        "Totals": "observing",
        "UnknownItem": "types",
        "Update": "write_requests",
        "Usage": "metering",
        "make_query": "query",
        "measure": "metering",
        "request_name": "observing",
    },
)
