"""Slices in other processes: on this machine, and with Dask."""

import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import attrs
import pytest

from singletable.errors import LeaseLostError, MigrationConflictError, MigrationError, MigrationStoppedError
from singletable.migrations.history import History
from singletable.migrations.loader import load_graph
from singletable.migrations.remote import Job, WorkerPlace, remote_tasks, run_slice
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.segments import Slice
from singletable.migrations.tasks import Tasks
from singletable.migrations.writer import write_script
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.items.internal_items import internal_table
from tests.framework.migrations.world import ShelfTable, put_old, send, stale, stored

ITEMS = 60
CREDENTIALS = ("server", "server", None)


def job(url, scripts, **settings):
    return Job(table_name="shelf", scripts=scripts, endpoint_url=url, credentials=CREDENTIALS, **settings)


def runner(scripts, tasks=None, **how):
    options = Options(segments=8, workers=2, page_size=5, slice_pages=1, write_mode="auto")
    settings = {name: how.pop(name) for name in list(how) if name in attrs.fields_dict(Options)}
    return Runner(connection_of(ShelfTable), load_graph(scripts), attrs.evolve(options, **settings), tasks=tasks, **how)


def fill(scripts):
    runner(scripts).migrate("0001_initial")
    put_old(ITEMS)


def assert_migrated():
    items = stored()
    assert ITEMS == len(items)
    assert {} == {key: stale(item) for key, item in items.items() if stale(item)}
    assert ITEMS == send("Query", **BY_GSI1)["Count"]


BY_GSI1 = {
    "IndexName": "GSI1",
    "KeyConditionExpression": "GSI1PK = :state",
    "ExpressionAttributeValues": {":state": {"S": "STATE#OPEN"}},
}


def pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@pytest.fixture(scope="module")
def executor():
    """Two processes that several runs use, as in a long-lived pool."""
    with pool() as processes:
        yield processes


def test_a_job_is_plain_data(tmp_path):
    """A job survives JSON, and only its data contains its secrets."""
    one = Job(
        table_name="shelf",
        scripts=tmp_path,
        region="eu-central-1",
        endpoint_url="http://127.0.0.1:1",
        credentials=("key", "secret", None),
        rate=12.5,
        control_table="control",
    )
    assert one == Job.from_dict(json.loads(json.dumps(one.to_dict())))
    assert one == pickle.loads(pickle.dumps(one))
    assert "secret" not in repr(one)
    assert "secret" not in repr(remote_tasks(None, one))
    plain = Job(table_name="shelf", scripts="migrations")
    assert plain == Job.from_dict({"table_name": "shelf", "scripts": "migrations"})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"table_name": "shelf"}, "scripts"),
        ({"table_name": "shelf", "scripts": "here", "rat": 1}, "Unknown fields of a job: rat"),
        ({"table_name": "shelf", "scripts": "here", "rate": 0}, "rate=0 is not a rate"),
        ({"table_name": "a b", "scripts": "here"}, "table_name='a b' has the character ' '. Use 3 to 255"),
        ({"table_name": "ab", "scripts": "here"}, "table_name='ab' has fewer than 3 characters"),
        ({"table_name": 7, "scripts": "here"}, "table_name=7 is not a text"),
        ({"table_name": "shelf", "scripts": "here", "control_table": ""}, "control_table='' is empty"),
    ],
)
def test_what_is_no_job_is_refused(data, what):
    with pytest.raises(MigrationError, match=what):
        Job.from_dict(data)


def test_processes(served, url, scripts, executor):
    """Two processes migrate every item, and report their consumed capacity to the coordinator."""
    fill(scripts)
    seen = []
    made = runner(scripts, remote_tasks(executor, job(url, scripts)), progress=seen.append, slice_pages=4)
    assert ["0002_by_state"] == made.migrate()
    assert_migrated()
    assert {"backfill", "verify"} == {each.phase for each in seen}
    verified = [each for each in seen if each.phase == "verify"]
    assert ITEMS == verified[-1].counts["verified"]
    assert [0.0] == [each.consumed["write"] for each in verified[-1:]]
    assert seen[-1].consumed["read"] > 0


@pytest.mark.deep
def test_a_partial_of_run_slice_does_as_well(served, url, scripts, executor):
    """A plain function with plain data runs the slices in this process."""
    fill(scripts)
    runner(scripts, Tasks(executor, partial(run_slice, job(url, scripts).to_dict()))).migrate()
    assert_migrated()


