"""The price file: dated, exact, and refused if it is malformed."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

import singletable.operating.prices as prices_module
from singletable.errors import OperatingError
from singletable.operating.prices import TABLE_CLASSES, load_prices

REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
)
"""The regions of the package's price file."""

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


def test_the_file_of_the_package():
    """Prices are exact, and each region has a day. Infrequent access has dearer requests and cheaper storage."""
    prices = load_prices()
    assert ("us-east-1", "USD") == (prices.region, prices.currency)
    standard = prices.classes["standard"]
    assert (Decimal("0.125"), Decimal("0.00065")) == (standard.million_reads, standard.write_hour)
    for region in REGIONS:
        found = load_prices(region=region)
        standard, infrequent = found.classes["standard"], found.classes["infrequent-access"]
        # On-demand prices were halved on 2024-11-01.
        assert date(2024, 11, 1) < date.fromisoformat(found.as_of)
        assert standard.million_writes < 1
        for name in ("million_reads", "million_writes", "read_hour", "write_hour"):
            assert getattr(standard, name) < getattr(infrequent, name)
        assert infrequent.gigabyte_month < standard.gigabyte_month


def test_the_region_of_the_tutorial():
    """The figures of ap-northeast-1 are those of the price record; it has its own day, not that of the file."""
    found = load_prices(region="ap-northeast-1")
    assert "2025-09-09" == found.as_of
    standard, infrequent = (attrs.astuple(found.classes[name]) for name in TABLE_CLASSES)
    assert ("0.1425", "0.715", "0.0001484", "0.000742", "0.285") == tuple(map(str, standard))
    assert ("0.178", "0.89", "0.0001855", "0.0009275", "0.114") == tuple(map(str, infrequent))


def test_each_region_has_a_source():
    """A region names its sources, or is the region of the file's own source."""
    regions = json.loads(Path(prices_module.__file__).with_name("prices.json").read_text())["regions"]
    assert sorted(REGIONS) == sorted(regions)
    assert ["us-east-1"] == [name for name, region in regions.items() if not region.get("sources")]


def test_another_file(tmp_path):
    prices = load_prices(written(tmp_path, GOOD))
    assert ("mars-1", Decimal(1)) == (prices.region, prices.classes["standard"].read_hour)


def test_a_region_without_prices():
    """The error names the region, the regions with prices, and the command that writes a price file."""
    with pytest.raises(OperatingError) as refused:
        load_prices(region="eu-north-1")
    assert f"The price file of singletable has no prices of eu-north-1. It has: {', '.join(REGIONS)}." == (
        refused.value.what
    )
    assert "Value=eu-north-1 > prices.json` and add --prices prices.json" in refused.value.remedy
    assert "--price-region" in refused.value.remedy


def changed(**changes):
    data = json.loads(json.dumps(GOOD))
    data["regions"]["mars-1"]["standard"] |= changes
    return data


def without(name):
    data = json.loads(json.dumps(GOOD))
    del data["regions"]["mars-1"][name]
    return data


FAULTS = {
    "not JSON": ("{", "Expecting property name"),
    "a list": ("[]", "the file is not a JSON object"),
    "an empty file": ("", "Expecting value"),
    "nothing in it": ("{}", "the file has no 'currency'"),
    "no day": ({"currency": "USD", "regions": GOOD["regions"]}, "the file has no 'as_of'"),
    "a day that is a number": ({**GOOD, "as_of": 2026}, "as_of = 2026 is not a text"),
    "no regions": ({"as_of": "2026-01-01", "currency": "USD"}, "the file has no 'regions'"),
    "empty regions": ({**GOOD, "regions": {}}, "regions is empty"),
    "regions as a list": ({**GOOD, "regions": ["mars-1"]}, "regions is not a JSON object"),
    "a region as a text": ({**GOOD, "regions": {"mars-1": "dear"}}, "regions.mars-1 is not a JSON object"),
    "no class": (without("infrequent-access"), "mars-1 has no 'infrequent-access'"),
    "a class as a number": ({**GOOD, "regions": {"mars-1": {"standard": 1}}}, "mars-1.standard is not a JSON object"),
    "no price": ({**GOOD, "regions": {"mars-1": {"standard": {}}}}, "mars-1.standard has no 'million_reads'"),
    "a text as a price": (changed(read_hour="free"), "mars-1.standard.read_hour = 'free' is not a price"),
    "a negative price": (changed(read_hour=-1), "mars-1.standard.read_hour = -1 is not a price"),
    "a price that is null": (changed(read_hour=None), "read_hour = None is not a price"),
    "a price that is true": (changed(read_hour=True), "read_hour = True is not a price"),
    "not a number": (changed(read_hour=float("nan")), "read_hour = nan is not a price"),
    "deep": ("[" * 100_000, "recursion"),
}
"""Price files that cannot be read, and the words of the error."""


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_price_files(tmp_path, fault):
    """The error names the place in the file, the value, an example file and a command."""
    text, words = FAULTS[fault]
    with pytest.raises(
        OperatingError, match=r"prices.json is not a price file: .*Use the format of .*prices.json"
    ) as refused:
        load_prices(written(tmp_path, text))
    assert words in refused.value.what
    assert "\n" not in str(refused.value)


