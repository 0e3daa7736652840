"""Sessions, profiles and roles: the credentials that sign a request."""

from contextvars import copy_context
from datetime import datetime, timedelta, timezone
from threading import Barrier, Thread

import boto3
import pytest
from botocore.session import Session
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from singletable import Key, Table
from singletable.errors import AccessDeniedError, CredentialsMissingError, InvalidValueError
from singletable.models.binding.binding import connection_of
from singletable.streams.client import StreamsClient
from tests.framework.canned import CREDENTIALS, canned
from tests.framework.forked import Preloaded, Secret, answer
from tests.framework.migrations.server import OneAtATime, serving

ROLES = [f"arn:aws:iam::123456789012:role/tenant-{each}" for each in "ab"]


@pytest.fixture
def server():
    with canned(answer) as found, Preloaded.bind(endpoint_url=found.url):
        yield found


@pytest.fixture
def sts(monkeypatch):
    """moto's STS, at the endpoint of the SDK."""
    with serving(OneAtATime(DomainDispatcherApplication(create_backend_app))) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        yield url


@pytest.fixture
def profiles(monkeypatch, tmp_path):
    """Write a configuration with two profiles and without a default."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    text = "".join(
        f"[{each}]\naws_access_key_id = key-of-{each}\naws_secret_access_key = secret\n" for each in ("one", "two")
    )
    (tmp_path / "credentials").write_text(text)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def signed(server):
    """Return the access keys of the server's requests, in their order."""
    return [asked.access_key for asked in server.asked]


def test_a_session_signs(server):
    """A boto3 or botocore session signs; its region applies unless a region is bound."""
    theirs = boto3.Session(aws_access_key_id="boto3", aws_secret_access_key="secret", region_name="eu-west-3")
    plain = Session()
    plain.set_credentials("botocore", "secret")
    for session in (theirs, plain):
        with Preloaded.bind(session=session):
            Secret.get(owner="a")
    assert ["boto3", "botocore"] == signed(server)
    with Preloaded.bind(session=theirs):
        assert "eu-west-3" == Preloaded.bound().region
    with Preloaded.bind(session=theirs, region="eu-west-1"):
        assert "eu-west-1" == Preloaded.bound().region
    with Preloaded.bind(session=plain):
        assert "us-east-1" == Preloaded.bound().region


def test_a_profile_signs(server, profiles):
    """Each context signs with its own profile, and an unknown profile is an error when a request is sent."""
    for profile in ("one", "two", "one"):
        with Preloaded.bind(profile=profile):
            Secret.get(owner="a")
    assert ["key-of-one", "key-of-two", "key-of-one"] == signed(server)
    with Preloaded.bind(profile="missing"):
        assert "preloaded" == Secret.item(owner="a").params()["TableName"]
        with pytest.raises(CredentialsMissingError, match="missing"):
            Secret.get(owner="a")


def test_a_session_and_a_profile_are_refused_together():
    """A session and a profile both name credentials, so giving both is an error."""
    with pytest.raises(InvalidValueError, match="given session and profile, which name different credentials. Give"):
        Preloaded.bind(session=Session(), profile="one")


def test_a_role_is_assumed_and_its_credentials_are_refreshed(server, sts):
    """A role is assumed once for many requests, and again when its credentials expire."""
    with Preloaded.bind(role_arn=ROLES[0], credentials=("source", "secret", None)):
        Secret.get(owner="a")
        Secret.get(owner="a")
        credentials = connection_of(Preloaded).connection.session.get_credentials()
        credentials._expiry_time = datetime.now(timezone.utc) - timedelta(seconds=1)
        Secret.get(owner="a")
    first, second, third = signed(server)
    assert first == second
    assert len({first, third, "source"}) == 3
    assert first.startswith("ASIA")


