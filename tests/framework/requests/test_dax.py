"""DAX: the requests that go to the cluster, equal results for the caller, and the fallback if it is out of reach."""

import gc
import logging
import socket
import sys
import threading
from datetime import timedelta

import attrs
import pytest
from amazondax.DaxError import DaxServiceError
from botocore.exceptions import ClientError

from singletable import Table, measure
from singletable.engine import embedded
from singletable.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    CredentialsMissingError,
    EndpointUnreachableError,
    EngineUnavailableError,
    NoResponseError,
    RequestFailedError,
    SingletableError,
    ThrottledError,
    UnexpectedAttributesError,
)
from singletable.models.binding.binding import connection_of, pinned
from singletable.requests import Settings, dax, retry
from singletable.requests.dax import goes_to_cluster
from singletable.requests.endpoints import endpoints_of
from singletable.requests.sending import send
from singletable.steps import run
from singletable.testing.invariants import scan_raw
from tests.framework.app import START, Account, AppTable, Event, Level, Setting, event
from tests.framework.requests.cluster import ENDPOINT, clustered, dax_of, service_error, throttled, unreachable


@pytest.fixture
def cluster(table, monkeypatch):
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    with clustered(AppTable, monkeypatch) as found:
        yield found


@pytest.fixture
def clock(monkeypatch):
    """The time of the fallback, in seconds: a list of one number."""
    now = [1000.0]
    monkeypatch.setattr(dax, "monotonic", lambda: now[0])
    return now


# --- the rule -------------------------------------------------------------------------

KEY = {"PK": {"S": "ACCOUNT#a"}, "SK": {"S": "ACCOUNT"}}


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("GetItem", {"Key": KEY}, True),
        ("GetItem", {"Key": KEY, "ConsistentRead": False}, True),
        ("GetItem", {"Key": KEY, "ConsistentRead": True}, False),
        ("Query", {"IndexName": "GSI1"}, True),
        ("Query", {"ConsistentRead": True}, False),
        ("BatchGetItem", {"RequestItems": {"app": {"Keys": [KEY], "ConsistentRead": False}}}, True),
        ("BatchGetItem", {"RequestItems": {"app": {"Keys": [KEY], "ConsistentRead": True}}}, False),
        ("PutItem", {}, True),
        ("UpdateItem", {}, True),
        ("DeleteItem", {}, True),
        ("BatchWriteItem", {"RequestItems": {"app": [{"DeleteRequest": {"Key": KEY}}]}}, True),
        ("TransactWriteItems", {}, True),
        ("TransactGetItems", {}, False),
        ("Scan", {}, False),
        ("Scan", {"IndexName": "GSI1"}, False),
        ("ExecuteStatement", {}, False),
        ("BatchExecuteStatement", {}, False),
        ("DescribeTable", {}, False),
        ("UpdateTable", {}, False),
        ("UpdateTimeToLive", {}, False),
    ],
)
def test_where_a_request_goes(operation, params, expected):
    """Only the operation and its consistency decide."""
    assert expected == goes_to_cluster(operation, params)


def test_what_an_application_asks_goes_where_the_rule_says(cluster):
    """Eventually consistent reads and writes of models go to the cluster, all other requests to the table."""
    account = Account(account_id="a", email="e")
    account.create()
    account.update(email="f")
    Account.get(account_id="a")
    Account.by_email.get(email="f")
    list(AppTable.batch_get([Account.item(account_id="a")]))
    with AppTable.batch() as batch:
        batch.put(event(1))
    with AppTable.transaction() as transaction:
        transaction.create(event(2))
    account.delete()
    assert [
        *("PutItem", "UpdateItem", "GetItem", "Query", "BatchGetItem"),
        *("BatchWriteItem", "TransactWriteItems", "DeleteItem"),
    ] == cluster.operations
    assert [] == cluster.table

    cluster.asked.clear()
    event(1).refresh(consistent=True)
    Event.query(account_id="a1", consistent=True).all()
    list(AppTable.batch_get([Event.item(account_id="a1", seq=1)], consistent=True))
    AppTable.transact_get(Event.item(account_id="a1", seq=1))
    list(AppTable.scan())
    assert AppTable.exists()
    assert [] == cluster.operations
    assert ["GetItem", "Query", "BatchGetItem", "TransactGetItems", "Scan", "DescribeTable"] == cluster.table