@pytest.mark.deep
def test_a_rollback_in_processes(served, url, scripts, executor):
    """`~back` slices reverse the writes of the migration, and no others."""
    fill(scripts)
    before = stored()
    tasks = remote_tasks(executor, job(url, scripts))
    runner(scripts, tasks).migrate()
    runner(scripts, tasks).rollback("0002_by_state")
    assert before == stored()


@pytest.mark.deep
def test_a_process_that_dies_ends_the_run_with_words(served, url, scripts, executor):
    """The run reports a process that has died, and the next run continues."""
    write_script(scripts, "0003_label", DEADLY)
    fill(scripts)
    tasks = job(url, scripts)
    with pool() as dying, pytest.raises(MigrationStoppedError, match="process that ran slices has died") as died:
        runner(scripts, remote_tasks(dying, tasks)).migrate()
    assert "Run it again" in died.value.remedy
    assert ["0003_label"] == runner(scripts, remote_tasks(executor, tasks)).migrate()
    assert {"OPEN"} == {item["label"]["S"] for item in stored().values()}
    assert_migrated()


DEADLY = """
import os
from pathlib import Path

from singletable.migrations import BackfillWith, Migration, Text


def label(state):
    flag = Path(__file__).with_suffix(".died")
    if not flag.exists():
        flag.touch()
        os._exit(1)
    return {"label": state}


migration = Migration(
    depends_on=["0002_by_state"],
    operations=[BackfillWith("TASK", {"state": Text("state")}, label, writes="label")],
)
"""


def slice_of(made, name="0002_by_state", **changes):
    return attrs.asdict(attrs.evolve(Slice(name, 0, 0, 8, made.lease.epoch, 100, 100), **changes))


def begun(scripts):
    """Return a begun run whose slices run elsewhere."""
    fill(scripts)
    made = runner(scripts)
    made.lease.acquire()
    History(made.records, made.graph).begin(made.graph.scripts["0002_by_state"], made.lease.owner, 8)
    return made


def test_an_error_comes_back_whole(served, url, scripts, executor):
    """An error from another process keeps its text and its type."""
    made = begun(scripts)
    for epoch in (made.lease.epoch, 9):
        run_slice(job(url, scripts).to_dict(), slice_of(made, epoch=epoch))
    with pytest.raises(LeaseLostError, match="has taken over this segment") as lost:
        executor.submit(run_slice, job(url, scripts).to_dict(), slice_of(made)).result()
    assert "status" in lost.value.remedy


def test_other_scripts_than_those_of_the_run_are_refused(served, url, scripts):
    """Scripts of another version are refused; under each lease a process loads them again."""
    made = begun(scripts)
    run_slice(job(url, scripts).to_dict(), slice_of(made))
    path = scripts / "0002_by_state.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    with pytest.raises(MigrationConflictError, match="0002_by_state is a different script here"):
        run_slice(job(url, scripts).to_dict(), slice_of(made, epoch=made.lease.epoch + 1))
    path.unlink()
    with pytest.raises(MigrationConflictError, match="0002_by_state is missing here"):
        run_slice(job(url, scripts).to_dict(), slice_of(made, epoch=made.lease.epoch + 2))
    with pytest.raises(MigrationConflictError, match="0001_initial is not a pass"):
        run_slice(job(url, scripts).to_dict(), slice_of(made, "0001_initial"))
    with pytest.raises(MigrationError, match="The folder .* of this process has no migrations"):
        run_slice(job(url, scripts / "nowhere").to_dict(), slice_of(made))


@pytest.mark.deep
def test_records_in_a_table_of_their_own(served, url, scripts, executor):
    """Processes use the records in a control table, whose keys are PK and SK."""
    control = internal_table(Table, "PK", "SK", "entityType", "control")
    with control.bind(table_name="control", endpoint_url=url, credentials=CREDENTIALS):
        control.create_table(wait=True)
        one = job(url, scripts, control_table="control")
        records = WorkerPlace.of(one).records
        runner(scripts, records=records).migrate("0001_initial")
        put_old(ITEMS)
        runner(scripts, remote_tasks(executor, one), records=records).migrate()
        assert_migrated()
        assert not [item for item in send("Scan")["Items"] if item["PK"]["S"].startswith("SINGLETABLE#")]
        control.delete_table()


@pytest.mark.deep
def test_dask(served, url, scripts):
    """The executor of a Dask cluster on this machine works like any other."""
    distributed = pytest.importorskip("distributed")
    fill(scripts)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        tasks = remote_tasks(client.get_executor(), job(url, scripts))
        assert ["0002_by_state"] == runner(scripts, tasks).migrate()
    assert_migrated()
