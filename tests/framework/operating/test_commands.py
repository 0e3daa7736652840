"""`singletable metrics` and `cost` on the shop; CloudWatch is moto's, over HTTP."""

import json

import pytest

from models import ShopTable
from tests.framework.cli.test_commands import assert_one_line
from tests.framework.infra.test_commands import CREDENTIALS, here
from tests.framework.migrations.server import CREDENTIALS as KEYS
from tests.framework.operating.cloudwatch import put, watched_server
from tests.framework.operating.test_prices import FAULTS, LISTED, written

AWS = {**CREDENTIALS, "AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}


@pytest.fixture(scope="module")
def server():
    with watched_server() as url:
        put(url, "ConsumedReadCapacityUnits", [600.0, 1200.0, 0.0, 6000.0])
        put(url, "ConsumedWriteCapacityUnits", [300.0], GlobalSecondaryIndexName="GSI1")
        put(url, "ReadThrottleEvents", [7.0, 5.0])
        put(url, "SystemErrors", [3.0], Operation="Query")
        put(url, "SuccessfulRequestLatency", [2.0, 4.0, 9.0], Operation="Query")
        # Metrics of another table, which must be ignored.
        put(url, "ConsumedReadCapacityUnits", [1e9], TableName="other")
        yield url


def json_of(*arguments):
    done = here(*arguments, "--format", "json", **AWS)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_metrics_of_a_table_and_its_indexes(server):
    data = json_of("metrics", "--since", "30m", "--endpoint-url", server)
    assert ("shop", 60, 30) == (
        data["table"],
        data["period"],
        len(data["places"][0]["read_units_per_second"]["points"]),
    )
    table, gsi1, *_ = data["places"]
    assert ["table", "GSI1", "GSI2", "GSI3"] == [each["name"] for each in data["places"]]
    reads = table["read_units_per_second"]
    assert [100.0, 0.0, 20.0, 10.0] == [point for point in reads["points"] if point is not None]
    assert (7800 / 1800, 100.0) == (pytest.approx(reads["average"]), reads["highest"])
    assert 5.0 == gsi1["write_units_per_second"]["highest"]
    assert (12, 0) == (table["read_throttles"], table["write_throttles"])
    (query,) = data["operations"]
    assert ("Query", 3, 5.0, 9.0, 3) == (
        query["name"],
        query["requests"],
        query["average_ms"],
        query["p99_ms"],
        query["system_errors"],
    )


def test_metrics_for_people(server):
    done = here("metrics", "--since", "30m", "--endpoint-url", server, **AWS)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("1 minute per point", "on demand", "█▁▂▂", "p99 ms", "up to six hours ago"):
        assert words in done.stdout
    assert "CloudWatch has nothing" not in done.stdout


def test_metrics_fit_80_columns(server):
    """No line is longer, no figure is truncated, and a bar is the highest of several points."""
    done = here("metrics", "--since", "30m", "--endpoint-url", server, **{**AWS, "COLUMNS": "80"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert [] == [line for line in done.stdout.splitlines() if len(line.rstrip()) > 80]
    assert "…" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    (reads,) = [row for row in rows if row[:2] == ["table", "reads"]]
    assert ["4.33", "100.00", "on", "demand", "12"] == reads[2:7]
    assert "█" in reads[-1]
    assert "Each bar is the highest of 2 points." in done.stdout


def test_a_table_that_nobody_asked(server):
    """Its items are still counted."""
    with ShopTable.bind(endpoint_url=server, credentials=KEYS, table_name="quiet"):
        ShopTable.create_table(wait=True)
    done = here("metrics", "--endpoint-url", server, "--table", "quiet", **AWS)
    assert done.returncode == 0, done.stderr
    assert "CloudWatch has nothing of quiet" in done.stdout
    done = here("cost", "--from-cloudwatch", "--endpoint-url", server, "--table", "quiet", **AWS)
    assert_one_line(done, "no consumed capacity of 'quiet'", "--since")


def test_metrics_of_what_is_not_there(server, monkeypatch):
    there = ("metrics", "--endpoint-url", server)
    assert_one_line(here(*there, "--table", "nowhere", **AWS), "'nowhere'", "does not exist")
    assert_one_line(here(*there, "--since", "500d", **AWS), "keeps them for 455 days", "shorter window")
    refused = here(*there, "--since", "soon", **AWS)
    assert (2, True) == (refused.returncode, "30m, 3h, 7d or 2w" in refused.stderr)
    # The SDK's own variable names the URL of CloudWatch, and overrides the table's URL.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = here(*there, **AWS, AWS_ENDPOINT_URL_CLOUDWATCH="http://127.0.0.1:9")
    assert_one_line(done, "No CloudWatch answers at http://127.0.0.1:9", "AWS_ENDPOINT_URL_CLOUDWATCH")


RATES = ("--read", "orders_of_user=50", "--read", "orders_placed_between=2", "--write", "Order=5")


def test_costs_of_rates():
    """Units of a call times calls, and of an item times items; the shop's numbers come from its sample."""
    data = json_of("cost", *RATES, "--transact", "OrderItem=10", "--months", "1", "--with", "Order=", "--no-marks")
    calls = {each["name"]: each for each in data["calls"]}
    assert 11 == len(calls)
    assert {"table": 0.5} == calls["orders_of_user"]["units"]
    between = calls["orders_placed_between"]["units"]
    loads = {each["place"]: each for each in data["loads"]}
    assert 50 * 0.5 + 2 * between["table"] == loads["table"]["reads"]
    assert 2 * between["GSI3"] == loads["GSI3"]["reads"]
    assert [5 + 2 * 10, 5, 5, 5] == [each["writes"] for each in data["loads"]]
    items = {each["name"]: each for each in data["items"]}
    stored = sum(each["bytes_in_month"] for each in data["items"])
    assert items["Order"]["stored"] * 5 * 730 * 3600 == pytest.approx(items["Order"]["bytes_in_month"])
    assert stored / 2**30 == pytest.approx(data["gigabytes"])
    on_demand = data["bills"][0]
    read_units = sum(each["reads"] for each in data["loads"])
    assert read_units * 730 * 3600 * 0.125e-6 == pytest.approx(on_demand["reads"])
    assert on_demand["reads"] + on_demand["writes"] + on_demand["storage"] == pytest.approx(on_demand["total"])
    assert 1 == sum(bill["cheapest"] for bill in data["bills"])


def test_costs_for_people(tmp_path):
    """A file with rates gives the same result as options; options override the file."""
    file = tmp_path / "rates.ini"
    file.write_text("[reads]\norders_of_user = 50\norders_placed_between = 999\n[writes]\nOrder = 5\n")
    by_file = here("cost", "--rates", str(file), "--read", "orders_placed_between=2")
    assert by_file.returncode == 0, by_file.stderr
    assert here("cost", *RATES).stdout == by_file.stdout
    for words in (
        "← cheapest",
        "Break-even at 28.",
        "times this load",
        "USD in month 12",
        "as of",
        "2,555 days",
    ):
        assert words in by_file.stdout
    spiky = here("cost", *RATES, "--peak", "3")
    assert "On demand is cheaper at any multiple of this load" in spiky.stdout


def test_claims_and_marks_of_the_shop():
    """A user a second: the claim is written with it at twice the units, and two handlers mark its event."""
    data = json_of("cost", "--write", "User=1", "--months", "1")
    assert {"User": ["EmailClaim"]} == data["together"]
    items = {each["name"]: each for each in data["items"]}
    assert ({"table": 1, "GSI1": 1, "GSI2": 1}, {"table": 1}) == (items["User"]["units"], items["EmailClaim"]["units"])
    # User and claim at two units each, and a mark of each handler; User is on two indexes.
    assert [2 + 2 + 2, 1, 1, 0] == [each["writes"] for each in data["loads"]]
    assert [1, 0, 0, 0] == [each["reads"] for each in data["loads"]]
    marks = data["marks"]
    assert (1, 1, 2) == tuple(marks[f"{name}_per_second"] for name in ("records", "read_units", "write_units"))
    assert {"shop.stream.welcome": 1, "shop.stream.announce_user": 1} == {
        each["name"]: each["marks_per_second"] for each in marks["handlers"]
    }
    month = 730 * 3600
    on_demand = data["bills"][0]
    assert pytest.approx(1 * month * 0.125e-6) == on_demand["reads"]
    assert pytest.approx((6 + 2) * month * 0.625e-6) == on_demand["writes"]
    assert pytest.approx(month * (1 * 0.125e-6 + 2 * 0.625e-6)) == marks["on_demand"]
    stored = sum(each["bytes_in_month"] for each in data["items"]) + marks["bytes_in_month"]
    assert pytest.approx(data["gigabytes"]) == stored / 2**30


def test_without_claims_and_marks():
    """`--with User=` and `--no-marks` leave them out; `--with` and a file of rates replace the line of setup.cfg."""
    data = json_of("cost", "--write", "User=1", "--with", "User=", "--no-marks")
    assert ([1, 1, 1, 0], {}, []) == (
        [each["writes"] for each in data["loads"]],
        data["together"],
        data["marks"]["handlers"],
    )
    data = json_of("cost", "--write", "User=1", "--with", "User=EmailClaim, 2 check User", "--no-marks")
    assert ["EmailClaim", "2 check User"] == data["together"]["User"]
    assert [2 + 2 + 2 * 2, 1, 1, 0] == [each["writes"] for each in data["loads"]]


def test_companions_in_a_file_of_rates(tmp_path):
    """A section [together] overrides setup.cfg, and an option overrides the section."""
    file = tmp_path / "rates.ini"
    file.write_text("[writes]\nUser = 1\nReview = 1\n[together]\nUser = 2 EmailClaim\nReview = Category\n")
    data = json_of("cost", "--rates", str(file), "--with", "Review=ReviewClaim")
    assert {"User": ["2 EmailClaim"], "Review": ["ReviewClaim"]} == data["together"]


def test_an_order_of_the_shop():
    """Its request, lines and stock are counted; the sample has no request, for which 1 KB is assumed."""
    data = json_of("cost", "--write", "Order=2", "--no-marks")
    (request,) = [each for each in data["items"] if each["name"] == "OrderRequest"]
    assert (0, 1024, 7, 2) == tuple(request[name] for name in ("sampled", "size", "days", "items_per_second"))
    # Twice the units on the table: an order, a request, 2.5 lines and 2.5 products; orders and products on indexes.
    assert [2 * 2 * (1 + 1 + 2.5 + 2.5), 2 * (1 + 2.5), 2 * (1 + 2.5), 2] == [each["writes"] for each in data["loads"]]
    done = here("cost", "--write", "Order=2")
    assert done.returncode == 0, done.stderr
    for words in (
        "Not in the sample: OrderRequest; an item of 1 KB is assumed.",
        "In one transaction with each new Order: OrderRequest, 2.5 OrderItem, 2.5 update Product.",
        "Marks of stream handlers",
        "2 transaction",
        "each event is delivered once",
    ):
        assert words in done.stdout


def test_deletions():
    """They consume write units and cancel new items; one handler of new reviews has marks, none of deletions."""
    data = json_of("cost", "--write", "Review=3", "--delete", "Review=2", "--with", "Review=", "--months", "1")
    assert [3 * 1 + 2 * 1 + 3 * 1, 0, 5, 0] == [each["writes"] for each in data["loads"]]
    (review,) = [each for each in data["items"] if each["name"] == "Review"]
    assert review["stored"] * 1 * 730 * 3600 == pytest.approx(review["bytes_in_month"])


def test_without_rates_calls_and_items_are_measured():
    done = here("cost")
    assert done.returncode == 0, done.stderr
    assert "orders_placed_between" in done.stdout
    assert "To see the cost of a month, give rates per second" in done.stdout
    assert "cheapest" not in done.stdout


def test_costs_from_cloudwatch(server):
    """The consumed capacity, and for provisioned capacity its highest minute."""
    data = json_of("cost", "--from-cloudwatch", "--since", "30m", "--endpoint-url", server)
    table, gsi1, *_ = data["loads"]
    assert (pytest.approx(7800 / 1800), 100.0) == (table["reads"], table["peak_reads"])
    assert 5.0 == gsi1["peak_writes"]
    assert ["on-demand", "standard"] == data["now"]
    steady = json_of("cost", "--from-cloudwatch", "--since", "30m", "--endpoint-url", server, "--peak", "2")
    assert pytest.approx(2 * 7800 / 1800) == steady["loads"][0]["peak_reads"]
    done = here("cost", "--from-cloudwatch", "--since", "30m", "--endpoint-url", server, **AWS)
    assert "current" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--read", "nothing=1"), ("no access pattern 'nothing'", "orders_of_user")),
        (("--write", "Cart=1"), ("no entity 'Cart'", "OrderItem")),
        (("--write", "OrderRequest=1"), ("has no data for the entity 'OrderRequest'", "--sample")),
        (("--delete", "Cart=1"), ("no entity 'Cart'", "OrderItem")),
        (("--with", "Cart=User"), ("no entity 'Cart'", "OrderItem")),
        (("--with", "User=Cart"), ("no entity 'Cart'", "OrderItem")),
        (("--with", "User=two Carts"), ("--with: 'two Carts', which is written with User", "3 update Product")),
        (("--rates", "nowhere.ini"), ("nowhere.ini cannot be read", "No such file")),
        (("--region", "eu-north-1"), ("no prices of eu-north-1", "ap-northeast-1", "aws pricing", "--price-region")),
        (("--prices", "README.md"), ("README.md is not a price file", "prices.json")),
        (("--prices", "nowhere.json"), ("nowhere.json cannot be read", "No such file")),
        (("--sample", "none"), ("no sample 'none'", "tutorial")),
    ],
)
def test_what_cannot_be_meant_is_one_line(arguments, words):
    assert_one_line(here("cost", *arguments), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[reads]\nuser = often\n", "user = 'often' is not a rate"),
        (
            "[calls]\nuser = 1\n",
            "unknown section [calls]. [updates], [deletes], [together]",
        ),
        ("user = 1\n", "cannot be read"),
        ("[together]\nUser = 2 many Claims\n", "rates.ini: '2 many Claims', which is written with User. Write [COUNT]"),
    ],
)
def test_files_of_rates_that_cannot_be_read(tmp_path, text, words):
    file = tmp_path / "rates.ini"
    file.write_text(text)
    done = here("cost", "--rates", str(file))
    assert_one_line(done, *words.split(". "))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--read", "user"),
        ("--read", "user=-1"),
        ("--read", "user=NaN"),
        ("--with", "User"),
        ("--from-cloudwatch", "--with", "User=EmailClaim"),
        ("--from-cloudwatch", "--no-marks"),
        ("--from-cloudwatch", "--read", "user=1"),
        ("--table", "shop"),
        ("--target", "0"),
        ("--peak", "0.5"),
    ],
)
def test_options_that_cannot_be_meant(arguments):
    done = here("cost", *arguments)
    assert (2, True) == (done.returncode, "Usage:" in done.stderr)


