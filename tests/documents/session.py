"""Runs of a document: each has its own folder, and runs the blocks in their order."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

from singletable.cli.project import find_project
from tests.documents import given
from tests.documents.blocks import Block
from tests.documents.checking import ROOT, SHELLS, check, check_output, commands_of
from tests.framework.processes import PATIENCE, run_code

WORKER = Path(__file__).with_name("worker.py").read_text(encoding="utf-8")
PROJECT = (
    "models",
    "patterns",
    "migrations",
    "shop",
    "tests/samples",
    "tests/__init__.py",
    "setup.cfg",
    "pyproject.toml",
    "Makefile",
)
"""The files of the shop, as an application that uses the framework has them."""

# Answers yes. An empty table does not need 32 segments, because each segment sends requests to moto.
COMMAND = """\
import io, sys
from singletable.cli import main

for command in main.commands.values():
    for option in command.params:
        if option.name == "segments":
            option.default = 2
sys.stdin = io.StringIO("y\\n" * 9)
main(prog_name="singletable")
"""
# Hypothesis's default profile, with fewer examples that are the same in each run, and with a user's deadline.
PYTEST = """\
import sys
from datetime import timedelta

import pytest

class Profile:
    def pytest_configure(self):
        from hypothesis import settings

        settings.register_profile(
            "documents", max_examples=10, derandomize=True, deadline=timedelta(milliseconds=200)
        )
        settings.load_profile("documents")

