"""`singletable infra` and `deploy` on the command line; the stack is moto's, over HTTP."""

import json
import os
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from models import ShopTable
from singletable import Table
from singletable.cli import main
from singletable.cli.environment import client_of
from singletable.cli.place import PlaceOptions
from tests.framework.cli.test_commands import ROOT, assert_one_line, project, run
from tests.framework.migrations.server import moto_server

__all__ = ["project"]  # a fixture

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def server():
    with moto_server() as url:
        yield url


def here(*arguments, **environment):
    """Run a command on the shop in this process, which is quicker than a new process; return the same result."""
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        done = CliRunner(env={"COLUMNS": "120", **environment}).invoke(main, arguments)
    finally:
        os.chdir(before)
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def test_a_template_is_written(tmp_path):
    printed = here("infra", "cloudformation", "--environment", "prod")
    assert printed.returncode == 0, printed.stderr
    assert "AWS::DynamoDB::Table" in printed.stdout
    written = here("infra", "cloudformation", "--environment", "prod", "--out", str(tmp_path / "prod.yaml"))
    assert "Wrote" in written.stdout
    assert (tmp_path / "prod.yaml").read_text() == printed.stdout


def test_a_policy_is_printed():
    done = here("infra", "iam", "--role", "reader", "--region", "eu-west-1", "--account", "123456789012")
    document = json.loads(done.stdout)
    assert document["Statement"][0]["Resource"] == ["arn:aws:dynamodb:eu-west-1:123456789012:table/shop"]
    tenant = here("infra", "iam", "--role", "writer", "--tenant-tag", "user", "--tenant-attribute", "user_id")
    assert "${aws:PrincipalTag/user}" in tenant.stdout


def test_what_cannot_be_meant_is_one_line(tmp_path):
    assert_one_line(
        here("infra", "cloudformation", "--environment", "test"), "'test' is not an environment", "dev, staging, prod"
    )
    assert_one_line(here("infra", "iam", "--role", "admin"), "'admin' is not a role", "reader, writer")
    missing = tmp_path / "no" / "folder.yaml"
    done = here("infra", "cloudformation", "--environment", "dev", "--out", str(missing))
    assert_one_line(done, "cannot be written", "No such file", code=2)
    done = here("infra", "iam", "--role", "reader", "--tenant-attribute", "user_id")
    assert done.returncode == 2
    assert "--tenant-tag" in done.stderr


def test_settings_are_read_from_the_project(project):
    config = project / "setup.cfg"
    config.write_text(
        config.read_text() + "\n[singletable:infra]\nbilling = provisioned\n[singletable:infra:prod]\nbiling = x\n"
    )
    done = run("infra", "cloudformation", "--environment", "dev", cwd=project)
    assert "PROVISIONED" in done.stdout
    assert_one_line(
        run("infra", "cloudformation", "--environment", "prod", cwd=project), "no option 'biling'", "billing"
    )


def test_drift_is_told(server):
    with ShopTable.bind(endpoint_url=server, credentials=("x", "x", None), table_name="drifting"):
        ShopTable.create_table(wait=True)
        there = ("--endpoint-url", server, "--table", "drifting")
        done = here("infra", "diff", *there, **CREDENTIALS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "drifting matches the models." in done.stdout
        ShopTable._get_connection().connection.client.update_table(
            TableName="drifting", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "GSI3"}}]
        )
        done = here("infra", "diff", *there, **CREDENTIALS)
        assert done.returncode == 1
        assert "The index GSI3 is missing." in done.stdout
        assert "drifting: 1 difference." in done.stdout
        ShopTable.delete_table()
    assert_one_line(here("infra", "diff", *there, **CREDENTIALS), "'drifting'", "does not exist")


SHOP = ["--environment", "dev", "--yes", "--region", "us-east-1"]
# moto's CloudFormation misreads the tags of a key.
PLAIN = "\n[singletable:infra]\ncustomer_key = no\n"


@pytest.fixture
def notes(project):
    """A project whose stack moto can create."""
    config = project / "setup.cfg"
    config.write_text(config.read_text() + PLAIN)
    return project


@pytest.mark.filterwarnings("ignore:Tried to parse")  # for resources that moto's CloudFormation does not create
def test_a_stack_is_deployed_migrated_and_filled(server, notes):
    def deploy(*arguments):
        return run("deploy", *SHOP, "--endpoint-url", server, *arguments, cwd=notes, **CREDENTIALS)

    looked = deploy("--dry-run")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "add    Table AWS::DynamoDB::Table" in looked.stdout
    assert "Nothing was changed." in looked.stdout
    done = deploy("--sample", "small")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("create complete", "The stack is created.", "every migration is applied", "of the sample small."):
        assert words in done.stdout
    again = deploy("--sample", "small")
    assert "The stack matches the models and setup.cfg." in again.stdout
    assert_one_line(again, "contains items already", "Leave out --sample")


def test_what_a_deployment_cannot_mean(server, notes):
    done = run("deploy", *SHOP, "--endpoint-url", server, "--parameter", "x", cwd=notes, **CREDENTIALS)
    assert done.returncode == 2
    assert "NAME=VALUE" in done.stderr
    done = run("deploy", *SHOP, "--endpoint-url", server, "--table", "other", cwd=notes, **CREDENTIALS)
    assert done.returncode == 2
    assert "but the table in setup.cfg is 'notes-dev'" in done.stderr
    done = run("deploy", *SHOP, "--endpoint-url", server, "--parameter", "DaxVpc=x", cwd=notes, **CREDENTIALS)
    assert_one_line(done, "no parameter 'DaxVpc'", "DaxVpcId")


def test_a_stack_is_in_the_region_of_its_table(monkeypatch):
    """AWS_REGION is used, as for the table; the option overrides it."""
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    class Regional(Table):
        class Meta:
            table_name = "regional"

    regions = [
        client_of("cloudformation", PlaceOptions("dynamodb", region=region), Regional, "regional").meta.region_name
        for region in (None, "sa-east-1")
    ]
    assert ["eu-west-3", "sa-east-1"] == regions
