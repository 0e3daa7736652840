"""Cursors: encrypted, bound to one query of one table, and valid for a limited time."""

import base64
import json
import logging
import time

import attrs
import pytest

from singletable.engine import embedded
from singletable.errors import CursorError, DeclarationError
from singletable.requests import cursor as cursors
from singletable.requests.cursor import CursorSeal, bound_to, seal_from
from tests.framework.app import START, Account, AppTable, Event, Level, event

SECRET = b"a secret of the tests, long enough"
SEAL = CursorSeal((SECRET,), 60)
LAST = {"ACCOUNT#a1": {"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "EVENT#000003"}}}


@pytest.fixture
def ten(table, monkeypatch):
    """Store ten events, and set a secret for cursors."""
    monkeypatch.setattr(AppTable.Meta, "cursor_secret", SECRET.decode(), raising=False)
    with AppTable.batch() as batch:
        batch.put(*(event(seq, level=Level.WARN) for seq in range(10)), event(1, account_id="a2"))


def flipped(text, bit):
    """Return a text with one bit of its bytes flipped."""
    content = bytearray(text.encode())
    content[bit // 8] ^= 1 << bit % 8
    return content.decode("latin-1")


def test_a_cursor_comes_back():
    """It opens to the keys at which the page ended."""
    assert LAST == SEAL.open(b"query", SEAL.write(b"query", LAST))


def test_a_cursor_hides_the_keys():
    """Neither keys nor their number are visible, and the same place gives a different text each time."""
    one, other = SEAL.write(b"query", LAST), SEAL.write(b"query", LAST)
    assert one != other
    content = base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))
    # Texts of several characters: two of them occur by chance in one of 400 cursors.
    for text in (b"ACCOUNT", b"EVENT#", b"000003"):
        assert text not in content


def test_every_altered_bit_is_refused():
    """Each bit of the text is flipped alone, in 200 cursors of different lengths."""
    refused = flips = 0
    for number in range(200):
        cursor = SEAL.write(b"query", {"p" * (number % 7): LAST["ACCOUNT#a1"]})
        for bit in range(8 * len(cursor)):
            flips += 1
            with pytest.raises(CursorError):
                SEAL.open(b"query", flipped(cursor, bit))
            refused += 1
    assert flips == refused
    assert 200 * 8 * 120 < flips


def test_another_text_for_the_same_bytes_is_refused():
    """Base64 leaves bits of the last character unused; only one text is accepted for a cursor."""
    cursor = next(each for each in iter(lambda: SEAL.write(b"q", LAST), None) if len(each) % 4)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = cursor[:-1] + alphabet[alphabet.index(cursor[-1]) ^ 1]
    padding = "=" * (-len(cursor) % 4)
    assert base64.urlsafe_b64decode(cursor + padding) == base64.urlsafe_b64decode(twin + padding)
    for other in (twin, cursor + padding, cursor + "\n", f" {cursor}"):
        with pytest.raises(CursorError, match="malformed"):
            SEAL.open(b"q", other)


@pytest.mark.parametrize("text", ["", "x", "é", "e30", "A" * 43, None, 7, b"bytes", "=", "\ud800"])
def test_what_is_no_cursor_is_malformed(text):
    """Any other value of a client is malformed."""
    with pytest.raises(CursorError, match="The cursor is malformed. Ask for the first page again"):
        SEAL.open(b"query", text)


def test_an_expired_cursor_is_refused(monkeypatch):
    """The cursor contains its expiry, and is valid up to that second."""
    cursor, now = SEAL.write(b"query", LAST), time.time()
    monkeypatch.setattr(cursors.time, "time", lambda: now + 59)
    assert LAST == SEAL.open(b"query", cursor)
    monkeypatch.setattr(cursors.time, "time", lambda: now + 61)
    with pytest.raises(CursorError, match="The cursor has expired"):
        SEAL.open(b"query", cursor)


def test_another_version_is_refused(monkeypatch):
    """An unencrypted cursor of an old version and a cursor of a later format are refused."""
    plain = base64.urlsafe_b64encode(json.dumps({"v": 1, "q": "x", "last": LAST}).encode()).decode().rstrip("=")
    with pytest.raises(CursorError, match="The cursor has version 123; only version 3 can be read"):
        SEAL.open(b"query", plain)
    monkeypatch.setattr(cursors, "_VERSION", 4)
    later = SEAL.write(b"query", LAST)
    monkeypatch.undo()
    with pytest.raises(CursorError, match="has version 4; only version 3"):
        SEAL.open(b"query", later)


def test_secrets_rotate():
    """Cursors are written with the first secret and opened with any; without its secret a cursor cannot be opened."""
    old, new = CursorSeal((b"old secret, long enough",), 60), CursorSeal((b"new secret, long enough",), 60)
    both = CursorSeal((*new.secrets, *old.secrets), 60)
    assert LAST == both.open(b"q", old.write(b"q", LAST))
    assert LAST == new.open(b"q", both.write(b"q", LAST))
    with pytest.raises(CursorError, match="was encrypted with a secret that this process does not have"):
        new.open(b"q", old.write(b"q", LAST))


def test_replay_elsewhere_is_refused(ten):
    """Another query, direction, filter, index, tenant or table is refused; another page size is not."""
    cursor = Event.query(account_id="a1").page(3).cursor
    assert [3, 4, 5, 6] == [each.seq for each in Event.query(account_id="a1").page(4, cursor)]
    others = (
        Event.query(account_id="a2"),
        Event.query(account_id="a1", descending=True),
        Event.query(account_id="a1", filter=Event.note.exists()),
        Event.query(Event.seq >= 2, account_id="a1"),
        Event.query(account_id="a1", consistent=True),
        Account.query(account_id="a1"),
        Event.by_day.query(at=START),
    )
    for other in others:
        with pytest.raises(CursorError, match="belongs to another query"):
            other.page(3, cursor)
    with AppTable.bind(table_name="elsewhere"), pytest.raises(CursorError, match="belongs to another query"):
        Event.query(account_id="a1").page(3, cursor)


def test_a_cursor_is_bound_to_a_region_and_an_endpoint(table):
    """A cursor of a table with the same name in another region or on another server is refused."""
    bound, last = b"query", LAST
    places = [("us-east-1", "http://a"), ("eu-west-1", "http://a"), ("us-east-1", "http://b"), ()]
    seals = [attrs.evolve(SEAL, place=place) for place in places]
    for one in seals:
        cursor = one.write(bound, last)
        assert last == one.open(bound, cursor)
        for other in seals:
            if other is not one:
                with pytest.raises(CursorError, match="belongs to another query, table, region or endpoint"):
                    other.open(bound, cursor)
    with AppTable.bind(region="eu-west-1", endpoint_url="http://127.0.0.1:9"):
        # The engine sets the place.
        assert ("us-east-1", "https://dynamodb.us-east-1.amazonaws.com") == Account.item(
            account_id="a"
        ).target.sender.seal.place


def test_a_cursor_is_bound_to_a_context(ten):
    """The context is a tenant or a session that is not part of a key."""
    cursor = Event.query(account_id="a1").page(3, context="tenant 1").cursor
    assert [3] == [each.seq for each in Event.query(account_id="a1").page(1, cursor, context="tenant 1")]
    for context in (None, "", "tenant 10", "tenant"):
        with pytest.raises(CursorError, match="belongs to another query"):
            Event.query(account_id="a1").page(3, cursor, context=context)
    assert bound_to({}, None) != bound_to({}, "null")


def test_cursors_of_buckets_and_shards_come_back(ten):
    """They have the place in each shard."""
    first = Event.urgent.query(level=Level.WARN).page(4)
    second = Event.urgent.query(level=Level.WARN).page(20, first.cursor)
    assert list(range(10)) == [each.seq for each in (*first, *second)]


def test_secrets_of_the_environment(monkeypatch):
    """The variable has several secrets, separated by spaces, newest first; those of Meta have precedence."""
    monkeypatch.setenv(cursors.ENVIRONMENT, "newest-secret-0123  older-secret-01234")
    assert (b"newest-secret-0123", b"older-secret-01234") == seal_from(None, 60, "T").secrets
    assert (SECRET,) == seal_from(SECRET, 60, "T").secrets
    assert (SECRET, SECRET[::-1]) == seal_from([SECRET.decode(), SECRET[::-1]], 60, "T").secrets
    assert "secret" not in repr(seal_from(SECRET, 60, "T"))


def test_bad_secrets_and_lifetimes_are_refused(monkeypatch):
    """The first page raises the error."""
    for secret in ("short", "", b"fifteen bytes..", [SECRET, "x"], 7):
        with pytest.raises(
            DeclarationError, match="T: a cursor secret is not a text of at least 16 bytes. Make one"
        ) as caught:
            seal_from(secret, 60, "T")
        assert "ST116" == caught.value.rule
    for lifetime in (0, -1, None, "60", True, float("nan")):
        with pytest.raises(
            DeclarationError, match="T: Meta.cursor_lifetime=.* is not a number of seconds above 0. Write for"
        ) as caught:
            seal_from(SECRET, lifetime, "T")
        assert "ST116" == caught.value.rule
    assert (b"sixteen bytes...",) == seal_from("sixteen bytes...", 0.5, "T").secrets


def test_without_a_secret_one_of_the_process_is_used_and_said_once(monkeypatch, caplog):
    """Cursors are valid until the process ends."""
    monkeypatch.delenv(cursors.ENVIRONMENT, raising=False)
    monkeypatch.setattr(cursors, "_own", [])
    with caplog.at_level(logging.WARNING, logger="singletable"):
        seals = [seal_from(None, 60, "T") for _ in range(3)]
    assert LAST == seals[1].open(b"q", seals[0].write(b"q", LAST))
    assert ["singletable"] == [record.name for record in caplog.records]
    assert "No cursor secret is set (Meta.cursor_secret or SINGLETABLE_CURSOR_SECRET)" in caplog.text
    assert seals[0].secrets[0].hex() not in caplog.text


def test_lifetime_of_meta(table, monkeypatch):
    """It is in seconds; the default is a day."""
    assert 86_400 == Event.query(account_id="a1").target.sender.seal.lifetime
    monkeypatch.setattr(AppTable.Meta, "cursor_lifetime", 5)
    assert 5 == Event.query(account_id="a1").target.sender.seal.lifetime


def test_cryptography_is_loaded_with_the_first_page_only():
    """Most programs do not use pages."""
    import subprocess
    import sys

    code = "import sys, singletable; print('cryptography' in sys.modules)"
    assert (
        "False"
        == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )


def test_embedded_tables_page_without_a_secret():
    """A test needs no configuration."""
    with embedded(AppTable):
        with AppTable.batch() as batch:
            batch.put(*(event(seq) for seq in range(3)))
        assert [0, 1] == [each.seq for each in Event.query(account_id="a1").page(2)]


def test_bytes_in_a_query_are_bound_too():
    """Two filters that differ only in bytes are two queries."""
    one, other = ({"ExpressionAttributeValues": {":0": {"B": content}}} for content in (b"\x00", b"\x01"))
    assert bound_to(one, None) != bound_to(other, None)
    assert bound_to(one, None) == bound_to({**one, "Limit": 5, "ExclusiveStartKey": {}}, None)
