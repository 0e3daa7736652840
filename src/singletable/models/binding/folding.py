"""Folding: the effective settings, computed from those of Meta and of each binding."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import attrs

from singletable.requests.connection_settings import INTERNAL, PLACE, SOURCES, Settings, botocore_session
from singletable.requests.sessions import region_of_profile

__all__ = [
    "FIELDS",
    "PUBLIC",
    "Effective",
    "Layer",
    "as_key",
    "environment",
    "fold",
    "given_by_meta",
    "is_pinned",
    "values_of_meta",
    "values_without_name",
    "with_region_of_session",
]

FIELDS = {field.name: field for field in attrs.fields(Settings)}
PUBLIC = tuple(sorted(name for name in FIELDS if name not in INTERNAL))
"""The settings that an application may give."""

_OF_PYNAMODB = {
    "endpoint_url": "host",
    "connect_timeout": "connect_timeout_seconds",
    "read_timeout": "read_timeout_seconds",
    "max_connections": "max_pool_connections",
}
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_NAMES = (*PUBLIC, *_OF_PYNAMODB.values(), "max_retry_attempts", *_KEYS)

values_of_meta: Callable[[Any], tuple[Any, ...]] = attrgetter(*_NAMES)
"""Returns the settings in a table's Meta as one tuple; see `given_by_meta`. It is called for each request."""


def values_without_name(meta: Any) -> tuple[Any, ...]:
    """Return the tuple of `values_of_meta`, with None in place of the table name, which cannot be read."""
    return tuple(None if name == "table_name" else getattr(meta, name) for name in _NAMES)


_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE")
_LOCAL_REGION = "us-east-1"
"""A local server has no regions, but requests are signed for one."""


@attrs.frozen
class Effective:
    """The effective settings of a request.

    Args:
        settings: The settings.
        pinned: Whether an engine fixes the place, so that no binding changes it.
    """

    settings: Settings
    pinned: bool = False


@attrs.frozen(eq=False)
class Layer:
    """The settings of one binding, which override those of the layers below it.

    Args:
        given: The settings that are given; the others are inherited.
        pinned: Whether the layer fixes the place: later layers do not change it, unless they are also pinned.
        held: All settings, regardless of the layers below; None for a layer that inherits.
    """

    given: Mapping[str, Any]
    pinned: bool = False
    held: Effective | None = None
    key: tuple[Any, ...] = attrs.field(init=False)

    @key.default
    def _as_key(self) -> tuple[Any, ...]:
        return (as_key(self.given), self.pinned, self.held)

    @property
    def names_the_table(self) -> bool:
        """Whether the layer gives the table's name."""
        return self.held is not None or "table_name" in self.given

    def over(self, values: dict[str, Any], pinned: bool) -> tuple[dict[str, Any], bool]:
        """Return the given settings, overridden by this layer, and whether their place is then fixed."""
        if self.held is not None:
            return {name: getattr(self.held.settings, name) for name in FIELDS}, self.held.pinned
        given = self.given
        if self.pinned:
            values = {name: value for name, value in values.items() if name not in PLACE}
        elif pinned:
            given = {name: value for name, value in given.items() if name not in PLACE}
        moved = {"role_arn", *SOURCES} & given.keys() or any(
            name in given and given[name] != values.get(name) for name in ("table_name", "region", "endpoint_url")
        )
        dropped = {"dax_endpoints"} if moved else set()
        if given.keys() & {*SOURCES}:
            # Only one source signs the requests, and a role is assumed with the source that is bound with it.
            dropped |= {"role_arn", *SOURCES}
        kept = {name: value for name, value in values.items() if name not in dropped}
        return {**kept, **given}, pinned or self.pinned


def given_by_meta(values: tuple[Any, ...]) -> dict[str, Any]:
    """Return the settings that a table's Meta gives, under their own names or under PynamoDB's.

    Args:
        values: The result of `values_of_meta` or `values_without_name`.
    """
    meta = dict(zip(_NAMES, values, strict=True))
    given = {name: meta[name] for name in PUBLIC if meta[name] is not None}
    for name, theirs in _OF_PYNAMODB.items():
        if meta[theirs] is not None:
            given.setdefault(name, meta[theirs])
    if "table_name" in given:
        given["table_name"] = str.__str__(given["table_name"])
    given.setdefault("max_attempts", 1 + meta["max_retry_attempts"])
    keys = tuple(meta[name] for name in _KEYS)
    if not given.keys() & {*SOURCES} and keys[0] and keys[1]:
        given["credentials"] = keys
    return with_region_of_session(given)


def with_region_of_session(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the region of their session, unless they give a region themselves."""
    if "session" not in given or given.get("region"):
        return given
    region = botocore_session(given["session"]).instance_variables().get("region")
    return {**given, "region": region} if region else given


def as_key(given: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return settings as a hashable value."""
    return tuple(
        (name, tuple(sorted(value.items())) if isinstance(value, Mapping) else _hashable(value))
        for name, value in given.items()
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def environment() -> tuple[str | None, ...]:
    """Return the region in the environment; if it is not set, the variables that name the profile and its file."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return (region,) if region else (None, *map(os.environ.get, _PROFILES))


def fold(meta: Mapping[str, Any], layers: Sequence[Layer], variables: tuple[str | None, ...]) -> Effective:
    """Return the effective settings.

    Args:
        meta: The settings in Meta.
        layers: The layers, innermost last.
        variables: The environment, as `environment` returns it.
    """
    values, pinned = dict(meta), False
    for layer in layers:
        values, pinned = layer.over(values, pinned)
    # An empty Meta.region counts as no region, as in PynamoDB.
    if not values.get("region"):
        values["region"] = _region(values, variables)
    return Effective(Settings(**values), pinned)


def is_pinned(layers: Iterable[Layer]) -> bool:
    """Return whether an engine fixes the place, without reading any settings."""
    pinned = False
    for layer in layers:
        pinned = layer.held.pinned if layer.held is not None else pinned or layer.pinned
    return pinned


def _region(values: Mapping[str, Any], variables: tuple[str | None, ...]) -> str | None:
    session = values.get("session")
    found = variables[0]
    if found is None:
        found = region_of_profile(None, session) if session else _region_of_profile(values.get("profile"), variables)
    return found or (_LOCAL_REGION if values.get("endpoint_url") else None)


@lru_cache(maxsize=64)
def _region_of_profile(profile: str | None, variables: tuple[str | None, ...]) -> str | None:
    return region_of_profile(profile)
