"""Costs: AWS's own worked examples, and properties of every load."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from singletable.errors import OperatingError
from singletable.operating.cost import Estimate
from singletable.operating.prices import ClassPrices, Prices, load_prices
from singletable.operating.workload import (
    HOURS,
    SECONDS,
    Footprint,
    Load,
    PatternCall,
    Workload,
    billed_bytes,
    bytes_after,
    loads_of,
)

LISTED = load_prices()
STANDARD = LISTED.classes["standard"]


def load(reads, writes, peak=1, place="table"):
    reads, writes = Decimal(reads), Decimal(writes)
    return Load(place, reads, writes, reads * peak, writes * peak)


def estimate(*loads, gigabytes=0, target="0.7", prices=LISTED):
    return Estimate(tuple(loads), Decimal(gigabytes), prices, Decimal(target))


def bill_of(found, mode, table_class="standard"):
    (bill,) = [each for each in found.bills if (each.mode, each.table_class) == (mode, table_class)]
    return bill


# --- worked by hand -------------------------------------------------------------------


def test_a_thousand_reads_and_a_hundred_writes():
    """On demand 2,628 and 262.8 million requests a month; at 70 %, 1,429 and 143 units for 730 hours."""
    found = estimate(load(1000, 100), gigabytes=80)
    on_demand, provisioned = bill_of(found, "on-demand"), bill_of(found, "provisioned")
    assert (Decimal("328.5"), Decimal("164.25"), 20) == (on_demand.reads, on_demand.writes, on_demand.storage)
    assert (Decimal("135.6121"), Decimal("67.8535"), 20) == (provisioned.reads, provisioned.writes, provisioned.storage)
    infrequent = bill_of(found, "on-demand", "infrequent-access")
    assert (Decimal("407.34"), Decimal("204.984"), 8) == (infrequent.reads, infrequent.writes, infrequent.storage)
    assert provisioned == found.cheapest


def test_an_example_of_the_faq():
    """DynamoDB's FAQ of 2012: 10 write units and 200 read units are $0.01 + (4 x $0.01) = $0.05 an hour."""
    then = ClassPrices(*map(Decimal, ("0", "0", "0.0002", "0.001", "1")))
    prices = Prices("us-east-1", "2012", "USD", {"standard": then, "infrequent-access": then})
    bill = bill_of(estimate(load(200, 10), target="1", prices=prices), "provisioned")
    assert Decimal("0.05") == bill.total / HOURS


def test_an_example_of_a_million():
    """The price list is for a million units; a month of 730 hours has 2.628 million seconds."""
    bill = bill_of(estimate(load(1_000_000 / SECONDS, 1_000_000 / SECONDS)), "on-demand")
    assert ("0.125", "0.625") == (f"{bill.reads:.3f}", f"{bill.writes:.3f}")


def test_capacity_is_of_whole_units_and_at_least_one():
    """For the table and for each index; 71 units at 70 % need 102."""
    found = estimate(load(71, 0), load(0, 0, place="GSI1"))
    assert [102, 1] == [found.units(each.peak_reads) for each in found.loads]
    assert (102 + 1) * HOURS * STANDARD.read_hour == bill_of(found, "provisioned").reads
    assert 2 * HOURS * STANDARD.write_hour == bill_of(found, "provisioned").writes


@pytest.mark.parametrize("target", ["0", "1.5", "-1"])
def test_a_target_that_cannot_be_meant(target):
    with pytest.raises(OperatingError, match=r"is not a possible utilization of capacity"):
        estimate(load(1, 1), target=target)


def test_break_even_use_of_the_listed_prices():
    """$0.00013 an hour is $0.125 for a million at 28.9 %, as $0.00065 is $0.625: the mix does not matter."""
    for found in (estimate(load(1000, 0)), estimate(load(0, 1000)), estimate(load(300, 70))):
        assert "0.2889" == f"{found.even_use('standard'):.4f}"


