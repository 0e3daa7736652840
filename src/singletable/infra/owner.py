"""The owner of a deployed table's indexes and time to live: its stack, which is updated by one part at a time."""

from __future__ import annotations

from collections.abc import Callable

from troposphere import Template

from singletable.errors import InfraError
from singletable.infra.change_set import refuse_other_table
from singletable.infra.environment import EnvironmentSettings
from singletable.infra.parts import Parts, of_template
from singletable.infra.resource_names import TABLE
from singletable.infra.stack import Stack
from singletable.infra.stack_template import make_template
from singletable.infra.template_body import parsed
from singletable.models.schema.description import TableDescription
from singletable.models.schema.layout import IndexLayout

__all__ = ["Owner"]


class Owner:
    """Changes single parts of a table in the template of its stack, and updates the stack.

    CloudFormation creates or deletes one global index in an update, as DynamoDB does (API Reference, `UpdateTable`).

    Args:
        stack: The stack.
        description: The models of the table.
        settings: The settings of the environment.
        tell: Called with a line about each resource that changes.
    """

    def __init__(
        self, stack: Stack, description: TableDescription, settings: EnvironmentSettings, tell: Callable[[str], None]
    ) -> None:
        self._stack = stack
        self._description = description
        self._settings = settings
        self._tell = tell

    def parts(self) -> Parts:
        """Return the parts in the stack's template.

        Raises:
            InfraError: The stack does not exist, or has no table.
        """
        resource = self._stack.template().get("Resources", {}).get(TABLE)
        if resource is None:
            raise InfraError(
                f"No stack {self._stack.name!r} has the table {self._settings.table_name!r}.",
                remedy="Name the stack with --stack, or deploy it first: singletable deploy --environment"
                f" {self._settings.environment}",
                value=self._stack.name,
            )
        refuse_other_table(self._stack.name, resource, self._settings.table_name)
        return of_template(resource)

    def create_index(self, index: IndexLayout) -> None:
        """Update the stack so that it creates a global index."""
        self._bring(lambda parts: parts.with_index(index))

    def delete_index(self, name: str) -> None:
        """Update the stack so that it deletes a global index."""
        self._bring(lambda parts: parts.without_index(name))

    def set_ttl(self, name: str | None) -> None:
        """Update the stack so that it switches the time to live on, by an attribute, or off for None."""
        self._bring(lambda parts: parts.with_ttl(name))

    def _bring(self, change: Callable[[Parts], Parts]) -> None:
        now = self.parts()
        wanted = change(now)
        steps = now.steps_to(wanted)
        if not steps:
            return
        if not self._is_settled(now):
            raise InfraError(
                f"The stack {self._stack.name!r} differs from setup.cfg and this version of the models in parts that a"
                " migration must not change.",
                remedy=f"Deploy these first: singletable deploy --environment {self._settings.environment}",
                value=self._stack.name,
            )
        with self._stack.planned(self._template(wanted)) as changes:
            if changes.exists:
                self._tell(f"updating the stack {self._stack.name}: {', '.join(steps)}")
                self._stack.execute(changes, self._tell)

    def _is_settled(self, now: Parts) -> bool:
        """Return whether the stack matches the settings and the models, apart from the parts that migrations change."""
        template = self._template(now)
        if parsed(template) == self._stack.template():
            return True
        # CloudFormation does not count a different description as a change.
        with self._stack.planned(template) as rest:
            return not rest.exists

    def _template(self, parts: Parts) -> Template:
        return make_template(parts.describe(self._description), parts.restrict(self._settings))
