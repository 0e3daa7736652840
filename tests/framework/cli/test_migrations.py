"""The commands of migrations, on the shop's own history, and `makemigrations` in a new project."""

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from models import EmailClaim, ShopTable
from singletable.cli import main
from singletable.engine import embedded
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import Records
from singletable.migrations.lease import Lease
from singletable.models.binding.binding import connection_of
from singletable.testing import Rival, inject
from singletable.testing.invariants import check_fresh
from tests.framework.cli.test_commands import ROOT, assert_one_line, project, run
from tests.framework.requests.cluster import clustered
from tests.samples.tutorial import entities

__all__ = ["project"]  # a fixture

ALL = [
    "0001_users_products_reviews",
    "0002_categories",
    "0003_orders_by_status",
    "0004_orders_by_date",
    "0005_expiry",
    "0006_stream",
    "0007_attributes",
    "0008_ratings",
]
FEW = ["--segments", "2", "--workers", "1"]


def command(*arguments, text=None):
    """Run a command in this process, in the repository, on the bound table."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return CliRunner(env={"COLUMNS": "160"}).invoke(main, arguments, input=text)
    finally:
        os.chdir(before)


def send(operation, **params):
    return connection_of(ShopTable).connection.dispatch(operation, {"TableName": "shop", **params})


@pytest.fixture
def shop():
    """The shop's table class on the embedded engine, without a table."""
    with embedded(ShopTable, create=False):
        yield ShopTable


@pytest.fixture
def old_shop(shop):
    """The shop's table after its first migration, with items of old code, which have no index keys and no expiry."""
    assert 0 == command("migrate", "0001", "--yes", *FEW).exit_code
    for number, entity in enumerate(entities()):
        if number % 8 == 0:
            item = {name: value for name, value in entity.serialize().items() if name[:3] not in ("GSI", "ttl")}
            send("PutItem", Item=item)
    return shop


# --- makemigrations -------------------------------------------------------------------


def test_the_shop_has_all_its_migrations():
    """The shop's history matches its models."""
    done = run("makemigrations", "--check")
    assert (0, "No changes: the history matches the models.\n") == (done.returncode, done.stdout)


def test_a_new_project_gets_its_first_migration(project):
    """`--check` fails until the first migration is written."""
    missing = run("makemigrations", "--check", cwd=project)
    assert 1 == missing.returncode
    assert "Create the table, keyed by PK and SK" in missing.stdout
    dry = run("makemigrations", "--dry-run", cwd=project)
    assert not list((project / "migrations").glob("0*.py"))
    wrote = run("makemigrations", cwd=project)
    assert "Wrote migrations/0001_initial.py" in wrote.stdout
    assert dry.stdout == (project / "migrations" / "0001_initial.py").read_text(encoding="utf-8")
    assert 0 == run("makemigrations", "--check", cwd=project).returncode


def test_empty_and_merge(project):
    """`--empty` writes a script without operations; two heads are refused until `--merge` joins them."""
    run("makemigrations", cwd=project)
    assert 0 == run("makemigrations", "--empty", "--name", "by hand", cwd=project).returncode
    folder = project / "migrations"
    text = (folder / "0002_by_hand.py").read_text(encoding="utf-8")
    assert 'depends_on=["0001_initial"]' in text
    (folder / "0002_other.py").write_text(text, encoding="utf-8")
    assert_one_line_or_place(run("makemigrations", cwd=project), "2 heads: 0002_by_hand, 0002_other", "--merge")
    assert 0 == run("makemigrations", "--merge", cwd=project).returncode
    assert 'depends_on=["0002_by_hand", "0002_other"]' in (folder / "0003_merge.py").read_text(encoding="utf-8")
    assert 0 == run("makemigrations", "--check", cwd=project).returncode


def assert_one_line_or_place(done, *words):
    """Assert that a command printed an error, its place in the script and a remedy, without a traceback."""
    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_script_that_cannot_be_loaded(project):
    """The message has the script's name and the line."""
    (project / "migrations" / "0001_bad.py").write_text("migration = 1 +\n", encoding="utf-8")
    done = run("makemigrations", cwd=project)
    assert_one_line_or_place(done, "0001_bad cannot be loaded: SyntaxError", "0001_bad.py:1", "Correct the script.")


