"""Templates in every environment and with every option, checked by cfn-lint and checkov."""

import json
import subprocess
from pathlib import Path

import attrs
import pytest

from singletable.engine.installation import installed
from singletable.engine.programs import MINISTACK
from tests.framework.infra.combinations import every, pairwise, text_of
from tests.framework.infra.test_stack_template import lint

CHECKOV = attrs.evolve(
    MINISTACK,
    name="checkov",
    version="3.3.30",
    install=tuple(tuple(each.replace("ministack=", "checkov=") for each in command) for command in MINISTACK.install),
    command=("{folder}/{bin}/python", "-m", "checkov.main"),
)
"""The command of checkov in its own environment, because it needs other versions of boto3 and other packages."""

SUPPRESSED = {
    # The check requires a customer-managed key.
    "CKV_AWS_119": lambda each: each["customer_key"] == "no",
    # The checks require point-in-time recovery of a table or a global table.
    "CKV_AWS_28": lambda each: each["point_in_time_recovery"] == "no",
    "CKV_AWS_165": lambda each: each["point_in_time_recovery"] == "no",
}
"""The checks that may fail, each only in templates whose options disable the required feature."""


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """Return a folder of templates, and the options of each template by the name of its file."""
    folder = tmp_path_factory.mktemp("templates")
    chosen = every("environment", "billing", "replicas", "customer_key", "dax", "alarms") + pairwise()
    by_name = {f"{number}": each for number, each in enumerate(chosen)}
    for name, each in by_name.items():
        (folder / f"{name}.yaml").write_text(text_of(each))
    return folder, by_name


def checkov(folder):
    """Return the number of checks that passed in a folder, and each failed one as file, check and resource."""
    program = CHECKOV.of_version()
    command = [program.fill(each, installed(program)) for each in program.command]
    options = ("--framework", "cloudformation", "--quiet", "--compact", "--skip-download", "--output", "json")
    done = subprocess.run([*command, *options, "--directory", folder], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert 0 == found["summary"]["parsing_errors"]
    failed = found["results"]["failed_checks"]
    return found["summary"]["passed"], [
        (Path(each["file_path"]).stem, each["check_id"], each["resource"]) for each in failed
    ]


def test_cfn_lint_finds_nothing(templates):
    """It reports no error, warning or remark for any combination of the options that add or replace resources."""
    folder, _ = templates
    assert [] == lint(folder)


def test_checkov_finds_nothing(templates):
    """It reports only the encryption and the recovery that options disable."""
    folder, by_name = templates
    passed, failed = checkov(folder)
    assert passed > 5 * len(by_name)
    assert [] == [each for each in failed if each[1] not in SUPPRESSED or not SUPPRESSED[each[1]](by_name[each[0]])]
    assert set(SUPPRESSED) == {check for _, check, _ in failed}, "no check is suppressed in vain"


def test_checkov_would_find_a_wildcard(tmp_path):
    """A key with a wildcard principal is found; earlier templates had this fault."""
    good = text_of(every()[0])
    account = "AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'"
    assert 2 == good.count(account)
    (tmp_path / "wrong.yaml").write_text(good.replace(account, "AWS: '*'"))
    assert ("wrong", "CKV_AWS_33", "AWS::KMS::Key.TableKey") in checkov(tmp_path)[1]
