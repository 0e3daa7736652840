"""Stacks: updates by a change set, which is checked before it is executed.

Sources: CloudFormation User Guide, "Update CloudFormation stacks using change sets" (executing one deletes all others
of the stack), "Stack status codes", "Import AWS resources into a CloudFormation stack".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import count
from time import monotonic, sleep
from typing import Any

import attrs
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from cfn_flip import load as load_template
from troposphere import Template

from singletable.errors import AccessDeniedError, InfraError, SingletableError
from singletable.infra.change_set import ChangeSet, ResourceChange, refuse_loss, refuse_types, resource_change
from singletable.infra.template_body import check_parameters, check_size, parameters_of, parsed, text_of
from singletable.requests.retry import Retry
from singletable.requests.services import error_code, refuse_denied

__all__ = ["ChangeSet", "ResourceChange", "Stack", "refuse_loss"]

_UNCHANGED = ("didn't contain changes", "No updates are to be performed")
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
"""States of a change set that can still be executed."""

_NEVER_MADE = ("ROLLBACK_COMPLETE",)
_POLL = 2.0
_PATIENCE = 24 * 3600.0
"""Seconds after which waiting ends. An index of a large table takes hours."""

_STALE = 5
"""Requests after which a stack's status counts as the status of the execution, even without its last event."""

_DELETIONS = Retry(30, _POLL, _POLL, jitter=lambda bound: bound)
"""Attempts to delete a change set, two seconds apart. CloudFormation refuses it while it creates the change set."""


class _ChangeSetRefusedError(Exception):
    """CloudFormation has refused to create a change set."""

    def __init__(self, error: SingletableError) -> None:
        super().__init__(str(error))
        self.error = error


