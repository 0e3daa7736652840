"""The transactions of the shop's commands, compared with the lines of setup.cfg that `singletable cost` uses."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

import patterns
from models import Product, ShopTable
from singletable.cli.cost_rates import read_companions
from singletable.cli.project import find_project
from tests.shop.conftest import table

__all__ = ["table"]  # a fixture

VERBS = {"Put": "create", "Update": "update", "Delete": "delete", "ConditionCheck": "check"}
LINES = 3


@pytest.fixture
def sent(table, monkeypatch):
    """Return the operations of each sent transaction, as a Counter of (verb, entity)."""
    connection = ShopTable._get_connection().connection
    steps, found = connection.steps, []
    entities = {entity.discriminator: entity.name for entity in ShopTable.describe().entities}

    def spy(operation, params, *arguments, **options):
        if operation == "TransactWriteItems":
            parts = [(VERBS[verb], part) for each in params["TransactItems"] for verb, part in each.items()]
            # A key of the shop begins with the discriminator of its entity.
            types = [part["Item"]["entityType"]["S"] if "Item" in part else _type(part["Key"]) for _, part in parts]
            found.append(Counter((verb, entities[each]) for (verb, _), each in zip(parts, types, strict=True)))
        return steps(operation, params, *arguments, **options)

    monkeypatch.setattr(connection, "steps", spy)
    return found


def _type(key):
    return key["PK"]["S"].partition("#")[0]


def declared(entity):
    """Return the operations in setup.cfg for a new item, with the counts of an order of LINES lines."""
    text = find_project(Path(__file__).parent).together[entity]
    counts = {(each.verb, each.entity): each.count for each in read_companions(entity, text, "setup.cfg")}
    whole = {key: 1 if count == 1 else LINES for key, count in counts.items()}
    assert {count for count in counts.values() if count != 1} <= {Decimal("2.5")}
    return Counter({("create", entity): 1, **whole})


def test_the_operations_of_each_command(sent):
    """A user, a review and an order are written with the items that setup.cfg lists, and with no others."""
    user = patterns.register_user("Ann", "ann@example.com")
    products = [Product(name=f"p{n}", category_id="c", price=Decimal(10), stock=9) for n in range(LINES)]
    for each in products:
        each.save()
    patterns.review_product(products[0].product_id, user.user_id, 5)
    patterns.place_order(user.user_id, {each.product_id: 1 for each in products}, "request-1")
    assert [declared("User"), declared("Review"), declared("Order")] == sent
