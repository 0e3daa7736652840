"""Options of `Meta`: PynamoDB's options that would be ignored are refused when the class is created."""

from __future__ import annotations

from typing import Any

from pynamodb.constants import AVAILABLE_BILLING_MODES, PAY_PER_REQUEST_BILLING_MODE, PROVISIONED_BILLING_MODE

from singletable.errors import DeclarationError

__all__ = ["billing_fault", "refuse_entity_options", "refuse_table_options"]

_WITHOUT_EFFECT = {
    "base_backoff_ms": "botocore's standard retry mode decides how long to wait; set max_attempts = 4",
    "request_timeout_seconds": "Write connect_timeout = 15 and read_timeout = 30",
    "retry_configuration": "The retry mode is always botocore's standard one; set max_attempts = 4",
    "session_cls": "Write session = ..., with a boto3 or botocore session",
}
"""Options that PynamoDB's Meta, its connection or its earlier versions have, and the remedy for each."""

_OF_THE_TABLE = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "billing_mode",
    "connect_timeout_seconds",
    "extra_headers",
    "host",
    "max_pool_connections",
    "max_retry_attempts",
    "read_capacity_units",
    "read_timeout_seconds",
    "region",
    "stream_view_type",
    "tags",
    "write_capacity_units",
)
"""PynamoDB's options that hold for the table and all its entities; its table_name is checked elsewhere."""


def refuse_table_options(table: str, meta: Any) -> None:
    """Refuse options of a table's Meta that have no effect, and invalid billing modes.

    Raises:
        DeclarationError: `Meta` has such an option.
    """
    _refuse_without_effect(table, meta)
    capacity = (getattr(meta, "read_capacity_units", None), getattr(meta, "write_capacity_units", None))
    fault = billing_fault(getattr(meta, "billing_mode", None), *capacity)
    if fault is not None:
        raise DeclarationError(f"{table}: in Meta, {fault[0]}.", remedy=fault[1], rule="ST116", entity=table)


def refuse_entity_options(entity: str, meta: Any, inherited: Any) -> None:
    """Refuse options of an entity's Meta that belong to the table, unless they repeat the table's value.

    Args:
        entity: The name of the class.
        meta: Its Meta.
        inherited: The Meta of its base.

    Raises:
        DeclarationError: `Meta` has such an option.
    """
    _refuse_without_effect(entity, meta)
    for name in _OF_THE_TABLE:
        value = getattr(meta, name, None)
        if value != getattr(inherited, name, None):
            raise DeclarationError(
                f"{entity}: Meta.{name} has no effect on an entity: its requests use the settings of its table.",
                remedy=f"Move {name} to the Meta of the table class.",
                rule="ST116",
                entity=entity,
            )


def billing_fault(mode: Any, read: Any, write: Any, *, created: bool = False) -> tuple[str, str] | None:
    """Return the fault in a billing mode and its capacity, and the remedy; None if they are valid.

    Args:
        mode: The billing mode.
        read: The provisioned read capacity, or None.
        write: The provisioned write capacity, or None.
        created: Whether the table is about to be created, for which all of them are required.
    """
    if mode not in AVAILABLE_BILLING_MODES:
        return f"the billing_mode is {mode!r}", f"Use {' or '.join(map(repr, AVAILABLE_BILLING_MODES))}."
    given = [
        name for name, value in (("read_capacity_units", read), ("write_capacity_units", write)) if value is not None
    ]
    if given and mode == PAY_PER_REQUEST_BILLING_MODE:
        return (
            f"{' and '.join(given)} would be ignored, since the billing_mode is {mode!r}",
            f'Set billing_mode = "{PROVISIONED_BILLING_MODE}", or leave the capacity out.',
        )
    if created and mode == PROVISIONED_BILLING_MODE and (read is None or write is None):
        return (
            f"the billing_mode is {mode!r}, but its capacity is not given",
            "Give read_capacity_units and write_capacity_units.",
        )
    return None


def _refuse_without_effect(owner: str, meta: Any) -> None:
    for name, remedy in _WITHOUT_EFFECT.items():
        if getattr(meta, name, None) is not None:
            raise DeclarationError(
                f"{owner}: Meta.{name} has no effect.", remedy=f"{remedy}.", rule="ST116", entity=owner
            )
