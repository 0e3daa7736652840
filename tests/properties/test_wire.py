"""A client with the fast parser answers as botocore's parser does, and leaves everything else to botocore."""

import json
from base64 import b64encode
from binascii import crc32
from http import HTTPStatus

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from hypothesis import example, given
from hypothesis import strategies as st

from singletable.requests.wire import DAMAGED, OPERATIONS, parse_items
from singletable.testing.strategies import nasty_text

KEY = {"PK": {"S": "P"}}
PUT = {"TableName": "Tab", "Item": KEY}
ARGUMENTS = {
    "BatchGetItem": {"RequestItems": {"Tab": {"Keys": [KEY]}}},
    "DeleteItem": {"TableName": "Tab", "Key": KEY},
    "GetItem": {"TableName": "Tab", "Key": KEY},
    "PutItem": PUT,
    "Query": {"TableName": "Tab"},
    "Scan": {"TableName": "Tab"},
    "TransactGetItems": {"TransactItems": [{"Get": {"TableName": "Tab", "Key": KEY}}]},
    "TransactWriteItems": {"TransactItems": [{"Put": PUT}], "ClientRequestToken": "t"},
    "UpdateItem": {"TableName": "Tab", "Key": KEY},
}
OTHERS = {
    "BatchWriteItem": {"RequestItems": {"Tab": [{"PutRequest": {"Item": KEY}}]}},
    "DescribeTable": {"TableName": "Tab"},
    "ExecuteStatement": {"Statement": "SELECT * FROM Tab"},
    "ListTables": {},
}


def make_client(session=None):
    """Return a client that sends nothing."""
    session = session or botocore.session.Session()
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return session.create_client(
        "dynamodb",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=config,
    )


class Raw:
    """The body of an HTTP answer."""

    def __init__(self, body):
        self._body = body

    def stream(self, *arguments, **options):
        yield self._body


CLIENTS = make_client(), make_client()
parse_items(CLIENTS[1])


def ask(client, operation, body, status=200, headers=None):
    """Return a client's result for an answer: the parsed answer or the error."""
    headers = {"x-amzn-requestid": "r", "content-type": "application/x-amz-json-1.0", **(headers or {})}

    def answer(request, **_):
        return AWSResponse(request.url, status, headers, Raw(body))

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register(event, answer)
    try:
        return known(client._make_api_call(operation, {**ARGUMENTS, **OTHERS}[operation]))
    except Exception as error:
        return type(error).__name__, str(error), known(getattr(error, "response", None))
    finally:
        client.meta.events.unregister(event, answer)


def known(value):
    """Return a value with the types of everything in it, so that 1 differs from 1.0 and bytes from text."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items()}
    if isinstance(value, list):
        return [known(each) for each in value]
    return type(value), repr(value)


def both(operation, body, status=200, headers=None):
    """Return the results of botocore's parser and of the fast parser."""
    return tuple(ask(client, operation, body, status, headers) for client in CLIENTS)


# --- answers of DynamoDB -------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(("B", "BS", "S", "M", "L", "N", "NULL", "BOOL", "Item", "Items", "PK", "b", "AB", 'x"B', "B:")),
    nasty_text(max_size=4),
)
TEXTS = st.one_of(
    nasty_text(min_size=0, max_size=6), st.sampled_from(('"B":', '"B": "YQ=="', '\\"BS\\":', "\\u0042", "B", '"Item"'))
)
BASE64 = st.binary(max_size=6).map(lambda value: b64encode(value).decode())
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)).map(str)
VALUES = st.recursive(
    st.one_of(
        st.builds(lambda content: {"S": content}, TEXTS),
        st.builds(lambda content: {"N": content}, NUMBERS),
        st.builds(lambda content: {"B": content}, BASE64),
        st.builds(lambda content: {"BOOL": content}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda content: {"SS": content}, st.lists(TEXTS, max_size=2)),
        st.builds(lambda content: {"NS": content}, st.lists(NUMBERS, max_size=2)),
        st.builds(lambda content: {"BS": content}, st.lists(BASE64, max_size=2)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda content: {"L": content}, st.lists(inner, max_size=3)),
        st.builds(lambda content: {"M": content}, st.dictionaries(NAMES, inner, max_size=3)),
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=4)
COUNTS = st.integers(0, 10**6)
UNITS = st.one_of(st.integers(0, 9), st.floats(0, 100))
CAPACITY = st.fixed_dictionaries(
    {"TableName": st.just("Tab"), "CapacityUnits": UNITS},
    optional={
        "Table": st.fixed_dictionaries({"CapacityUnits": UNITS}),
        "GlobalSecondaryIndexes": st.dictionaries(
            st.sampled_from(("GSI1", "B", "BS")), st.fixed_dictionaries({"CapacityUnits": UNITS}), max_size=2
        ),
    },
)
COLLECTION = st.fixed_dictionaries(
    {"ItemCollectionKey": ITEMS, "SizeEstimateRangeGB": st.lists(st.floats(0, 10), min_size=2, max_size=2)}
)
UNPROCESSED = st.fixed_dictionaries(
    {"Keys": st.lists(ITEMS, max_size=2)},
    optional={
        "ConsistentRead": st.booleans(),
        "ProjectionExpression": TEXTS,
        "AttributesToGet": st.lists(NAMES, max_size=2),
        "ExpressionAttributeNames": st.dictionaries(st.sampled_from(("#B", "#0")), NAMES, max_size=2),
    },
)
TABLES = st.sampled_from(("Tab", "B.S", "SSB", "BSS"))


def answers(**members):
    """Return a strategy of answers; any member may be missing or null."""
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(each, each, st.none()) for name, each in members.items()}
    )


