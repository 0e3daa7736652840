"""Signatures: the same as botocore's, for every operation, place, session token and header."""

import itertools
from types import SimpleNamespace

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from singletable.requests.obstacles import DIRECT
from singletable.transport import signing
from singletable.transport.signing import Signer

KEYS = (
    Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    Credentials("ASIA", "s/+=", "FwoGZXIvYXdzEBYaD//////////wEaDH+token=="),
)
PLACES = (
    ("https://dynamodb.eu-west-1.amazonaws.com/", "eu-west-1"),
    ("https://123456789012.ddb.us-east-2.amazonaws.com/", "us-east-2"),
    ("http://127.0.0.1:8000/", "us-east-1"),
    ("http://localhost:4566/a//b/../ü c/", "us-east-1"),
)
MOMENTS = (0, 1_440_938_160, 1_796_083_199, 1_796_083_200)
"""The epoch, the moment of AWS's examples, and both sides of a midnight."""


def botocore_signs(monkeypatch, url, region, headers, body, keys, moment):
    """Return the headers of a request that botocore signed."""
    from datetime import datetime, timezone

    now = datetime.fromtimestamp(moment, timezone.utc).replace(tzinfo=None)
    if hasattr(botocore.auth, "get_current_datetime"):
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: now)
    else:
        # Older versions of botocore.
        clock = SimpleNamespace(utcnow=lambda: now)
        monkeypatch.setattr("botocore.auth.datetime", SimpleNamespace(datetime=clock))
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(keys, "dynamodb", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def signs(monkeypatch, url, region, headers, body, keys, moment):
    """Return the headers of a request that the direct path signed."""
    from urllib.parse import urlsplit

    monkeypatch.setattr(signing.time, "time", lambda: moment + 0.25)
    parts = urlsplit(url)
    signer = Signer(region, "dynamodb", parts.path)
    frozen = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)
    return signer.sign({**headers, "host": parts.netloc}, body, frozen)


def assert_same(monkeypatch, *request):
    found = signs(monkeypatch, *request)
    expected = botocore_signs(monkeypatch, *request)
    for name in ("authorization", "x-amz-date", "x-amz-security-token"):
        assert expected.get(name) == found.get(name)


@pytest.mark.parametrize("operation", sorted(DIRECT))
def test_every_operation_at_every_place(monkeypatch, operation):
    """The corpus of operations, places, keys and moments."""
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    for (url, region), keys, moment in itertools.product(PLACES, KEYS, MOMENTS):
        assert_same(monkeypatch, url, region, headers, b'{"TableName": "t"}', keys, moment)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-odd": "  many   spaces  within "},
        {"x-odd": "tab\tand  space"},
        {"x-odd": ""},
        {"x-empty": "", "x-amz-account-id": "1", "a": "first", "zz": "last"},
        {"x-odd": "a,b, c"},
    ],
    ids=str,
)
def test_odd_headers(monkeypatch, headers):
    """Values are trimmed, and their inner spaces are collapsed."""
    for body in (b"", b"{}", "ü".encode(), bytes(range(256))):
        assert_same(monkeypatch, *PLACES[0], headers, body, KEYS[1], MOMENTS[1])


@given(
    headers=st.dictionaries(
        st.from_regex(r"x-[a-z0-9-]{1,12}", fullmatch=True),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        max_size=5,
    ),
    body=st.binary(max_size=200),
    moment=st.integers(0, 4_000_000_000),
    keys=st.sampled_from(KEYS),
    place=st.sampled_from(PLACES),
)
def test_any_request(headers, body, moment, keys, place):
    """Any headers, body and moment."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert_same(monkeypatch, *place, headers, body, keys, moment)


def test_the_key_is_derived_once_a_day(monkeypatch):
    """A second request of the day derives no key, and other credentials derive their own."""
    derived = []
    digest = signing.hmac.digest
    monkeypatch.setattr(signing.hmac, "digest", lambda *given: derived.append(given) or digest(*given))
    now = [MOMENTS[2]]
    monkeypatch.setattr(signing.time, "time", lambda: now[0])
    signer = Signer("eu-west-1", "dynamodb")
    keys = [ReadOnlyCredentials("a", "secret", None), ReadOnlyCredentials("b", "other", None)]
    for expected, moment, key in ((5, 0, 0), (1, 0, 0), (5, 1, 0), (1, 1, 0), (5, 1, 1)):
        derived.clear()
        now[0] = MOMENTS[2] + moment
        signer.sign({"host": "h"}, b"", keys[key])
        assert expected == len(derived)
