"""Marks and companions: exact write units and money, calculated by hand."""

import functools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Review, ShopTable, User
from singletable import plan
from singletable.cli.cost_rates import read_companions
from singletable.cli.marked_handlers import marked_handlers
from singletable.cli.project import find_project
from singletable.errors import OperatingError, ProjectError
from singletable.operating.cost import Estimate
from singletable.operating.mark_load import MarkedHandler, mark_load_of
from singletable.operating.prices import ClassPrices, Prices
from singletable.operating.workload import (
    SECONDS,
    Companion,
    Footprint,
    Workload,
    bytes_after,
    loads_of,
)
from singletable.requests.capacity import item_size
from singletable.streams import StreamRouter

ONE, DAY = Decimal(1), Decimal(86_400)
MARK = Footprint("mark", 1, Decimal(150), {"table": ONE}, Decimal(250), Decimal(7))
USER = Footprint("User", 9, Decimal(300), {"table": ONE, "GSI1": ONE, "GSI2": ONE}, Decimal(1000))
CLAIM = Footprint("EmailClaim", 9, Decimal(180), {"table": ONE}, Decimal(280))
CART = Footprint("Cart", 9, Decimal(1500), {"table": Decimal(2), "GSI1": ONE}, Decimal(1700), Decimal(30))
FOOTPRINTS = (USER, CLAIM, CART)
PLACES = ("table", "GSI1", "GSI2")
DEAR = ClassPrices(*map(Decimal, ("0.1425", "0.715", "0.0001484", "0.000742", "0.285")))
PRICES = Prices("ap-northeast-1", "2025-09-09", "USD", {"standard": DEAR, "infrequent-access": DEAR})


def handler(name, *events, entities=("User",), expired=None, transactional=False):
    return MarkedHandler(name, frozenset(entities), frozenset(events), expired, MARK, transactional)


def writes(workload, more=()):
    return tuple(each.writes for each in loads_of(workload, (), FOOTPRINTS, PLACES, more=more))


# --- companions -------------------------------------------------------------------------


def test_a_claim_is_written_with_its_user():
    """Both consume two units on the table; the user consumes one on each index."""
    together = {"User": (Companion("EmailClaim"),)}
    work = Workload(writes={"User": Decimal(10)}, together=together)
    assert (Decimal(10 * 2 + 10 * 2), Decimal(10), Decimal(10)) == writes(work)
    # A rate of transactions includes the user, which is not counted twice.
    assert writes(work) == writes(Workload(transactions={"User": Decimal(10)}, together=together))
    assert (Decimal(10), Decimal(10)) == (work.written("User"), work.written("EmailClaim"))
    assert 10 * 280 * SECONDS == bytes_after(work, CLAIM, 1)


def test_companions_of_each_verb():
    """Updates and deletions consume the units of a new item; a check only on the table. No mark is stored."""
    for verb, indexed in (("update", 1), ("delete", 1), ("check", 0)):
        work = Workload(writes={"User": ONE}, together={"User": (Companion("Cart", verb, Decimal("2.5")),)})
        assert (2 + Decimal("2.5") * 2 * 2, 1 + Decimal("2.5") * indexed, ONE) == writes(work)
        assert (0, 0) == (work.written("Cart"), bytes_after(work, CART, 12))


def test_companions_of_an_entity_without_a_rate():
    """A claim's own rate does not write users, and companions without their entity are not written."""
    together = {"User": (Companion("EmailClaim"),)}
    assert Workload(together=together).empty
    assert (Decimal(3), 0, 0) == writes(Workload(writes={"EmailClaim": Decimal(3)}, together=together))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EmailClaim", (Companion("EmailClaim"),)),
        (
            "OrderRequest, 2.5 update Product",
            (Companion("OrderRequest"), Companion("Product", "update", Decimal("2.5"))),
        ),
        (
            "check Product,3 create OrderItem",
            (Companion("Product", "check"), Companion("OrderItem", "create", Decimal(3))),
        ),
        ("", ()),
    ],
)
def test_texts_of_companions(text, expected):
    """A count and a verb are optional. Each companion's text is parsed again to the same companion."""
    assert expected == read_companions("X", text, "here")
    assert expected == read_companions("X", ", ".join(map(str, expected)), "here")


@pytest.mark.parametrize("text", ["update", "2", "2 update", "remove Product", "-1 Product", "1e Product", "a b c d"])
def test_texts_that_are_not_companions(text):
    """The error has the part, the entity and the form."""
    with pytest.raises(OperatingError, match=r"here: .*, which is written with X, cannot be read. Write \[COUNT\]"):
        read_companions("X", f"EmailClaim, {text}", "here")


@pytest.mark.parametrize("line", ["User", "= EmailClaim", "User ="])
def test_lines_of_setup_cfg(tmp_path, line):
    """A line without an entity or without companions is refused."""
    config = tmp_path / "setup.cfg"
    config.write_text(f"[singletable]\ntable = a:B\n[singletable:cost]\ntogether =\n    {line}\n")
    with pytest.raises(
        ProjectError, match=r"setup.cfg: the line .* of together in \[singletable:cost\] cannot be read"
    ):
        find_project(tmp_path)
    config.write_text("[singletable]\ntable = a:B\n[singletable:cost]\ntogether =\n    User = EmailClaim\n")
    assert {"User": "EmailClaim"} == find_project(tmp_path).together


