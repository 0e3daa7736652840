"""Combinations of options, environments and models, for the linters of templates."""

from itertools import combinations, product
from random import Random

import attrs

from models import ShopTable
from singletable.infra.environment import ENVIRONMENTS, read_settings
from singletable.infra.stack_template import cloudformation
from singletable.models.schema.layout import IndexLayout
from tests.framework.ledger import LedgerTable

SHOP = attrs.evolve(ShopTable.describe(), stream=None)
"""The shop's table, as if its Meta left the stream to the settings."""

ODD_NAMES = (
    *("by-date", "by.date", "by_date", "bydate", "BYDATE", "ByDate"),
    *("Table", "TABLE", "TableRead", "SystemErrors", "1st"),
)
"""Names of indexes that DynamoDB accepts, and that are alike without their capitals or other characters."""


def indexed(names, local=False):
    """Return the shop's table with other indexes, on their own attributes."""
    return attrs.evolve(
        SHOP,
        indexes=tuple(
            IndexLayout(
                name=name,
                attribute=f"index{number}",
                partition_name=SHOP.partition_name if local else f"I{number}PK",
                sort_name=f"I{number}SK",
                projection="ALL",
                local=local,
            )
            for number, name in enumerate(names)
        ),
    )


MODELS = {
    "shop": SHOP,
    "local indexes": LedgerTable.describe(),
    "only local": attrs.evolve(indexed(("by-date", "Table"), local=True), ttl=None),
    "odd names": indexed(ODD_NAMES),
    "bare": attrs.evolve(indexed(()), ttl=None),
}

FACTORS = {
    "environment": ENVIRONMENTS,
    "model": tuple(MODELS),
    "billing": ("provisioned", "on-demand"),
    "replicas": ("", "eu-west-1, us-west-2"),
    "customer_key": ("yes", "no"),
    "dax": ("yes", "no"),
    "alarms": ("yes", "no"),
    "point_in_time_recovery": ("yes", "no"),
    "deletion_protection": ("yes", "no"),
    "table_class": ("standard", "infrequent-access"),
    "stream": ("NEW_AND_OLD_IMAGES", "KEYS_ONLY"),
    "tags": ("", "owner = shop\ncost = 7"),
    "table_name": ("shop", "the.Shop_of-" + "x" * 240),
}


def possible(combination):
    """Return whether the options are compatible: replicas need a stream of both images."""
    return not (combination["replicas"] and combination["stream"] != "NEW_AND_OLD_IMAGES")


def every(*names):
    """Return every combination of some factors; the others have their first values."""
    first = {name: values[0] for name, values in FACTORS.items()}
    chosen = [dict(zip(names, values, strict=True)) for values in product(*(FACTORS[name] for name in names))]
    return [each for each in ({**first, **values} for values in chosen) if possible(each)]


def pairs_of(combination):
    return set(combinations(combination.items(), 2))


def pairwise():
    """Return few combinations that have each compatible pair of values once; always the same combinations."""
    draw = Random(1)
    missing = set()
    for (one, values), (other, others) in combinations(FACTORS.items(), 2):
        missing |= {((one, a), (other, b)) for a, b in product(values, others)}
    missing.remove((("replicas", FACTORS["replicas"][1]), ("stream", FACTORS["stream"][1])))
    found = []
    while missing:
        drawn = [{name: draw.choice(values) for name, values in FACTORS.items()} for _ in range(100)]
        found.append(max(filter(possible, drawn), key=lambda each: len(missing & pairs_of(each))))
        missing -= pairs_of(found[-1])
    return found


def text_of(combination):
    """Return the template of a combination, as YAML."""
    options = {name: value for name, value in combination.items() if name not in ("environment", "model") and value}
    chosen = read_settings(combination["environment"], "shop", {"": options})
    return cloudformation(MODELS[combination["model"]], chosen)