def test_statements_go_to_the_table(cluster):
    """A cluster does not support PartiQL."""
    Account(account_id="a").create()
    statement = 'SELECT * FROM "app" WHERE "PK" = ?'
    params = {"Statement": statement, "Parameters": [KEY["PK"]]}
    answer = run(send(connection_of(AppTable), "ExecuteStatement", params))
    assert 1 == len(answer["Items"])
    assert (["PutItem"], ["ExecuteStatement"]) == (cluster.operations, cluster.table)


# --- the same results for the caller ---------------------------------------------------


def writes():
    account = Account(account_id="a", email="e")
    account.create()
    account.update(email="f")
    account.update(actions=[Account.visits.add(2)])
    account.update(actions=[Account.email.remove()], condition=Account.visits == 2)
    account.save()
    event(1, note="n", tags={"x", "y"}, detail={"deep": [1, {"er": None}], "": b"\x00"}).create()
    Event.get(account_id="a1", seq=1).update(level=Level.ERROR, at=START + timedelta(days=9))
    return account


def reads():
    for number in range(12):
        event(number, note="same").create()
    found = [Event.get(account_id="a1", seq=3), *Event.query(account_id="a1", limit=5, descending=True)]
    page = Event.query(account_id="a1").page(size=5)
    found += [*page, *Event.query(account_id="a1").page(size=5, cursor=page.cursor)]
    found += Event.query(Event.seq.between(2, 4), account_id="a1")
    found += Event.query(account_id="a1", filter=(Event.level == Level.WARN) & Event.note.exists())
    found += Event.query(account_id="a1", filter=~Event.note.is_in("other", "more") | Event.note.contains("x"))
    found += Event.urgent.query(level=Level.WARN)
    found += Event.by_day.query(at=START)
    return found, Event.query(account_id="a1").count()


def batches():
    with AppTable.batch() as batch:
        for number in range(60):
            batch.put(event(number))
    with AppTable.batch() as batch:
        for number in range(0, 60, 2):
            batch.delete(event(number))
    keys = [Event.item(account_id="a1", seq=number) for number in range(60)]
    return list(AppTable.batch_get(keys)), Event.query(account_id="a1").count()


def transactions():
    account, gone = Account(account_id="a"), event(9)
    account.create()
    gone.create()
    with AppTable.transaction() as transaction:
        transaction.create(event(1))
        transaction.update(account, actions=[Account.visits.add(1)], condition=Account.visits == 0)
        transaction.delete(gone)
        transaction.check(Setting(account_id="a", name="n"), Setting.name.does_not_exist())
    return AppTable.transact_get(Account.item(account_id="a"), Event.item(account_id="a1", seq=1)), account


def created_twice():
    Account(account_id="a", email="first").create()
    Account(account_id="a").create()


def condition_failed():
    account = Account(account_id="a", visits=1)
    account.create()
    account.update(email="e", condition=Account.visits > 5)


def update_of_nothing():
    Account(account_id="a").update(email="e")


def get_of_nothing():
    Account.get(account_id="a")


def delete_refused():
    account = Account(account_id="a", visits=1)
    account.create()
    account.delete(Account.visits == 7)


def canceled():
    Account(account_id="a", visits=3).create()
    with AppTable.transaction() as transaction:
        transaction.create(event(1))
        transaction.create(Account(account_id="a"))
        transaction.check(Account(account_id="a"), Account.visits == 9)


def key_changed_by_another():
    one = event(1)
    one.create()
    Event.get(account_id="a1", seq=1).update(level=Level.ERROR)
    one.update(at=START)
    return one


BEHAVIORS = (
    *(writes, reads, batches, transactions, key_changed_by_another),
    *(created_twice, condition_failed, update_of_nothing, get_of_nothing, delete_refused, canceled),
)


def outcome(behavior):
    """Return the result or the error of a behavior, and the items stored after it."""
    try:
        told = repr(behavior())
    except SingletableError as error:
        reasons = [(each.code, str(each.error), each.position) for each in getattr(error, "reasons", ())]
        told = (type(error).__name__, str(error), getattr(error, "item", None), reasons)
    return told, sorted(scan_raw(AppTable), key=repr)


