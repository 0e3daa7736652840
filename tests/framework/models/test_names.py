"""Names of tables and indexes, and names that the environment gives."""

import json

import pytest
from click.testing import CliRunner
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from singletable import Key, Table, from_env
from singletable.cli import main
from singletable.engine import embedded
from singletable.errors import DeclarationError, InvalidValueError


class Named(Table):
    class Meta:
        table_name = from_env("SHOP_TABLE", default="shop")


class Part(Named, discriminator="PART"):
    part = UnicodeAttribute()
    key = Key(pk="PART#{part}", sk="PART")


def test_the_variable_is_read_whenever_a_request_is_made(monkeypatch):
    """The default is used if the variable is unset or empty, and bind() replaces both."""
    request = Part.item(part="a")
    names = []
    for value in (None, "", "shop-dev", "shop-prod"):
        monkeypatch.delenv("SHOP_TABLE", raising=False)
        if value is not None:
            monkeypatch.setenv("SHOP_TABLE", value)
        names.append((Part.item(part="a").params()["TableName"], Named.bound().table_name, Named.Meta.table_name))
        with Named.bind(table_name="bound"):
            assert "bound" == Part.item(part="a").params()["TableName"]
    assert [(each,) * 3 for each in ("shop", "shop", "shop-dev", "shop-prod")] == names
    assert "shop" == request.params()["TableName"]


def test_a_table_named_by_the_environment_works(monkeypatch):
    """Writing, reading, describing and PynamoDB's own transactions work."""
    monkeypatch.setenv("SHOP_TABLE", "shop-test")
    with embedded(Named):
        Part(part="a").create()
        assert "shop-test" == Named.describe_table()["TableName"]
        assert ("Named", ["Part"]) == (Named.describe().name, [each.name for each in Named.describe().entities])
        with TransactWrite(connection=Named._get_connection().connection) as transaction:
            transaction.save(Part(part="b"))
        assert {"a", "b"} == {each.part for each in Part.scan()}


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    """The class can be created, and the first request raises the error."""
    monkeypatch.delenv("NO_TABLE", raising=False)

    class Unnamed(Table):
        class Meta:
            table_name = from_env("NO_TABLE")

    class Thing(Unnamed, discriminator="THING"):
        key = Key(pk="THING", sk="THING")

    with pytest.raises(DeclarationError, match="NO_TABLE is not set, but Meta.table_name is read from it. Set it, or"):
        Thing.query()
    monkeypatch.setenv("NO_TABLE", "a b")
    with pytest.raises(DeclarationError, match="NO_TABLE holds the table name 'a b', which has the character ' '"):
        Thing.query()
    with Unnamed.bind(table_name="bound"):
        monkeypatch.setenv("NO_TABLE", "unnamed")
        assert "bound" == Thing.query().params()["TableName"]
    with pytest.raises(DeclarationError, match="the default 'a b' has the character ' '"):
        from_env("NO_TABLE", default="a b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "the table name 'a b' has the character ' '"),
        ("é" * 3, "the table name 'ééé' has the character 'é'"),
        ("a" * 256, "has 256 characters; the limit is 255"),
        (7, "the table name 7 is not a text"),
        ("shop\n", r"has the character '\\n'"),
    ],
)
def test_a_table_name_is_checked_when_the_class_is_made(text, message):
    """A table name that DynamoDB refuses is an error of rule ST107."""
    with pytest.raises(DeclarationError, match=message) as caught:
        type(Table)("Wrong", (Table,), {"Meta": type("Meta", (), {"table_name": text})})
    assert "ST107" == caught.value.rule


@pytest.mark.parametrize("text", ["ab", "a b", "a" * 256, "GSI/1", "arn:aws:dynamodb:eu-west-1:1:table/shop"])
def test_an_index_name_is_checked_when_the_class_is_made(text):
    """An index name has 3 to 255 of the characters that DynamoDB allows."""

    class Index(GlobalSecondaryIndex):
        class Meta:
            index_name = text
            projection = AllProjection()

        pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")

    with pytest.raises(DeclarationError, match=r"Wrong.by_it: the index name .* Use 3 to 255") as caught:
        type(Table)("Wrong", (Table,), {"Meta": type("Meta", (), {"table_name": "app"}), "by_it": Index()})
    assert "ST107" == caught.value.rule


ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"


@pytest.mark.parametrize(
    ("text", "codes"), [("shop", []), ("ab", ["ST107"]), (f"{ARN}shop", []), (f"{ARN}ab", ["ST107"])]
)
def test_check_finds_a_short_name(monkeypatch, text, codes):
    """`singletable check` reports a name that only the embedded engine allows."""
    monkeypatch.setattr("models.ShopTable.Meta.table_name", text)
    answer = CliRunner().invoke(main, ["check", "--format", "json"])
    found = [each for each in json.loads(answer.stdout) if "accepted" not in each or not each["accepted"]]
    assert (codes, len(codes)) == ([each["rule"] for each in found], answer.exit_code)


def test_a_binding_that_names_the_table_needs_no_variable(monkeypatch):
    """An engine whose block began while the variable was set does not need it at the end."""

    class Elsewhere(Table):
        class Meta:
            table_name = from_env("NO_TABLE")

    with Elsewhere.bind(table_name="given", endpoint_url="http://127.0.0.1:9"), Elsewhere.bind(max_attempts=1):
        assert ("given", 1) == (Elsewhere.bound().table_name, Elsewhere.bound().max_attempts)
    with Elsewhere.bind(max_attempts=1), pytest.raises(DeclarationError, match="NO_TABLE is not set"):
        Elsewhere.bound()
    monkeypatch.setenv("NO_TABLE", "set")
    with embedded(Elsewhere, create=False):
        monkeypatch.delenv("NO_TABLE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "has the character ' '"),
        ("a" * 256, "has 256 characters; the limit is 255"),
        ("", "is empty"),
        (ARN, "is empty"),
        (f"{ARN}shop/index/GSI1", "has the character '/'"),
        ("arn:aws:s3:::shop", "has the character ':'"),
    ],
)
def test_a_name_is_checked_wherever_it_is_given(text, message):
    """The name is checked in Meta, in bind(), as a default of from_env, and as an option of a command."""
    body = {"Meta": type("Meta", (), {"table_name": text})}
    ways = [lambda: Named.bind(table_name=text), lambda: from_env("NO_TABLE", default=text)]
    if text:
        # An empty name in Meta is an abstract table.
        ways.append(lambda: type(Table)("Wrong", (Table,), body))
    for way in ways:
        with pytest.raises((DeclarationError, InvalidValueError), match=message):
            way()
    answer = CliRunner().invoke(main, ["status", "--endpoint-url", "http://127.0.0.1:9", "--table", text])
    assert isinstance(answer.exception, InvalidValueError) or answer.exit_code == 2
    assert message in (str(answer.exception) + answer.output)


@pytest.mark.parametrize("text", ["ab", f"{ARN}ab"])
def test_a_short_name_is_refused_by_the_first_request_to_a_server(text):
    """The embedded engine allows it."""
    with (
        Named.bind(table_name=text, endpoint_url="http://127.0.0.1:9"),
        pytest.raises(InvalidValueError, match="has fewer than 3 characters; DynamoDB refuses it"),
    ):
        Part.query(part="a").all()