@pytest.mark.parametrize("source", ["session", "profile", "credentials"])
def test_a_role_is_assumed_with_the_credentials_that_are_given(server, profiles, monkeypatch, source):
    """A role is assumed with the credentials of a session or a profile, or with keys."""
    asked = []

    def application(environ, start_response):
        asked.append(environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].partition("/")[0])
        return moto(environ, start_response)

    moto = OneAtATime(DomainDispatcherApplication(create_backend_app))
    given = {
        "session": Session(profile="one"),
        "profile": "one",
        "credentials": ("key-of-one", "secret", None),
    }[source]
    with serving(application) as url, Preloaded.bind(role_arn=ROLES[0], **{source: given}):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        Secret.get(owner="a")
    assert ["key-of-one"] == asked
    assert signed(server)[0].startswith("ASIA")


def test_two_contexts_sign_with_their_own_roles(server, sts):
    """Two threads sign with their own roles at the same time, and the threads that they start use the same roles."""
    barrier, keys = Barrier(2), {}

    def work(role):
        with Preloaded.bind(endpoint_url=server.url, role_arn=role, credentials=CREDENTIALS):
            for number in range(10):
                barrier.wait(30)
                Secret.get(owner=f"{role}/{number}")
            helper = Thread(target=copy_context().run, args=(lambda: Secret.get(owner=role),))
            helper.start()
            helper.join()
            keys[role] = connection_of(Preloaded).connection.session.get_credentials().access_key

    threads = [Thread(target=work, args=(role,)) for role in ROLES]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    used = {role: {each.access_key for each in server.asked if role in str(each.params)} for role in ROLES}
    assert {role: {key} for role, key in keys.items()} == used
    assert keys[ROLES[0]] != keys[ROLES[1]]


def test_other_clients_of_the_table_sign_as_it_does(server, sts):
    """The client of the table's stream signs with the table's role."""
    with Preloaded.bind(role_arn=ROLES[0], credentials=CREDENTIALS):
        client = StreamsClient(Preloaded)._client
        Secret.get(owner="a")
    assert signed(server) == [client._request_signer._credentials.access_key]


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_a_role_that_may_not_be_assumed_is_reported(server, monkeypatch, code):
    """The error names the operation that failed, and the remedy."""

    def application(environ, start_response):
        start_response("403 Forbidden", [("Content-Type", "text/xml")])
        return [f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>".encode()]

    with serving(application) as url, Preloaded.bind(role_arn=ROLES[0], credentials=CREDENTIALS, max_attempts=1):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        with pytest.raises(
            AccessDeniedError, match=rf"^AssumeRole of STS is not allowed \({code}\)\. (Allow sts:A|Check which c)"
        ):
            Secret.get(owner="a")
    assert [] == server.asked


def test_credentials_are_not_shown():
    """The reprs of settings and bindings show no credentials."""
    with Preloaded.bind(credentials=("key-id", "secret-key", "token")) as binding:
        shown = repr(Preloaded.bound()) + repr(binding) + repr(Secret.item(owner="a").target.sender)
    assert not any(each in shown for each in ("key-id", "secret-key", "token'"))


def test_meta_may_give_a_profile():
    """Meta may give every setting under its own name."""

    class Profiled(Table):
        class Meta:
            table_name = "profiled"
            profile = "one"
            max_attempts = 7

    class Item(Profiled, discriminator="ITEM"):
        key = Key(pk="ITEM", sk="ITEM")

    assert ("one", 7) == (Profiled.bound().profile, Item.bound().max_attempts)


def test_the_region_of_a_session_of_meta_holds_over_the_environment(monkeypatch):
    """So does the region of a bound session; a region in Meta has precedence over both."""
    monkeypatch.setenv("AWS_REGION", "us-west-2")

    class Sessioned(Table):
        class Meta:
            table_name = "sessioned"
            session = boto3.Session(region_name="eu-west-3")

    assert "eu-west-3" == Sessioned.bound().region
    monkeypatch.setattr(Sessioned.Meta, "region", "eu-west-1", raising=False)
    assert "eu-west-1" == Sessioned.bound().region