@pytest.mark.parametrize("behavior", BEHAVIORS, ids=[each.__name__ for each in BEHAVIORS])
def test_results_and_errors_are_those_of_the_table(behavior, cluster):
    """A behavior has the same outcome on a table without a cluster."""
    with embedded(AppTable):
        expected = outcome(behavior)
    assert expected == outcome(behavior)
    assert cluster.asked


def test_a_failed_condition_asks_the_cluster_once_and_the_table_for_the_item(cluster):
    """The client cannot return the item, so that the current item is read consistently."""
    Account(account_id="a", email="there").create()
    cluster.asked.clear()
    with pytest.raises(AlreadyExistsError) as caught:
        Account(account_id="a").create()
    assert {"S": "there"} == caught.value.item["email"]
    assert (["PutItem"], ["GetItem"]) == (cluster.operations, cluster.table)


def test_no_item_is_asked_for_where_the_client_has_no_way_to_give_it(cluster):
    """Neither a single write nor a part of a transaction requests the item; the caller's arguments do not change."""
    with AppTable.transaction() as transaction:
        transaction.create(event(1))
        sent = transaction.params()
    event(2).create()
    assert "ReturnValuesOnConditionCheckFailure" in repr(sent)
    assert "ReturnValuesOnConditionCheckFailure" not in repr(cluster.asked)


def test_the_arguments_of_a_batch_stay_as_they_are(cluster):
    """The client changes the requests that it is given."""
    request = {"PutRequest": {"Item": {**KEY, "entityType": {"S": "ACCOUNT"}, "accountId": {"S": "a"}}}}
    send(connection_of(AppTable), "BatchWriteItem", {"RequestItems": {"app": [request]}})
    assert {"Item"} == set(request["PutRequest"])


def test_a_put_that_was_left_undone_is_sent_again_with_its_key(cluster):
    """The client loses the key."""
    Event(account_id="a1", seq=50, at=START).create()
    cluster.asked.clear()
    cluster.unprocessed = 3
    with AppTable.batch() as batch:
        batch.delete(event(50))
        for number in range(10):
            batch.put(event(number))
    again = cluster.asked[1][1]["RequestItems"]["app"]
    assert 3 == len(again)
    assert list(range(10)) == [each.seq for each in Event.query(account_id="a1")]


def test_where_it_cannot_be_told_which_put_was_left_all_are_sent_again(cluster):
    """No put is lost, however the client changes the items."""
    sent = [{"PutRequest": {"Item": {**KEY, "SK": {"S": str(number)}}}} for number in range(3)]
    assert sent == dax._undone(sent, [{"PutRequest": {"Item": {"other": {"S": "x"}}}}])
    assert sent[:1] == dax._undone(sent, [{"PutRequest": {"Item": {"SK": {"S": "0"}}}}])


def test_capacity_that_a_cluster_does_not_report_counts_as_none():
    """A cache hit consumes no units of the table."""
    from singletable.requests.metering import record

    with measure() as usage:
        record("GetItem", {}, {"Item": KEY}, metered=True)
    assert (1, 0.0) == (usage.requests, usage.read_units)


# --- faults of the cluster ------------------------------------------------------------


