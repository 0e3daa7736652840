"""A migration in its own process, which a test can kill: `python -m tests.engines.backfill_process URL TABLE`."""

import sys

from singletable.migrations import Backfill, BackfillExpiry
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from tests.framework.migrations.world import BY_STATE, EXPIRY, ShelfTable, graph

CREDENTIALS = ("dummy", "dummy", None)


def history():
    """Return a history of keys and expiry, without an index and time to live, which dynalite does not support."""
    return graph(Backfill("TASK", *BY_STATE), BackfillExpiry("TASK", "ttl", **EXPIRY))


def main():
    """Migrate, and print the counts after each slice."""
    url, name = sys.argv[1:]
    with ShelfTable.bind(table_name=name, endpoint_url=url, credentials=CREDENTIALS):
        options = Options(segments=64, workers=4, lease_seconds=2)
        runner = Runner(connection_of(ShelfTable), history(), options, progress=show)
        print("applied", *runner.migrate(), flush=True)


def show(done):
    """Print a line that a test reads."""
    print(done.phase, done.counts["written"], done.counts["already"], flush=True)


if __name__ == "__main__":
    main()
