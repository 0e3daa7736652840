"""The commands: their output, their exit codes, and errors as one line with a remedy."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from singletable import Table
from singletable.cli.place import PlaceOptions, live_table
from singletable.errors import InvalidValueError
from tests.framework.canned import canned
from tests.framework.processes import PATIENCE, run_code

ROOT = Path(__file__).parents[3]
MAIN = "from singletable.cli import main; main()"


def environ(**environment):
    """Return the environment of a command, with the sources of this project and a fixed width."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1", "COLUMNS": "120", **environment}


def run(*arguments, cwd=ROOT, code=MAIN, **environment):
    """Run `singletable` as a user would, in a process of its own."""
    return run_code(code, *arguments, cwd=cwd, env=environ(**environment))


def run_anew(*command, cwd):
    """Run Python as a user would, in a new interpreter that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    """A new project of `singletable init`."""
    done = run("init", "notes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "notes"


def assert_one_line(done, *words, code=2):
    """Assert that a command printed one line and a remedy, without a traceback."""
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
    for word in words:
        assert word in done.stderr


def test_demo_answers_every_pattern():
    """The demo prints each pattern with its number, index, key condition, items, requests, capacity and rows."""
    done = run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "2. A user's orders, newest first",
        "GSI3: GSI3PK = 'ORDER_BY_DATE#",
        "田中 太郎",
        "ノートパソコン",
        "1 request, 0.5 read units",
        "11 of 11 access patterns were run",
    ):
        assert words in done.stdout
    assert "@example.com" not in done.stdout, "personal values are never shown"


def test_demo_fails_where_an_answer_is_wrong(project):
    """A planted fault: the expected answers are in reverse order."""
    code = "import singletable.testing.oracle as o; e = o.expected; o.expected = lambda *a: e(*a)[::-1]\n"
    done = run("demo", cwd=project, code=code + MAIN)
    assert done.returncode == 1
    assert "out of order" in done.stdout
    assert "2 of 2 access patterns failed, or gave an answer that differs" in done.stdout


def test_a_new_project_has_no_problems(project):
    """The checks of a new project pass. The tutorial's blocks run its demo and its tests."""
    checked = run("check", cwd=project)
    assert (checked.returncode, "No problems." in checked.stdout) == (0, True)
    assert not list(project.rglob("*.txt.txt"))
    assert (project / ".gitignore").is_file()


def test_commands_work_below_the_projects_root(project):
    """A command finds the project in a folder above the current one, as git does."""
    assert run("check", cwd=project / "models").returncode == 0


def test_check_of_a_planted_collision(project):
    """The check exits with 1 and prints the rule, the reason and the remedy; JSON has the same finding."""
    models = project / "models" / "note.py"
    models.write_text(
        models.read_text()
        + '\n\nclass Memo(AppTable, discriminator="MEMO"):\n    author = UnicodeAttribute()\n'
        + "    written_at = UTCDateTimeAttribute()\n"
        + '    key = Key(pk="AUTHOR#{author}", sk="NOTE#{written_at}")\n'
    )
    done = run("check", cwd=project)
    assert done.returncode == 1
    for words in ("error ST201 colliding entities: Memo, Note", "why:", "do:"):
        assert words in done.stdout
    data = json.loads(run("check", "--format", "json", cwd=project).stdout)
    assert ("ST201", "error") in [(finding["rule"], finding["severity"]) for finding in data]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("author = UnicodeAttribute()", "author = UnicodeAttribute(null=True)", "ST102"),
        ("AUTHOR#{author}", "AUTHOR#{auther}", "ST101"),
        ("NOTE#{written_at}#{author}", "NOTE#{written_at}{author}", "ST103"),
        ("NOTE#{written_at}#{author}", "NOTE#{length}", "ST101"),
        ('discriminator="NOTE"', "abstract=False", "ST108"),
    ],
)
def test_check_of_a_class_that_cannot_be_made(project, old, new, rule):
    """A declaration that is refused is a finding of its rule."""
    models = project / "models" / "note.py"
    assert old in models.read_text()
    models.write_text(models.read_text().replace(old, new))
    done = run("check", cwd=project)
    assert done.returncode == 1
    assert f"error {rule}" in done.stdout
    assert_one_line(run("demo", cwd=project), "Error: ")