def warnings_of(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def test_out_of_reach_warns_once_and_goes_to_the_table(cluster, clock, caplog):
    """Reads and writes do; the warning shows no value of an item, and the cluster gets no request for a while."""
    cluster.reachable = False
    Account(account_id="secret", email="e").create()
    assert "e" == Account.get(account_id="secret").email
    Account.get(account_id="secret").update(email="f")
    [warning] = warnings_of(caplog)
    assert (
        f"The DAX cluster {ENDPOINT} is out of reach (NoRouteException): requests go to the table 'app'; the cluster is"
        " tried again every 30 seconds."
    ) == warning
    assert (1, []) == (cluster.made, cluster.operations)
    assert ["PutItem", "GetItem", "GetItem", "UpdateItem"] == cluster.table


def test_the_cluster_is_tried_again(cluster, clock, caplog):
    """One request tries it after 30 seconds. If it answers, all requests go there, and the next fault warns again."""
    cluster.reachable = False
    Account(account_id="a").create()
    clock[0] += 29.9
    Account.get(account_id="a")
    assert 1 == cluster.made
    clock[0] += 0.2
    Account.get(account_id="a")
    Account.get(account_id="a")
    assert 2 == cluster.made
    assert 1 == len(warnings_of(caplog))
    clock[0] += 30.1
    cluster.reachable = True
    with caplog.at_level(logging.INFO, "singletable"):
        Account.get(account_id="a")
        Account.get(account_id="a")
    assert ["GetItem"] * 2 == cluster.operations
    assert f"The DAX cluster {ENDPOINT} answers again." == caplog.messages[-1]
    cluster.reachable = False
    Account.get(account_id="a")
    assert 2 == len(warnings_of(caplog))


def test_a_refusal_is_an_answer_too(cluster, clock):
    """A cluster that reports a failed condition is within reach again."""
    cluster.reachable = False
    Account(account_id="a").create()
    clock[0] += 31
    cluster.reachable = True
    with pytest.raises(AlreadyExistsError):
        Account(account_id="a").create()
    Account.get(account_id="a")
    assert ["PutItem", "GetItem"] == cluster.operations


def test_others_do_not_wait_while_one_tries_again(cluster, clock):
    """The other requests go to the table immediately."""
    cluster.reachable = False
    Account(account_id="a").create()
    clock[0] += 31
    waiting, trying = threading.Event(), threading.Event()

    def start():
        trying.set()
        assert waiting.wait(5)
        raise unreachable()

    cluster.start = start
    thread = threading.Thread(target=Account.get, kwargs={"account_id": "a"})
    thread.start()
    assert trying.wait(5)
    assert "a" == Account.get(account_id="a").account_id
    assert thread.is_alive()
    waiting.set()
    thread.join()


def test_many_threads_make_one_client(cluster):
    """All of their requests use it."""
    Account(account_id="a").create()
    connection_of(AppTable)
    threads = [threading.Thread(target=Account.get, kwargs={"account_id": "a"}) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (1, 9) == (cluster.made, len(cluster.operations))


LOST = {
    "closed": ConnectionResetError(),
    "late": TimeoutError(),
    "no more data": DaxServiceError.from_no_more_data_exception("PutItem", None),
    "in recovery": DaxServiceError("PutItem", "", [2, 5], "id", None, 500),
    "internal": DaxServiceError("PutItem", "", [3, 37, 54], "id", None, 500),
    "nonsense": KeyError(7),
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("applied", [True, False])
def test_a_write_whose_fate_is_unknown_is_not_sent_twice(cluster, fault, applied):
    """It goes neither to the cluster nor to the table; the error reports that it may have been applied."""
    account = Account(account_id="a", visits=1)
    account.create()
    cluster.asked.clear()
    cluster.faults = [("applied", fault) if applied else fault]
    with pytest.raises(
        NoResponseError, match=f"No answer to UpdateItem on 'app' came from {ENDPOINT}.*may have been applied"
    ):
        account.update(actions=[Account.visits.add(1)])
    assert (["UpdateItem"], []) == (cluster.operations, cluster.table)
    assert (2 if applied else 1) == Account.get(account_id="a", consistent=True).visits


def test_a_transaction_whose_fate_is_unknown_is_not_sent_twice(cluster):
    cluster.faults = [("applied", ConnectionResetError())]
    with pytest.raises(NoResponseError, match="No answer to TransactWriteItems"), AppTable.transaction() as transaction:
        transaction.create(event(1))
    assert (["TransactWriteItems"], []) == (cluster.operations, cluster.table)


@pytest.mark.parametrize("fault", [ConnectionRefusedError(), unreachable()], ids=["refused", "no route"])
def test_a_write_that_was_not_sent_goes_to_the_table(cluster, fault, caplog):
    cluster.faults = [fault]
    Account(account_id="a").create()
    assert (["PutItem"], ["PutItem"]) == (cluster.operations, cluster.table)
    assert 1 == len(warnings_of(caplog))


@pytest.mark.parametrize("fault", [each for name, each in LOST.items() if name != "late"])
def test_a_read_that_fails_is_asked_of_the_cluster_once_more_and_then_of_the_table(cluster, fault, caplog):
    """A connection that was idle for too long does not mean that the cluster is down."""
    Account(account_id="a").create()
    cluster.asked.clear()
    cluster.faults = [fault]
    Account.get(account_id="a")
    assert (["GetItem"] * 2, [], []) == (cluster.operations, cluster.table, warnings_of(caplog))
    cluster.faults = [fault, fault]
    Account.get(account_id="a")
    assert (["GetItem"], 1) == (cluster.table, len(warnings_of(caplog)))


def test_a_read_without_an_answer_in_time_is_not_waited_for_twice(cluster):
    Account(account_id="a").create()
    cluster.asked.clear()
    cluster.faults = [TimeoutError()]
    Account.get(account_id="a")
    assert (["GetItem"], ["GetItem"]) == (cluster.operations, cluster.table)


def test_a_late_write_leaves_the_cluster_alone_for_a_while(cluster, clock, caplog):
    """Otherwise each of the next writes would wait as long."""
    account = Account(account_id="a")
    cluster.faults = [TimeoutError()]
    with pytest.raises(NoResponseError, match="ReadTimeoutError"):
        account.create()
    account.create()
    assert (["PutItem"], 1) == (cluster.table, len(warnings_of(caplog)))


def test_what_is_throttled_is_sent_again_as_botocore_does(cluster):
    """It is sent to the cluster up to `max_attempts` times, because it was not applied; then it raises."""
    cluster.faults = [throttled(), throttled()]
    Account(account_id="a").create()
    assert ["PutItem"] * 3 == cluster.operations
    cluster.faults = [throttled()] * 4
    with pytest.raises(ThrottledError, match="GetItem on 'app' was throttled"):
        Account.get(account_id="a")
    assert ["PutItem"] * 3 + ["GetItem"] * 4 == cluster.operations
    assert [] == cluster.table


def test_credentials_that_the_cluster_refuses_are_told(cluster):
    """The cluster does not count as out of reach."""
    error = DaxServiceError("PutItem", "no", [4, 23, 31, 33], "id", None, 400)
    cluster.faults = [error]
    with pytest.raises(AccessDeniedError, match="PutItem on 'app' is not allowed"):
        Account(account_id="a").create()
    cluster.start = lambda: (_ for _ in ()).throw(error)
    dax_of(AppTable)._client = None
    with pytest.raises(AccessDeniedError, match="PutItem on 'app' is not allowed"):
        Account(account_id="a").create()


def test_what_the_client_refuses_is_told(cluster):
    """The client's checks count as those of DynamoDB."""
    with pytest.raises(RequestFailedError, match=r"PutItem on 'app' failed \(ValidationException\)"):
        run(send(connection_of(AppTable), "PutItem", {"TableName": "app", "Item": "no item"}))
    assert [] == cluster.table


def test_reasons_are_as_botocore_gives_them():
    """They are built from the flat codes, messages and items that a node sends."""
    code = "TransactionCanceledException"
    reasons = [{"Code": None}, {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}]
    error = service_error("TransactWriteItems", {"Error": {"Code": code}, "CancellationReasons": reasons})
    told = dax._as_botocore_error(error, "TransactWriteItems", {"TransactItems": [{}, {}]}).response
    assert [{"Code": "None"}, reasons[1]] == told["CancellationReasons"]


def test_reasons_that_cannot_be_read_are_none():
    """The transaction still counts as canceled."""
    error = service_error("TransactWriteItems", {"Error": {"Code": "TransactionCanceledException", "Message": "no"}})
    error.cancellation_reasons = ["ConditionalCheckFailed"]
    told = dax._as_botocore_error(error, "TransactWriteItems", {"TransactItems": [{}, {}]})
    assert isinstance(told, ClientError)
    assert "CancellationReasons" not in told.response


# --- the real client, and a port without a server -----------------------------


@pytest.fixture
def closed():
    """Return an endpoint without a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.mark.parametrize("scheme", ["dax://", "daxs://", ""])
def test_the_real_client_finds_nobody(table, closed, scheme, caplog):
    """No part of the client is replaced."""
    settings = AppTable.bound()
    fields = {field.name: getattr(settings, field.name) for field in attrs.fields(Settings)}
    with pinned(AppTable, **{**fields, "dax_endpoints": scheme + closed}):
        Account(account_id="a").create()
        assert "a" == Account.get(account_id="a").account_id
    assert 1 == len([each for each in warnings_of(caplog) if each.startswith("The DAX cluster")])


def test_the_client_gets_what_the_connection_has(table, monkeypatch):
    """It gets credentials, region and time-outs; it waits a second for a node, and does not retry."""
    with clustered(AppTable, monkeypatch, connect_timeout=9, read_timeout=7) as cluster:
        Account(account_id="a").create()
        client = dax_of(AppTable)._client
        region, endpoints, credentials, *_ = cluster.arguments["positional"]
        config = client._client_config
        assert ("us-east-1", [ENDPOINT], "embedded") == (region, endpoints, credentials.access_key)
        assert (1.0, 7, {"max_attempts": 0}) == (config.connect_timeout, config.read_timeout, config.retries)


def test_the_client_is_closed_with_the_connection(table, monkeypatch):
    """Its threads end."""
    with clustered(AppTable, monkeypatch) as cluster:
        Account(account_id="a").create()
        assert 0 == cluster.closed
    gc.collect()
    assert 1 == cluster.closed


def test_missing_credentials_are_no_cluster_out_of_reach(cluster, monkeypatch):
    found = dax_of(AppTable)
    monkeypatch.setattr(found._session, "get_credentials", lambda: None)
    with pytest.raises(CredentialsMissingError, match="No usable AWS credentials"):
        Account.get(account_id="a")


def test_a_missing_region_is_told(monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with AppTable.bind(dax_endpoints=ENDPOINT):
        with pytest.raises(CredentialsMissingError, match="No AWS region is set"):
            Account.get(account_id="a")


# --- declaring a cluster ---------------------------------------------------------------------


class Cached(Table):
    class Meta:
        table_name = "cached"
        region = "eu-west-1"
        dax_endpoints = "daxs://cached.test"


def test_meta_names_the_cluster():
    """Meta has one text or several."""
    assert ("daxs://cached.test",) == connection_of(Cached).connection.settings.dax_endpoints
    assert ("a:1", "b:2") == endpoints_of(["a:1", "b:2"])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("daxs://cached.test",)),
        ({"max_attempts": 2}, ("daxs://cached.test",)),
        ({"table_name": "cached", "region": "eu-west-1"}, ("daxs://cached.test",)),
        ({"table_name": "other"}, ()),
        ({"region": "us-east-1"}, ()),
        ({"endpoint_url": "http://127.0.0.1:8000"}, ()),
        ({"credentials": ("x", "y", None)}, ()),
        ({"dax_endpoints": ()}, ()),
        ({"table_name": "other", "dax_endpoints": ["dax://a", "dax://b"]}, ("dax://a", "dax://b")),
    ],
)
def test_a_binding_to_another_place_leaves_the_cluster_of_meta(settings, expected):
    """The cluster caches Meta's table."""
    with Cached.bind(**settings) as binding:
        assert expected == binding.settings.dax_endpoints
        assert bool(expected) == bool(connection_of(Cached).connection.around)


def test_the_embedded_engine_has_no_cluster():
    """It ignores the endpoints of Meta."""
    with embedded(Cached):
        assert () == connection_of(Cached).connection.around
        assert Cached.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://host",
        "dax://",
        "dax://host:port",
        "dax://host/path",
        "host:0",
        "host",
        "a b:1",
        "dax://u:p@host",
        "[::1]:1",
        7,
    ],
)
def test_a_bad_endpoint_is_told_when_the_table_is_bound(text):
    """The error has the value and the valid forms."""
    with pytest.raises(
        EndpointUnreachableError, match="is not an endpoint of a DAX cluster. Write for example daxs://"
    ) as caught:
        Cached.bind(dax_endpoints=[text])
    assert text == caught.value.value
    assert repr(text) in str(caught.value)


def test_a_bad_endpoint_in_meta_is_told_when_the_connection_is_made(monkeypatch):
    monkeypatch.setattr(Cached.Meta, "dax_endpoints", "https://cached.test")
    with pytest.raises(EndpointUnreachableError, match="'https://cached.test' is not an endpoint"):
        Cached.exists()


def test_endpoints_are_of_one_cluster():
    with pytest.raises(EndpointUnreachableError, match="Some of the DAX endpoints dax://a, daxs://b are encrypted"):
        Cached.bind(dax_endpoints=["dax://a", "daxs://b"])


def test_the_package_is_missing(monkeypatch):
    """The remedy names the extra."""
    monkeypatch.setitem(sys.modules, "amazondax", None)
    with Cached.bind(max_attempts=1), pytest.raises(EngineUnavailableError, match=r"pip install 'singletable\[dax\]'"):
        connection_of(Cached)


def test_bind_says_that_it_takes_endpoints():
    with pytest.raises(UnexpectedAttributesError, match="dax_endpoints"):
        Cached.bind(dax_endpoint="a")
