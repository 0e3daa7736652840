"""`singletable streams` on the embedded table of the shop."""

import json
import os
import signal

import pytest

import patterns
from models import ShopTable, User
from shop.stream import router
from singletable.errors import UnprocessableError
from singletable.streams import StreamRouter
from tests.framework.cli.test_commands import assert_one_line, project, run
from tests.framework.infra.test_commands import here
from tests.shop.conftest import table

__all__ = ["project", "table"]  # fixtures


@pytest.fixture
def counting(monkeypatch):
    """Replace the shop's router by one that only counts."""
    made = StreamRouter(ShopTable)
    made.on(User, "INSERT", "MODIFY", name="count")(lambda change: None)
    monkeypatch.setattr("shop.stream.router", made)
    return made


def changed():
    """Store a user and change it once, and store an item of an unknown type."""
    user = patterns.register_user("Ann", "ann@example.com")
    user.update(name="Anne")
    connection = ShopTable._get_connection().connection
    item = {"PK": {"S": "x"}, "SK": {"S": "secret"}, "entityType": {"S": "NEWER"}}
    connection.dispatch("PutItem", {"TableName": "shop", "Item": item})
    return user


def tail(*arguments):
    return here("streams", "tail", "--from", "start", "--stop-when-idle", "0", *arguments)


def run_router(*arguments):
    return here("streams", "run", "--stop-when-idle", "0", *arguments)


def counts(done):
    """Return the printed counts of the router's one handler: handled, and not called again."""
    (row,) = (line.split() for line in done.stdout.splitlines() if line.startswith("count "))
    return row[1:]


def test_tail_shows_what_changed_and_no_values(table):
    """The output has the event, the entity, its key and the names of the changed attributes."""
    user = changed()
    done = tail()
    assert 0 == done.returncode, done.stderr
    head, *lines = done.stdout.splitlines()
    assert "shop: a stream of NEW_AND_OLD_IMAGES. Press Ctrl-C to stop." == head
    assert [
        f"INSERT User user_id={user.user_id}",
        "INSERT EmailClaim email=‹personal›",
        f"MODIFY User user_id={user.user_id}  name, updated_at",
        "INSERT -   of no known type: NEWER",
    ] == [line.split(" ", 1)[1] for line in lines]
    assert "ann@" not in done.stdout


def test_tail_as_json(table):
    """The output has one line for each change of the named entities."""
    user = changed()
    done = tail("--format", "json", "--entity", "User")
    inserted, modified = map(json.loads, done.stdout.splitlines())
    assert ("INSERT", "User", {"user_id": user.user_id}, None) == tuple(
        inserted[name] for name in ("event", "entity", "key", "fault")
    )
    assert ["name", "updated_at"] == modified["changed"]
    assert inserted["event_id"] != modified["event_id"]
    assert int(inserted["sequence_number"]) < int(modified["sequence_number"])