def test_a_spiky_load_stays_on_demand():
    """70 % at a peak of three times the average is 23 % on average, below the break-even."""
    spiky = estimate(load(1000, 100, peak=3))
    assert "0.233" == f"{spiky.used('standard'):.3f}"
    assert spiky.even_scale("standard") is None
    assert "on-demand" == spiky.cheapest.mode


def test_a_small_load_stays_on_demand():
    """A table and three indexes have at least eight units, which is too expensive for a tenth of a unit."""
    idle = [load(0, 0, place=name) for name in ("GSI1", "GSI2", "GSI3")]
    assert "on-demand" == estimate(load("0.1", "0.1"), *idle).cheapest.mode
    assert "provisioned" == estimate(load(100, 100), *idle).cheapest.mode


def test_where_nothing_is_asked():
    found = estimate(load(0, 0))
    assert (None, None, 0) == (found.even_use("standard"), found.even_scale("standard"), found.used("standard"))
    assert "on-demand" == found.cheapest.mode


def test_prices_with_which_storage_is_never_cheaper():
    prices = Prices("x", "2026", "USD", {"standard": STANDARD, "infrequent-access": STANDARD})
    assert estimate(load(1, 1), prices=prices).even_gigabytes("on-demand") is None


# --- for every load -------------------------------------------------------------------

units = st.decimals("0", "100000", places=2)
place = st.builds(load, units, units, peak=st.sampled_from([1, 2, 5]))
every_load = st.lists(place, min_size=1, max_size=4)
classes = st.sampled_from(sorted(LISTED.classes))
shares = st.decimals("0.2", "1", places=2)
scales = st.decimals("0.01", "100", places=2)


def scaled(loads, scale):
    return [
        Load(x.place, x.reads * scale, x.writes * scale, x.peak_reads * scale, x.peak_writes * scale) for x in loads
    ]


def unrounded(loads, prices, target):
    """Return the cost of provisioned capacity that is not rounded to whole units of at least one."""
    return HOURS * sum(
        max(Decimal(1), x.peak_reads / target) * prices.read_hour
        + max(Decimal(1), x.peak_writes / target) * prices.write_hour
        for x in loads
    )


def near(one, other):
    return abs(one - other) <= Decimal("1e-18") * max(abs(one), abs(other), 1)


@given(every_load, classes, shares)
def test_at_the_break_even_scale_both_cost_the_same(loads, name, target):
    """Below it on demand is cheaper, above it provisioned capacity."""
    found = estimate(*loads, target=target)
    scale, prices = found.even_scale(name), LISTED.classes[name]

    def requests(mode, times):
        if mode == "provisioned":
            return unrounded(scaled(loads, times), prices, target)
        bill = bill_of(estimate(*scaled(loads, times), target=target), "on-demand", name)
        return bill.reads + bill.writes

    if scale is None:
        assert requests("on-demand", Decimal(10**9)) <= requests("provisioned", Decimal(10**9))
        return
    assert near(requests("on-demand", scale), requests("provisioned", scale))
    for times, cheaper, dearer in ((Decimal("0.9"), "on-demand", "provisioned"), (2, "provisioned", "on-demand")):
        assert requests(cheaper, scale * times) < requests(dearer, scale * times)


@given(every_load, classes)
def test_at_the_break_even_use_both_cost_the_same(loads, name):
    """Capacity with that utilization, of each kind and place, costs the same as on demand."""
    found, prices = estimate(*loads), LISTED.classes[name]
    share = found.even_use(name)
    assume(share)
    capacity = sum(x.reads / share * prices.read_hour + x.writes / share * prices.write_hour for x in loads) * HOURS
    bill = bill_of(found, "on-demand", name)
    assert near(capacity, bill.reads + bill.writes)


@given(every_load, shares, st.sampled_from(["on-demand", "provisioned"]))
def test_at_the_break_even_storage_both_classes_cost_the_same(loads, target, mode):
    turn = estimate(*loads, target=target).even_gigabytes(mode)
    assume(turn)
    found = estimate(*loads, gigabytes=turn, target=target)
    assert near(bill_of(found, mode, "standard").total, bill_of(found, mode, "infrequent-access").total)


