"""Settings of a connection: the table's place, and how requests reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from botocore.session import Session

from singletable.errors import EndpointUnreachableError, InvalidValueError, UnexpectedAttributesError
from singletable.requests.endpoints import endpoints_of, is_http_url
from singletable.requests.wire import OPERATIONS

__all__ = ["INTERNAL", "PLACE", "SOURCES", "Settings", "botocore_session"]

SOURCES = ("credentials", "session", "profile")
"""The settings that name the source of the credentials; only one of them applies at a time."""

PLACE = frozenset(
    {
        "region",
        "endpoint_url",
        *SOURCES,
        "role_arn",
        "prepare",
        "answer",
        "place",
        "metered",
        "extra_headers",
        "dax_endpoints",
    }
)
"""The settings that decide which server receives a request, and with whose credentials."""

INTERNAL = frozenset({"prepare", "answer", "place", "metered"})
"""The settings that only engines give, not applications."""

_TRANSPORTS = ("auto", "direct", "botocore")

_TIMED = tuple(sorted((*OPERATIONS, "BatchWriteItem")))
"""The operations that read or write items; `OPERATIONS` lacks BatchWriteItem, whose answer carries no items."""


def botocore_session(session: Any) -> Session:
    """Return the botocore session of a boto3 or botocore session.

    Raises:
        InvalidValueError: It is neither.
    """
    found = getattr(session, "_session", session)
    if not isinstance(found, Session):
        raise InvalidValueError(
            f"session= takes a boto3 or botocore session, not a {type(session).__name__}.",
            remedy='Write session=boto3.Session(profile_name="tenant-a").',
        )
    return found


def _as_mapping(given: Any) -> dict[Any, Any]:
    """Return a copy, so that a later change of the caller's dictionary does not change the binding."""
    if not isinstance(given, Mapping):
        raise InvalidValueError(
            f"{given!r} is not a mapping.", remedy='Write for example {"GetItem": 0.5}.', value=given
        )
    return dict(given)


def _as_headers(given: Any) -> dict[str, str]:
    # The values may be secrets. The message does not show them.
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for pair in given.items() for each in pair):
        raise InvalidValueError(
            "extra_headers is not a mapping of texts to texts.", remedy='Write extra_headers={"x-team": "shop"}.'
        )
    return dict(given)


def _as_credentials(given: Any) -> tuple[Any, ...]:
    # botocore's frozen credentials are also such a tuple, and may have an account id as a fourth part.
    keys = tuple(given) if isinstance(given, (tuple, list)) else ()
    if not (
        2 <= len(keys) <= 4
        and all(isinstance(each, str) and each for each in keys[:2])
        and all(each is None or isinstance(each, str) for each in keys[2:])
    ):
        raise InvalidValueError(
            "credentials is not an access key, a secret key, and a session token or None.",
            remedy='Write credentials=("AKIA...", "...", None).',
        )
    return keys


def _is_a_text(settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidValueError(
            f"{field.name}={value!r} is not a text, or is empty.",
            remedy=f'Write {field.name}="...", or leave it out to inherit it.',
            value=value,
        )


def _is_seconds(settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if not _above_zero(value):
        raise InvalidValueError(
            f"{field.name}={value!r} is not a number of seconds above 0.",
            remedy=f"Write for example {field.name}=5.",
            value=value,
        )


def _is_a_count(settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidValueError(
            f"{field.name}={value!r} is not a whole number of at least 1.",
            remedy=f"Write for example {field.name}=4.",
            value=value,
        )


def _is_a_transport(settings: object, field: object, value: object) -> None:
    if value not in _TRANSPORTS:
        raise InvalidValueError(
            f"transport={value!r} is not one of {', '.join(map(repr, _TRANSPORTS))}.",
            remedy="Leave it out for 'auto'.",
            value=value,
        )


def _above_zero(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


@attrs.frozen
class Settings:
    """The place of a table, and how to reach it; None leaves a choice to the configuration of the AWS SDK.

    Args:
        table_name: The table's name, or its ARN.
        region: The AWS region.
        endpoint_url: The URL of a server that speaks DynamoDB.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for an answer.
        timeouts: Seconds to wait for the answer of some operations, by name: `{"GetItem": 0.5, "Scan": 60}`.
        max_attempts: The most times that a request is sent, including the first time.
        max_connections: The number of connections that stay open, and of threads that can send at once.
        extra_headers: HTTP headers to add to each request.
        credentials: Access key, secret key and session token, in place of the SDK's own choice.
        session: A boto3 or botocore session, whose credentials sign the requests.
        profile: A profile of the AWS configuration, whose credentials sign the requests.
        role_arn: A role to assume, with the credentials above; its credentials are refreshed before they expire.
        transport: The path of requests on items: `direct`, `botocore`, or `auto`, which is direct unless other code
            could see or change the requests of a botocore client. See docs/reference/transport.md.
        prepare: Called with the botocore client after its creation.
        answer: Answers each HTTP attempt in place of a server, as a handler of botocore's event `before-send`.
            `prepare` adds it to the client.
        place: The server's name in messages; None for its URL or region.
        metered: Whether the engine reports consumed capacity.
        dax_endpoints: One endpoint or several of a DAX cluster; see `requests.dax`.
    """

    table_name: str
    region: str | None = attrs.field(default=None, validator=_is_a_text)
    endpoint_url: str | None = attrs.field(default=None)
    connect_timeout: float = attrs.field(default=15, validator=_is_seconds)
    read_timeout: float = attrs.field(default=30, validator=_is_seconds)
    timeouts: Mapping[str, float] = attrs.field(factory=dict, converter=_as_mapping)
    max_attempts: int = attrs.field(default=4, validator=_is_a_count)
    max_connections: int = attrs.field(default=10, validator=_is_a_count)
    extra_headers: Mapping[str, str] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_as_headers)
    )
    credentials: tuple[str, str, str | None] | None = attrs.field(
        default=None, repr=False, converter=attrs.converters.optional(_as_credentials)
    )
    session: Any = attrs.field(default=None, repr=False, converter=attrs.converters.optional(botocore_session), eq=id)
    profile: str | None = attrs.field(default=None, validator=_is_a_text)
    role_arn: str | None = attrs.field(default=None, validator=_is_a_text)
    transport: str = attrs.field(default="auto", validator=_is_a_transport)
    prepare: Callable[[Any], None] | None = None
    answer: Callable[..., Any] | None = None
    place: str | None = None
    metered: bool = True
    dax_endpoints: tuple[str, ...] = attrs.field(default=(), converter=endpoints_of)

    def __hash__(self) -> int:
        # Some of the other settings are mappings, which have no hash. These distinguish most bindings.
        return hash((self.table_name, self.region, self.endpoint_url, self.profile, self.role_arn, self.max_attempts))

    @property
    def where(self) -> tuple[Any, ...]:
        """The settings that are equal if two requests reach the same table as the same caller."""
        return (self.table_name, *(getattr(self, name) for name in _WHERE))

    @property
    def words(self) -> str:
        """The table's name and its place, for messages."""
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
            if not _above_zero(seconds):
                raise InvalidValueError(
                    f"The time-out of {operation} is {seconds!r}, which is not a number of seconds above 0.",
                    value=seconds,
                )

    @endpoint_url.validator
    def _is_a_url(self, field: object, url: str | None) -> None:
        if url is not None and not is_http_url(url):
            raise EndpointUnreachableError(
                f"{url!r} is not the URL of a server.", remedy="Write for example http://127.0.0.1:8000.", value=url
            )


_WHERE = ("region", "endpoint_url", *SOURCES, "role_arn", "extra_headers", "prepare", "answer", "place")