sys.exit(pytest.main(sys.argv[1:], plugins=[Profile()]))
"""


def run_document(name: str, blocks: list[Block], folder: Path, server: Callable[[], str]) -> None:
    """Run the blocks of a document in a folder.

    Args:
        name: The path of the document. A tutorial starts with an empty folder, every other document with the shop.
        blocks: Its blocks.
        folder: An empty folder.
        server: A function that returns the URL of an empty server that answers for AWS.

    Raises:
        DocumentError: A block fails, or its output differs from the shown one.
    """
    for block in blocks:
        check(block)
    session = Session(folder / "project", server)
    if not name.startswith("docs/tutorial/"):
        session.copy_shop()
    session.run_python(blocks)
    before: Block | None = None
    for block in blocks:
        if block.language == "text":
            session.compare(block, before)
        elif block.runs and (block.language != "python" or block.file):
            session.run(block)
        before = block
    session.run_tests()


class Session:
    """The folder in which a document is run, with the files and the output of its blocks."""

    def __init__(self, folder: Path, server: Callable[[], str]) -> None:
        self.folder = folder
        folder.mkdir()
        self.server = server
        self.cwd = folder
        self.written: dict[Path, Block] = {}
        self.tested: dict[Path, Block] = {}
        self.printed: dict[Block, str] = {}

    def copy_shop(self) -> None:
        """Copy the shop into the folder."""
        for name in PROJECT:
            target = self.folder / name
            target.parent.mkdir(exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, target)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process: that of the shop's function, without access to AWS."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MAKE", "MFLAGS"))}
        return {
            **kept,
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "160",
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "SHOP_FROM_ADDRESS": "shop@example.com",
            "SHOP_TABLE": "shop",
            "SHOP_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:shop",
        }

    def run_python(self, blocks: list[Block]) -> None:
        """Run the Python blocks that are not files in one process."""
        run = [block for block in blocks if block.language == "python" and not block.file and block.runs]
        if not run:
            return
        env = self.environ
        for block in run:
            if prepare := block.comments.get("given"):
                getattr(given, prepare)(self.folder, self.server())
                env["AWS_ENDPOINT_URL"] = self.server()
        order, answer = self.folder.with_name("order.json"), self.folder.with_name("answer.json")
        order.write_text(json.dumps([(block.document, block.line, block.text) for block in run]), encoding="utf-8")
        done = run_code(WORKER, str(order), str(answer), cwd=self.cwd, env=env)
        if not answer.is_file():
            raise run[0].wrong(f"the process of the Python blocks ended with {done.returncode}:\n{done.stderr}")
        printed, trace = json.loads(answer.read_text(encoding="utf-8"))
        self.printed |= dict(zip(run, printed, strict=False))
        if trace:
            raise run[len(printed)].wrong(f"the block fails:\n{trace}")

    def run(self, block: Block) -> None:
        """Write the file of a block, or run its commands."""
        if prepare := block.comments.get("given"):
            getattr(given, prepare)(self.folder, self.server())
        if block.file:
            self._write(block, self.cwd / block.file)
        elif block.language in SHELLS:
            for command, shown in commands_of(block):
                self._run_command(block, command, shown)

    def compare(self, block: Block, before: Block | None) -> None:
        """Compare an output with that of the block before it."""
        if block.runs:
            if before is None or before not in self.printed:
                raise block.wrong("a text block is the output of the block before it, and that one printed nothing.")
            check_output(block, before.place, block.text, self.printed[before])

    def run_tests(self) -> None:
        """Run the test files with pytest: each must have tests, and all must pass."""
        if not self.tested:
            return
        report = self.folder.with_name("report.xml")
        done = subprocess.run(
            [sys.executable, "-c", PYTEST, "-q", f"--junitxml={report}", *map(str, self.tested)],
            cwd=self.cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        first = next(iter(self.tested.values()))
        if done.returncode:
            raise first.wrong(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        cases = list(ElementTree.parse(report).iter("testcase"))
        for path, block in self.tested.items():
            module = ".".join(path.relative_to(self.cwd).with_suffix("").parts)
            mine = [case for case in cases if f"{case.get('classname')}.".startswith(f"{module}.")]
            if not mine or any(case.find("skipped") is not None for case in mine):
                raise block.wrong(f"a test of {block.file} was skipped, or it has none:\n{done.stdout}")

    def _write(self, block: Block, path: Path) -> None:
        """Write a file; a further block with its name is appended, and sections of setup.cfg are replaced."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "setup.cfg":
            self._merge(block, path)
            return
        with path.open("a" if path in self.written else "w", encoding="utf-8") as file:
            file.write(block.text)
        self.written[path] = block
        if path.name.startswith("test_"):
            self.tested.setdefault(path, block)

    def _merge(self, block: Block, path: Path) -> None:
        config = ConfigParser(interpolation=None)
        config.optionxform = str  # type: ignore[assignment,method-assign]  # documented way to keep case
        config.read(path, encoding="utf-8")
        config.read_string(block.text)
        with path.open("w", encoding="utf-8") as file:
            config.write(file)
        # The commands read the file in the same way, and check the values of the sections that they use.
        find_project(path.parent)

    def _run_command(self, block: Block, command: str, shown: str | None) -> None:
        words = shlex.split(command, comments=True)
        if words[0] == "cd":
            self.cwd = self.cwd / words[1]
            return
        env = self.environ | {"AWS_ENDPOINT_URL": self.server()}
        if words[0] == "singletable":
            done = run_code(COMMAND, *words[1:], cwd=self.cwd, env=env)
        elif words[0] == "make":
            self._make_ready()
            done = subprocess.run(
                words, cwd=self.cwd, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        else:
            raise block.wrong(f"no test can run `{words[0]}`: write <!-- not run: REASON --> above the block.")
        wanted = int(block.comments.get("exits with", 0))
        if done.returncode != wanted:
            raise block.wrong(f"`{command}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        self.printed[block] = self.printed.get(block, "") + done.stdout
        if shown:
            check_output(block, f"`{command}`", shown, done.stdout)

    def _make_ready(self) -> None:
        """Link this interpreter to the path at which the Makefile creates a virtual environment."""
        programs = self.cwd / ".venv" / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        code = "from singletable.cli import main; main()"
        for name, rest in (("python", ""), ("singletable", f" -c '{code}'")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{rest} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        # make compares its time with those of its sources.
        (programs.parent / "ready").touch()