def test_a_project_that_does_not_say_where_migrations_are(project):
    """The remedy is the missing line of setup.cfg."""
    config = project / "setup.cfg"
    config.write_text(config.read_text(encoding="utf-8").replace("migrations = migrations\n", ""), encoding="utf-8")
    assert_one_line(
        run("makemigrations", cwd=project), "does not name the package of migrations", "migrations = migrations"
    )


# --- migrate --------------------------------------------------------------------------


def test_the_whole_history(old_shop):
    """After all migrations, items match the models, and `verify` finds nothing."""
    done = command("migrate", "--yes", *FEW)
    assert 0 == done.exit_code, done.output
    assert "shop on the embedded engine" in done.output
    assert "Applied 7 migrations." in done.output
    assert check_fresh(old_shop) > 50
    checked = command("verify")
    assert 0 == checked.exit_code
    assert "Everything that was checked is correct." in checked.output
    status = json.loads(command("status", "--format", "json").output)
    assert [(name, "applied") for name in ALL] == [(each["name"], each["status"]) for each in status["migrations"]]
    assert "Nothing to do" in command("migrate", "--yes").output
    assert "0005_expiry" in command("status").output


def test_a_plan_writes_nothing(old_shop):
    """The plan has the table, the steps, their costs, and their time at the rate."""
    before = send("Scan")["Items"]
    done = command("migrate", "--plan", "--rate", "10")
    assert 0 == done.exit_code
    for words in (
        "0003_orders_by_status",
        "Create the index GSI2",
        "index writes",
        "for a million read units",
        " s at the rate",
        "s of CPU",
    ):
        assert words in done.output
    assert before == send("Scan")["Items"]


def test_a_plan_for_a_table_that_is_not_there(shop):
    """The plan for a missing table creates it."""
    done = command("migrate", "--plan")
    assert 0 == done.exit_code
    assert "Create the table, keyed by PK and SK" in done.output


def test_a_dry_run_shows_differences_without_personal_values(old_shop):
    """A dry run prints the changes of some items, and writes nothing."""
    before = send("Scan")["Items"]
    done = command("migrate", "--dry-run")
    assert 0 == done.exit_code
    assert "- -> ORDER#" in done.output or "- -> STATUS#" in done.output
    assert "@example" not in done.output
    assert "Nothing was written." in done.output
    assert before == send("Scan")["Items"]


def test_it_asks(old_shop):
    """Without a yes, the table is not changed."""
    done = command("migrate", *FEW, text="n\n")
    assert 1 == done.exit_code
    assert "Apply 7 migrations to shop on the embedded engine" in done.output
    assert not [item for item in send("Scan")["Items"] if "GSI1PK" in item]


def test_ctrl_c_pauses(old_shop):
    """Ctrl-C lets the current slices finish and exits with 3; the same command continues."""
    interrupt = Rival(lambda: os.kill(os.getpid(), signal.SIGINT), calls={3}, operations=["Scan"])
    with inject(old_shop, interrupt):
        done = command("migrate", "--yes", "--segments", "6", "--workers", "1")
    assert 3 == done.exit_code, done.output
    assert "is paused" in done.output
    assert "Continue with `singletable migrate`" in done.output
    status = command("status").output
    assert "running" in status
    assert "of 6 segments" in status
    assert 0 == command("migrate", "--yes").exit_code
    assert check_fresh(old_shop) > 50


def test_quarantined_items(old_shop):
    """Quarantined items stop the run with exit code 1, are listed by `status`, and are redriven when they are fixed."""
    good = next(item for item in send("Scan")["Items"] if item["entityType"] == {"S": "PRODUCT"})
    send("PutItem", Item={**good, "status": {"S": "LOST"}})
    done = command("migrate", "--yes", *FEW)
    assert 1 == done.exit_code
    assert "1 item is quarantined" in done.output
    status = command("status").output
    assert good["PK"]["S"] in status
    assert "it is not one of 'ACTIVE', 'DISCONTINUED'" in status
    assert "LOST" not in status
    (now,) = [item for item in send("Scan")["Items"] if item["PK"] == good["PK"] and item["SK"] == good["SK"]]
    send("PutItem", Item={**now, "status": good["status"]})
    assert 0 == command("migrate", "--yes", "--redrive").exit_code
    assert check_fresh(old_shop) > 50


