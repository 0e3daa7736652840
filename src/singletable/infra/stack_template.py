"""The stack's template: all resources of a table in AWS, from its models and the settings of an environment."""

from __future__ import annotations

from troposphere import Export, GetAtt, Output, Ref, Sub, Template

from singletable.errors import InfraError
from singletable.infra.alarms import add_alarms
from singletable.infra.cache import add_cache
from singletable.infra.environment import EnvironmentSettings
from singletable.infra.global_table import REPLICATED, add_global_table
from singletable.infra.resource_names import TABLE
from singletable.infra.scaling import add_scaling
from singletable.infra.table_resource import KEY, add_key, add_table
from singletable.models.schema.description import TableDescription

__all__ = ["as_text", "cloudformation", "make_template"]


def cloudformation(description: TableDescription, settings: EnvironmentSettings) -> str:
    """Return the CloudFormation template as YAML. The same models and settings give the same text."""
    return as_text(make_template(description, settings))


def as_text(template: Template) -> str:
    """Return a template as YAML, ordered by name."""
    return str(template.to_yaml())


def make_template(description: TableDescription, settings: EnvironmentSettings) -> Template:
    """Return the template as a troposphere object.

    Raises:
        InfraError: The settings do not fit the models.
    """
    _check(description, settings)
    template = Template()
    template.set_description(f"{description.name}, {settings.environment}: written by singletable from its models")
    if settings.customer_key:
        add_key(template, settings)
    if settings.replicas:
        # A global table scales its capacity itself.
        add_global_table(template, description, settings)
    else:
        add_table(template, description, settings)
        if settings.provisioned:
            add_scaling(template, description, settings)
    if settings.alarms:
        add_alarms(template, description, settings)
    if settings.dax:
        add_cache(template, settings)
    for name, text, value in (
        ("TableName", "The table's name", Ref(TABLE)),
        ("TableArn", "The table's ARN", GetAtt(TABLE, "Arn")),
        ("StreamArn", "The ARN of its stream", GetAtt(TABLE, "StreamArn")),
        *((("KeyArn", "The ARN of its key", GetAtt(KEY, "Arn")),) if settings.customer_key else ()),
    ):
        template.add_output(
            Output(name, Description=text, Value=value, Export=Export(Sub(f"${{AWS::StackName}}-{name}")))
        )
    return template


def _check(description: TableDescription, settings: EnvironmentSettings) -> None:
    known = {index.name for index in description.global_indexes}
    for name in settings.index_units:
        if name not in known:
            raise InfraError(
                f"index_units names {name!r}, which is not a global index of {description.name}.",
                remedy=f"It has: {', '.join(sorted(known)) or 'none'}.",
                value=name,
            )
    if settings.replicas and settings.stream != REPLICATED:
        raise InfraError(
            f"stream = {settings.stream} is not possible with replicas, which need a stream of {REPLICATED}.",
            remedy="Leave stream out.",
            value=settings.stream,
        )
    if description.stream is not None and description.stream != settings.stream:
        raise InfraError(
            f"Meta.stream_view_type of {description.name} is {description.stream}, but stream = {settings.stream}.",
            remedy="Remove one of the two.",
            value=settings.stream,
        )
