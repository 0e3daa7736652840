"""Settings: where a table is, and how requests reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from singletable.errors import EndpointUnreachable, InvalidValueError, UnexpectedAttributesError
from singletable.requests.dax import endpoints_of
from singletable.requests.sessions import botocore_session
from singletable.requests.wire import OPERATIONS

__all__ = ["INTERNAL", "PLACE", "SOURCES", "Settings"]

SOURCES = ("credentials", "session", "profile")
"""The settings that name the source of the credentials; one of them holds at a time."""

PLACE = frozenset(
    {
        "region",
        "endpoint_url",
        *SOURCES,
        "role_arn",
        "prepare",
        "place",
        "metered",
        "extra_headers",
        "dax_endpoints",
    }
)
"""The settings that decide which server a request reaches, and as whom."""

INTERNAL = frozenset({"prepare", "place", "metered"})
"""The settings that engines give, and applications do not."""

_TIMED = tuple(sorted((*OPERATIONS, "BatchWriteItem")))
"""The operations that read or write items; the answer of a BatchWriteItem carries none."""


def _is_seconds(settings: object, field: attrs.Attribute[Any], seconds: Any) -> None:
    _require_seconds(f"The setting {field.name}", seconds)


def _require_seconds(what: str, seconds: Any) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        raise InvalidValueError(f"{what} is {seconds!r}, which is not a number of seconds above 0.", value=seconds)


def _is_count(settings: object, field: attrs.Attribute[Any], count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InvalidValueError(
            f"The setting {field.name} is {count!r}, which is not a whole number above 0.", value=count
        )


def _mapping(timeouts: Any) -> dict[str, float]:
    if not isinstance(timeouts, Mapping):
        raise InvalidValueError(
            f"The setting timeouts is {timeouts!r}, which is not a mapping.",
            remedy='Write for example timeouts={"GetItem": 0.5}.',
            value=timeouts,
        )
    return dict(timeouts)


@attrs.frozen
class Settings:
    """Where a table is, and how to reach it. None leaves a choice to the AWS SDK's own configuration.

    Args:
        table_name: The table's name, or its ARN.
        region: The AWS region.
        endpoint_url: The URL of a server that speaks DynamoDB.
        connect_timeout: Seconds until an attempt to connect is given up.
        read_timeout: Seconds until an answer is given up.
        timeouts: Seconds until an answer is given up for some operations, by name: `{"GetItem": 0.5, "Scan": 60}`.
        max_attempts: The most times that a request is sent, the first time included.
        max_connections: The number of connections that are kept, and of threads that can work at once.
        extra_headers: HTTP headers to add to each request.
        credentials: Access key, secret key and session token, instead of those that the SDK finds.
        session: A boto3 or botocore session, whose credentials sign the requests.
        profile: A profile of the AWS configuration, whose credentials sign the requests.
        role_arn: A role to assume, with the credentials above; its credentials are refreshed before they expire.
        prepare: Called with the botocore client once it is made.
        place: The server's name in messages; None for its URL or region.
        metered: Whether the engine reports the capacity that it consumed.
        dax_endpoints: The endpoints of a DAX cluster, or the one; see `requests.dax`.
    """

    table_name: str
    region: str | None = None
    endpoint_url: str | None = attrs.field(default=None)
    connect_timeout: float = attrs.field(default=15, validator=_is_seconds)
    read_timeout: float = attrs.field(default=30, validator=_is_seconds)
    timeouts: Mapping[str, float] = attrs.field(factory=dict, converter=_mapping)
    max_attempts: int = attrs.field(default=4, validator=_is_count)
    max_connections: int = attrs.field(default=10, validator=_is_count)
    extra_headers: Mapping[str, str] | None = None
    credentials: tuple[str, str, str | None] | None = attrs.field(default=None, repr=False)
    session: Any = attrs.field(default=None, repr=False, converter=attrs.converters.optional(botocore_session), eq=id)
    profile: str | None = None
    role_arn: str | None = None
    prepare: Callable[[Any], None] | None = None
    place: str | None = None
    metered: bool = True
    dax_endpoints: tuple[str, ...] = attrs.field(default=(), converter=endpoints_of)

    def __hash__(self) -> int:
        # These settings distinguish most bindings; some of the others are mappings, which have no hash.
        return hash((self.table_name, self.region, self.endpoint_url, self.profile, self.role_arn, self.max_attempts))

    @property
    def where(self) -> tuple[Any, ...]:
        """The settings that are equal if two requests reach the same table as the same caller."""
        return (self.table_name, *(getattr(self, name) for name in _WHERE))

    @property
    def words(self) -> str:
        """The table and its place, for messages."""
        aws = f"AWS {self.region}" if self.region else "AWS"
        return f"{self.table_name!r} at {self.place or self.endpoint_url or aws}"

    @timeouts.validator
    def _are_timeouts(self, field: object, timeouts: Mapping[str, float]) -> None:
        for operation, seconds in timeouts.items():
            if operation not in _TIMED:
                raise UnexpectedAttributesError(
                    f"{operation!r} is not an operation that can have a time-out of its own.",
                    remedy=f"Such operations are: {', '.join(_TIMED)}.",
                    unexpected=(operation,),
                )
            _require_seconds(f"The time-out of {operation}", seconds)

    @endpoint_url.validator
    def _is_a_url(self, field: object, url: str | None) -> None:
        if url is not None and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
            raise EndpointUnreachable(
                f"{url!r} is not the URL of a server.", remedy="Write for example http://127.0.0.1:8000.", value=url
            )


_WHERE = ("region", "endpoint_url", *SOURCES, "role_arn", "extra_headers", "prepare", "place")
