"""AWS partitions: groups of regions whose ARNs have the same beginning, such as `aws`, `aws-cn` and `aws-us-gov`."""

from __future__ import annotations

from functools import cache

from singletable.errors import InfraError

__all__ = ["partition_of", "partitions_by_region"]


def partition_of(region: str) -> str:
    """Return the partition of a region, from the data in botocore; no request is sent.

    A region that the installed botocore does not know is in the partition whose regions have names of the same form.

    Args:
        region: The region; `*` for every region of the partition `aws`.

    Raises:
        InfraError: No partition has such regions.
    """
    if region == "*":
        return "aws"
    from botocore.exceptions import UnknownRegionError
    from botocore.session import Session

    try:
        return str(Session().get_partition_for_region(region))
    except UnknownRegionError:
        raise InfraError(
            f"{region!r} is not the name of a region.",
            remedy="Write for example eu-west-1, or * for every region.",
            value=region,
        ) from None


@cache
def partitions_by_region() -> dict[str, str]:
    """Return the partition of each region that has DynamoDB, from the data in botocore; no request is sent."""
    from botocore.session import Session

    session = Session()
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("dynamodb", partition_name=partition)
    }
