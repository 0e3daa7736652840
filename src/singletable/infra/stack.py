"""Stacks: a template put into effect by a change set, which is looked at before it is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

from singletable.errors import InfraError
from singletable.infra.table import TABLE
from singletable.infra.template import as_text
from singletable.requests.services import refuse_denied

if TYPE_CHECKING:
    from troposphere import Template

__all__ = ["Change", "ChangeSet", "Stack"]

_LARGEST = 51_200
"""Bytes of a template that CloudFormation takes without S3 (User Guide, "quotas")."""

_UNCHANGED = ("didn't contain changes", "No updates are to be performed")
_POLL = 2.0
_PATIENCE = 3600.0


@attrs.frozen
class Change:
    """What becomes of one resource.

    Args:
        action: `Add`, `Modify`, `Remove`.
        name: Its name in the template.
        kind: Its type: `AWS::DynamoDB::Table`.
        replaced: `True`, `False` or `Conditional`, as CloudFormation says.
        parts: The properties that change.
    """

    action: str
    name: str
    kind: str
    replaced: str = "False"
    parts: tuple[str, ...] = ()

    @property
    def loses_table(self) -> bool:
        """Whether the table and its items would be left behind."""
        return self.name == TABLE and (self.action == "Remove" or self.replaced != "False")


@attrs.frozen
class ChangeSet:
    """What an update of a stack would do.

    Args:
        name: Its name.
        new: Whether the stack is a new one.
        changes: What becomes of which resource; none where nothing changes.
    """

    name: str
    new: bool
    changes: tuple[Change, ...]


class Stack:
    """A CloudFormation stack.

    Args:
        client: A boto3 client of CloudFormation.
        name: The stack's name.
        wait: Sleeps for some seconds.
    """

    def __init__(self, client: Any, name: str, wait: Callable[[float], None] = sleep) -> None:
        self._client = client
        self.name = name
        self._wait = wait

    def describe(self) -> dict[str, Any] | None:
        """What CloudFormation says of it; None where there is none, or only a change set that would make it."""
        try:
            stack: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack

    def outputs(self) -> dict[str, str]:
        """The stack's outputs, by name."""
        stack = self.describe() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def plan(self, template: Template, parameters: Mapping[str, str]) -> ChangeSet:
        """A change set, made and not executed.

        Args:
            template: The template.
            parameters: The parameters that are given; others stay as they are, or get their defaults.

        Raises:
            InfraError: A parameter is none of the template's, the template is too large, the stack is busy, or
                CloudFormation refuses it.
        """
        unknown = sorted(set(parameters) - set(template.parameters))
        if unknown:
            raise InfraError(
                f"The template has no parameter {unknown[0]!r}.",
                remedy=f"It has: {', '.join(sorted(template.parameters)) or 'none'}.",
                value=unknown[0],
            )
        text = as_text(template)
        if len(text.encode()) > _LARGEST:
            raise InfraError(
                f"The template is {len(text.encode()):,} bytes; CloudFormation takes {_LARGEST:,} directly.",
                remedy="Write it with `singletable infra cloudformation --out`, and deploy it from S3.",
                value=len(text.encode()),
            )
        stack = self.describe()
        _refuse_unready(self.name, stack)
        name = f"singletable-{datetime.now(timezone.utc):%Y%m%d%H%M%S%f}"
        before = {each["ParameterKey"] for each in (stack or {}).get("Parameters", ())}
        kept = sorted(before.intersection(template.parameters) - set(parameters))
        try:
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType="CREATE" if stack is None else "UPDATE",
                TemplateBody=text,
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[
                    *({"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())),
                    *({"ParameterKey": key, "UsePreviousValue": True} for key in kept),
                ],
            )
        except ClientError as error:
            refuse_denied(error, "CloudFormation")
            if not _says_unchanged(str(error)):
                raise InfraError(
                    f"CloudFormation refuses the change of {self.name!r}: {error}", value=str(error)
                ) from error
            return ChangeSet(name, stack is None, ())
        return ChangeSet(name, stack is None, self._changes(name))

    def _changes(self, name: str) -> tuple[Change, ...]:
        described = self._until(
            lambda: self._client.describe_change_set(StackName=self.name, ChangeSetName=name),
            lambda answer: answer["Status"] in ("CREATE_COMPLETE", "FAILED"),
        )
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if _says_unchanged(reason):
                return ()
            raise InfraError(f"CloudFormation refuses the change of {self.name!r}: {reason}", value=reason)
        return tuple(_change(each["ResourceChange"]) for each in described["Changes"] if "ResourceChange" in each)

    def discard(self, changes: ChangeSet) -> None:
        """Forget a change set; with it the stack, where it was to be a new one."""
        if changes.new:
            self._client.delete_stack(StackName=self.name)
        else:
            self._client.delete_change_set(StackName=self.name, ChangeSetName=changes.name)

    def execute(self, changes: ChangeSet, tell: Callable[[str], None]) -> None:
        """Execute a change set, and wait until the stack is made or changed.

        Args:
            changes: The change set.
            tell: Called with a line for every resource that is begun, done or failed.

        Raises:
            InfraError: The table would be replaced, or the deployment failed and was rolled back.
        """
        refuse_loss(changes)
        seen = {event["EventId"] for event in self._events()}
        self._client.execute_change_set(StackName=self.name, ChangeSetName=changes.name)
        failures: list[str] = []

        def look() -> dict[str, Any]:
            for event in self._events():
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                status = event["ResourceStatus"]
                reason = event.get("ResourceStatusReason", "")
                if status.endswith("_FAILED") and "cancelled" not in reason:
                    failures.append(f"{event['LogicalResourceId']}: {reason}")
                tell(f"{status.replace('_', ' ').lower()}: {event['LogicalResourceId']}")
            return self.describe() or {"StackStatus": "CREATE_IN_PROGRESS"}

        stack = self._until(look, lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"))
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise InfraError(
                f"The stack {self.name!r} is {stack['StackStatus']}: {'; '.join(failures) or 'no reason was told'}",
                remedy="Mend what failed, and deploy again; nothing of the table was lost.",
                value=stack["StackStatus"],
            )

    def _events(self) -> Iterator[dict[str, Any]]:
        """What happened, the earliest first."""
        try:
            events: list[dict[str, Any]] = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:
            return iter(())
        return iter(events[::-1])

    def _until(self, look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
        end = monotonic() + _PATIENCE
        while not done(found := look()):
            if monotonic() > end:
                raise InfraError(f"The stack {self.name!r} is not done after an hour.", remedy="Look in the console.")
            self._wait(_POLL)
        return found


def _says_unchanged(reason: str) -> bool:
    return any(each in reason for each in _UNCHANGED)


def _refuse_unready(name: str, stack: Mapping[str, Any] | None) -> None:
    status = "" if stack is None else stack["StackStatus"]
    if status == "ROLLBACK_COMPLETE":
        raise InfraError(
            f"The stack {name!r} was never made: its first deployment was rolled back.",
            remedy=f"Delete it (aws cloudformation delete-stack --stack-name {name}), and deploy again.",
            value=status,
        )
    if status and not status.endswith("_COMPLETE"):
        raise InfraError(
            f"The stack {name!r} is {status}.",
            remedy="Wait until it is done, or mend or delete it in the console.",
            value=status,
        )


def refuse_loss(changes: ChangeSet) -> None:
    """Refuse a change that would leave the table behind.

    Raises:
        InfraError: It would.
    """
    lost = next((each for each in changes.changes if each.loses_table), None)
    if lost is not None:
        what = ", ".join(lost.parts) or "its name or its keys"
        raise InfraError(
            f"The table would be {'removed' if lost.action == 'Remove' else 'replaced'} ({what} changed), and its items"
            " left behind.",
            remedy="Keys and names of a table do not change. Deploy a stack of another name, and move the items there"
            " by a migration; or take the change back.",
            value=lost.name,
        )


def _change(change: Mapping[str, Any]) -> Change:
    targets = [each.get("Target", {}) for each in change.get("Details", ())]
    parts = (each.get("Name") or each.get("Attribute") for each in targets)
    return Change(
        action=change["Action"],
        name=change["LogicalResourceId"],
        kind=change["ResourceType"],
        replaced=str(change.get("Replacement", "False")),
        parts=tuple(dict.fromkeys(filter(None, parts))),
    )
