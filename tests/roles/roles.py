"""The roles of the shop that `singletable infra iam` writes for the simulated account."""

from pathlib import Path

import patterns
from models import ShopTable
from singletable.cli.environment import settings_of
from singletable.cli.project import find_project
from singletable.infra.policies import ROLES, Role, make_role
from singletable.infra.rights import read_rights
from singletable.infra.tenants import Tenant
from singletable.patterns import patterns_of
from tests.roles.requests import ACCOUNT, table_arn

__all__ = ["shop_role"]

_ROOT = Path(__file__).parents[2]


def shop_role(role: str, tenant: Tenant | None = None, dax_arn: str | None = None, table: str = "shop") -> Role:
    """Return a role of the shop, with the rights that its setup.cfg declares, for one table or a pattern of names."""
    assert patterns.user
    project = find_project(_ROOT)
    values = {
        "table": table_arn(table),
        "partition": "aws",
        "region": "*",
        "account": ACCOUNT,
        "environment": "prod",
    }
    rights = read_rights(project.rights, ROLES, values).get(role, ())
    return make_role(
        ShopTable.describe(),
        patterns_of(ShopTable),
        role,
        table_arn(table),
        tenant=tenant,
        rights=rights,
        dax_arn=dax_arn,
        customer_key=settings_of(project, ShopTable, "prod").customer_key,
    )
