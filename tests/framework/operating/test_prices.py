"""The price file: dated, exact, and refused where it is none."""

import json
from datetime import date
from decimal import Decimal

import pytest

from singletable.errors import OperatingError
from singletable.operating.prices import load_prices

GOOD = {
    "as_of": "2026-01-01",
    "currency": "USD",
    "regions": {
        "mars-1": {
            name: dict.fromkeys(("million_reads", "million_writes", "read_hour", "write_hour", "gigabyte_month"), 1)
            for name in ("standard", "infrequent-access")
        }
    },
}


def written(folder, text):
    path = folder / "prices.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_the_file_that_comes_along():
    """Exact numbers, a day and a region; infrequent access asks more for requests and less for storage."""
    prices = load_prices()
    assert ("us-east-1", "USD") == (prices.region, prices.currency)
    assert date.fromisoformat(prices.as_of)
    standard, infrequent = prices.classes["standard"], prices.classes["infrequent-access"]
    assert (Decimal("0.125"), Decimal("0.00065")) == (standard.million_reads, standard.write_hour)
    assert infrequent.million_reads > standard.million_reads
    assert infrequent.gigabyte_month < standard.gigabyte_month


def test_another_file(tmp_path):
    prices = load_prices(written(tmp_path, GOOD))
    assert ("mars-1", Decimal(1)) == (prices.region, prices.classes["standard"].read_hour)


def test_a_region_that_is_not_there():
    with pytest.raises(OperatingError, match=r"has no prices of eu-west-1; it has: us-east-1. Give a file .*--prices"):
        load_prices(region="eu-west-1")


def changed(**changes):
    data = json.loads(json.dumps(GOOD))
    data["regions"]["mars-1"]["standard"] |= changes
    return data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no price file: Expecting"),
        ("[]", "is no price file"),
        ("{}", "it lacks 'regions'"),
        ({**GOOD, "regions": {}}, "as_of, currency and regions are wanted"),
        ({**GOOD, "as_of": 2026}, "as_of, currency and regions are wanted"),
        ({**GOOD, "regions": {"mars-1": {"standard": {}}}}, "it lacks 'million_reads'"),
        (changed(read_hour="free"), "read_hour = 'free' is no price"),
        (changed(read_hour=-1), "is no price"),
    ],
)
def test_what_is_no_price_file(tmp_path, text, words):
    with pytest.raises(OperatingError, match=words):
        load_prices(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OperatingError, match=r"cannot be read: No such file"):
        load_prices(tmp_path / "none.json")
