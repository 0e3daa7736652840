"""Stacks: a template put into effect by a change set, which is looked at before it is executed.

Sources: CloudFormation User Guide, "Update CloudFormation stacks using change sets" (executing one deletes all others
of the stack), "Stack status codes", "Import AWS resources into a CloudFormation stack".
"""

from __future__ import annotations

import json
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

from singletable.errors import AccessDenied, InfraError, SingletableError
from singletable.infra.change_set import ChangeSet, ResourceChange, refuse_loss, refuse_types, resource_change
from singletable.requests.retry import Retry
from singletable.requests.services import error_code, refuse_denied

__all__ = ["ChangeSet", "ResourceChange", "Stack", "parsed", "refuse_loss"]

_LARGEST = 51_200
"""Bytes of a template that CloudFormation takes without S3 (User Guide, "quotas")."""

_UNCHANGED = ("didn't contain changes", "No updates are to be performed")
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
"""States of a change set that somebody may still execute."""

_NEVER_MADE = ("ROLLBACK_COMPLETE",)
_POLL = 2.0
_PATIENCE = 24 * 3600.0
"""Seconds: an index of a large table takes hours."""

_STALE = 5
"""Looks at a stack after which its status is taken for that of the execution, although no event of its end has come."""

_DELETIONS = Retry(30, _POLL, _POLL, jitter=lambda bound: bound)
"""Attempts to delete a change set, two seconds apart. CloudFormation refuses it while it creates the change set."""


