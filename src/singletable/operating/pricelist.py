"""The Price List API: converts the answer of GetProducts to the content of a price file.

Sources: Price List API Reference, "GetProducts" (each product is a JSON text with its OnDemand terms); Developer Guide,
"Understanding AWS billing and usage reports for DynamoDB" (usage types; all regions but us-east-1 prefix them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["is_price_list", "regions_of"]

_USAGE = re.compile(
    r"(?:(?!IA-)[A-Z0-9]+-)?(?P<infrequent>IA-)?"
    r"(?P<kind>ReadRequestUnits|WriteRequestUnits|ReadCapacityUnit-Hrs|WriteCapacityUnit-Hrs|TimedStorage-ByteHrs)"
)
_FIELDS = {
    "ReadRequestUnits": ("million_reads", 1_000_000),
    "WriteRequestUnits": ("million_writes", 1_000_000),
    "ReadCapacityUnit-Hrs": ("read_hour", 1),
    "WriteCapacityUnit-Hrs": ("write_hour", 1),
    "TimedStorage-ByteHrs": ("gigabyte_month", 1),
}
"""The field of a price file for each usage type, and the number of units to which the field's price applies."""


def is_price_list(data: Any) -> bool:
    """Return whether the content of a file is an answer of GetProducts."""
    return isinstance(data, dict) and "PriceList" in data


def regions_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a price file that has the prices of a Price List.

    The free tier is left out: the price is the one of the last tier.

    Args:
        data: The answer of GetProducts, for the service AmazonDynamoDB.

    Raises:
        ValueError: A product cannot be parsed, or two products have different values for one price.
    """
    regions: dict[str, dict[str, dict[str, Decimal]]] = {}
    days = [""]
    for product in _products(data["PriceList"]):
        attributes = product["product"]["attributes"]
        usage = _USAGE.fullmatch(str(attributes.get("usagetype", "")))
        if usage is None:
            continue
        name = "infrequent-access" if usage["infrequent"] else "standard"
        field, units = _FIELDS[usage["kind"]]
        prices = regions.setdefault(str(attributes["regionCode"]), {}).setdefault(name, {})
        for price in _last_tiers(product, usage.group()):
            if prices.setdefault(field, price * units) != price * units:
                raise ValueError(f"it has two prices of {usage.group()}: {prices[field] / units} and {price}")
        days.append(str(product.get("publicationDate", ""))[:10])
    if not regions:
        raise ValueError("its PriceList has no prices of DynamoDB's requests, capacity or storage")
    return {"as_of": max(days) or "an unknown day", "currency": "USD", "regions": regions}


def _products(products: Any) -> Iterator[dict[str, Any]]:
    """Yield each product that belongs to a region, as a dictionary."""
    if not isinstance(products, list):
        raise ValueError("its PriceList is not a list")
    for each in products:
        product = json.loads(each) if isinstance(each, str) else each
        try:
            if "regionCode" in product["product"]["attributes"]:
                yield product
        except (KeyError, TypeError):
            raise ValueError("its PriceList has an entry that is not a product") from None


def _last_tiers(product: Mapping[str, Any], usage: str) -> Iterator[Decimal]:
    """Yield the price of the last tier of each OnDemand term, in US dollars for one unit."""
    try:
        for term in product.get("terms", {}).get("OnDemand", {}).values():
            for each in term["priceDimensions"].values():
                if each["endRange"] == "Inf":
                    yield Decimal(each["pricePerUnit"]["USD"])
    except (AttributeError, KeyError, TypeError, InvalidOperation):
        raise ValueError(f"the terms of {usage} have no price in US dollars for a last tier") from None
