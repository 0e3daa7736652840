"""Writes do the same on each engine, and fail with the same errors; dynalite has no transactions."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from pynamodb.exceptions import DeleteError, PutError, UpdateError

from singletable.errors import (
    AlreadyExists,
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidBatchError,
    KeyChangeError,
    RequestFailed,
    StaleKeyError,
    TransactionCancelled,
)
from singletable.models.reading.targets import stored_item
from singletable.requests.retries import ATTEMPTS
from singletable.testing.faults import Rival, inject
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import MOMENT, Doc, LedgerTable, State, Task, active_tasks, task, tasks, tasks_by_points


@pytest.fixture(autouse=True)
def fresh(ledger):
    """In the end, every item's keys are the ones that its attributes make."""
    yield
    check_fresh(LedgerTable)


def created(**attributes):
    """A task that is stored."""
    made = task(**attributes)
    made.create()
    return made


def numbers(found):
    """The numbers of some tasks."""
    return [each.number for each in found]


# --- one item -------------------------------------------------------------------------


def test_create_refuses_an_item_that_is_there():
    """And has the item that stood in the way."""
    created(title="first")
    with pytest.raises(AlreadyExists, match="exists already; nothing was written") as caught:
        task(title="second").create()
    assert ("first", "first") == (caught.value.item["title"]["S"], Task.get(project="p", number=1).title)


def test_save_replaces_what_is_there():
    """Derived keys follow."""
    created(points=1, title="t")
    task(points=2).save()
    assert ("000002#0001", None) == (stored_item(task())["GSI1SK"]["S"], Task.get(project="p", number=1).title)


def test_an_update_is_followed_by_derived_keys():
    """In the indexes, too; and by the expiry."""
    made = created(points=1, title="t")
    made.update(points=7, state=State.DONE, due=MOMENT)
    assert ([1], []) == (numbers(tasks_by_points("p", 7, 7)), numbers(active_tasks("p")))
    assert "ttl" in stored_item(made)
    made.update(state=State.DOING, due=None)
    assert [1] == numbers(active_tasks("p"))
    assert "ttl" not in stored_item(made)


def test_actions_are_followed_too():
    """An addition, a removal, sets and lists."""
    made = created(points=1, title="t", labels={"x"}, notes=["a"])
    made.update(
        actions=[
            Task.points.add(5),
            Task.title.remove(),
            Task.labels.add({"y"}),
            Task.notes.set(Task.notes.append(["b"])),
        ]
    )
    assert (6, None, {"x", "y"}, ["a", "b"]) == (made.points, made.title, made.labels, made.notes)
    made.update(actions=[Task.labels.delete({"x", "y"}), Task.notes[0].remove()])
    assert (None, ["b"]) == (made.labels, made.notes)


def test_a_nested_action_on_a_source_is_followed_where_maps_compare(engine):
    """The guard is the map that was read; dynalite holds no two maps for equal, and refuses it without writing."""
    doc = Doc(ident="1", place={"city": "Bern", "street": "s"})
    doc.create()
    if engine == "dynalite":
        with pytest.raises(ConditionFailed, match="does not meet the condition of this update; nothing was written"):
            doc.update(actions=[Doc.place["city"].set("Basel")])
        assert ("CITY#Bern", "Bern") == (stored_item(doc)["GSI1PK"]["S"], Doc.get(ident="1").place.city)
    else:
        doc.update(actions=[Doc.place["city"].set("Basel")])
        assert ("CITY#Basel", "s") == (stored_item(doc)["GSI1PK"]["S"], doc.place.street)


def test_an_update_creates_nothing():
    """What is not there, or was deleted, is an error."""
    with pytest.raises(Task.DoesNotExist, match="does not exist; nothing was written"):
        task().update(title="t")
    made = created()
    task().delete()
    with pytest.raises(Task.DoesNotExist):
        made.update(title="t")
    assert stored_item(made) is None


def test_a_stale_update_is_derived_anew():
    """From what another writer has made of the item, in a second request."""
    stale = created(title="t")
    Task.get(project="p", number=1).update(state=State.DONE)
    with inject(LedgerTable) as injected:
        stale.update(title="u")
    assert 2 == injected.calls.count("UpdateItem")
    assert (State.DONE, "u", []) == (stale.state, stale.title, numbers(active_tasks("p")))


def test_stale_sums_both_count():
    """And the key holds their sum."""
    first = created(points=1)
    second = Task.get(project="p", number=1)
    first.update(actions=[Task.points.add(10)])
    second.update(actions=[Task.points.add(100)])
    assert (111, "000111#0001") == (second.points, stored_item(second)["GSI1SK"]["S"])


