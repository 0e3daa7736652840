"""Pickling: every error, request and plan can be sent to another process, with all parts that can be pickled."""

import copy
import copyreg
import multiprocessing
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

import pytest

from singletable import UnknownItem, errors, plan
from singletable.engine import embedded
from singletable.errors import (
    BatchIncompleteError,
    ConditionFailed,
    HandlersFailedError,
    InvalidBatchError,
    SingletableError,
    TransactionCancelled,
)
from singletable.requests import retry
from singletable.requests.batch_requests import Remainder
from singletable.requests.cancellation import CancellationReason
from singletable.testing.faults import Throttling, inject
from tests.framework import pooled
from tests.framework.app import START, Account, AppTable, Event, Level, event


def _through_a_pickle(value):
    return pickle.loads(pickle.dumps(value))


COPIES = pytest.mark.parametrize("again", [_through_a_pickle, copy.copy, copy.deepcopy])

EVERY_ERROR = [getattr(errors, name) for name in errors.__all__]


@COPIES
@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_message_and_its_parts(kind, again):
    """Each class of `singletable.errors` keeps its message and all declared parts in a pickle."""
    declared = {name for each in kind.__mro__ for name in vars(each).get("__annotations__", ())} - {"pending", "rest"}
    error = kind("It failed.", remedy="Fix it.", **{name: f"the {name}" for name in declared if name != "msg"})
    found = again(error)
    assert kind is type(found)
    assert str(error) == str(found) == "It failed. Fix it."
    assert vars(error) == vars(found)


def test_every_class_of_errors_is_public():
    """Every error class that a module of the package declares is in `__all__`."""
    modules = [import_module(each.name) for each in pkgutil.iter_modules(errors.__path__, f"{errors.__name__}.")]
    declared = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    assert {kind for kind in declared if issubclass(kind, SingletableError)} == set(EVERY_ERROR)


def test_an_error_drops_parts_that_cannot_be_pickled():
    """Such a part is None in the pickle and an exception becomes its name; a copy keeps both."""

    class Awkward(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    error = HandlersFailedError(
        "Two failed.", errors=(Awkward(1, 2), ValueError("three")), value=lambda: None, letters=()
    )
    found = _through_a_pickle(error)
    assert "A Awkward was raised, which cannot be pickled." == str(found.errors[0])
    assert "three" == str(found.errors[1])
    assert found.value is None
    assert error.value is copy.copy(error).value


class ByTwo(Exception):
    """An exception that can be pickled, but not unpickled."""

    def __init__(self, one, two):
        super().__init__(one)


def test_an_exception_that_cannot_be_made_again_is_replaced(monkeypatch):
    """An exception whose pickle cannot be read is replaced, because it would break a process pool."""
    # Dask changes the pickling of every exception class.
    monkeypatch.delitem(copyreg.dispatch_table, ByTwo, raising=False)
    assert SingletableError is type(_through_a_pickle(HandlersFailedError("One.", errors=(ByTwo(1, 2),))).errors[0])


def test_an_error_of_an_unimportable_entity_arrives_as_its_base():
    """The `DoesNotExist` of an entity within a function arrives as `ItemDoesNotExist`."""

    class Local(AppTable, abstract=True):
        pass

    assert AppTable.DoesNotExist is type(_through_a_pickle(Local.DoesNotExist("None.")))
    assert Account.DoesNotExist is type(_through_a_pickle(Account.DoesNotExist("None.")))


def test_the_error_of_a_failed_write_can_be_pickled(table):
    """The pickle keeps the stored item and the SDK's error as the cause."""
    Account(account_id="a1").create()
    with pytest.raises(ConditionFailed) as caught:
        Account(account_id="a1").create()
    assert caught.value.item == _through_a_pickle(caught.value).item
    assert "ConditionalCheckFailedException" == _through_a_pickle(caught.value).cause_response_code


def test_the_reasons_of_a_cancelled_transaction_can_be_pickled(table):
    """The pickle keeps their entities, errors and stored entities."""
    Account(account_id="a1").create()
    with pytest.raises(TransactionCancelled) as caught, AppTable.transaction() as transaction:
        transaction.create(Account(account_id="a1"))
    (reason,) = _through_a_pickle(caught.value).reasons
    assert CancellationReason is type(reason)
    assert ("create", "ConditionalCheckFailed") == (reason.verb, reason.code)
    assert "a1" == reason.entity.account_id == reason.current_item.account_id
    assert str(caught.value.reasons[0].error) == str(reason.error)


@pytest.fixture
def failed(table, monkeypatch):
    """Return a function that makes a failed batch of 40 from an iterable; it was throttled until it gave up."""
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)

    def fail(entities):
        with inject(AppTable, Throttling()), pytest.raises(BatchIncompleteError) as caught, AppTable.batch() as b:
            b.put_all(entities)
        return caught.value

    return fail


def accounts(count):
    return [Account(account_id=f"a{number}") for number in range(count)]


def test_a_failed_batch_is_resumed_from_a_pickle(failed, table):
    """The pickle has all operations that were taken from the iterable."""
    error = _through_a_pickle(failed(iter(accounts(26))))
    assert [f"a{number}" for number in range(25)] == [each.account_id for each in error.unprocessed]
    with AppTable.batch() as batch:
        batch.resume(error)
    assert 26 == len(AppTable.scan().all())


