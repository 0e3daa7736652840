"""Forked processes behave as interpreters that were started for one piece of code."""

import os

import pytest

from tests.framework.processes import run_code


@pytest.mark.parametrize(
    ("code", "exit_code", "stderr"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no table')", 1, "no table\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
    ],
)
def test_the_exit_code_is_that_of_python(code, exit_code, stderr, tmp_path):
    """A forked process has Python's exit code after a normal end, an exit and a signal."""
    done = run_code(code, cwd=tmp_path, env=dict(os.environ))
    assert (exit_code, "", stderr) == (done.returncode, done.stdout, done.stderr)


def test_an_error_is_printed_with_its_traceback(tmp_path):
    """A traceback is in the output, so that tests can check for its absence."""
    done = run_code("1 / 0", cwd=tmp_path, env=dict(os.environ))
    assert 1 == done.returncode
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_modules_and_environment_are_of_one_process(tmp_path):
    """Modules come from the working folder, and processes do not share them or the environment."""
    code = "import os, sys, models; print(models.NAME, sys.argv[1:], os.environ.get('ONLY'), os.getcwd())"
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "models.py").write_text(f"NAME = {name!r}\n")
        done = run_code(code, "--flag", cwd=folder, env={"ONLY": name})
        assert f"{name} ['--flag'] {name} {folder}\n" == done.stdout, done.stderr
    assert "ModuleNotFoundError" in run_code("import models", cwd=tmp_path, env={}).stderr


def test_exit_handlers_run_and_output_is_complete(tmp_path):
    """Buffered text and the text of exit handlers are written."""
    code = "import atexit; atexit.register(print, 'end'); print('é', end=' ')"
    assert "é end\n" == run_code(code, cwd=tmp_path, env={}).stdout