def test_writers_that_are_always_faster_end_in_an_error():
    """After a bounded number of attempts."""
    made = created(points=0)
    rival = Task.get(project="p", number=1)
    with (
        inject(
            LedgerTable, Rival(lambda: rival.update(actions=[Task.points.add(1)]), operations={"UpdateItem"})
        ) as injected,
        pytest.raises(ConcurrentUpdateError, match=f"at each of {ATTEMPTS} attempts"),
    ):
        made.update(actions=[Task.points.add(1000)])
    assert (ATTEMPTS, ATTEMPTS) == (
        injected.calls.count("UpdateItem"),
        Task.get(project="p", number=1).points,
    )


def test_what_cannot_be_followed_is_refused():
    """Before anything is sent."""
    made = created()
    with pytest.raises(KeyChangeError):
        made.update(number=2)
    with pytest.raises(StaleKeyError):
        task().update(actions=[Task.points.add(1)])


def test_delete_by_the_derived_key():
    """One that is not there is not missed."""
    made = created()
    made.delete()
    made.delete()
    assert [] == tasks("p").all()


# --- conditions -----------------------------------------------------------------------


def failed(error, write):
    """The error of a write whose condition does not hold; it is PynamoDB's class, too, and has the item."""
    with pytest.raises(error) as caught:
        write()
    assert type(caught.value) is ConditionFailed
    return caught.value


def test_a_condition_of_save():
    """Holds, or is PynamoDB's PutError with the item that is stored."""
    made = created(points=1)
    made.save(condition=Task.points == 1)
    found = failed(PutError, lambda: made.save(condition=Task.points == 9))
    assert "1" == found.item["points"]["N"]


def test_a_condition_of_update():
    """Holds, or is PynamoDB's UpdateError with the item that is stored."""
    made = created(points=1)
    made.update(title="t", condition=Task.points == 1)
    found = failed(UpdateError, lambda: made.update(title="u", condition=Task.points == 9))
    assert ("t", "t") == (found.item["title"]["S"], Task.get(project="p", number=1).title)


def test_a_condition_of_delete():
    """Holds, or is PynamoDB's DeleteError with the item that is stored; nothing, where there is none."""
    made = created(points=1)
    found = failed(DeleteError, lambda: made.delete(condition=Task.points == 9))
    assert "1" == found.item["points"]["N"]
    made.delete(condition=Task.points == 1)
    assert failed(DeleteError, lambda: made.delete(condition=Task.points == 1)).item is None


@pytest.mark.parametrize("write", ["save", "update", "delete"])
def test_versions_conflict(write):
    """Another writer was faster; the error has what is stored."""
    doc = Doc(ident="1", text="a")
    doc.create()
    stale = Doc.get(ident="1")
    doc.update(text="b")
    acts = {"save": stale.save, "update": lambda: stale.update(text="c"), "delete": stale.delete}
    with pytest.raises(ConcurrentUpdateError, match="its version is another now") as caught:
        acts[write]()
    found = Doc.get(ident="1")
    assert (("b", doc.version), "b") == ((found.text, found.version), caught.value.item["text"]["S"])


def test_a_version_counts_on():
    """Through every write, and without a lock where that is asked for."""
    doc = Doc(ident="1", text="a")
    doc.create()
    stale = Doc.get(ident="1")
    third = stale.version + 2
    doc.save()
    stale.update(text="c", add_version_condition=False)
    assert (third, third) == (stale.version, Doc.get(ident="1").version)


def test_mutate_reads_and_writes_until_it_was_first():
    """The function is called again on what another writer left."""
    made = created(points=1)
    rivals = [Task.get(project="p", number=1)]
    seen = []

    def double(each):
        seen.append(each.points)
        if rivals:
            rivals.pop().update(actions=[Task.points.add(10)])
        each.points *= 2

    made.mutate(double)
    assert ([1, 11], 22, [1]) == (seen, made.points, numbers(tasks_by_points("p", 22, 22)))


def test_mutate_of_a_version():
    """The same by its version."""
    doc = Doc(ident="1", text="a")
    doc.create()
    third = doc.version + 2
    Doc.get(ident="1").update(text="b")
    doc.mutate(lambda each: setattr(each, "text", each.text + "!"))
    assert ("b!", third) == (doc.text, doc.version)


def test_mutate_of_an_item_with_a_map_where_maps_compare(engine):
    """Everything must be as it was read; dynalite says so of no map, and nothing is written."""
    made = created(detail={"a": "x"}, points=1)
    if engine == "dynalite":
        with pytest.raises(ConcurrentUpdateError):
            made.mutate(lambda each: setattr(each, "points", 2))
        assert 1 == Task.get(project="p", number=1).points
    else:
        made.mutate(lambda each: setattr(each, "points", 2))
        assert 2 == Task.get(project="p", number=1).points