def test_tail_of_what_cannot_be_read(table):
    """A malformed record is reported and skipped; a removal by time to live is marked as such."""
    from moto.dynamodb.models import dynamodb_backends

    user = changed()
    user.delete()
    account = ShopTable._get_connection().connection.settings.extra_headers["x-moto-account-id"]
    shard = dynamodb_backends[account]["us-east-1"].tables["shop"].stream_shard
    shard.items[0].record["dynamodb"]["NewImage"]["createdAt"] = {"S": "secret"}
    shard.items[-1].record["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    done = tail()
    assert "createdAt" in done.stdout.splitlines()[1]
    assert "secret" not in done.stdout
    assert f"EXPIRE User user_id={user.user_id}" in done.stdout.splitlines()[-1]


def test_run_gives_what_changed_to_the_router(table, counting):
    """The counts are printed; a second run handles no event again."""
    changed()
    first = run_router()
    assert 1 == first.returncode
    assert ["2", "0"] == counts(first)
    assert "dead letter INSERT of ?, sequence number" in first.stdout
    assert "no entity of the table has its type, and no default handler" in first.stdout
    assert first.stdout.rstrip().endswith("6 records, 2 of them of singletable's own items. 1 dead letter.")
    assert ["0", "2"] == counts(run_router())


def test_run_with_checkpoints_reads_nothing_again(table, counting, tmp_path):
    """A second run does not read the records again."""
    changed()
    counting.default(lambda change: None)
    arguments = ("--checkpoints", str(tmp_path / "checkpoints.json"))
    first = run_router(*arguments)
    assert 0 == first.returncode
    # The marks of handled events are also in the stream, and are skipped.
    assert first.stdout.rstrip().endswith("7 records, 3 of them of singletable's own items. No dead letters.")
    User(name="Bob", email="bob@example.com").create()
    assert ["1", "0"] == counts(run_router(*arguments))


def test_run_takes_a_failing_record_as_often_as_it_is_told(table, monkeypatch):
    """After the last attempt it is a dead letter, and the next records are handled."""
    made, calls = StreamRouter(ShopTable), []
    monkeypatch.setattr("shop.stream.router", made)

    @made.on(User, "INSERT", name="fails")
    def fails(change):
        calls.append(change.event_id)
        raise OSError("secret")

    made.on(User, "MODIFY", name="behind")(lambda change: calls.append("behind"))
    user = User(name="Ann", email="ann@example.com")
    user.create()
    user.update(name="Anne")
    done = run_router("--attempts", "2")
    assert [calls[0], calls[0], "behind"] == calls
    assert 1 == done.returncode
    assert "OSError in fails" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_run_tells_of_what_became_of_a_record_before_it_was_given_again(table, monkeypatch):
    """The counts include a dead letter and a handled event of an attempt in which another handler failed."""
    made, failing = StreamRouter(ShopTable), [True]
    monkeypatch.setattr("shop.stream.router", made)

    @made.on(User, "INSERT", name="never")
    def never(change):
        raise UnprocessableError("No such country.")

    @made.on(User, "INSERT", name="later")
    def later(change):
        if failing.pop():
            failing.append(False)
            raise OSError

    made.on(User, "INSERT", name="count")(lambda change: None)
    User(name="Ann", email="ann@example.com").create()
    done = run_router()
    assert 1 == done.returncode
    assert ["1", "0"] == counts(done)
    assert ["later", "1", "0"] == next(line.split() for line in done.stdout.splitlines() if line.startswith("later"))
    assert "never: No such country." in done.stdout
    assert done.stdout.rstrip().endswith("1 dead letter.")


def test_run_from_now(table, counting):
    """Earlier records are left out."""
    changed()
    done = run_router("--from", "now")
    assert done.stdout.rstrip().endswith("0 records. No dead letters.")


def test_ctrl_c_ends_it_behind_the_record_that_is_under_way(table, monkeypatch):
    """The report is still printed, and the signal handlers of the process are restored."""
    made, seen = StreamRouter(ShopTable), []
    monkeypatch.setattr("shop.stream.router", made)

    @made.on(User, "INSERT", name="interrupted")
    def interrupted(change):
        seen.append(change.new.name)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    for name in ("Ann", "Bob"):
        User(name=name, email="-").create()
    done = here("streams", "run")
    assert (0, ["Ann"]) == (done.returncode, seen)
    assert done.stdout.rstrip().endswith("1 record. No dead letters.")
    assert before is signal.getsignal(signal.SIGINT)


def test_the_shops_router_is_the_one_in_setup_cfg(table, monkeypatch):
    """A missing setting of the router is reported in one line at the start."""
    for name in ("SHOP_FROM_ADDRESS", "SHOP_TOPIC_ARN"):
        monkeypatch.delenv(name, raising=False)
    from shop.notices import notices

    notices.cache_clear()
    assert router.table is ShopTable
    done = run_router()
    assert_one_line(
        done,
        "Running shop.stream:router failed at shop/notices.py",
        "SHOP_FROM_ADDRESS is ''",
        "Give the sender's address",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tail", "--entity", "Ordr"), ["ShopTable has no entity 'Ordr'.", "It has:"]),
        (("run", "--handler", "shop.stream:rooter"), ["The router 'shop.stream:rooter' in --handler does not exist"]),
        (("run", "--handler", "shop.streams:router"), ["Importing shop.streams, which is named in --handler, failed"]),
        (
            ("run", "--handler", "shop.stream"),
            ["The router 'shop.stream' in --handler is not of the form module:name.", "Write module:name"],
        ),
        (("run", "--handler", "models:User"), ["models:User is a", "not a StreamRouter"]),
    ],
)
def test_what_is_wrong_is_one_line(table, arguments, says):
    """The error is one line with a remedy."""
    assert_one_line(here("streams", *arguments), *says)


def test_a_project_without_a_router(project):
    """The message names the option and the setting."""
    assert_one_line(run("streams", "run", cwd=project), "No router is named.", "--handler", "stream =")
