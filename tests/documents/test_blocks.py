"""Every code block of the README and the docs is run, or has a reason why it is not; shown outputs are compared."""

from contextlib import ExitStack
from unittest.mock import patch
from urllib.request import Request, urlopen

import pytest
from moto.dynamodb.models.table import StreamShard

from tests.documents.blocks import blocks_of, inline_code_of
from tests.documents.checking import ROOT, check_inline
from tests.documents.session import run_document
from tests.framework.migrations.server import moto_server

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests" / "README.md"])
NAMES = {path: path.relative_to(ROOT).as_posix() for path in DOCUMENTS}
BLOCKS = {name: blocks_of(path, name) for path, name in NAMES.items()}

NOT_RUN = [
    ("CONTRIBUTING.md", "runs for minutes, and installs packages"),
    ("README.md", "installs packages"),
    ("README.md", "deep: takes ten seconds; the tests of the commands run it, too"),
    ("README.md", "runs all tests"),
    ("docs/how-to/dax.md", "installs packages"),
    ("docs/how-to/deploy.md", "installs packages"),
    ("docs/how-to/deploy.md", "deep: takes ten seconds; the tests of the infrastructure run it, too"),
    ("docs/how-to/deploy.md", "needs a table that exists, and CloudFormation's import"),
    ("docs/how-to/observe.md", "installs packages"),
    ("docs/how-to/operate.md", "needs the metrics of a table that is used"),
    ("docs/how-to/operate.md", "needs the metrics of a table that is used"),
    ("docs/how-to/operate.md", "needs credentials of an AWS account"),
    ("docs/how-to/run-on-many-machines.md", "needs AWS"),
    ("docs/how-to/run-on-many-machines.md", "needs a scheduler of Dask"),
    ("docs/how-to/streams.md", "installs packages"),
    ("docs/how-to/streams.md", "runs until Ctrl-C"),
    ("docs/how-to/test-your-table.md", "installs MiniStack on first use"),
    ("docs/how-to/test-your-table.md", "the values of a history depend on the version of Hypothesis"),
    ("docs/reference/engines.md", "installs MiniStack on first use"),
    ("docs/reference/mutation.md", "runs for minutes"),
    ("docs/tutorial/first-table.md", "installs packages"),
    ("docs/tutorial/first-table.md", "deep: takes ten seconds; the tests of the commands run it, too"),
]


@pytest.fixture
def server():
    """Return a function that starts a server that answers for AWS, and returns its URL."""
    with ExitStack() as stack:
        urls = []

        def start():
            if not urls:
                stack.enter_context(patch.object(StreamShard, "add", _add_if_on))
                urls.append(stack.enter_context(moto_server()))
                stack.callback(_reset, urls[0])
                _reset(urls[0])
            return urls[0]

        yield start


_add = StreamShard.add


def _add_if_on(shard, *arguments):
    """Add a record to a stream unless it is disabled, because moto fails for a disabled one."""
    if "StreamViewType" in shard.table.stream_specification:
        _add(shard, *arguments)


def _reset(url):
    """Remove the tables that earlier tests of this process have created in moto."""
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()


@pytest.mark.filterwarnings("ignore:Tried to parse")  # moto's CloudFormation does not create these resources
@pytest.mark.parametrize("name", [name for name, blocks in BLOCKS.items() if blocks])
def test_blocks_run(name, tmp_path, server):
    """Python blocks, files with pytest, commands with their output, and data run in a copy of the shop."""
    run_document(name, BLOCKS[name], tmp_path, server)


def test_every_block_that_is_not_run_is_in_this_list():
    """The list has the document and the reason of each, so that a new one needs a decision."""
    reasons = [(name, block.reason) for name, blocks in BLOCKS.items() for block in blocks if block.reason]
    assert NOT_RUN == reasons


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES.values())
def test_commands_in_prose_exist(path):
    """Commands in prose exist and have the named options."""
    wrong = [(number, what) for number, code in inline_code_of(path) if (what := check_inline(code))]
    assert [] == wrong
