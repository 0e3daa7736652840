"""A deployment: the updates that bring a stack to the models and the settings of an environment.

CloudFormation creates or deletes one global index in an update, and the items must be ready before an index or a time
to live is added. So the update of a deployed table leaves both as they are in the stack. `owner` changes them, one by
one, in the order of the migrations (decision 18).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import attrs
from troposphere import Template

from singletable.errors import InfraError
from singletable.infra.change_set import refuse_other_table
from singletable.infra.environment import EnvironmentSettings
from singletable.infra.existing import Existing, detached, look_at, retained
from singletable.infra.parts import Parts, of_models, of_table, of_template
from singletable.infra.resource_names import TABLE
from singletable.infra.stack import Stack
from singletable.infra.stack_template import make_template
from singletable.models.schema.description import TableDescription

__all__ = ["Deployment"]


class Deployment:
    """One deployment of an environment.

    Args:
        stack: The stack.
        client: A client of DynamoDB, where the table is.
        description: The models.
        settings: The settings of the environment.
        parameters: The given parameters of the template.
        history: The parts to which the project's migrations lead; None for a project without migrations.
        tell: Called with a line about each resource that changes.
    """

    def __init__(
        self,
        stack: Stack,
        client: Any,
        description: TableDescription,
        settings: EnvironmentSettings,
        parameters: Mapping[str, str],
        *,
        history: Parts | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.stack = stack
        self.tell = tell
        self._client = client
        self._description = description
        self._settings = settings
        self._parameters = parameters
        self._wanted = of_models(description)
        self.has_migrations = history is not None
        make_template(description, settings)  # raises if the settings do not fit the models
        if history is not None:
            _refuse_missing_migration(description.name, history.steps_to(self._wanted))

    # --- updates ------------------------------------------------------------------------

    def updates(self) -> Iterator[Template]:
        """Yield the templates of the updates; the caller plans and executes each before it asks for the next.

        A new stack gets everything at once, because its table has no items. Deletion protection comes last, because
        CloudFormation could not delete a protected table if the first deployment failed.

        Raises:
            InfraError: The table exists outside of the stack, or was changed outside of it.
        """
        resource = self.stack.template().get("Resources", {}).get(TABLE)
        existing = self._look()
        if resource is not None:
            refuse_other_table(self.stack.name, resource, self._settings.table_name)
            now = of_template(resource)
            self._refuse_drift(now, existing)
            yield make_template(now.describe(self._description), now.restrict(self._settings))
            return
        if existing is not None:
            self._refuse_owned(existing)
            raise InfraError(
                f"The table {self._settings.table_name!r} exists already and does not belong to the stack"
                f" {self.stack.name!r}.",
                remedy="Add --import to import it, or choose another table_name in [singletable:infra].",
                value=self._settings.table_name,
            )
        if self._settings.deletion_protection:
            yield make_template(self._description, attrs.evolve(self._settings, deletion_protection=False))
        yield make_template(self._description, self._settings)

    def parameters_of(self, number: int) -> Mapping[str, str]:
        """Return the parameters of an update, by its number from 0; later ones keep those of the first."""
        return {} if number else self._parameters

    def left(self) -> tuple[Parts, Parts]:
        """Return the indexes and the time to live that the table has, and those that the models describe."""
        existing = self._look()
        now = self._wanted if existing is None else of_table(existing.described, existing.ttl)
        return now, self._wanted

    # --- import ---------------------------------------------------------------------------

    def import_steps(self) -> list[str]:
        """Return the steps that import the existing table, a phrase each; empty if the stack has it as it is.

        Raises:
            InfraError: The table does not exist, belongs to another stack, or has replicas.
        """
        name, stack = self._settings.table_name, self.stack.name
        existing = self._look()
        if existing is None:
            raise InfraError(
                f"The table {name!r} does not exist, so it cannot be imported.",
                remedy="Leave --import out to create it, or check the region and table_name in setup.cfg.",
                value=name,
            )
        self._refuse_owned(existing)
        existing.resource(self._settings)
        resource = self.stack.template().get("Resources", {}).get(TABLE)
        steps = [f"import the table {name} into the stack {stack}"]
        if resource is None:
            return steps
        refuse_other_table(self.stack.name, resource, name)
        if resource["Type"] == self._kind and not _faults(of_template(resource), existing, self._wanted):
            return []
        return [
            f"have the stack {stack} retain the table {name}",
            f"take the table out of the stack {stack}, with its alarms, scaling and cache; the table stays",
            *steps,
        ]

    def import_table(self) -> None:
        """Bring the existing table into the stack without changing the table.

        Raises:
            InfraError: CloudFormation refused a step. The table does not change in any case. Run the import again.
        """
        template = self.stack.template()
        if TABLE in template.get("Resources", {}):
            self._apply(retained(template))
            template = self.stack.template()
            if template["Resources"][TABLE].get("DeletionPolicy") != "Retain":
                raise InfraError(
                    f"The stack {self.stack.name!r} does not retain its table, so the table was not taken out of it.",
                    remedy="Deploy again without --import, then check the stack's template.",
                    value=self.stack.name,
                )
            self._apply(detached(template), released=[TABLE])
            template = self.stack.template()
        existing = self._look()
        assert existing is not None  # the caller has looked at it
        resources = {**template.get("Resources", {}), TABLE: existing.resource(self._settings)}
        self._apply({"AWSTemplateFormatVersion": "2010-09-09", **template, "Resources": resources}, existing)

    def _apply(
        self, template: Mapping[str, Any], imported: Existing | None = None, released: Collection[str] = ()
    ) -> None:
        resources = [imported.identifier] if imported else ()
        with self.stack.planned(template, imported=resources, released=released) as changes:
            if changes.exists:
                self.stack.execute(changes, self.tell)

    # --- the table ------------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        return "AWS::DynamoDB::GlobalTable" if self._settings.replicas else "AWS::DynamoDB::Table"

    def _look(self) -> Existing | None:
        return look_at(self._client, self._settings.table_name)

    def _refuse_owned(self, existing: Existing) -> None:
        if existing.stack not in (None, self.stack.name):
            raise InfraError(
                f"The table {self._settings.table_name!r} belongs to the stack {existing.stack!r}.",
                remedy=f"Deploy that stack with --stack {existing.stack}, or take the table out of it first.",
                value=existing.stack,
            )

    def _refuse_drift(self, template: Parts, existing: Existing | None) -> None:
        """Refuse a table whose indexes or time to live were changed outside of its stack: updates would fail."""
        name = self._settings.table_name
        if existing is None:
            raise InfraError(
                f"The table {name!r} of the stack {self.stack.name!r} does not exist in DynamoDB: it was deleted.",
                remedy="Restore the table under its name and import it (--import), or delete the stack: aws"
                f" cloudformation delete-stack --stack-name {self.stack.name}",
                value=name,
            )
        self._refuse_owned(existing)
        faults = _faults(template, existing, self._wanted)
        if faults:
            raise InfraError(
                f"The table {name!r} was changed outside of its stack {self.stack.name!r} ({'; '.join(faults)}), so the"
                " stack's next update would fail.",
                remedy="Add --import: the stack then takes over the table as it is. Change its indexes only by deploy,"
                " or by migrate and rollback with --environment.",
                value=name,
            )


def _faults(template: Parts, existing: Existing, wanted: Parts) -> list[str]:
    """Return the changes outside of the stack at which its next update would fail.

    An index or a time to live that the models describe and the table lacks is not among them: it is created again on
    the table itself, and then both match.
    """
    now = of_table(existing.described, existing.ttl)
    undone = attrs.evolve(
        template,
        indexes={
            name: index for name, index in template.indexes.items() if name in now.indexes or name not in wanted.indexes
        },
        ttl=None if now.ttl is None and template.ttl == wanted.ttl else template.ttl,
    )
    return undone.steps_to(now)


def _refuse_missing_migration(name: str, steps: list[str]) -> None:
    if steps:
        raise InfraError(
            f"The models of {name} {steps[0]}, but no migration does.",
            remedy="Write the migration: singletable makemigrations",
            value=steps[0],
        )
