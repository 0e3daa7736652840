"""`singletable init`: create a project with one entity, access patterns, a sample, tests and a Makefile."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import click

import singletable
from singletable.cli.commands import Command
from singletable.errors import ProjectError

__all__ = ["init_command"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@click.command("init", cls=Command, exit_codes={0: "The project is created."})
@click.argument("name")
def init_command(name: str) -> None:
    """Create a new project.

    Writes the project into the folder NAME, which must not exist or be empty. Its `make demo` and `make test` pass.
    """
    folder = Path(name)
    if not _NAME.fullmatch(folder.name):
        raise ProjectError(
            f"{folder.name!r} is not a valid name for a project.",
            remedy="Begin with a letter. Letters, digits, - and _ may follow.",
            value=name,
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(f"{folder} exists already, and is not empty.", remedy="Choose another name.", value=name)
    written = []
    requirement = _requirement()
    for source in _skeleton():
        # "dot-gitignore" becomes ".gitignore"; ".txt" hides the skeleton's modules from tools that read source.
        target = folder / source[0].removesuffix(".txt").replace("dot-", ".")
        text = source[1].replace("@NAME@", folder.name).replace("@REQUIREMENT@", requirement)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"{target} cannot be written: {error.strerror}.", value=str(target)) from None
        written.append(target)
    for path in sorted(written):
        click.echo(f"  {path}")
    click.echo(f"\nNext:  cd {folder}  &&  make demo  &&  make test")


def _requirement() -> str:
    """Return the requirement of a new project: the running singletable, from the place of its installation.

    That is a version number for one from a package index, and a path for one from a folder (PEP 610 records it).
    """
    try:
        origin = distribution("singletable").read_text("direct_url.json")
    except PackageNotFoundError:
        origin = None
    url = json.loads(origin)["url"] if origin else ""
    if url.startswith("file:"):
        return f"singletable[testing] @ {url}"
    return f"singletable[testing]=={singletable.__version__}"


def _skeleton() -> list[tuple[str, str]]:
    root = files("singletable.cli") / "skeleton"
    found: list[tuple[str, str]] = []
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        for each in folder.iterdir():
            if each.is_dir():
                pending.append((each, f"{prefix}{each.name}/"))
            elif each.name.endswith(".txt"):
                found.append((prefix + each.name, each.read_text(encoding="utf-8")))
    return found
