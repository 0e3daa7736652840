"""Requests as values, and the code that sends them.

`Get`, `Query` and `Scan` read; `Put` and `Update` write. Each has a pure method `params()`, which returns the exact
request, and a separate step that sends it through PynamoDB's connection.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.requests.connection import TableConnection as TableConnection
    from singletable.requests.connection_settings import Settings as Settings
    from singletable.requests.explanation import Explanation as Explanation
    from singletable.requests.get import Get as Get
    from singletable.requests.metering import Usage as Usage
    from singletable.requests.metering import measure as measure
    from singletable.requests.observing import Observer as Observer
    from singletable.requests.observing import RequestEvent as RequestEvent
    from singletable.requests.observing import RequestStats as RequestStats
    from singletable.requests.observing import Totals as Totals
    from singletable.requests.observing import request_name as request_name
    from singletable.requests.query import Query as Query
    from singletable.requests.query import make_query as make_query
    from singletable.requests.results import Page as Page
    from singletable.requests.scan import Scan as Scan
    from singletable.requests.target import Target as Target
    from singletable.requests.tracing import OpenTelemetryObserver as OpenTelemetryObserver
    from singletable.requests.types import Item as Item
    from singletable.requests.types import MalformedItem as MalformedItem
    from singletable.requests.types import Params as Params
    from singletable.requests.types import Sender as Sender
    from singletable.requests.types import UnknownItem as UnknownItem
    from singletable.requests.write_requests import Put as Put
    from singletable.requests.write_requests import Update as Update

exports(__name__)