def test_mutate_of_nothing():
    """There is no item."""
    with pytest.raises(Task.DoesNotExist):
        task().mutate(lambda each: None)


# --- batches --------------------------------------------------------------------------


def test_more_items_than_one_request_takes():
    """Twenty-six puts and as many deletes, in two requests each; and more than a hundred gets."""
    made = [task(number=n) for n in range(1, 107)]
    with inject(LedgerTable) as injected, LedgerTable.batch() as batch:
        batch.put(*made[:26])
    assert ["BatchWriteItem"] * 2 == injected.calls
    with LedgerTable.batch() as batch:
        batch.put(*made[26:])
    with inject(LedgerTable) as injected, LedgerTable.batch() as batch:
        batch.get(*(Task.item(project="p", number=n) for n in range(106, -1, -1)))
    assert ["BatchGetItem"] * 2 == injected.calls
    assert [*range(106, 0, -1), None] == [each and each.number for each in batch.items]
    with LedgerTable.batch() as batch:
        batch.delete(*made[:26])
    assert [*range(27, 107)] == numbers(tasks("p"))


def test_the_last_of_several_writes_of_one_item_wins():
    """DynamoDB refuses duplicates in a request; they are folded before."""
    with LedgerTable.batch() as batch:
        batch.put(task(title="a"), task(number=2), task(title="b"))
        batch.delete(task(number=2))
    assert (2, ["b"]) == (batch.folded, [each.title for each in tasks("p")])


def test_a_batch_reads_before_it_writes():
    """What the gets find is what was there."""
    created(title="old")
    with LedgerTable.batch() as batch:
        batch.put(task(title="new"))
        batch.get(Task.item(project="p", number=1))
    assert ("old", "new") == (batch.items[0].title, Task.get(project="p", number=1).title)


def test_a_batch_refuses_versions():
    """Nothing is checked in a batch."""
    with pytest.raises(InvalidBatchError, match="has a version"), LedgerTable.batch() as batch:
        batch.put(Doc(ident="1"))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_thousand_items(workers):
    """Written, found by pages, and deleted."""
    with LedgerTable.batch(workers=workers) as batch:
        batch.put_all(task(number=n, project=f"p{n % 10}", points=n) for n in range(1000))
    assert [100] * 10 == [tasks(f"p{n}").count() for n in range(10)]
    assert 1000 == sum(len(Task.scan(segment=n, segments=4).all()) for n in range(4))
    with LedgerTable.batch(workers=workers) as batch:
        batch.delete_all(task(number=n, project=f"p{n % 10}") for n in range(1000))
    assert [] == Task.scan().all()


# --- transactions ---------------------------------------------------------------------


def unavailable(act, operation):
    """What a server without transactions answers, as the error of the framework."""
    with pytest.raises(RequestFailed, match=f"^The server at http.* has no {operation}") as caught:
        act()
    assert (operation, "UnknownOperationException") == (caught.value.operation, caught.value.code)


def test_a_transaction_is_done_whole_or_named_as_missing(engine):
    """Nothing is written by a server that has none."""

    def act():
        with LedgerTable.transaction() as transaction:
            transaction.create(task(), Doc(ident="1"))

    if engine == "dynalite":
        unavailable(act, "TransactWriteItems")
        assert [] == LedgerTable.scan().all()
        return
    act()
    with pytest.raises(TransactionCancelled) as caught:
        act()
    assert [AlreadyExists, AlreadyExists] == [type(reason.error) for reason in caught.value.reasons]


def test_a_read_transaction_is_answered_or_named_as_missing(engine):
    """In the order asked."""
    created()

    def act():
        return LedgerTable.transact_get(Doc.item(ident="1"), Task.item(project="p", number=1))

    if engine == "dynalite":
        unavailable(act, "TransactGetItems")
        return
    absent, found = act()
    assert (None, 1) == (absent, found.number)


def test_a_move_is_done_or_named_as_missing(engine):
    """The old item stays where it was, if it cannot be moved."""
    made = created(points=4)
    if engine == "dynalite":
        unavailable(lambda: made.move(number=2), "TransactWriteItems")
        assert [1] == numbers(tasks("p"))
        return
    made.move(number=2)
    assert [2] == numbers(tasks("p"))


# --- threads --------------------------------------------------------------------------


def test_eight_threads_lose_no_acknowledged_write():
    """Eight threads count up by compare-and-set, and repeat each refused write."""
    created(points=0)

    def count_up(_):
        for _ in range(5):
            done = False
            while not done:
                read = Task.get(project="p", number=1, consistent=True)
                before = read.points
                read.points += 1
                with suppress(ConditionFailed):
                    read.save(condition=Task.points == before)
                    done = True

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(8)))
    assert 40 == Task.get(project="p", number=1).points
