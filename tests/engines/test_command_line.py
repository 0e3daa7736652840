"""A migration of many items by the command line only: killed twice, terminated once, resumed and verified."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from singletable.engine import server

ITEMS = int(os.environ.get("SINGLETABLE_BACKFILL_ITEMS", "20000"))
TABLE = "notes-killed"
WHEN = "2026-01-01T00:00:00.000000"
COMMAND = str(Path(sys.executable).with_name("singletable"))


class Commands:
    """Runs commands in a project with a server.

    Args:
        project: The folder of the project.
        url: The URL of the server.
    """

    def __init__(self, project, url):
        self.project = project
        self.place = ["--endpoint-url", url, "--table", TABLE]
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
        self.environment = {**os.environ, **keys, "COLUMNS": "160"}

    def __call__(self, *arguments, code=0, place=True):
        command = [COMMAND, *arguments, *(self.place if place else [])]
        done = subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert code == done.returncode, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def start(self, *arguments):
        """Start a command in its own process."""
        return subprocess.Popen(
            [COMMAND, *arguments, *self.place],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def segments(self):
        """Return the number of finished segments of the running migration, and the number of all."""
        (running,) = [
            each
            for each in json.loads(self("status", "--format", "json"))["migrations"]
            if each["name"].startswith("0002")
        ]
        found = running.get("segments", {"done": 0, "of": 0})
        return found["done"], found["of"]


def item(number):
    author = f"a{number % 500:03d}"
    at = f"{WHEN[:-6]}{number:06d}"
    return {
        "PK": {"S": f"AUTHOR#{author}"},
        "SK": {"S": f"NOTE#{at}Z"},
        "entityType": {"S": "NOTE"},
        "author": {"S": author},
        "writtenAt": {"S": f"{at}+0000"},
        "text": {"S": "x"},
        "tag": {"S": f"t{number % 7}"},
        "GSI1PK": {"S": f"TAG#t{number % 7}"},
        "GSI1SK": {"S": f"NOTE#{at}Z#{author}"},
    }


def load(url):
    """Store all items, 25 in each request."""
    client = boto3.client(
        "dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )

    def put(start):
        requests = [{"PutRequest": {"Item": item(number)}} for number in range(start, min(start + 25, ITEMS))]
        while requests:
            requests = client.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"].get(TABLE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, ITEMS, 25)))


def interrupted(commands, number):
    """Send a signal to a migration after it has finished some more segments; return its exit code and output."""
    before, _ = commands.segments()
    process = commands.start("migrate", "--yes", "--segments", "64")
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        done, of = commands.segments()
        if of and done > before + 2:
            process.send_signal(number)
            break
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_killed_twice_and_terminated_once(tmp_path, capsys):
    """A killed run is continued after `unlock`; a terminated run does not need it."""
    with server("ministack") as at:
        commands = Commands(tmp_path, at.endpoint_url)
        commands("init", "notes", place=False)
        commands = Commands(tmp_path / "notes", at.endpoint_url)
        commands("makemigrations", place=False)
        commands("migrate", "--yes")
        load(at.endpoint_url)
        note = commands.project / "models" / "note.py"
        text = note.read_text(encoding="utf-8")
        assert 'pk="TAG#{tag}"' in text
        note.write_text(text.replace('pk="TAG#{tag}"', 'pk="LABEL#{tag}"'), encoding="utf-8")
        commands("makemigrations", place=False)
        start = time.monotonic()
        for _ in range(2):
            assert -signal.SIGKILL == interrupted(commands, signal.SIGKILL)[0]
            assert "Released from" in commands("unlock", "--yes")
        code, output = interrupted(commands, signal.SIGTERM)
        assert 3 == code, output
        assert "Pausing after the current slices." in output
        assert "No runner holds the table." in commands("unlock")
        done, of = commands.segments()
        assert 0 < done < of
        assert "Applied 1 migration." in commands("migrate", "--yes")
        seconds = time.monotonic() - start
        verified = commands("verify", "--segments", "2")
    assert f"{ITEMS:,} NOTE" in verified
    assert f"GSI1: {ITEMS:,} rows." in verified
    assert "Everything that was checked is correct." in verified
    with capsys.disabled():
        print(f"\n{ITEMS:,} items by the command line with two kills and a SIGTERM in {seconds:.0f} s, verified")


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_without_a_terminal(tmp_path, answer):
    """If the question cannot be answered, the error names --yes; the answer "no" is not an error."""
    with server("ministack") as at:
        Commands(tmp_path, at.endpoint_url)("init", "notes", place=False)
        commands = Commands(tmp_path / "notes", at.endpoint_url)
        commands("makemigrations", place=False)
        done = subprocess.run(
            [COMMAND, "migrate", *commands.place],
            cwd=commands.project,
            env=commands.environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (2 if not answer else 1) == done.returncode
    assert answer or "Give --yes to do it without asking." in done.stderr
