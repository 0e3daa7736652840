"""Endpoints: the URLs of servers and of DAX clusters, checked when they are given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from singletable.errors import EndpointUnreachableError

__all__ = ["endpoints_of", "is_http_url"]

_SCHEMES = ("dax", "daxs")
_FORMS = "daxs://my-cluster.abc123.dax-clusters.eu-west-1.amazonaws.com, dax://host:8111 or host:8111"


def is_http_url(text: Any) -> bool:
    """Return whether a text is an http:// or https:// URL with a host, and with a valid port if it has one."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it is checked when it is read
    except (AttributeError, TypeError, ValueError):
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def endpoints_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return a cluster's endpoints, from one text or several.

    Raises:
        EndpointUnreachableError: A text is not an endpoint, or some are encrypted and others are not.
    """
    endpoints = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    schemes = {_scheme(each) for each in endpoints}
    if len(schemes) > 1:
        raise EndpointUnreachableError(
            f"Some of the DAX endpoints {', '.join(endpoints)} are encrypted (daxs), and others are not (dax).",
            remedy="Name endpoints of one cluster.",
            value=endpoints,
        )
    return endpoints


def _scheme(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"dax://{endpoint}")
        sound = parts.scheme in _SCHEMES and parts.hostname and parts.netloc == endpoint.rpartition("://")[2]
        # Reading the port raises if it is not a number.
        sound = sound and parts.port != 0 and ("://" in endpoint or parts.port is not None)
        sound = sound and not {"@", " ", "["} & set(parts.netloc)
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise EndpointUnreachableError(
            f"{endpoint!r} is not an endpoint of a DAX cluster.", remedy=f"Write for example {_FORMS}.", value=endpoint
        )
    return parts.scheme
