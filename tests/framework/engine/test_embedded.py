"""The embedded engine, binding, and the errors of unreachable tables."""

import socket
import threading

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

from singletable.engine import embedded
from singletable.errors import (
    CredentialsMissingError,
    EndpointUnreachableError,
    EngineUnavailableError,
    SingletableError,
    StreamMissingError,
    TableMissingError,
)
from singletable.models.binding.binding import is_bound
from tests.framework.app import Account, AppTable, event


def test_every_block_has_a_table_of_its_own():
    """Also a block inside another."""
    with embedded(AppTable):
        Account(account_id="outer").create()
        with embedded(AppTable):
            assert AppTable.scan().all() == []
            Account(account_id="inner").create()
        assert [each.account_id for each in AppTable.scan()] == ["outer"]


def test_the_table_has_its_indexes_and_ttl():
    """As declared by the models."""
    with embedded(AppTable):
        table = AppTable.describe_table()
        assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"GSI1", "GSI2", "GSI3"}
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        client = AppTable._get_connection().connection.client
        ttl = client.describe_time_to_live(TableName="app")["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_other_clients_of_the_process_are_left_alone():
    """Their requests, the environment and moto's own patches do not change."""
    with mock_aws():
        mine = boto3.client("dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        with embedded(AppTable):
            Account(account_id="a1").create()
            assert mine.list_tables()["TableNames"] == []


def test_eight_threads_lose_no_acknowledged_write():
    """moto alone loses up to 17 % of compare-and-set writes; with the lock it loses none."""
    with embedded(AppTable):
        Account(account_id="a1", visits=0).create()
        done = []

        def count_up():
            for _ in range(25):
                while True:
                    account = Account.get(account_id="a1", consistent=True)
                    try:
                        account.update(condition=Account.visits == account.visits, visits=account.visits + 1)
                    except Exception:
                        continue
                    done.append(1)
                    break

        threads = [threading.Thread(target=count_up) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Account.get(account_id="a1").visits == len(done) == 200


def test_the_binding_ends_with_the_block():
    """After the block the table is at the place in Meta, which is not changed."""
    before = AppTable.Meta.table_name
    with AppTable.bind(table_name="elsewhere", region="eu-west-1", endpoint_url="http://127.0.0.1:9") as binding:
        assert AppTable.Meta.table_name == before
        assert AppTable.bound().table_name == "elsewhere"
        assert event(1)._get_connection().table_name == "elsewhere"
        assert repr(binding) == "<AppTable bound to 'elsewhere'>"
    assert AppTable.bound().table_name == before
    process_wide = AppTable.bind(table_name="other")
    assert AppTable.bound().table_name == "other"
    process_wide.undo()
    assert AppTable.bound().table_name == before


def test_bindings_may_end_in_any_order():
    """The latest remaining binding decides the place."""
    before = AppTable.bound().table_name
    one, other = AppTable.bind(table_name="one"), AppTable.bind(table_name="other")
    one.undo()
    assert AppTable.bound().table_name == "other"
    other.undo()
    assert AppTable.bound().table_name == before


def test_table_missing_when_writing():
    """PynamoDB's PutError and DeleteError are only for a failed condition."""
    with embedded(AppTable, create=False):
        for write in (Account(account_id="a1").save, Account(account_id="a1").create, Account(account_id="a1").delete):
            with pytest.raises(TableMissingError, match="does not exist"):
                write()


def test_table_missing():
    """The error is one sentence with a remedy."""
    with (
        embedded(AppTable, create=False),
        pytest.raises(TableMissingError, match="The table 'app' .*does not exist at the embedded engine.*Create it"),
    ):
        Account.get(account_id="a1")


def test_bindings_that_could_not_work():
    """They are refused at once, not by a later request."""
    for settings, message in (
        ({"endpoint_url": "127.0.0.1:8000"}, "is not the URL of a server"),
        ({"endpoint": "http://x"}, "endpoint: not a setting of bind... Its settings are: connect_timeout"),
    ):
        with pytest.raises(SingletableError, match=message):
            AppTable.bind(**settings)
    assert not is_bound(AppTable)


def test_endpoint_down():
    """The error names the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with (
        AppTable.bind(
            endpoint_url=url, region="us-east-1", credentials=("x", "x", None), max_attempts=1, connect_timeout=1
        ),
        pytest.raises(EndpointUnreachableError, match=f"No server answers at {url}.*Check that the server runs"),
    ):
        Account.get(account_id="a1")
    with (
        AppTable.bind(endpoint_url=url, region="us-east-1", credentials=("x", "x", None), max_attempts=1),
        pytest.raises(EndpointUnreachableError),
    ):
        AppTable.create_table(wait=True)


def test_no_credentials(monkeypatch):
    """The error has no traceback through the SDK."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with (
        AppTable.bind(endpoint_url="http://127.0.0.1:9", region="us-east-1"),
        pytest.raises(CredentialsMissingError, match="No usable AWS credentials.*aws configure"),
    ):
        Account.get(account_id="a1")


def test_no_region(monkeypatch):
    """A custom endpoint does not need a region; AWS does."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with AppTable.bind(), pytest.raises(CredentialsMissingError, match="No AWS region is set"):
        Account.get(account_id="a1")
    with AppTable.bind(endpoint_url="http://127.0.0.1:9") as binding:
        assert binding.settings.region == "us-east-1"


def test_the_sdks_own_endpoint_setting_works(monkeypatch):
    """AWS_ENDPOINT_URL_DYNAMODB, as in all AWS tools."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    with AppTable.bind(region="us-east-1", credentials=("x", "x", None)):
        assert AppTable._get_connection().connection.client.meta.endpoint_url == "http://127.0.0.1:9"


def test_moto_missing(monkeypatch):
    """The error names the extra."""
    import sys

    monkeypatch.setitem(sys.modules, "moto.core.botocore_stubber", None)
    with pytest.raises(EngineUnavailableError, match=r'pip install "singletable\[embedded\]"'), embedded(AppTable):
        pass


def test_a_table_is_written_to_after_its_stream_was_switched_off():
    """moto alone would fail. The stream can be switched on again."""
    from models import Category, ShopTable
    from singletable.streams.client import stream_arn

    with embedded(ShopTable):
        connection = ShopTable._get_connection().connection
        connection.dispatch("UpdateTable", {"TableName": "shop", "StreamSpecification": {"StreamEnabled": False}})
        with pytest.raises(StreamMissingError):
            stream_arn(ShopTable)
        Category(category_id="c", name="-").create()
        assert ["c"] == [each.category_id for each in Category.scan()]
        on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        connection.dispatch("UpdateTable", {"TableName": "shop", "StreamSpecification": on})
        assert "shop" in stream_arn(ShopTable)


def test_under_mock_aws_a_request_is_done_once():
    """botocore calls all handlers that could answer. A second handler would find the item of the first."""
    with mock_aws(), embedded(AppTable):
        Account(account_id="a1", visits=0).create()
        Account(account_id="a1").update(actions=[Account.visits.add(1)])
        assert 1 == Account.get(account_id="a1").visits


def test_every_attempt_can_be_intercepted():
    """The interceptor is also called for the SDK's retries, and the SDK receives its exceptions."""
    attempts = []

    def refuse_once(answer, event_name, request):
        attempts.append(event_name)
        if event_name.endswith(".PutItem") and 1 == attempts.count(event_name):
            raise ConnectTimeoutError(endpoint_url="here")
        return answer(event_name, request)

    with embedded(AppTable, intercept=refuse_once):
        Account(account_id="a").create()
        assert "a" == Account.get(account_id="a").account_id
    assert 2 == attempts.count("before-send.dynamodb.PutItem")
    assert 1 == attempts.count("before-send.dynamodb.GetItem")
