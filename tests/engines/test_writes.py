"""Writes have the same effects and errors on each engine; dynalite does not have transactions."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from pynamodb.exceptions import DeleteError, PutError, UpdateError

from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidBatchError,
    KeyChangeError,
    RequestFailedError,
    StaleKeyError,
    TransactionCancelled,
)
from singletable.requests.retry import CONTENTION
from singletable.testing.faults import Rival, inject
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import MOMENT, Doc, LedgerTable, State, Task, active_tasks, task, tasks, tasks_by_points
from tests.framework.stored import stored_item


@pytest.fixture(autouse=True)
def fresh(ledger):
    """Assert after the test that every item's keys are derived from its attributes."""
    yield
    check_fresh(LedgerTable)


def created(**attributes):
    """Store a task, and return it."""
    made = task(**attributes)
    made.create()
    return made


def numbers(found):
    """Return the numbers of tasks."""
    return [each.number for each in found]


# --- one item -------------------------------------------------------------------------


def test_create_refuses_an_existing_item():
    """The error has the stored item."""
    created(title="first")
    with pytest.raises(AlreadyExistsError, match="exists already; nothing was written") as caught:
        task(title="second").create()
    assert ("first", "first") == (caught.value.item["title"]["S"], Task.get(project="p", number=1).title)


def test_save_replaces_the_stored_item():
    """Derived keys are replaced also."""
    created(points=1, title="t")
    task(points=2).save()
    assert ("000002#0001", None) == (stored_item(task())["GSI1SK"]["S"], Task.get(project="p", number=1).title)


def test_an_update_is_followed_by_derived_keys():
    """The keys of indexes and the expiry are derived again."""
    made = created(points=1, title="t")
    made.update(points=7, state=State.DONE, due=MOMENT)
    assert ([1], []) == (numbers(tasks_by_points("p", 7, 7)), numbers(active_tasks("p")))
    assert "ttl" in stored_item(made)
    made.update(state=State.DOING, due=None)
    assert [1] == numbers(active_tasks("p"))
    assert "ttl" not in stored_item(made)


def test_actions_are_followed_too():
    """Keys are derived again after an addition, a removal, and actions on sets and lists."""
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
    """The condition compares the map that was read; for dynalite no maps are equal, so it refuses the update."""
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
    """An update of an item that does not exist or was deleted is an error."""
    with pytest.raises(Task.DoesNotExist, match="does not exist; nothing was written"):
        task().update(title="t")
    made = created()
    task().delete()
    with pytest.raises(Task.DoesNotExist):
        made.update(title="t")
    assert stored_item(made) is None


def test_a_stale_update_is_derived_anew():
    """The keys are derived from the other writer's values, in a second request."""
    stale = created(title="t")
    Task.get(project="p", number=1).update(state=State.DONE)
    with inject(LedgerTable) as injected:
        stale.update(title="u")
    assert 2 == injected.calls.count("UpdateItem")
    assert (State.DONE, "u", []) == (stale.state, stale.title, numbers(active_tasks("p")))


def test_stale_sums_both_count():
    """Both additions are applied, and the key holds the sum."""
    first = created(points=1)
    second = Task.get(project="p", number=1)
    first.update(actions=[Task.points.add(10)])
    second.update(actions=[Task.points.add(100)])
    assert (111, "000111#0001") == (second.points, stored_item(second)["GSI1SK"]["S"])


def test_writers_that_are_always_faster_end_in_an_error():
    """The number of attempts is limited."""
    made = created(points=0)
    rival = Task.get(project="p", number=1)
    with (
        inject(
            LedgerTable, Rival(lambda: rival.update(actions=[Task.points.add(1)]), operations={"UpdateItem"})
        ) as injected,
        pytest.raises(ConcurrentUpdateError, match=f"at each of {CONTENTION.attempts} attempts"),
    ):
        made.update(actions=[Task.points.add(1000)])
    assert (CONTENTION.attempts, CONTENTION.attempts) == (
        injected.calls.count("UpdateItem"),
        Task.get(project="p", number=1).points,
    )


def test_underivable_keys_are_refused():
    """An action whose keys cannot be derived is refused before sending."""
    made = created()
    with pytest.raises(KeyChangeError):
        made.update(number=2)
    with pytest.raises(StaleKeyError):
        task().update(actions=[Task.points.add(1)])


def test_delete_by_the_derived_key():
    """Deleting an item that does not exist is not an error."""
    made = created()
    made.delete()
    made.delete()
    assert [] == tasks("p").all()


# --- conditions -----------------------------------------------------------------------


def failed(error, write):
    """Return the error of a write whose condition is false; it is also PynamoDB's class, and has the item."""
    with pytest.raises(error) as caught:
        write()
    assert type(caught.value) is ConditionFailed
    return caught.value


def test_a_condition_of_save():
    """If the condition is false, the error is PynamoDB's PutError with the stored item."""
    made = created(points=1)
    made.save(condition=Task.points == 1)
    found = failed(PutError, lambda: made.save(condition=Task.points == 9))
    assert "1" == found.item["points"]["N"]


def test_a_condition_of_update():
    """If the condition is false, the error is PynamoDB's UpdateError with the stored item."""
    made = created(points=1)
    made.update(title="t", condition=Task.points == 1)
    found = failed(UpdateError, lambda: made.update(title="u", condition=Task.points == 9))
    assert ("t", "t") == (found.item["title"]["S"], Task.get(project="p", number=1).title)