WRITTEN = answers(Attributes=ITEMS, ConsumedCapacity=CAPACITY, ItemCollectionMetrics=COLLECTION)
PAGES = answers(
    Items=st.lists(ITEMS, max_size=3),
    Count=COUNTS,
    ScannedCount=COUNTS,
    LastEvaluatedKey=ITEMS,
    ConsumedCapacity=CAPACITY,
)
ANSWERS = {
    "BatchGetItem": answers(
        Responses=st.dictionaries(TABLES, st.lists(ITEMS, max_size=2), max_size=2),
        UnprocessedKeys=st.dictionaries(TABLES, UNPROCESSED, max_size=2),
        ConsumedCapacity=st.lists(CAPACITY, max_size=2),
    ),
    "DeleteItem": WRITTEN,
    "GetItem": answers(Item=ITEMS, ConsumedCapacity=CAPACITY),
    "PutItem": WRITTEN,
    "Query": PAGES,
    "Scan": PAGES,
    "TransactGetItems": answers(
        Responses=st.lists(st.fixed_dictionaries({}, optional={"Item": st.one_of(ITEMS, st.none())}), max_size=3),
        ConsumedCapacity=st.lists(CAPACITY, max_size=2),
    ),
    "TransactWriteItems": answers(
        ConsumedCapacity=st.lists(CAPACITY, max_size=2),
        ItemCollectionMetrics=st.dictionaries(TABLES, st.lists(COLLECTION, max_size=1), max_size=1),
    ),
    "UpdateItem": WRITTEN,
}
MESSAGES = st.one_of(st.none(), TEXTS)
CODES = st.sampled_from(
    (
        "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "TransactionCanceledException:http://x",
        "x:y#ConditionalCheckFailedException",
        "com.amazon.coral.service#InternalServerError",
        "ValidationException",
        "ThrottlingException",
        "Nobody#Knows",
        "",
    )
)
REASONS = st.lists(
    st.fixed_dictionaries(
        {"Code": st.sampled_from(("None", "ConditionalCheckFailed"))},
        optional={"Item": st.one_of(ITEMS, st.none()), "Message": MESSAGES, "New": st.just("x")},
    ),
    max_size=3,
)
FAILURES = st.fixed_dictionaries(
    {"__type": CODES},
    optional={
        "message": MESSAGES,
        "Message": MESSAGES,
        "Item": st.one_of(ITEMS, ITEMS, st.none()),
        "CancellationReasons": st.one_of(REASONS, st.none()),
        "New": ITEMS,
    },
)


@st.composite
def bodies(draw, answer):
    """Draw an answer as text, with or without escapes and spaces."""
    made = draw(answer)
    spaces = draw(st.sampled_from(((",", ":"), (", ", ": "), (" ,\n", "\t:\r\n"))))
    text = json.dumps(made, ensure_ascii=draw(st.booleans()), separators=spaces)
    if draw(st.booleans()):
        text = text.replace("B", "\\u0042").replace('S"', '\\u0053"')
    return text.encode()


@pytest.mark.parametrize(
    "operations", [("Query", "Scan"), ("BatchGetItem",), ("TransactGetItems",), tuple(sorted(OPERATIONS))]
)
@given(data=st.data())
def test_an_answer_is_parsed_as_by_botocore(operations, data):
    """This holds for values of every type at any depth, attributes with the names of types, and null members."""
    operation = data.draw(st.sampled_from(operations))
    expected, actual = both(operation, data.draw(bodies(ANSWERS[operation])))
    assert expected == actual