def test_verify_finds_what_is_wrong(old_shop):
    """A finding has a kind, an attribute, an entity and a key; the exit code is 1."""
    command("migrate", "--yes", *FEW)
    item = next(item for item in send("Scan")["Items"] if item["entityType"] == {"S": "PRODUCT"})
    send("PutItem", Item={**item, "GSI2PK": {"S": "STATUS#OTHER"}})
    done = command("verify")
    assert 1 == done.exit_code
    assert f"wrong GSI2PK of PRODUCT {item['PK']['S']} / METADATA" in done.output
    assert {"wrong": 1} == json.loads(command("verify", "--format", "json").output)["counts"]


def test_personal_keys_are_hidden(old_shop):
    """An e-mail address in a key is printed only with `--show-personal`."""
    command("migrate", "--yes", *FEW)
    item = EmailClaim(email="ann@example.com", user_id="u").serialize()
    send("PutItem", Item=item)
    send("PutItem", Item={**item, "GSI1PK": {"S": "X"}})
    for arguments in (["verify"], ["verify", "--format", "json"]):
        output = command(*arguments).output
        assert "EMAIL_CLAIM#‹personal›" in output
        assert item["email"]["S"] not in output
    assert item["email"]["S"] in command("verify", "--show-personal").output


def test_no_command_shows_a_personal_value(old_shop):
    """A canary in a personal attribute is not in the output of a dry run, a run, or the list of quarantined items."""
    user, *others = sorted(send("Scan")["Items"], key=lambda item: item["entityType"] != {"S": "USER"})
    for each in others:
        if not each["entityType"]["S"].startswith("singletable:"):
            send("DeleteItem", Key={name: each[name] for name in ("PK", "SK")})
    for number, planted in enumerate(({"S": "kestrel"}, {"SS": ["kestrel"]}, {"M": {"kestrel": {"S": "kestrel"}}})):
        personal = dict.fromkeys(("email", "phone", "address"), planted)
        send("PutItem", Item={**user, "PK": {"S": f"USER#u{number}"}, "userId": {"S": f"u{number}"}, **personal})
    commands = (
        ["migrate", "--dry-run"],
        ["migrate", "--yes", "--max-errors", "1", *FEW],
        ["status"],
        ["status", "--format", "json"],
    )
    outputs = [command(*arguments).output for arguments in commands]
    assert "email is stored as SS, not as S" in outputs[2]
    assert [] == [each for each in outputs if "kestrel" in each]


def test_rollback(old_shop):
    """The last migration is rolled back; one on which another depends is refused, and one that cannot be undone."""
    command("migrate", "--yes", *FEW)
    assert "depends on 0004" in command("rollback", "0004", "--yes").output
    assert "cannot be reversed" in command("rollback", "0001", "--yes").output
    for name in ("0008", "0007", "0006", "0005"):
        done = command("rollback", name, "--yes")
        assert 0 == done.exit_code, done.output
    assert not [item for item in send("Scan")["Items"] if "ttl" in item]
    assert "pending" in command("status").output
    done = command("migrate", "--yes", *FEW)
    assert 0 == done.exit_code, done.output


def test_stamp_and_a_table_that_has_no_history(shop, monkeypatch):
    """A table with items but no history is refused until it is stamped; then nothing is pending."""
    shop.create_table(wait=True)
    next(iter(entities())).save()
    done = command("migrate", "--yes", *FEW)
    assert 2 == done.exit_code
    assert "'shop' has items, and no history of migrations" in done.output
    assert "stamp 0001_users_products_reviews" in done.output
    assert f"Stamped {', '.join(ALL)}." in command("stamp", "0008").output
    output = command("migrate", "--yes").output
    assert "Nothing to do" in output
    assert "The models have changed" not in output
    monkeypatch.setattr(shop.Meta, "stream_view_type", "KEYS_ONLY")
    assert "The models have changed since: singletable makemigrations" in command("migrate", "--yes").output