def test_a_byte_order_mark(tmp_path):
    """PowerShell writes one before JSON; it is not a fault."""
    path = tmp_path / "prices.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert "mars-1" == load_prices(path).region
    path.write_bytes(json.dumps(GOOD).encode("utf-16"))
    with pytest.raises(OperatingError, match=r"is not a price file: 'utf-8' codec can't decode"):
        load_prices(path)


def test_a_file_that_does_not_exist(tmp_path):
    """A missing file and a folder are named, with the reason."""
    with pytest.raises(OperatingError, match=r"none.json cannot be read: No such file"):
        load_prices(tmp_path / "none.json")
    with pytest.raises(OperatingError, match=r"cannot be read: Is a directory"):
        load_prices(tmp_path)


# --- the answer of the Price List API ---------------------------------------------------


def product(usage, *tiers, region="eu-north-1", term="OnDemand"):
    """Return one entry of PriceList; each tier is (price, end)."""
    dimensions = {
        f"A.B.{number}": {"endRange": end, "pricePerUnit": {"USD": price}} for number, (price, end) in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage, "regionCode": region}},
            "terms": {term: {"A.B": {"priceDimensions": dimensions}}},
            "publicationDate": "2026-09-11T12:44:22Z",
        }
    )


LISTED = [
    product("EUN1-ReadRequestUnits", ("0.0000001340", "Inf")),
    product("EUN1-WriteRequestUnits", ("0.0000006700", "Inf")),
    product("EUN1-ReadCapacityUnit-Hrs", ("0.0000000000", "18600"), ("0.0001390000", "Inf")),
    product("EUN1-WriteCapacityUnit-Hrs", ("0.0000000000", "18600"), ("0.0006950000", "Inf")),
    product("EUN1-TimedStorage-ByteHrs", ("0.0000000000", "25"), ("0.2690000000", "Inf")),
    product("EUN1-IA-ReadRequestUnits", ("0.0000001670", "Inf")),
    product("EUN1-IA-WriteRequestUnits", ("0.0000008400", "Inf")),
    product("EUN1-IA-ReadCapacityUnit-Hrs", ("0.0001740000", "Inf")),
    product("EUN1-IA-WriteCapacityUnit-Hrs", ("0.0008690000", "Inf")),
    product("EUN1-IA-TimedStorage-ByteHrs", ("0.1076000000", "Inf")),
    # None of these is a price of a table: replicas, reserved capacity, backups.
    product("EUN1-ReplWriteRequestUnits", ("9", "Inf")),
    product("EUN1-ReadCapacityUnit-Hrs", ("9", "Inf"), term="Reserved"),
    product("EUN1-TimedBackupStorage-ByteHrs", ("9", "Inf")),
]
"""Invented figures, in the form of GetProducts."""


def test_the_answer_of_the_price_list_api(tmp_path):
    """Prices of requests are for a million, the free tier is left out, and other products are skipped."""
    found = load_prices(written(tmp_path, {"FormatVersion": "aws_v1", "PriceList": LISTED}))
    assert ("eu-north-1", "2026-09-11", "USD") == (found.region, found.as_of, found.currency)
    expected = {
        "standard": ("0.134", "0.67", "0.000139", "0.000695", "0.269"),
        "infrequent-access": ("0.167", "0.84", "0.000174", "0.000869", "0.1076"),
    }
    for name, figures in expected.items():
        assert tuple(map(Decimal, figures)) == attrs.astuple(found.classes[name])


def test_usage_types_of_us_east_1(tmp_path):
    """They have no prefix, or the prefix of the region. There `IA-` is the prefix of a class, not of a region."""
    bare = [each.replace("EUN1-", "").replace("eu-north-1", "us-east-1") for each in LISTED]
    also = product("USE1-TimedStorage-ByteHrs", ("0.269", "Inf"), region="us-east-1")
    found = load_prices(written(tmp_path, {"PriceList": [*bare, also]}))
    assert ("us-east-1", Decimal("0.167")) == (found.region, found.classes["infrequent-access"].million_reads)


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("none", "its PriceList is not a list"),
        ([], "has no prices of DynamoDB"),
        ([1], "an entry that is not a product"),
        (["{"], "Expecting property name"),
        (LISTED[1:], "eu-north-1.standard has no 'million_reads'"),
        ([product("EUN1-ReadRequestUnits", ("free", "Inf"))], "EUN1-ReadRequestUnits have no price in US dollars"),
        ([*LISTED, product("EUN1-ReadRequestUnits", ("1", "Inf"))], "two prices of EUN1-ReadRequestUnits"),
    ],
)
def test_answers_that_lack_prices(tmp_path, listed, words):
    """The error names the missing price, or the product that cannot be read."""
    with pytest.raises(OperatingError, match="is not a price file") as refused:
        load_prices(written(tmp_path, {"PriceList": listed}))
    assert words in refused.value.what
