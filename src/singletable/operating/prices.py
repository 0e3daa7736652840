"""Prices: what DynamoDB asks for requests, capacity and storage, from one dated file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from singletable.errors import OperatingError

__all__ = ["TABLE_CLASSES", "ClassPrices", "Prices", "load_prices"]

TABLE_CLASSES = ("standard", "infrequent-access")
"""The table classes, as `setup.cfg` calls them."""

_FILE = Path(__file__).with_name("prices.json")
_REMEDY = f"It must look like {_FILE}, which says where its prices are from and how to read them anew."


@attrs.frozen
class ClassPrices:
    """What a table of one class costs.

    Args:
        million_reads: A million read request units, on demand.
        million_writes: A million write request units, on demand.
        read_hour: A read capacity unit for an hour, provisioned.
        write_hour: A write capacity unit for an hour, provisioned.
        gigabyte_month: A gigabyte (2³⁰ bytes) for a month.
    """

    million_reads: Decimal
    million_writes: Decimal
    read_hour: Decimal
    write_hour: Decimal
    gigabyte_month: Decimal


@attrs.frozen
class Prices:
    """The prices of a region.

    Args:
        region: The region.
        as_of: The day on which they held, as the file says.
        currency: The currency.
        classes: The prices of each table class.
    """

    region: str
    as_of: str
    currency: str
    classes: Mapping[str, ClassPrices]


def load_prices(path: Path | None = None, region: str | None = None) -> Prices:
    """The prices of a region.

    Args:
        path: The file; None for the one that comes with singletable.
        region: The region; None for the first of the file.

    Raises:
        OperatingError: The file cannot be read, or has no prices of the region.
    """
    data = _read(path or _FILE)
    regions = data["regions"]
    name = region or next(iter(regions))
    if name not in regions:
        raise OperatingError(
            f"{path or 'The price file'} has no prices of {name}; it has: {', '.join(regions)}.",
            remedy="Give a file that has them with --prices, or take those of another region with --price-region.",
            value=name,
        )
    return Prices(name, data["as_of"], data["currency"], {each: _class(regions[name], each) for each in TABLE_CLASSES})


def _read(path: Path) -> dict[str, Any]:
    try:
        # A price is a decimal number; through a float it would not be what the file says.
        data = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
        for region in data["regions"].values():
            for each in TABLE_CLASSES:
                _class(region, each)
        if not data["regions"] or not isinstance(data["as_of"], str) or not isinstance(data["currency"], str):
            raise ValueError("as_of, currency and regions are wanted")
    except OSError as error:
        raise OperatingError(f"{path} cannot be read: {error.strerror}.", value=str(path)) from None
    except KeyError as error:
        raise OperatingError(f"{path} is no price file: it lacks {error}.", remedy=_REMEDY, value=str(path)) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise OperatingError(f"{path} is no price file: {error}.", remedy=_REMEDY, value=str(path)) from None
    return dict(data)


def _class(region: Mapping[str, Any], name: str) -> ClassPrices:
    prices = {field.name: region[name][field.name] for field in attrs.fields(ClassPrices)}
    for field, price in prices.items():
        if not isinstance(price, Decimal) or not price.is_finite() or price < 0:
            raise ValueError(f"{field} = {price!r} is no price")
    return ClassPrices(**prices)
