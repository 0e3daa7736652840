"""The habits of the repository: the Makefile explains itself, and the hooks of Git run the commands of `make lint`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_target_is_explained():
    """Each phony target has a line of help."""
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    assert phony
    explained = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE)
    assert sorted(phony.group(1).replace("\\\n", " ").split()) == sorted(explained)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_help_fits_a_terminal():
    """No line has more than 80 columns, and every target is listed."""
    command = ["make", "--no-print-directory", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [] == [line for line in done.stdout.splitlines() if len(line) > 80]
    for target in re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE):
        assert f"\n  {target} " in f"\n{done.stdout}"


def test_the_hooks_are_the_lints():
    """In the same order, from the same environment."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    lints = [line.strip().removeprefix("@").replace("$(RUN)", ".venv/bin") for line in recipe.group(1).splitlines()]
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert lints == [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