class _Refused(Exception):
    """CloudFormation has refused to make a change set."""

    def __init__(self, error: SingletableError) -> None:
        super().__init__(str(error))
        self.error = error


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

    # --- looking --------------------------------------------------------------------

    def describe(self) -> dict[str, Any] | None:
        """Return CloudFormation's description; None if the stack does not exist, or only change sets of it do."""
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
        """Return the template that the stack was last updated with; empty for a stack that does not exist."""
        return {} if self.describe() is None else self._template()

    def _template(self) -> dict[str, Any]:
        body = self._client.get_template(StackName=self.name, TemplateStage="Original").get("TemplateBody") or {}
        # boto3 reads JSON itself. Other templates, such as those of earlier versions, are YAML.
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
        """Make a change set for a block, which may execute it; otherwise it is deleted at the end of the block."""
        changes = self.plan(template, parameters, imported, released)
        try:
            yield changes
        finally:
            # After an execution CloudFormation has deleted it.
            self.discard(changes)

    def plan(
        self,
        template: Template | Mapping[str, Any],
        parameters: Mapping[str, str] | None = None,
        imported: Sequence[Mapping[str, Any]] = (),
        released: Collection[str] = (),
    ) -> ChangeSet:
        """Make a change set, which is not executed; `discard` deletes it. If an error is raised, none is left.

        Args:
            template: The template.
            parameters: The parameters that are given; others stay as they are, or get their defaults.
            imported: Existing resources to import, as `CreateChangeSet` takes them; the template has no other new
                resource then.
            released: The logical ids of resources that the stack retains, and that are to leave it all the same.

        Raises:
            InfraError: The template has no such parameter, the template is too large, the stack is busy, a resource
                would change its type, the change would lose a retained resource, or CloudFormation refuses it.
        """
        body, text = parsed(template), _text(template)
        _check_parameters(body, parameters or {})
        _check_size(text)
        entry = self._entry()
        stack = _made(entry)
        _refuse_unready(self.name, stack)
        before = {} if stack is None else self._template().get("Resources", {})
        refuse_types(before, body["Resources"])
        name = f"singletable-{datetime.now(timezone.utc):%Y%m%d%H%M%S%f}"
        kind = "IMPORT" if imported else "CREATE" if stack is None else "UPDATE"
        changes = ChangeSet(name, stack is None, (), made_stack=entry is None, released=frozenset(released))
        try:
            made = self._create(name, kind, text, _parameters(stack, body, parameters or {}), imported)
            found = self._changes(name) if made else None
            planned = attrs.evolve(changes, changes=found or (), exists=found is not None)
            refuse_loss(planned, before, body["Resources"])
        except _Refused as refused:
            raise refused.error from refused.__cause__  # CloudFormation has made no change set
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
        """Ask for a change set; return False if nothing changes."""
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
                return True  # the answer to an earlier attempt was lost; the name is unique to this deployment
            try:
                refuse_denied(error, "CloudFormation")
            except AccessDenied as denied:
                raise _Refused(denied) from error
            if not _says_unchanged(str(error)):
                refusal = InfraError(f"CloudFormation refuses the change of {self.name!r}: {error}", value=str(error))
                raise _Refused(refusal) from error
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
        """Delete a change set, and the entry of the stack that it made, unless somebody else has a change set there."""
        if not changes.exists:
            return
        self._delete(changes.name)
        if not changes.made_stack:
            return
        entry = self._entry()
        if entry is not None and entry["StackStatus"] == "REVIEW_IN_PROGRESS" and not self._others(changes.name):
            self._client.delete_stack(StackName=self.name)

    def _delete(self, name: str) -> None:
        """Delete a change set that may not exist, or may still be in the making."""
        for _ in attrs.evolve(_DELETIONS, sleep=self._wait):
            try:
                self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            except ClientError as error:
                if error_code(error) in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException", "Throttling"):
                    continue
                # It is gone after an execution, or was never made.
            except (BotoCoreError, ResponseParserError):
                pass  # the error that has led here matters more
            return

    def _others(self, mine: str) -> list[str]:
        """Return the names of the change sets of this stack that others may still execute."""
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
        """Execute a change set, and wait until the stack is made or changed.

        Args:
            changes: The change set, which is not empty.
            tell: Called with a line for every resource that is begun, done or failed.

        Raises:
            InfraError: Somebody else has a pending change set, which this would delete; or the deployment failed and
                was rolled back.
        """
        refuse_loss(changes)
        others = self._others(changes.name)
        if others:
            raise InfraError(
                f"The stack {self.name!r} has a pending change set, {others[0]!r}: CloudFormation would delete it with"
                " this deployment. Nothing was changed.",
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
            # The status may still be that of before the execution, until the stack's own event of its end has come.
            known = ended or next(looks) >= _STALE
            return known and not found["StackStatus"].endswith("_IN_PROGRESS")

        stack = self._until(look, done)
        if stack["StackStatus"] not in _DONE:
            raise InfraError(
                f"The stack {self.name!r} is {stack['StackStatus']}: {'; '.join(failures) or 'no reason was given'}",
                remedy="Fix what failed, and deploy again; nothing of the table was lost.",
                value=stack["StackStatus"],
            )

    # --- a stack that was never made --------------------------------------------------

    def was_never_made(self) -> bool:
        """Return whether the first deployment of the stack was rolled back: it can only be deleted."""
        stack = self.describe()
        return stack is not None and stack["StackStatus"] in _NEVER_MADE

    def remove_never_made(self) -> None:
        """Delete a stack whose first deployment was rolled back.

        Raises:
            InfraError: A resource of it is still there, which the next deployment would find in its way.
        """
        resources = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        left = [each for each in resources if each["ResourceStatus"] != "DELETE_COMPLETE"]
        if left:
            names = ", ".join(f"{each['LogicalResourceId']} ({each.get('PhysicalResourceId')})" for each in left)
            raise InfraError(
                f"The first deployment of the stack {self.name!r} was rolled back, and left {names}.",
                remedy="Delete these, or import the table later (deploy --import); then delete the stack (aws"
                f" cloudformation delete-stack --stack-name {self.name}), and deploy again.",
                value=left[0]["LogicalResourceId"],
            )
        self._client.delete_stack(StackName=self.name)
        gone = ("DELETE_COMPLETE", "DELETE_FAILED")
        _refuse_unready(
            self.name, self._until(self._entry, lambda found: found is None or found["StackStatus"] in gone)
        )

    # --- waiting ----------------------------------------------------------------------

    def _events(self) -> Iterator[dict[str, Any]]:
        """Return the events, the earliest first."""
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
                raise InfraError(f"The stack {self.name!r} is not done after a day.", remedy="Look in the console.")
            self._wait(_POLL)
        return found


def parsed(template: Template | Mapping[str, Any]) -> dict[str, Any]:
    """Return a template as plain data, in the form in which the template of a stack is read."""
    return dict(json.loads(_text(template)))


def _text(template: Template | Mapping[str, Any]) -> str:
    # JSON without spaces: shorter than YAML, and read much faster.
    body = template.to_dict() if isinstance(template, Template) else template
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _made(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if entry is None or entry["StackStatus"] == "REVIEW_IN_PROGRESS" else entry


def _says_unchanged(reason: str) -> bool:
    return any(each in reason for each in _UNCHANGED)


def _check_parameters(body: Mapping[str, Any], given: Mapping[str, str]) -> None:
    known = body.get("Parameters", {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InfraError(
            f"The template has no parameter {unknown[0]!r}.",
            remedy=f"It has: {', '.join(sorted(known)) or 'none'}.",
            value=unknown[0],
        )


def _check_size(text: str) -> None:
    if len(text.encode()) > _LARGEST:
        raise InfraError(
            f"The template is {len(text.encode()):,} bytes; CloudFormation takes {_LARGEST:,} directly.",
            remedy="Write it with `singletable infra cloudformation --out`, and deploy it from S3.",
            value=len(text.encode()),
        )


def _parameters(
    stack: Mapping[str, Any] | None, body: Mapping[str, Any], given: Mapping[str, str]
) -> list[dict[str, Any]]:
    before = {each["ParameterKey"] for each in (stack or {}).get("Parameters", ())}
    kept = sorted(before.intersection(body.get("Parameters", {})) - set(given))
    return [
        *({"ParameterKey": key, "ParameterValue": value} for key, value in sorted(given.items())),
        *({"ParameterKey": key, "UsePreviousValue": True} for key in kept),
    ]


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
            f"The stack {name!r} was never made: its first deployment was rolled back.",
            remedy=f"Delete it (aws cloudformation delete-stack --stack-name {name}), and deploy again.",
            value=status,
        )
    if status and not status.endswith("_COMPLETE"):
        raise InfraError(
            f"The stack {name!r} is {status}.",
            remedy=_REMEDIES.get(status, "Wait until it is done.").format(name=name),
            value=status,
        )
