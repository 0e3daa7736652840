"""Tags of a table, including the one with which CloudFormation names the table's stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from singletable.requests.types import Params

__all__ = ["STACK_TAG", "table_tags"]

STACK_TAG = "aws:cloudformation:stack-name"
"""The tag that CloudFormation adds to the resources of a stack (User Guide, "Resource tags")."""


def table_tags(ask: Callable[[Params], Mapping[str, Any]], arn: str | None) -> dict[str, str]:
    """Return the tags of a table, from all pages.

    Args:
        ask: Sends ListTagsOfResource, and returns the answer.
        arn: The ARN of the table; None for a server whose tables have no ARN, and no tags.
    """
    tags: dict[str, str] = {}
    token: dict[str, str] = {}
    while arn:
        page = ask({"ResourceArn": arn, **token})
        tags |= {each["Key"]: each["Value"] for each in page.get("Tags", ())}
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    return tags
