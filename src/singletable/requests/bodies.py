"""Bodies of requests and answers, of which a botocore client's DEBUG log shows only the size.

botocore logs the whole of each request and answer, by the repr of its body (loggers `botocore.endpoint` and
`botocore.parsers`).
"""

from __future__ import annotations

from typing import Any

__all__ = ["hide_bodies"]


class _Body(bytes):
    """The body of a request or of an answer; its repr shows no value of an item."""

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes>"

    __str__ = __repr__


def hide_bodies(client: Any) -> None:
    """Make a botocore client log the sizes of bodies instead of the bodies."""
    client.meta.events.register_last("before-call", _hide_request)
    client.meta.events.register_last("before-parse", _hide_answer)


def _hide_request(params: dict[str, Any], **_: Any) -> None:
    if isinstance(params.get("body"), bytes):
        params["body"] = _Body(params["body"])


def _hide_answer(response_dict: dict[str, Any], **_: Any) -> None:
    if isinstance(response_dict.get("body"), bytes):
        response_dict["body"] = _Body(response_dict["body"])
