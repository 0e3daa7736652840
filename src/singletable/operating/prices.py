"""Prices: DynamoDB's prices of requests, capacity and storage, from one dated file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from singletable.errors import OperatingError
from singletable.operating.pricelist import is_price_list, regions_of

__all__ = ["TABLE_CLASSES", "ClassPrices", "Prices", "load_prices"]

TABLE_CLASSES = ("standard", "infrequent-access")
"""The table classes, by their names in `setup.cfg`."""

_FILE = Path(__file__).with_name("prices.json")
_COMMAND = (
    "aws pricing get-products --region us-east-1 --service-code AmazonDynamoDB"
    " --filters Type=TERM_MATCH,Field=regionCode,Value={region} > prices.json"
)


@attrs.frozen
class ClassPrices:
    """The prices of a table of one class.

    Args:
        million_reads: The price of a million read request units on demand.
        million_writes: The price of a million write request units on demand.
        read_hour: The price of a provisioned read capacity unit for an hour.
        write_hour: The price of a provisioned write capacity unit for an hour.
        gigabyte_month: The price of a gigabyte (2³⁰ bytes) for a month.
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
        as_of: The day of the prices, from the file.
        currency: The currency.
        classes: The prices of each table class.
    """

    region: str
    as_of: str
    currency: str
    classes: Mapping[str, ClassPrices]


def load_prices(path: Path | None = None, region: str | None = None) -> Prices:
    """Return the prices of a region.

    Args:
        path: A file with the format of `prices.json` in this package, or an answer of the Price List API as printed
            by `aws pricing get-products`. None for the file of this package.
        region: The region; None for the first region of the file.

    Raises:
        OperatingError: The file cannot be read, or does not have prices of the region.
    """
    found = _read(path or _FILE)
    name = region or next(iter(found))
    if name not in found:
        raise OperatingError(
            f"{path or 'The price file of singletable'} has no prices of {name}. It has: {', '.join(found)}.",
            remedy=f"Run `{_COMMAND.format(region=name)}` and add --prices prices.json;"
            " or use the prices of one of these regions with --price-region.",
            value=name,
        )
    return found[name]


def _read(path: Path) -> dict[str, Prices]:
    """Return the prices of a file, by region."""
    try:
        # PowerShell begins its files with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        # A price is a decimal number; a float would not be exactly the price in the file.
        data = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        if is_price_list(data):
            data = regions_of(data)
        return _prices(data)
    except OSError as error:
        raise OperatingError(f"{path} cannot be read: {error.strerror}.", value=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise OperatingError(
            f"{path} is not a price file: {' '.join(str(error).split()).removesuffix('.')}.",
            remedy=f"Use the format of {_FILE}, or run `{_COMMAND.format(region='REGION')}`.",
            value=str(path),
        ) from None


def _prices(data: Any) -> dict[str, Prices]:
    """Return the prices in a file's content, by region.

    Raises:
        ValueError: The content does not have the format of a price file.
    """
    found = _object(data, "the file")
    currency = _text(found, "currency")
    as_of = _text(found, "as_of")
    regions = _object(_part(found, "regions"), "regions")
    if not regions:
        raise ValueError("regions is empty")
    prices = {}
    for name, part in regions.items():
        region = _object(part, f"regions.{name}")
        own = _text(region, "as_of") if "as_of" in region else as_of
        classes = {each: _class(_part(region, each, name), f"{name}.{each}") for each in TABLE_CLASSES}
        prices[name] = Prices(name, own, currency, classes)
    return prices


def _class(data: Any, place: str) -> ClassPrices:
    found = _object(data, place)
    prices = {}
    for field in attrs.fields(ClassPrices):
        price = _part(found, field.name, place)
        # NaN and Infinity are floats here: JSON has neither, but Python's parser accepts both.
        if not isinstance(price, Decimal) or price < 0:
            raise ValueError(f"{place}.{field.name} = {_shown(price)} is not a price")
        prices[field.name] = price
    return ClassPrices(**prices)


def _object(data: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{place} is not a JSON object")
    return data


def _part(found: Mapping[str, Any], name: str, place: str = "the file") -> Any:
    if name not in found:
        raise ValueError(f"{place} has no {name!r}")
    return found[name]


def _text(found: Mapping[str, Any], name: str) -> str:
    text = _part(found, name)
    if not isinstance(text, str) or not text:
        raise ValueError(f"{name} = {_shown(text)} is not a text")
    return text


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
