"""Requests: what would be sent, as values, and the sending of it.

`Get`, `Query` and `Scan` read; `Put` and `Update` write. Each has a pure `params()`, the exact request,
and a separate step that sends it through PynamoDB's connection.
"""

from singletable.requests.connection import Settings, TableConnection
from singletable.requests.explanation import Explanation
from singletable.requests.get import Get
from singletable.requests.query import Query, make_query
from singletable.requests.results import Page
from singletable.requests.scan import Scan
from singletable.requests.types import Item, Params, Sender, Target, UnknownItem
from singletable.requests.usage import Usage, measure
from singletable.requests.write import Put, Update

__all__ = [
    "Explanation",
    "Get",
    "Item",
    "Page",
    "Params",
    "Put",
    "Query",
    "Scan",
    "Sender",
    "Settings",
    "TableConnection",
    "Target",
    "UnknownItem",
    "Update",
    "Usage",
    "make_query",
    "measure",
]
