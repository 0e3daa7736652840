"""Probes: the answer of an engine to a raw request, and the answer that DynamoDB documents.

A client sends each request without the framework to an empty table of `tests.framework.app`.
"""

from collections.abc import Callable
from typing import Any

import attrs
from botocore.exceptions import ClientError

from singletable.errors import RequestFailedError
from tests.engines import features, questions

__all__ = ["PROBES", "Probe", "answer", "table_of"]


@attrs.frozen
class Probe:
    """One request, and its documented answer.

    Args:
        behavior: The request in words.
        documented: The answer that DynamoDB documents or, if it is not documented, gives.
        source: The URL of the document, or of a report of its answer.
        ask: Sends requests with a client to the table with a name, and returns the answer in a few words.
        here: The framework's behavior.
    """

    behavior: str
    documented: str
    source: str
    ask: Callable[[Any, str], str]
    here: str


def answer(probe: Probe, client: Any, table: str) -> str:
    """Return an engine's answer, which may be that the engine does not have the operation."""
    try:
        return probe.ask(client, table)
    except NotImplementedError:
        return MISSING
    except (ClientError, RequestFailedError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else error.code
        return MISSING if code in ("UnknownOperationException", "501") else f"rejected: {code}"
    except Exception as error:
        # moto runs in this process, so its internal errors reach the caller.
        return f"fails: {type(error).__name__}"


def table_of(answers: dict[str, list[str]]) -> str:
    """Return the answers of each engine as a table of Markdown; an answer that is not the documented one is bold."""
    lines = [("behavior", *answers, "DynamoDB", "here")]
    for probe, *given in zip(PROBES, *answers.values(), strict=True):
        cells = [each if each == probe.documented else f"**{each}**" for each in given]
        lines.append((probe.behavior, *cells, f"[{probe.documented}]({probe.source})", probe.here))
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


AWS = "https://docs.aws.amazon.com/amazondynamodb/latest"
API, GUIDE = f"{AWS}/APIReference/API_", f"{AWS}/developerguide"
BATCH_WRITE, BATCH_GET = f"{API}BatchWriteItem.html", f"{API}BatchGetItem.html"
QUERY, PUT = f"{API}Query.html", f"{API}PutItem.html"
TRANSACTION = f"{API}TransactWriteItems.html"
LIMITS = f"{GUIDE}/Constraints.html"
NEW_INDEX = f"{GUIDE}/GSI.OnlineOps.html"
CAPACITY = f"{GUIDE}/read-write-operations.html"
OPERATORS = f"{GUIDE}/Expressions.OperatorsAndFunctions.html"
# AWS does not document these three. The reports compare them with DynamoDB itself.
REVERSED = "https://github.com/architect/dynalite/issues/55"
START_KEY = "https://github.com/scylladb/scylladb/issues/26988"
ABSENT = "https://github.com/ExtendDB/extenddb/pull/5"

MISSING = "no such operation"
REJECTED = "rejected: ValidationException"
BEFORE = "refused before sending"
NOT_USED = "not used"

PROBES = (
    Probe("a partition key of 1,025 characters, 2,050 bytes", REJECTED, LIMITS, questions.long_in_characters, BEFORE),
    Probe("a sort key of 513 characters, 1,026 bytes", REJECTED, LIMITS, questions.long_in_bytes_of_a_sort_key, BEFORE),
    Probe("a partition key of an index of 2,049 bytes", REJECTED, LIMITS, questions.long_key_of_an_index, BEFORE),
    Probe(
        "a put with an index key of another type",
        REJECTED,
        BATCH_WRITE,
        questions.index_key_of_another_type,
        "refused when the class is made: keys are text",
    ),
    Probe("a put with an empty key", REJECTED, PUT, questions.empty_key, BEFORE),
    Probe("a put with an empty index key", REJECTED, PUT, questions.empty_index_key, BEFORE),
    Probe("an update that sets an index key empty", REJECTED, PUT, questions.empty_index_key_by_an_update, BEFORE),
    Probe("an item of 409,600 bytes", "accepted", LIMITS, questions.largest_item, "sent"),
    Probe("an item of 409,601 bytes", REJECTED, LIMITS, questions.item_over_the_limit, "`ItemTooLargeError`"),
    Probe("a query with BETWEEN reversed", REJECTED, REVERSED, questions.reversed_range, "`InvalidConditionError`"),
    Probe(
        "a start key of another partition", REJECTED, START_KEY, questions.start_of_another_partition, "`CursorError`"
    ),
    Probe(
        "a start key of another key of the index",
        REJECTED,
        START_KEY,
        questions.start_of_another_index_key,
        "`CursorError`",
    ),
    Probe(
        "a filter on the sort key of the query", REJECTED, QUERY, questions.filter_on_the_key, "`InvalidConditionError`"
    ),
    Probe(
        "a query of a partition of 1.5 MB",
        "2 pages",
        QUERY,
        questions.partition_over_one_megabyte,
        "all pages are read",
    ),
    Probe(
        "attributes in a KEYS_ONLY index",
        "GSI2PK, GSI2SK, PK, SK",
        f"{GUIDE}/GSI.html",
        questions.index_of_keys_only,
        "completed by primary key",
    ),
    Probe(
        "ALL_ATTRIBUTES of a KEYS_ONLY index",
        REJECTED,
        QUERY,
        features.all_attributes_of_an_index_of_keys_only,
        NOT_USED,
    ),
    Probe(
        "capacity of a get of 10 KB, eventually consistent and consistent",
        "1.5 and 3",
        CAPACITY,
        questions.capacity_of_a_get,
        "estimated on moto and MiniStack",
    ),
    Probe(
        "capacity of a put of 2.5 KB that is in one index",
        "6",
        CAPACITY,
        questions.capacity_of_a_put,
        "estimated on moto and MiniStack",
    ),
    Probe("`a = NULL` if a is absent", "does not hold", ABSENT, questions.absent_and_null, "`InvalidConditionError`"),
    Probe(
        "`a = {b: x}` for an equal map",
        "holds",
        OPERATORS,
        questions.maps,
        "sent; `ConditionFailed` if the engine does not compare maps",
    ),
    Probe("`a = [{b: x}]` for an equal list", "holds", OPERATORS, questions.lists_of_maps, "the same"),
    Probe(
        "the item of a failed condition, if requested",
        "the item",
        PUT,
        questions.item_in_the_way,
        "read, if it is not returned",
    ),
    Probe("a batch of 26 puts", REJECTED, BATCH_WRITE, questions.batch_of_26, "cut into requests of 25"),
    Probe(
        "a batch with two puts of one key",
        REJECTED,
        BATCH_WRITE,
        questions.batch_with_a_duplicate,
        "the last one is sent",
    ),
    Probe("a batch of 101 gets", REJECTED, BATCH_GET, questions.batch_get_of_101, "cut into requests of 100"),
    Probe(
        "a batch of 60 gets of 300 KB each",
        "about 52 items",
        BATCH_GET,
        questions.batch_get_of_18_megabytes,
        "unprocessed keys are sent again",
    ),
    Probe(
        "a transaction",
        "accepted",
        TRANSACTION,
        features.transaction,
        "`RequestFailedError` if the engine has no transactions",
    ),
    Probe(
        "a transaction with a condition that is false",
        "None and ConditionalCheckFailed with the item; nothing applied",
        TRANSACTION,
        features.cancelled_transaction,
        "`TransactionCancelled`, with the reasons",
    ),
    Probe(
        "a transaction sent twice with one token",
        "applied once",
        TRANSACTION,
        features.transaction_sent_twice,
        "sent with its own token",
    ),
    Probe(
        "another transaction with the same token",
        "rejected: IdempotentParameterMismatchException",
        TRANSACTION,
        features.token_with_another_request,
        "sent with its own token",
    ),
    Probe("a PartiQL SELECT by key", "1 row", f"{API}ExecuteStatement.html", features.statement, NOT_USED),
    Probe(
        "a batch of a PartiQL UPDATE whose condition is false",
        "ConditionalCheckFailed; not applied",
        f"{API}BatchExecuteStatement.html",
        features.statement_with_a_false_condition,
        "migrations use statements only if this is right",
    ),
    Probe(
        "a PartiQL transaction of an INSERT",
        "1 row",
        f"{API}ExecuteTransaction.html",
        features.statement_transaction,
        NOT_USED,
    ),
    Probe(
        "stream records of an update that creates an item, an update without a change, a put and a delete",
        "INSERT, MODIFY, REMOVE",
        f"{GUIDE}/Streams.html",
        features.stream_records,
        "handlers are called with each record",
    ),
    Probe(
        "time to live switched on",
        "accepted",
        f"{API}UpdateTimeToLive.html",
        features.time_to_live,
        "`ignore_update_ttl_errors=True`",
    ),
    Probe(
        "a get of an item that has expired and is not yet deleted",
        "returned",
        f"{GUIDE}/ttl-expired-items.html",
        features.expired_item,
        "returned",
    ),
    Probe(
        "point-in-time recovery switched on",
        "ENABLED",
        f"{API}UpdateContinuousBackups.html",
        features.point_in_time_recovery,
        "by the stack",
    ),
    Probe("an index created on a table", "CREATING", NEW_INDEX, features.new_index, "migrations wait for it"),
    Probe(
        "two indexes created in one request",
        "rejected",
        f"{API}UpdateTable.html",
        features.two_new_indexes,
        "migrations create one at a time",
    ),
    Probe(
        "an index created over an item whose key is of another type",
        "0 rows in it; a later write is rejected",
        f"{GUIDE}/GSI.OnlineOps.ViolationDetection.html",
        features.index_over_items_of_another_type,
        "keys are text",
    ),
    Probe(
        "a query of an index with two partition and two sort key attributes",
        "1 row",
        f"{GUIDE}/GSI.DesignPattern.MultiAttributeKeys.html",
        features.multi_attribute_index,
        NOT_USED,
    ),
    Probe(
        "the nearest of two vectors",
        "near",
        f"{API}SearchVectors.html",
        features.vector_search,
        NOT_USED,
    ),
)