def test_check_strict_counts_warnings(project):
    """A project without access patterns gets a warning that names the unchecked rules."""
    (project / "patterns" / "__init__.py").write_text("")
    (project / "patterns" / "notes.py").write_text("")
    checked = run("check", cwd=project)
    assert (checked.returncode, "ST308 access patterns not checked" in checked.stdout) == (0, True)
    assert run("check", "--strict", cwd=project).returncode == 1


def test_no_project(tmp_path):
    """The remedy is to go to a project or to create one."""
    assert_one_line(run("demo", cwd=tmp_path), "is not a singletable project", "singletable init NAME")


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("[singletable]\n", "does not name the table"),
        ("[singletable]\ntable = nowhere:Table\n", "Importing nowhere, which is named in setup.cfg, failed"),
        ("[singletable]\ntable = json:dumps\n", "is not a table class"),
        ("[singletable]\ntable = json:nothing\n", "json has no 'nothing'"),
        ("[singletable\n", "cannot be read"),
        ("[singletable]\ntable = x:y\n[singletable:check]\naccept = ST203\n", "cannot be read"),
        (
            "[singletable]\ntable = x:y\n[singletable:migrations]\ncontrol_table = a b\n",
            "control_table 'a b' in [singletable:migrations] has the character ' '.",
        ),
    ],
)
def test_broken_setup(tmp_path, setup, words):
    """The message names the wrong setting."""
    (tmp_path / "setup.cfg").write_text(setup)
    assert_one_line(run("check", cwd=tmp_path), words)


def test_a_fault_in_the_users_module_is_placed(project):
    """The message has the file and the line."""
    (project / "models" / "note.py").write_text("1 / 0\n")
    assert_one_line(run("demo", cwd=project), "ZeroDivisionError", "models/note.py:1")


def test_samples(project, tmp_path):
    """A sample may be unknown, lack its data, not take data, or yield two entities with one key."""
    assert_one_line(run("demo", "--sample", "large", cwd=project), "has no sample 'large'", "small")
    assert_one_line(run("demo", "--data", str(tmp_path), cwd=project), "does not take --data")
    assert_one_line(run("demo", "--sample", "northwind"), "is read from files", "--data DIR")
    assert_one_line(run("demo", "--sample", "northwind", "--data", str(tmp_path)), "categories.csv")
    samples = project / "tests" / "samples.py"
    samples.write_text(samples.read_text().replace("days=day", "days=0"))
    assert_one_line(run("demo", cwd=project), "twice")


def test_endpoint_down(project):
    """The error names the URL that does not answer."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1"}
    assert_one_line(run("demo", "--endpoint-url", url, cwd=project, **keys), f"No server answers at {url}")


def test_no_credentials(project):
    """The remedy is to configure credentials; an unknown profile is named."""
    nothing = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    done = run("demo", "--engine", "dynamodb", "--region", "us-east-1", cwd=project, **nothing)
    assert_one_line(done, "No usable AWS credentials", "aws configure")
    done = run("demo", "--engine", "dynamodb", "--profile", "nobody", "--region", "us-east-1", cwd=project, **nothing)
    assert_one_line(done, "nobody")


def test_a_server_that_cannot_be_installed(project, tmp_path):
    """The command prints the error and its remedy in one line."""
    done = run("demo", "--engine", "dynalite", cwd=project, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert_one_line(done, "dynalite needs 'npm', which was not found.", "Install Node.js 20")


def test_init_refuses_what_is_there(project):
    """`init` refuses a folder that is not empty, and an invalid name."""
    assert_one_line(run("init", "notes", cwd=project.parent), "exists already")
    assert_one_line(run("init", "1two", cwd=project.parent), "is not a valid name")


def test_the_library_does_not_load_the_command_line():
    """The library does not load rich and click, nor moto and Hypothesis, before they are used."""
    code = "import sys, singletable; print(sorted({'moto', 'rich', 'click', 'hypothesis'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("tests/samples.py", "start = ", 'int("x"); start = ', "cannot be read at tests/samples.py"),
        ("tests/samples.py", "def small()", "def small(need)", "cannot be read"),
        ("tests/samples.py", 'text=f"Note of day {day}", ', "", "Note.text is None"),
        ("models/__init__.py", '"""\n', '"""\nimport sys; sys.exit(3)\n', "SystemExit"),
    ],
)
def test_faults_of_the_users_code_are_one_line(project, file, old, new, words):
    """The message has the place in the user's code."""
    path = project / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert_one_line(run("demo", cwd=project), words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return Note.query", "1 / 0; return Note.query", "ZeroDivisionError: division by zero"),
        ("-> Query[Note]", '-> "Query[Note"', "annotations of notes_of_author cannot be resolved"),
        ("(author: str)", "(writer: str)", "parameters={"),
        ("Note.query(author=author, descending=True)", "Note.scan()", "scans the whole table"),
    ],
)
def test_a_pattern_that_cannot_be_asked_does_not_hide_the_others(project, old, new, words):
    """The demo continues with the other patterns and exits with 1; the check also finds the fault."""
    path = project / "patterns" / "notes.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = run("demo", cwd=project)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert words in " ".join(done.stdout.split())
    assert "1 of 2 access patterns failed" in done.stdout
    assert "notes_with_tag(tag='idea')" in done.stdout
    assert run("check", cwd=project).returncode == 1


