"""A caller's token identifies operations, even if their times, ids and versions differ when they are made again."""

from uuid import uuid4

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute, VersionAttribute

from singletable import CreatedAtAttribute, Expiry, Key, Table, UpdatedAtAttribute
from singletable.engine import embedded
from singletable.errors import AlreadyExistsError, RequestFailedError, TransactionCancelled
from singletable.testing import LostResponse, inject


class TokenTable(Table):
    class Meta:
        table_name = "tokens"


class Plain(TokenTable, discriminator="PLAIN"):
    ident = UnicodeAttribute(attr_name="id")
    total = NumberAttribute(default_for_new=0)

    key = Key(pk="PLAIN#{ident}", sk="PLAIN")


class Order(TokenTable, discriminator="ORDER"):
    class Meta:
        write_token = "writeToken"

    ident = UnicodeAttribute(attr_name="id", default_for_new=lambda: uuid4().hex)
    total = NumberAttribute(default_for_new=0)
    note = UnicodeAttribute(null=True)
    made_at = CreatedAtAttribute(attr_name="madeAt")
    changed_at = UpdatedAtAttribute(attr_name="changedAt")
    ends_at = UTCDateTimeAttribute(attr_name="endsAt", null=True)
    version = VersionAttribute()

    key = Key(pk="ORDER#{ident}", sk="ORDER")
    expires_at = Expiry(after="ends_at")


@pytest.fixture(autouse=True)
def table():
    with embedded(TokenTable):
        yield


def raw():
    """Return all stored items, including the framework's own."""
    return TokenTable._get_connection().connection.client.scan(TableName="tokens")["Items"]


def place(token, **values):
    """Run a Lambda function that may be called again with the same event."""
    order = Order(**values)
    with TokenTable.transaction(token=token) as transaction:
        transaction.create(order)
        transaction.upsert(Plain(ident="orders"), actions=[Plain.total.add(1)])
    return order


def add(token, ident, amount, **options):
    order = Order.get(ident=ident)
    with TokenTable.transaction(token=token) as transaction:
        transaction.update(order, actions=[Order.total.add(amount)], **options)
    return order


def test_operations_that_are_planned_again_are_applied_once():
    """Id, time, write token and version may differ. The instance then has the values of the first call."""
    first, second = place("event-1"), place("event-1")
    assert first == second
    assert [first] == Order.scan().all()
    assert 1 == Plain.get(ident="orders").total


def test_an_update_that_is_planned_again_is_applied_once():
    """The second update read another version."""
    ident = place("event-1").ident
    assert (2, 2, 4) == (add("a", ident, 2).total, add("a", ident, 2).total, add("b", ident, 2).total)


def test_a_delete_needs_nothing_but_the_key_of_an_instance():
    ident = place("event-1").ident
    for order in (Order.get(ident=ident, only=("total",)), Order(ident=ident)):
        with TokenTable.transaction(token="a") as transaction:
            transaction.delete(order)
    assert Order.scan().all() == []


@pytest.mark.parametrize("values", [{"total": 1}, {"note": "x"}, {"ident": "given"}])
def test_other_operations_are_refused(values):
    """A value from the caller is part of the operation, even if the class could generate it."""
    place("event-1")
    with pytest.raises(
        RequestFailedError, match="was used for another transaction. Give each transaction a token"
    ) as caught:
        place("event-1", **values)
    assert "IdempotentParameterMismatchException" == caught.value.code
    assert 1 == len(Order.scan().all())
    assert 1 == Plain.get(ident="orders").total


def test_a_given_id_is_the_same_operation_again():
    """Another id is another operation."""
    assert place("event-1", ident="x") == place("event-1", ident="x")
    with pytest.raises(RequestFailedError):
        place("event-1", ident="y")
    with pytest.raises(RequestFailedError):
        place("event-1")


def test_other_amounts_conditions_and_verbs_are_refused():
    """Each is part of the digest."""
    ident = place("event-1").ident
    add("a", ident, 2)
    for act in (
        lambda: add("a", ident, 3),
        lambda: add("a", ident, 2, condition=Order.total == 0),
        lambda: place("a"),
    ):
        with pytest.raises(RequestFailedError, match="was used for another transaction"):
            act()
    with pytest.raises(RequestFailedError), TokenTable.transaction(token="a") as transaction:
        transaction.delete(Order.get(ident=ident))
    assert 2 == Order.get(ident=ident).total


def test_a_record_outlives_the_engines_memory_of_tokens(monkeypatch):
    """DynamoDB forgets a token after ten minutes; the record does not."""
    first = place("event-1")
    monkeypatch.setattr("singletable.engine.transactions.Transactions.__call__", forgetful)
    assert first == place("event-1")
    assert 1 == Plain.get(ident="orders").total
    with pytest.raises(RequestFailedError, match="was used for another transaction"):
        place("event-1", total=5)


def forgetful(self, event_name, request, **kwargs):
    self._answered.clear()
    return TRANSACTIONS(self, event_name, request, **kwargs)


TRANSACTIONS = __import__("singletable.engine.transactions", fromlist=["x"]).Transactions.__call__


def test_a_cancelled_transaction_leaves_no_record():
    """Its token can be used again for the same transaction, when no condition fails."""
    taken = Order(ident="x")
    taken.create()
    with pytest.raises(TransactionCancelled) as caught:
        place("event-1", ident="x")
    assert [AlreadyExistsError, type(None)] == [type(each.error) for each in caught.value.reasons]
    taken.delete()
    assert "x" == place("event-1", ident="x").ident
    assert 1 == Plain.get(ident="orders").total


def test_an_item_that_was_deleted_since_is_not_brought_back():
    """The instance knows that the item is not stored."""
    place("event-1").delete()
    again = place("event-1")
    assert [] == Order.scan().all()
    again.create()
    assert [again] == Order.scan().all()


def test_a_lost_answer_is_a_repeat_like_any_other():
    """Both the SDK and the caller may send the same request again."""
    with inject(TokenTable, LostResponse()):
        first = place("event-1")
    assert first == place("event-1")
    assert 1 == Plain.get(ident="orders").total


def test_a_record_is_of_the_framework_and_expires():
    """Reads of entities skip it, and DynamoDB deletes it a day later if the table has a time to live."""
    place("event-1")
    (record,) = [each for each in raw() if each["entityType"]["S"].startswith("singletable:")]
    assert {"S": "SINGLETABLE#TOKEN#event-1"} == record["PK"]
    assert {"PK", "SK", "entityType", "token", "digest", "keys", "appliedAt", "ttl"} == record.keys()
    assert 2 == TokenTable.scan().count()


def test_operations_without_such_values_need_no_record():
    """DynamoDB compares the requests, which are equal."""
    for _ in range(2):
        with TokenTable.transaction(token="event-1") as transaction:
            transaction.put(Plain(ident="x", total=1))
    assert 1 == len(raw())
    with TokenTable.transaction() as transaction:
        transaction.create(Order())
    assert 2 == len(raw())


def test_the_request_shows_the_record():
    """The record is the last operation, and the request has the caller's token."""
    transaction = TokenTable.transaction(token="event-1")
    transaction.create(Order(ident="x"))
    params = transaction.params()
    assert "event-1" == params["ClientRequestToken"]
    assert {"S": "SINGLETABLE#TOKEN#event-1"} == params["TransactItems"][-1]["Put"]["Item"]["PK"]
    assert 1 == len(transaction)