def test_stamping_what_the_table_is_not(old_shop):
    """`stamp` refuses a table that lacks an index."""
    done = command("stamp", "0002")
    assert 2 == done.exit_code
    assert "The index GSI1 of 'shop' is missing" in done.output


def test_unlock(old_shop):
    """The lease of a dead runner ends after a question."""
    assert "No runner holds the table." in command("unlock").output
    records = Records(connection_of(old_shop), "PK", "SK", "entityType")
    Lease(records, Clock(), owner="dead@desk").acquire()
    assert "Held by the runner dead@desk" in command("status").output
    assert 1 == command("unlock", text="n\n").exit_code
    assert "Released from dead@desk." in command("unlock", "--yes").output
    done = command("migrate", "--yes", *FEW)
    assert 0 == done.exit_code, done.output


def test_options_that_contradict(shop):
    """Options that exclude each other are refused."""
    assert "--rate and --share exclude each other" in command("migrate", "--rate", "1", "--share", "0.5").output
    assert "--check, --empty and --merge exclude each other" in command("makemigrations", "--check", "--empty").output


def test_a_table_that_nobody_answers_for():
    """The error names the URL that does not answer."""
    done = run(
        "status",
        "--endpoint-url",
        "http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    assert_one_line(done, "No server answers at http://127.0.0.1:9")


def test_migrations_read_round_a_dax_cluster_and_write_through_it(old_shop, monkeypatch):
    """A cluster may have stale copies: `migrate` and `verify` read the table, and write through the cluster."""
    with clustered(ShopTable, monkeypatch) as cluster:
        done = command("migrate", "--yes", *FEW)
        assert 0 == done.exit_code, done.output
        assert 0 == command("verify").exit_code
    check_fresh(ShopTable)
    assert {"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"} >= set(cluster.operations)
    assert "UpdateItem" in cluster.operations
    assert set(cluster.table) <= {
        *(
            "CreateTable",
            "DescribeContinuousBackups",
            "DescribeTable",
            "DescribeTimeToLive",
            "ListTagsOfResource",
            "GetItem",
            "Query",
            "Scan",
        ),
        *("UpdateTable", "UpdateTimeToLive"),
    }


# --- rough edges ----------------------------------------------------------------------


def test_an_older_target(old_shop):
    """`migrate` only goes forward, and names the last applied migration."""
    command("migrate", "--yes", *FEW)
    done = command("migrate", "0005", "--yes")
    assert 0 == done.exit_code
    assert "Nothing to do: 0005_expiry is applied already." in done.output
    assert "The table is at 0008_ratings" in done.output
    assert "singletable rollback 0008_ratings" in done.output


def test_verify_without_a_history(shop):
    """The remedy is to stamp the table."""
    shop.create_table(wait=True)
    done = command("verify")
    assert 2 == done.exit_code
    assert "has no applied migrations, so it cannot be verified" in done.output
    assert "singletable stamp 0008_ratings" in done.output


def test_nobody_answers(old_shop):
    """If a question gets no answer, the error names `--yes`, and nothing is written."""
    before = send("Scan")["Items"]
    done = command("migrate")
    assert 2 == done.exit_code
    assert "Give --yes to do it without asking." in done.output
    assert before == send("Scan")["Items"]


def damage(expression, **values):
    """Change one product without the models, and return its partition key."""
    item = next(each for each in send("Scan")["Items"] if each["entityType"] == {"S": "PRODUCT"})
    key = {"PK": item["PK"], "SK": item["SK"]}
    more = {"ExpressionAttributeValues": values} if values else {}
    send("UpdateItem", Key=key, UpdateExpression=expression, **more)
    return key["PK"]["S"]


def test_verify_repairs(old_shop):
    """Derived attributes are repaired; other findings are still reported, with exit code 1."""
    command("migrate", "--yes", *FEW)
    damage("SET GSI1PK = :v", **{":v": {"S": "elsewhere"}})
    found = command("verify")
    assert (1, True) == (found.exit_code, "wrong GSI1PK of PRODUCT" in found.output)
    declined = command("verify", "--repair", text="n\n")
    assert 1 == declined.exit_code
    repaired = command("verify", "--repair", "--yes")
    assert (0, True) == (repaired.exit_code, "Repaired: 1 wrong." in repaired.output)
    damage("SET price = :v", **{":v": {"S": "cheap"}})
    left = command("verify", "--repair", "--yes")
    assert 1 == left.exit_code
    assert "price is stored as S, not as N" in left.output
    assert "cheap" not in left.output
    plain = json.loads(command("verify", "--format", "json").output)
    assert {"malformed": 1} == plain["counts"]
    assert plain["not_checked"]


def test_verify_fails_on_items_of_no_entity(old_shop):
    """Items of no known entity are findings; with `--allow-unknown`, they are reported as not checked."""
    command("migrate", "--yes", *FEW)
    send("PutItem", Item={"PK": {"S": "X"}, "SK": {"S": "Y"}})
    found = command("verify")
    assert (1, True) == (found.exit_code, "it has no discriminator" in found.output)
    allowed = command("verify", "--allow-unknown")
    assert (0, True) == (allowed.exit_code, "Items of no known entity (1): they are allowed." in allowed.output)


def test_the_quarantine_is_listed_redriven_and_forgotten(old_shop):
    """The quarantine of an applied migration is listed, redriven and forgotten."""
    damage("SET GSI1PK = :v", **{":v": {"S": "elsewhere"}})
    done = command("migrate", "--yes", "--accept-quarantine", *FEW)
    assert 0 == done.exit_code, done.output
    listed = command("quarantine")
    assert 1 == listed.exit_code
    assert "0002_categories: PRODUCT#" in listed.output
    assert (
        json.loads(command("quarantine", "0002", "--format", "json").output.splitlines()[0])["migration"]
        == "0002_categories"
    )
    count = json.loads(command("status", "--format", "json").output)["migrations"][1]["quarantined"]["count"]
    assert 1 == count
    assert "quarantined again" in command("migrate", "--redrive").output
    damage("REMOVE GSI1PK")
    assert "released" in command("quarantine", "--redrive").output
    assert "No items are quarantined." in command("quarantine").output
    assert "Forgot 0 items." in command("quarantine", "0002", "--forget", "--yes").output
    assert 2 == command("quarantine", "--forget", "--yes").exit_code


def test_abort(old_shop):
    """`abort` forgets a begun migration, and refuses an applied one."""
    damage("SET GSI1PK = :v", **{":v": {"S": "elsewhere"}})
    assert 1 == command("migrate", "--yes", *FEW).exit_code
    assert "Aborted 0002_categories." in command("abort", "0002", "--yes").output
    damage("REMOVE GSI1PK")
    assert 0 == command("migrate", "--yes", "--segments", "3").exit_code
    assert "only a begun migration can be aborted" in command("abort", "0002", "--yes").output
    assert "The control table has no records without a table's name" in command("adopt", "--yes").output


def test_names_differ_between_branches(project):
    """Two different changes get two names; the same change gets the same one."""
    run("makemigrations", cwd=project)
    note = next((project / "models").glob("note.py"))
    text = note.read_text(encoding="utf-8")
    names = []
    for label in ("LABEL", "MARK", "LABEL"):
        note.write_text(text.replace("TAG#", f"{label}#"), encoding="utf-8")
        wrote = run("makemigrations", cwd=project)
        (path,) = (project / "migrations").glob("0002_*.py")
        assert path.name in wrote.stdout
        names.append(path.name)
        path.unlink()
    assert names[0] == names[2] != names[1]


def test_an_edited_script_is_accepted_everywhere(old_shop, monkeypatch):
    """`--accept-edited` records the new digest, so that the next command does not need the option."""
    from singletable.migrations.graph import Script

    command("migrate", "--yes", *FEW)
    has = Script.has_digest
    monkeypatch.setattr(Script, "has_digest", lambda self, digest: self.name != "0008_ratings" and has(self, digest))
    for arguments in (["verify"], ["rollback", "0008", "--yes"], ["stamp", "0008"], ["quarantine", "--redrive"]):
        refused = command(*arguments)
        assert (2, True) == (refused.exit_code, "--accept-edited" in refused.output), arguments
        accepted = command(*arguments, "--accept-edited")
        assert accepted.exit_code in (0, 1), accepted.output
        command("stamp", "0008", "--accept-edited")