def test_an_accepted_finding_that_is_not_there_is_a_warning(project):
    """An accepted finding that does not occur would mislead the readers of setup.cfg."""
    setup = project / "setup.cfg"
    setup.write_text(setup.read_text() + "\n[singletable:check]\naccept =\n    ST203 Note.gone: once upon a time\n")
    done = run("check", cwd=project)
    assert (done.returncode, "warning ST306" in done.stdout) == (0, True)


def test_options_that_cannot_be_meant(project, tmp_path):
    """Contradictory and invalid options are refused."""
    for options in (
        ["--endpoint-url", "notaurl"],
        ["--endpoint-url", "http://[::1"],
        ["--keep"],
        ["--profile", "x"],
        ["--region", "us-east-1"],
        ["--table", "other"],
        ["--engine", "embedded", "--endpoint-url", "http://x"],
        ["--engine", "ministack", "--endpoint-url", "http://x"],
        ["--engine", "dynalite", "--keep"],
        ["--engine", "dynalite", "--table", "other"],
    ):
        done = run("demo", *options, cwd=project)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    (tmp_path / "file").write_text("")
    assert_one_line(run("init", "file/sub", cwd=tmp_path), "cannot be written")
    setup = project / "setup.cfg"
    setup.write_text(setup.read_text() + "\n[singletable:check]\naccept =\n    ST999 Note.key: why not\n")
    assert_one_line(run("check", cwd=project), "with the id of a rule")


# --- DAX ------------------------------------------------------------------------------


def test_dax_is_no_engine_in_this_process():
    """The embedded engine has no cluster, so `--dax` is refused, as `--table` is."""
    done = run("demo", "--dax", "dax://host")
    assert done.returncode == 2
    assert "--profile and --dax name a table on AWS or on a server: add --engine dynamodb" in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize("command", ["verify", "demo"])
def test_a_bad_dax_endpoint_is_told(command):
    """The message has the valid forms."""
    done = run(command, "--dax", "http://host", "--endpoint-url", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for words in ("--dax", "'http://host' is not an endpoint of a DAX", "daxs://"):
        assert words in " ".join(done.stderr.split())


def test_place_with_dax_is_bound_with_it():
    """The named endpoints replace those of Meta, which are used only if no other place is named."""

    class Cached(Table):
        class Meta:
            table_name = "cached"
            dax_endpoints = "dax://meta"

    def endpoints(**parts):
        with live_table(Cached, PlaceOptions("dynamodb", **parts)):
            return Cached.bound().dax_endpoints

    assert ("dax://meta",) == endpoints()
    assert ("dax://a", "dax://b") == endpoints(dax_endpoints=("dax://a", "dax://b"))
    assert () == endpoints(table_name="other")


@pytest.mark.parametrize("keys", [{}, {"credentials": ("of-meta", "secret", None)}])
def test_the_profile_of_a_command_signs(monkeypatch, tmp_path, keys):
    """The profile takes precedence over keys of the environment and of Meta, which may be of another account."""

    class Signed(Table):
        Meta = type("Meta", (), {"table_name": "signed", "region": "us-east-1", **keys})

    (tmp_path / "credentials").write_text("[tenant]\naws_access_key_id = of-tenant\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_PROFILE", "other")  # The command changes it, and the test sets it back.
    with canned() as server, live_table(Signed, PlaceOptions("dynamodb", server.url, profile="tenant")):
        Signed.exists()
    with (
        pytest.raises(InvalidValueError, match="profile='' is not a text, or is empty"),
        live_table(Signed, PlaceOptions("dynamodb", profile="")),
    ):
        pass
    assert ["of-tenant"] == [asked.access_key for asked in server.asked]
