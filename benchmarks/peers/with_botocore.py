"""The floor: a bare botocore call with a body parsed by orjson, without a model, keys and checks.

A handler of `before-parse` removes the body, so that botocore's parser has no work.
`python -m benchmarks.peers.with_botocore URL` follows `protocol`.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import botocore.session
import orjson
from botocore.config import Config

from benchmarks.data import MIXES, USER, proof_of_stored
from benchmarks.peers.protocol import repeated, serve


def client_at(url: str) -> Any:
    """Return a client with PynamoDB's settings, one of which disables the validation of parameters."""
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 4, "mode": "standard"}),
    )
    client.meta.events.register("before-parse.dynamodb.Query", parse)
    return client


def parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Parse the body with orjson, and remove it from the answer."""
    customized_response_dict.update(orjson.loads(response_dict["body"]))
    response_dict["body"] = b""


def query(client: Any, mix: str) -> list[dict[str, Any]]:
    """Query a hundred items as dicts."""
    answer = client.query(
        TableName=f"bench-{mix}",
        KeyConditionExpression="#0 = :0 AND begins_with(#1, :1)",
        ExpressionAttributeNames={"#0": "PK", "#1": "SK"},
        ExpressionAttributeValues={":0": {"S": f"USER#{USER}"}, ":1": {"S": "ORDER#"}},
    )
    items: list[dict[str, Any]] = answer["Items"]
    return items


def main() -> None:
    """Run the peer."""
    client = client_at(sys.argv[1])
    tasks = {f"query-{mix}": repeated(partial(query, client, mix)) for mix in MIXES}
    proofs = {f"query-{mix}": lambda mix=mix: proof_of_stored(mix, query(client, mix)) for mix in MIXES}
    serve(tasks, proofs, "botocore", "orjson")


if __name__ == "__main__":
    main()