@given(
    operation=st.sampled_from(("PutItem", "TransactWriteItems", "Query")),
    body=bodies(FAILURES),
    status=st.sampled_from((400, 400, 400, 500, 503, 300, 301, 404)),
)
def test_a_failed_condition_is_parsed_as_by_botocore(operation, body, status):
    """The error's item, the items of all reasons, the code and the message agree."""
    expected, actual = both(operation, body, status)
    assert expected == actual


DUPLICATES = b'{"Items":[{"a":{"S":"x"}}],"Items":[{"B":{"B":"YQ=="},"B":{"S":"YQ=="}}],"Count":1,"Count":2}'


@pytest.mark.parametrize("operation", ["Query", "GetItem", "TransactWriteItems"])
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'["Item"]',
        b"5",
        b'"Item"',
        b"{",
        b'<html>"Item"</html>',
        b"{}",
        b'{"Items":null,"Item":null}',
        b'{"Items":[{"a":{"S":"\xff"}}]}',
        b'{"Items":[{"a":{"S":"\\ud800"}}]}',
        b'{"Items":[{"a":{"B":"\\ud800"}}]}',
        b'{"Items":[{"a":{"B":"not base64!"}}]}',
        b'{"Items":[{"a":{"B":"YQ"}}]}',
        b'{"Items":[{"a":{"BS":["YQ==",null]}}]}',
        b'{"Items":[{"a":{"BS":["YQ"]}}]}',
        b'{"Items":[{"a":{"BS":[5]}}]}',
        b'{"Items":[{"a":{"\\u0042":"YQ=="}}]}',
        b'{"Items":[{"a":{"\\u0042\\u0053":["YQ=="]}}]}',
        b'{"Items":[{"a":{"B"  :"YQ=="}}]}',
        b"\xef\xbb\xbf{}",
        b'{"Count":1e3}',
        b'{"Count":1e400}',
        b'{"Count":NaN}',
        b'{"Count":18446744073709551615,"Items":[{"a":{"S":"123456789012345678901234567890"}}]}',
        b'{"ScannedCount":-0}',
        b'{"ResponseMetadata":"x","Error":"x","Items":[]}',
        b'{"New":[1],"Item":{"a":{"S":"x"}},"Items":[{"a":{"S":"x"}}]}',
        b'{"__type":5,"Item":{}}',
        b'{"__type":"ConditionalCheckFailedException","Item":{"a":{"B":"YQ=="}},"message":"m"}',
        b'{"__type":"ConditionalCheckFailedException","Item":{"a":{"S":"x"}},"CancellationReasons":[{"Code":"x"}]}',
        b'{"__type":"TransactionCanceledException","Item":{"a":{"S":"x"}},"Message":"m","CancellationReasons":[]}',
        b'{"__type":"TransactionCanceledException","CancellationReasons":[null,{"Item":{"a":{"B":"YQ=="}}}]}',
        b'{"__type":"TransactionCanceledException","CancellationReasons":{"Item":1}}',
        b'{"__type":"ConditionalCheckFailedException","\\u0049tem":{"a":{"S":"x"}}}',
        b'{"Items":[{"a":' + b'{"L":[' * 99 + b'{"B":"YQ=="}' + b"]}" * 99 + b"}]}",
        b'{"Items":[{"a":{"B":"YQ=="}}],"Deep":' + b"[" * 980 + b"]" * 980 + b"}",
        DUPLICATES,
    ],
    ids=lambda value: repr(value)[:60],
)
def test_odd_bodies_are_parsed_as_by_botocore(operation, status, body):
    """Odd bodies give botocore's answer or error; a body that is not an answer of DynamoDB counts as damaged."""
    expected, actual = both(operation, body, status)
    if status == HTTPStatus.OK and not is_answer(operation, body):
        assert {DAMAGED, "ResponseMetadata"} == actual.keys()
    elif expected != actual:
        kind, text, response = actual
        assert not is_json(body)
        assert ("ClientError", known(str(status))) == (kind, response["Error"]["Code"])
        assert not body.strip() or body.decode(errors="replace") not in text


def is_json(body):
    """Return whether the standard library can parse a body."""
    try:
        json.loads(body)
    except (RecursionError, ValueError):
        return False
    return True