def test_a_pickle_of_a_failed_batch_raises_at_the_missing_rest(failed, table):
    """The copy raises when it reaches the rest, and the original goes on."""
    original = failed(iter(accounts(60)))
    error = _through_a_pickle(original)
    with pytest.raises(InvalidBatchError, match="The rest of the batch is in the process in which it failed"):
        list(error.rest)
    with AppTable.batch() as batch:
        batch.resume(original)
    assert 60 == len(AppTable.scan().all())


def test_a_pickle_of_a_failed_batch_without_importable_entities_raises_when_it_is_resumed():
    """The copy raises an error, because operations are left."""
    error = BatchIncompleteError("It failed.", pending=iter(lambda: None, 1), unprocessed=(lambda: None, 1))
    found = _through_a_pickle(error)
    assert (None, 1) == found.unprocessed
    with pytest.raises(InvalidBatchError, match="The rest of the batch"):
        next(found.pending)


def test_an_iterable_that_fails_is_not_taken_for_one_that_ended():
    """A copy raises if the iterable failed when the pickle looked for one more operation."""

    def failing():
        raise ZeroDivisionError
        yield

    with pytest.raises(InvalidBatchError, match="The rest of the batch"):
        list(_through_a_pickle(Remainder([], failing())))
    assert [] == list(_through_a_pickle(Remainder([], iter(()))))


REQUESTS = [
    Account.item(account_id="a1", consistent=True),
    Account.query(account_id="a1"),
    Account.by_email.query(email="x", limit=3),
    Event.query(Event.seq.between(1, 3), account_id="a1", filter=(Event.note == "x") & Event.tags.exists()),
    Event.by_day.query(Event.at.between(START, START), descending=True),
    Event.scan(filter=(Event.level == Level.WARN) | ~Event.detail["a"].exists(), segments=2),
    AppTable.scan(limit=1),
    AppTable.collection(Account, Event, account_id="a1"),
]


@COPIES
@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
def test_a_request_keeps_its_arguments(request_, again):
    """Copies of Get, Query and Scan send the same request and load entities."""
    found = again(request_)
    assert request_.params() == found.params()
    assert repr(request_) == repr(found)
    assert request_.target == found.target


def plans():
    """A write of each kind, with and without a condition."""
    known = Event._from_item(event(1, note="old").serialize())
    return [
        plan.create(event(1)),
        plan.save(event(1), Event.note == "x"),
        plan.update(event(1), note="new"),
        plan.update(known, [Event.seq.set(1), Event.note.set(Event.note | "x"), Event.tags.add({"t"})]),
        plan.delete(known, Event.note.startswith("o")),
        plan.check(event(1), Event.level.is_in(Level.WARN, Level.INFO)),
    ]


@COPIES
@pytest.mark.parametrize("number", range(6))
def test_a_plan_keeps_its_request(number, again):
    """Copies of create, save, update, delete and check have the same request."""
    write = plans()[number]
    found = again(write)
    assert write.params() == found.params()
    assert vars(write.entity) == vars(found.entity)
    assert repr(write) == repr(found)


def test_a_transaction_can_be_pickled_before_it_is_sent(table):
    """The copy keeps the token, and is sent through the table class."""
    transaction = AppTable.transaction(token="t1")
    transaction.create(Account(account_id="a1"))
    _through_a_pickle(transaction).send()
    assert "a1" == Account.get(account_id="a1").account_id


def test_an_entity_can_be_pickled_in_the_middle_of_a_transaction_of_pynamodbs():
    """The function that PynamoDB leaves in the entity stays out of the pickle."""
    account = Account(account_id="a1")
    account.get_save_kwargs_from_instance()
    assert account.serialize() == _through_a_pickle(account).serialize()


def test_a_pickle_holds_neither_a_connection_nor_a_value_of_a_setting(table):
    """The pickle holds only the table class, by its name, and the table's place."""
    with AppTable.bind(credentials=("access-key", "secret-key", None), extra_headers={"x-secret": "secret-header"}):
        text = pickle.dumps([*REQUESTS, *plans(), Account.item(account_id="a1")])
    assert [] == [each for each in (b"botocore", b"Lock", b"access-key", b"secret") if each in text]


def test_an_unknown_item_can_be_pickled():
    """An item that `unknown="yield"` gives can be pickled."""
    unknown = UnknownItem("X", ("p", "s"), {"PK": {"S": "p"}})
    assert unknown == _through_a_pickle(unknown)


def test_an_error_and_a_plan_cross_to_another_process():
    """Both process pools of the standard library carry errors and plans."""
    spawn = multiprocessing.get_context("spawn")
    with embedded(AppTable), ProcessPoolExecutor(1, mp_context=spawn, initializer=pooled.start) as pool:
        with pytest.raises(Account.DoesNotExist, match=r"No Account\.") as caught:
            pool.submit(pooled.fail).result()
        assert caught.value.held is None
        assert "here" == pool.submit(pooled.send_here, Account.item(account_id="a1")).result()
        write = plan.update(event(1), note="new")
        assert (write.params(), "new") == pool.submit(pooled.change_here, write).result()
    with spawn.Pool(1) as workers, pytest.raises(Account.DoesNotExist, match=r"No Account\."):
        workers.apply(pooled.fail)