# --- marks ------------------------------------------------------------------------------


def test_marks_by_hand():
    """Ten users a second and three changes, with three handlers, one of which marks in a transaction.

    Records: 10 + 3. Marks: 10 of each of two handlers, and 3 of the third; those of the second cost two units.
    """
    work = Workload(writes={"User": Decimal(10)}, updates={"User": Decimal(3)})
    handlers = (
        handler("welcome", "INSERT"),
        handler("count", "INSERT", transactional=True),
        handler("tell", "MODIFY"),
        handler("carts", "INSERT", entities=("Cart",)),
    )
    marks = mark_load_of(work, handlers, FOOTPRINTS, 12)
    assert (Decimal(13), Decimal(13), Decimal(10 + 20 + 3)) == (marks.records, marks.reads, marks.writes)
    assert ["welcome", "count", "tell"] == [each.handler.name for each in marks.rates]
    assert 23 * 7 * DAY * 250 == marks.bytes_after(12)
    loads = loads_of(work, (), FOOTPRINTS, PLACES, peak=Decimal(3), more=marks.loads)
    assert (Decimal(13), Decimal(13 + 33)) == (loads[0].reads, loads[0].writes)
    assert (Decimal(39), Decimal(3 * 46)) == (loads[0].peak_reads, loads[0].peak_writes)
    # 13 reads at 0.1425 and 46 + 13 + 13 writes at 0.715 for a million, over 2,628,000 seconds.
    (bill, *_) = Estimate(loads, Decimal(0), PRICES, Decimal("0.7")).bills
    assert (Decimal("4.868370"), Decimal("135.289440")) == (bill.reads, bill.writes)


def test_a_record_is_read_once_for_all_of_its_handlers():
    """Three handlers of an event cost one read and three writes."""
    handlers = [handler(name, "INSERT") for name in "abc"]
    marks = mark_load_of(Workload(writes={"User": ONE}), handlers, FOOTPRINTS, 1)
    assert (ONE, Decimal(3)) == (marks.reads, marks.writes)


def test_events_of_claims_and_checks():
    """A companion's event also calls handlers; a check does not make an event."""
    together = {"User": (Companion("EmailClaim"), Companion("Cart", "check"))}
    handlers = [handler("all", "INSERT", "MODIFY", "REMOVE", entities=("User", "EmailClaim", "Cart"))]
    assert (
        Decimal(2) == mark_load_of(Workload(writes={"User": ONE}, together=together), handlers, FOOTPRINTS, 1).records
    )


@pytest.mark.parametrize(("expired", "months", "expected"), [(None, 2, 5), (True, 2, 3), (False, 2, 2), (True, 0, 0)])
def test_removals(expired, months, expected):
    """Three carts a second expire after 30 days, two are deleted; the handler declares its removals."""
    work = Workload(writes={"Cart": Decimal(3)}, deletes={"Cart": Decimal(2)})
    handlers = [handler("gone", "REMOVE", entities=("Cart",), expired=expired)]
    assert expected == mark_load_of(work, handlers, FOOTPRINTS, months).records


def test_without_handlers():
    """No handlers cost nothing."""
    marks = mark_load_of(Workload(writes={"User": ONE}), (), FOOTPRINTS, 1)
    assert (0, 0, (), 0) == (marks.reads, marks.writes, marks.loads, marks.bytes_after(12))


rates = st.decimals("0", "1000", places=2)


@given(rates, rates, st.lists(st.sampled_from(["INSERT", "MODIFY"]), max_size=4), st.booleans())
def test_marks_are_the_sum_of_their_handlers(new, changed, events, transactional):
    """Writes follow from each handler alone; reads from the events of any handler."""
    work = Workload(writes={"User": new}, updates={"User": changed})
    handlers = [handler(str(n), event, transactional=transactional) for n, event in enumerate(events)]
    marks = mark_load_of(work, handlers, FOOTPRINTS, 1)
    rate = {"INSERT": new, "MODIFY": changed}
    assert sum(rate[each] for each in events) * (2 if transactional else 1) == marks.writes
    assert sum(rate[each] for each in set(events)) == marks.reads


# --- the handlers of a router -----------------------------------------------------------


def test_handlers_of_a_router():
    """Idempotent handlers have no marks; a base class counts for its entities; a mark is measured as it is stored."""
    router = StreamRouter(ShopTable, remember_days=3)

    def moving(change, more=None):
        with change.transaction():
            pass

    router.on(User, "INSERT", idempotent=True, name="free")(lambda change: None)
    router.on(ShopTable, "MODIFY", "REMOVE", expired=True, name="all")(lambda change: None)
    router.on(Review, "INSERT", name="moving")(functools.partial(moving, more=1))
    everything, review = marked_handlers(ShopTable, router)
    assert ("all", "moving") == (everything.name, review.name)
    assert {"User", "EmailClaim", "Order"} < everything.entities
    assert ({"Review"}, {"INSERT"}, True) == (review.entities, review.events, review.transactional)
    assert ({"MODIFY", "REMOVE"}, True, False) == (everything.events, everything.expired, everything.transactional)
    size = item_size(plan.create(router.marks.new("0" * 32, "moving")).item)
    assert ({"table": ONE}, size, size + 100, Decimal(3)) == (
        review.mark.units,
        review.mark.size,
        review.mark.stored,
        review.mark.days,
    )