@given(every_load, scales, classes)
def test_on_demand_is_linear(loads, scale, name):
    """A multiple of the load costs the same multiple."""
    once, times = (bill_of(estimate(*each), "on-demand", name).total for each in (loads, scaled(loads, scale)))
    assert near(once * scale, times)


@given(every_load, scales, shares)
def test_more_is_never_cheaper(loads, scale, target):
    """In any mode and class, with more load or more storage."""
    less = estimate(*loads, gigabytes=1, target=target).bills
    more = estimate(*scaled(loads, 1 + scale), gigabytes=1 + scale, target=target).bills
    assert all(one.total <= other.total for one, other in zip(less, more, strict=True))


# --- from rates to units --------------------------------------------------------------

HALF, ONE = Decimal("0.5"), Decimal(1)
CALLS = (
    PatternCall("orders", "2. Orders", 8, 1, {"table": HALF}),
    PatternCall("by_day", "8.", 40, 2, {"GSI3": ONE, "table": 20}),
)
ORDER = Footprint("Order", 9, Decimal(400), {"table": ONE, "GSI1": ONE}, Decimal(1000), Decimal(30))
USER = Footprint("User", 9, Decimal(300), {"table": ONE}, Decimal(500))
PLACES = ("table", "GSI1", "GSI3")


def loads(workload, **options):
    return {each.place: each for each in loads_of(workload, CALLS, (ORDER, USER), PLACES, **options)}


def test_reads_are_of_where_they_are():
    """Ten calls a second of a pattern that reads an index and fetches the items from the table."""
    found = loads(Workload(reads={"orders": Decimal(4), "by_day": Decimal(10)}), peak=Decimal(3))
    assert (202, 0, 10) == tuple(found[name].reads for name in PLACES)
    assert (606, 0, 30) == tuple(found[name].peak_reads for name in PLACES)


def test_a_transaction_doubles_the_table_only():
    """It is prepared and committed there; indexes follow what was committed."""
    rate = {"Order": Decimal(5)}
    assert (5, 5, 0) == tuple(each.writes for each in loads(Workload(writes=rate)).values())
    assert (10, 5, 0) == tuple(each.writes for each in loads(Workload(transactions=rate)).values())
    assert (5, 5, 0) == tuple(each.writes for each in loads(Workload(updates=rate)).values())


def test_what_the_sample_says_nothing_of():
    with pytest.raises(OperatingError, match=r"has no data for the entity 'Cart'. It has: Order, User"):
        loads(Workload(writes={"Cart": ONE}))
    with pytest.raises(OperatingError, match=r"has no data for the access pattern 'x'. It has: orders, by_day"):
        loads(Workload(reads={"x": ONE}))


def test_expired_items_are_not_stored():
    """Orders stay for 30 days, users forever; updated items existed before."""
    work = Workload(writes={"Order": ONE, "User": ONE}, updates={"Order": Decimal(50)})
    month, day = SECONDS, Decimal(86_400)
    assert (1000 * 30 * day, 500 * month) == (bytes_after(work, ORDER, 1), bytes_after(work, USER, 1))
    assert (1000 * 30 * day, 500 * 12 * month) == (bytes_after(work, ORDER, 12), bytes_after(work, USER, 12))
    assert (1000 * 30 * day, None) == (bytes_after(work, ORDER, None), bytes_after(work, USER, None))


@settings(max_examples=50)
@given(st.integers(1, 50), st.integers(1, 50))
def test_storage_never_shrinks(months, more):
    work = Workload(writes={"Order": ONE}, transactions={"User": ONE})
    assert all(bytes_after(work, each, months) <= bytes_after(work, each, months + more) for each in (ORDER, USER))


def test_billed_bytes_have_an_overhead_for_each_item():
    """On the table and on indexes of both kinds."""
    described = {
        "TableSizeBytes": 1000,
        "ItemCount": 10,
        "GlobalSecondaryIndexes": [{"IndexSizeBytes": 200, "ItemCount": 4}],
        "LocalSecondaryIndexes": [{"IndexSizeBytes": 30, "ItemCount": 1}],
    }
    assert 1230 + 15 * 100 == billed_bytes(described)