class Stack:
    """A CloudFormation stack.

    Args:
        client: A boto3 client of CloudFormation.
        name: The stack's name.
        wait: A function that sleeps for a number of seconds.
    """

    def __init__(self, client: Any, name: str, wait: Callable[[float], None] = sleep) -> None:
        self._client = client
        self.name = name
        self._wait = wait

    # --- descriptions ---------------------------------------------------------------

    def describe(self) -> dict[str, Any] | None:
        """Return CloudFormation's description; None if the stack does not exist or has only change sets."""
        return _made(self._entry())

    def _entry(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return stack

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs, by name."""
        stack = self.describe() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def template(self) -> dict[str, Any]:
        """Return the template of the stack's last update; empty for a stack that does not exist."""
        return {} if self.describe() is None else self._template()

    def _template(self) -> dict[str, Any]:
        body = self._client.get_template(StackName=self.name, TemplateStage="Original").get("TemplateBody") or {}
        # boto3 parses JSON itself. Other templates, such as those of earlier versions, are YAML.
        return dict(load_template(body)[0] if isinstance(body, str) else body)

    # --- change sets ----------------------------------------------------------------

    @contextmanager
    def planned(
        self,
        template: Template | Mapping[str, Any],
        parameters: Mapping[str, str] | None = None,
        imported: Sequence[Mapping[str, Any]] = (),
        released: Collection[str] = (),
    ) -> Iterator[ChangeSet]:
        """Create a change set for a block. If the block does not execute it, it is deleted at the end."""
        changes = self.plan(template, parameters, imported, released)
        try:
            yield changes
        finally:
            # After an execution, CloudFormation has deleted it already.
            self.discard(changes)

    def plan(
        self,
        template: Template | Mapping[str, Any],
        parameters: Mapping[str, str] | None = None,
        imported: Sequence[Mapping[str, Any]] = (),
        released: Collection[str] = (),
    ) -> ChangeSet:
        """Create a change set without executing it; `discard` deletes it. After an error no change set is left.

        Args:
            template: The template.
            parameters: The given parameters. Others keep their values, or get their defaults.
            imported: Existing resources to import, in the form of `CreateChangeSet`. The template must not have other
                new resources then.
            released: The logical ids of resources that leave the stack although it retains them.

        Raises:
            InfraError: The template has no such parameter, the template is too large, the stack is busy, a resource
                would change its type, the change would lose a retained resource, or CloudFormation refuses it.
        """
        body, text = parsed(template), text_of(template)
        check_parameters(body, parameters or {})
        check_size(text)
        entry = self._entry()
        stack = _made(entry)
        _refuse_unready(self.name, stack)
        before = {} if stack is None else self._template().get("Resources", {})
        refuse_types(before, body["Resources"])
        name = f"singletable-{datetime.now(timezone.utc):%Y%m%d%H%M%S%f}"
        kind = "IMPORT" if imported else "CREATE" if stack is None else "UPDATE"
        changes = ChangeSet(name, stack is None, (), made_stack=entry is None, released=frozenset(released))
        try:
            made = self._create(name, kind, text, parameters_of(stack, body, parameters or {}), imported)
            found = self._changes(name) if made else None
            planned = attrs.evolve(changes, changes=found or (), exists=found is not None)
            refuse_loss(planned, before, body["Resources"])
        except _ChangeSetRefusedError as refused:
            raise refused.error from refused.__cause__  # CloudFormation has not created a change set
        except BaseException:
            self.discard(changes)
            raise
        if made and not planned.exists:
            self.discard(changes)
        return planned

    def _create(
        self,
        name: str,
        kind: str,
        text: str,
        parameters: list[dict[str, Any]],
        imported: Sequence[Mapping[str, Any]],
    ) -> bool:
        """Request a change set; return False if nothing changes."""
        more: dict[str, Any] = {"ResourcesToImport": list(imported)} if imported else {}
        try:
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType=kind,
                TemplateBody=text,
                Capabilities=["CAPABILITY_IAM"],
                Parameters=parameters,
                **more,
            )
        except ClientError as error:
            if error_code(error) == "AlreadyExistsException":
                return True  # the response to an earlier attempt was lost; the name is unique to this deployment
            try:
                refuse_denied(error, "CloudFormation")
            except AccessDeniedError as denied:
                raise _ChangeSetRefusedError(denied) from error
            if not _says_unchanged(str(error)):
                refusal = InfraError(f"CloudFormation refuses the change of {self.name!r}: {error}", value=str(error))
                raise _ChangeSetRefusedError(refusal) from error
            return False
        return True

    def _changes(self, name: str) -> tuple[ResourceChange, ...] | None:
        """Wait for a change set; return the changes of all its pages, or None if nothing changes."""

        def page(token: str | None = None) -> dict[str, Any]:
            more = {"NextToken": token} if token else {}
            found: dict[str, Any] = self._client.describe_change_set(StackName=self.name, ChangeSetName=name, **more)
            return found

        described = self._until(page, lambda answer: answer["Status"] in ("CREATE_COMPLETE", "FAILED"))
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if _says_unchanged(reason):
                return None
            raise InfraError(f"CloudFormation refuses the change of {self.name!r}: {reason}", value=reason)
        pages = [described]
        while pages[-1].get("NextToken"):
            pages.append(page(pages[-1]["NextToken"]))
        listed = [change for each in pages for change in each["Changes"]]
        return tuple(resource_change(each["ResourceChange"]) for each in listed if "ResourceChange" in each)

    def discard(self, changes: ChangeSet) -> None:
        """Delete a change set, and the stack's entry that it created, unless the stack has other change sets."""
        if not changes.exists:
            return
        self._delete(changes.name)
        if not changes.made_stack:
            return
        entry = self._entry()
        if entry is not None and entry["StackStatus"] == "REVIEW_IN_PROGRESS" and not self._others(changes.name):
            self._client.delete_stack(StackName=self.name)

    def _delete(self, name: str) -> None:
        """Delete a change set that may not exist, or that CloudFormation may still be creating."""
        for _ in attrs.evolve(_DELETIONS, sleep=self._wait):
            try:
                self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            except ClientError as error:
                if error_code(error) in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException", "Throttling"):
                    continue
                # It was deleted by an execution, or was never created.
            except (BotoCoreError, ResponseParserError):
                pass  # the error that led to the deletion is more important
            return

    def _others(self, mine: str) -> list[str]:
        """Return the names of the other change sets of this stack that can still be executed."""
        found: list[str] = []
        token = None
        while True:
            more: dict[str, str] = {"NextToken": token} if token else {}
            page = self._client.list_change_sets(StackName=self.name, **more)
            found += [
                each["ChangeSetName"]
                for each in page.get("Summaries", ())
                if each.get("StackName", self.name) == self.name
                and each["ChangeSetName"] != mine
                and each.get("Status") in _PENDING
                and each.get("ExecutionStatus", "AVAILABLE") in ("AVAILABLE", "UNAVAILABLE")
            ]
            token = page.get("NextToken")
            if not token:
                return found

    def execute(self, changes: ChangeSet, tell: Callable[[str], None]) -> None:
        """Execute a change set, and wait until the stack is created or changed.

        Args:
            changes: The change set, which must not be empty.
            tell: Called with a line when the status of a resource changes.

        Raises:
            InfraError: The stack has another pending change set, which the execution would delete; or the deployment
                failed and was rolled back.
        """
        refuse_loss(changes)
        others = self._others(changes.name)
        if others:
            raise InfraError(
                f"The stack {self.name!r} has another pending change set, {others[0]!r}. CloudFormation would delete it"
                " with this deployment, so nothing was changed.",
                remedy=f"Execute it, or delete it: aws cloudformation delete-change-set --stack-name {self.name}"
                f" --change-set-name {others[0]}",
                value=others[0],
            )
        seen = {event["EventId"] for event in self._events()}
        ended = False
        self._client.execute_change_set(StackName=self.name, ChangeSetName=changes.name)
        failures: list[str] = []

        def look() -> dict[str, Any]:
            nonlocal ended
            for event in self._events():
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                status = event["ResourceStatus"]
                reason = event.get("ResourceStatusReason", "")
                ended |= event["LogicalResourceId"] == self.name and not status.endswith("_IN_PROGRESS")
                failed = status.endswith(("_FAILED", "ROLLBACK_IN_PROGRESS"))
                if failed and reason and "cancelled" not in reason and not reason.startswith("The following resource"):
                    failures.append(f"{event['LogicalResourceId']}: {reason}")
                tell(f"{status.replace('_', ' ').lower()}: {event['LogicalResourceId']}")
            return self.describe() or {"StackStatus": "CREATE_IN_PROGRESS"}

        looks = count()

        def done(found: dict[str, Any]) -> bool:
            # Until the stack's own last event has arrived, the status may be the one before the execution.
            known = ended or next(looks) >= _STALE
            return known and not found["StackStatus"].endswith("_IN_PROGRESS")

        stack = self._until(look, done)
        if stack["StackStatus"] not in _DONE:
            raise InfraError(
                f"The stack {self.name!r} is {stack['StackStatus']}: {'; '.join(failures) or 'no reason was given'}",
                remedy="Fix the cause and deploy again. The table and its items were not lost.",
                value=stack["StackStatus"],
            )

    # --- a stack whose first deployment failed ----------------------------------------

    def was_never_made(self) -> bool:
        """Return whether the first deployment of the stack was rolled back. Such a stack can only be deleted."""
        stack = self.describe()
        return stack is not None and stack["StackStatus"] in _NEVER_MADE

    def remove_never_made(self) -> None:
        """Delete a stack whose first deployment was rolled back.

        Raises:
            InfraError: A resource of the stack still exists, and its name would block the next deployment.
        """
        resources = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        left = [each for each in resources if each["ResourceStatus"] != "DELETE_COMPLETE"]
        if left:
            names = ", ".join(f"{each['LogicalResourceId']} ({each.get('PhysicalResourceId')})" for each in left)
            raise InfraError(
                f"The first deployment of the stack {self.name!r} was rolled back and left {names}.",
                remedy="Delete these, or import the table later (deploy --import). Then delete the stack (aws"
                f" cloudformation delete-stack --stack-name {self.name}) and deploy again.",
                value=left[0]["LogicalResourceId"],
            )
        self._client.delete_stack(StackName=self.name)
        gone = ("DELETE_COMPLETE", "DELETE_FAILED")
        _refuse_unready(
            self.name, self._until(self._entry, lambda found: found is None or found["StackStatus"] in gone)
        )

    # --- waiting ----------------------------------------------------------------------

    def _events(self) -> Iterator[dict[str, Any]]:
        """Return the stack's events, the earliest first."""
        try:
            events: list[dict[str, Any]] = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise
            return iter(())
        return iter(events[::-1])

    def _until(self, look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
        end = monotonic() + _PATIENCE
        while not done(found := look()):
            if monotonic() > end:
                raise InfraError(
                    f"The stack {self.name!r} is not done after a day.", remedy="Check its events in the console."
                )
            self._wait(_POLL)
        return found


def _made(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if entry is None or entry["StackStatus"] == "REVIEW_IN_PROGRESS" else entry


def _says_unchanged(reason: str) -> bool:
    return any(each in reason for each in _UNCHANGED)


_REMEDIES = {
    "UPDATE_ROLLBACK_FAILED": "Fix the cause that its events name, then: aws cloudformation continue-update-rollback"
    " --stack-name {name}",
    "DELETE_FAILED": "Fix the cause that its events name, then: aws cloudformation delete-stack --stack-name {name}",
    "ROLLBACK_FAILED": "Fix the cause that its events name, then: aws cloudformation delete-stack --stack-name {name}",
    "IMPORT_ROLLBACK_FAILED": "Fix the cause that its events name, then: aws cloudformation continue-update-rollback"
    " --stack-name {name}",
    "CREATE_FAILED": "Fix the cause that its events name, then: aws cloudformation delete-stack --stack-name {name}",
}


def _refuse_unready(name: str, stack: Mapping[str, Any] | None) -> None:
    status = "" if stack is None else stack["StackStatus"]
    if status in _NEVER_MADE:
        raise InfraError(
            f"The stack {name!r} was never created: its first deployment was rolled back.",
            remedy=f"Delete it (aws cloudformation delete-stack --stack-name {name}) and deploy again.",
            value=status,
        )
    if status and not status.endswith("_COMPLETE"):
        raise InfraError(
            f"The stack {name!r} is {status}.",
            remedy=_REMEDIES.get(status, "Wait until it is done.").format(name=name),
            value=status,
        )