def test_a_condition_of_delete():
    """If the condition is false, the error is PynamoDB's DeleteError, with the stored item if one exists."""
    made = created(points=1)
    found = failed(DeleteError, lambda: made.delete(condition=Task.points == 9))
    assert "1" == found.item["points"]["N"]
    made.delete(condition=Task.points == 1)
    assert failed(DeleteError, lambda: made.delete(condition=Task.points == 1)).item is None


@pytest.mark.parametrize("write", ["save", "update", "delete"])
def test_versions_conflict(write):
    """If another writer was faster, the error has the stored item."""
    doc = Doc(ident="1", text="a")
    doc.create()
    stale = Doc.get(ident="1")
    doc.update(text="b")
    acts = {"save": stale.save, "update": lambda: stale.update(text="c"), "delete": stale.delete}
    with pytest.raises(ConcurrentUpdateError, match="its version has changed") as caught:
        acts[write]()
    found = Doc.get(ident="1")
    assert (("b", doc.version), "b") == ((found.text, found.version), caught.value.item["text"]["S"])


def test_a_version_counts_on():
    """Every write raises the version, also an update without a lock."""
    doc = Doc(ident="1", text="a")
    doc.create()
    stale = Doc.get(ident="1")
    third = stale.version + 2
    doc.save()
    stale.update(text="c", add_version_condition=False)
    assert (third, third) == (stale.version, Doc.get(ident="1").version)


def test_mutate_reads_and_writes_until_it_was_first():
    """The function is called again with the item of the other writer."""
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
    """With a version, the write is conditional on the version."""
    doc = Doc(ident="1", text="a")
    doc.create()
    third = doc.version + 2
    Doc.get(ident="1").update(text="b")
    doc.mutate(lambda each: setattr(each, "text", each.text + "!"))
    assert ("b!", third) == (doc.text, doc.version)


def test_mutate_of_an_item_with_a_map_where_maps_compare(engine):
    """The whole item must be unchanged; for dynalite no maps are equal, so nothing is written."""
    made = created(detail={"a": "x"}, points=1)
    if engine == "dynalite":
        with pytest.raises(ConcurrentUpdateError):
            made.mutate(lambda each: setattr(each, "points", 2))
        assert 1 == Task.get(project="p", number=1).points
    else:
        made.mutate(lambda each: setattr(each, "points", 2))
        assert 2 == Task.get(project="p", number=1).points


def test_mutate_of_nothing():
    """The error reports that the item does not exist."""
    with pytest.raises(Task.DoesNotExist):
        task().mutate(lambda each: None)


# --- batches --------------------------------------------------------------------------


def test_more_items_than_one_request_takes():
    """Twenty-six puts and deletes take two requests each; more than a hundred gets work also."""
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
    """DynamoDB refuses duplicates in a request, so the batch folds them before."""
    with LedgerTable.batch() as batch:
        batch.put(task(title="a"), task(number=2), task(title="b"))
        batch.delete(task(number=2))
    assert (2, ["b"]) == (batch.folded, [each.title for each in tasks("p")])


def test_a_batch_reads_before_it_writes():
    """The gets return the items before the writes."""
    created(title="old")
    with LedgerTable.batch() as batch:
        batch.put(task(title="new"))
        batch.get(Task.item(project="p", number=1))
    assert ("old", "new") == (batch.items[0].title, Task.get(project="p", number=1).title)


def test_a_batch_refuses_versions():
    """A batch cannot check a version."""
    with pytest.raises(InvalidBatchError, match="has a version"), LedgerTable.batch() as batch:
        batch.put(Doc(ident="1"))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_thousand_items(workers):
    """A thousand items are written, read in pages, and deleted."""
    with LedgerTable.batch(workers=workers) as batch:
        batch.put_all(task(number=n, project=f"p{n % 10}", points=n) for n in range(1000))
    assert [100] * 10 == [tasks(f"p{n}").count() for n in range(10)]
    assert 1000 == sum(len(Task.scan(segment=n, segments=4).all()) for n in range(4))
    with LedgerTable.batch(workers=workers) as batch:
        batch.delete_all(task(number=n, project=f"p{n % 10}") for n in range(1000))
    assert [] == Task.scan().all()


# --- transactions ---------------------------------------------------------------------


def unavailable(act, operation):
    """Return the framework's error for a server without transactions."""
    with pytest.raises(RequestFailedError, match=f"^The server at http.* has no {operation}") as caught:
        act()
    assert (operation, "UnknownOperationException") == (caught.value.operation, caught.value.code)


def test_a_transaction_is_done_whole_or_named_as_missing(engine):
    """A server without transactions writes nothing."""

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
    assert [AlreadyExistsError, AlreadyExistsError] == [type(reason.error) for reason in caught.value.reasons]


def test_a_read_transaction_is_answered_or_named_as_missing(engine):
    """The items have the order of the requests."""
    created()

    def act():
        return LedgerTable.transact_get(Doc.item(ident="1"), Task.item(project="p", number=1))

    if engine == "dynalite":
        unavailable(act, "TransactGetItems")
        return
    absent, found = act()
    assert (None, 1) == (absent, found.number)


def test_a_move_is_done_or_named_as_missing(engine):
    """If the item cannot be moved, the old item is kept."""
    made = created(points=4)
    if engine == "dynalite":
        unavailable(lambda: made.move(number=2), "TransactWriteItems")
        assert [1] == numbers(tasks("p"))
        return
    made.move(number=2)
    assert [2] == numbers(tasks("p"))


# --- threads --------------------------------------------------------------------------


def test_eight_threads_lose_no_acknowledged_write():
    """Eight threads increment a number by conditional writes, and repeat each refused write."""
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