def test_prices_of_another_region(server):
    """The prices of a live table's region are used; `--price-region` names another region."""
    where = ("cost", "--from-cloudwatch", "--since", "30m", "--endpoint-url", server, "--region", "eu-north-1")
    with ShopTable.bind(endpoint_url=server, credentials=KEYS, region="eu-north-1"):
        ShopTable.create_table(wait=True)
    assert_one_line(here(*where, **AWS), "no prices of eu-north-1", "--price-region")


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_price_files_are_one_line(tmp_path, fault):
    """Each fault ends the command with one line and a remedy, without a traceback."""
    text, words = FAULTS[fault]
    assert_one_line(here("cost", "--prices", str(written(tmp_path, text))), "is not a price file", words, "aws pricing")


def test_a_folder_as_a_price_file(tmp_path):
    """A folder is refused as an option's value."""
    done = here("cost", "--prices", str(tmp_path))
    assert (2, True, False) == (done.returncode, "is a directory" in done.stderr, "Traceback" in done.stderr)


def test_prices_from_the_price_list_api(tmp_path):
    """The output of `aws pricing get-products` is a price file."""
    file = written(tmp_path, {"PriceList": LISTED})
    data = json_of("cost", "--read", "user=1", "--prices", str(file), "--region", "eu-north-1")
    assert {"region": "eu-north-1", "as_of": "2026-09-11", "currency": "USD"} == data["prices"]
    assert 0.5 * 730 * 3600 * 0.134e-6 == pytest.approx(data["bills"][0]["reads"])