def is_answer(operation, body):
    """Return whether a body is an empty object, or has a member of the operation's answer."""
    members = CLIENTS[0].meta.service_model.operation_model(operation).output_shape.members
    parsed = json.loads(body) if is_json(body) else None
    return isinstance(parsed, dict) and (not parsed or bool(members.keys() & parsed.keys()))


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "TransactWriteItems", "BatchWriteItem", "DescribeTable"])
@pytest.mark.parametrize("status", [101, 201, 202, 204, 206, 226, 299])
@pytest.mark.parametrize("body", [b"", b"{}", b"<html></html>"])
def test_a_status_that_dynamodb_does_not_send_marks_an_answer_as_damaged(operation, status, body):
    """botocore treats the status as success; a proxy may have sent it without asking DynamoDB."""
    assert ask(CLIENTS[1], operation, body, status)[DAMAGED]


@pytest.mark.parametrize("operation", ["PutItem", "TransactWriteItems", "BatchWriteItem", "UpdateItem"])
@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'{"__type": "com.amazon#Throttling"}', b'{"message": "no"}'])
def test_other_json_with_status_200_marks_an_answer_as_damaged(operation, body):
    """A proxy's error with status 200 does not acknowledge a write."""
    assert ask(CLIENTS[1], operation, body)[DAMAGED]


@pytest.mark.parametrize("operation", ["Query", "PutItem", "BatchWriteItem", "DescribeTable"])
def test_an_answer_whose_checksum_is_wrong_is_marked_as_damaged(operation):
    """Only a wrong checksum marks an answer; botocore returns such an answer after its last attempt."""
    body = b"{ }"
    for checksum, damaged in ((crc32(body), False), (crc32(body) + 1, True)):
        answer = ask(CLIENTS[1], operation, body, headers={"x-amz-crc32": str(checksum)})
        assert damaged == (DAMAGED in answer)


@given(
    operation=st.sampled_from(sorted(OTHERS)),
    body=bodies(st.one_of(PAGES, FAILURES)),
    status=st.sampled_from((200, 400)),
)
def test_other_operations_are_left_alone(operation, body, status):
    """botocore alone parses them, if the body can be an answer of the operation."""
    expected, actual = both(operation, body, status)
    if status == HTTPStatus.OK and not is_answer(operation, body):
        assert {DAMAGED, "ResponseMetadata"} == actual.keys()
    else:
        assert expected == actual


def test_other_clients_are_left_alone():
    """Other clients of the same session are also left alone, because the handlers belong to one client."""
    session = botocore.session.Session()
    one, other = make_client(session), make_client(session)
    before = ask(other, "Query", b'{"Items":[{"a":{"B":"YQ=="}}],"New":1}')
    seen = []
    parse_items(one)
    one.meta.events.register_last(
        "before-parse.dynamodb.Query", lambda customized_response_dict, **_: seen.append(customized_response_dict)
    )
    other.meta.events.register_last(
        "before-parse.dynamodb.Query", lambda customized_response_dict, **_: seen.append(customized_response_dict)
    )
    after = [ask(client, "Query", b'{"Items":[{"a":{"B":"YQ=="}}],"New":1}') for client in (other, one)]
    assert [before, before] == after
    assert [{}, {"Items": [{"a": {"B": b"a"}}]}] == seen


def left_to_botocore(operation, body, status=200):
    """Return the bodies that botocore's parser gets."""
    seen = []

    def look(response_dict, **_):
        seen.append(response_dict["body"])

    event = f"before-parse.dynamodb.{operation}"
    CLIENTS[1].meta.events.register_last(event, look)
    try:
        ask(CLIENTS[1], operation, body, status)
    finally:
        CLIENTS[1].meta.events.unregister(event, look)
    (left,) = seen
    return left


@example(b'{"Items":[{"a":{"S":"x"}}],"Count":1}')
@given(bodies(PAGES))
def test_usual_answers_use_the_fast_parser(body):
    """Without this test, a handler that always leaves the answer to botocore would stay unnoticed."""
    empty = not any(value is not None for value in json.loads(body).values())
    assert (body if empty else b"") == left_to_botocore("Query", body)


@pytest.mark.parametrize("prefix", ["", "com.amazonaws.dynamodb.v20120810#"])
@pytest.mark.parametrize(
    ("code", "member", "held"),
    [
        ("ConditionalCheckFailedException", "Item", {"a": {"S": "x"}}),
        ("TransactionCanceledException", "CancellationReasons", [{"Code": "None"}, {"Item": {"a": {"S": "x"}}}]),
    ],
)
def test_the_items_of_a_failure_use_the_fast_parser(prefix, code, member, held):
    """The rest of the failure is left to botocore."""
    rest = {"__type": prefix + code, "message": "m"}
    body = json.dumps({**rest, member: held}).encode()
    assert rest == json.loads(left_to_botocore("PutItem", body, 400))
