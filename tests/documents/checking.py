"""Checks of a block that do not run it: syntax, imports, and the options of commands."""

import ast
import configparser
import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path

import click
import yaml
from botocore import xform_name
from botocore.session import get_session

from singletable.cli import main
from tests.documents.blocks import Block

ROOT = Path(__file__).parents[2]
SHELLS = {"sh", "console"}
DATA = {"ini", "json", "jsonl", "toml", "yaml"}
LANGUAGES = {"python", "text", *SHELLS, *DATA}


def commands_of(block: Block) -> list[tuple[str, str | None]]:
    """Return the commands of a block, each with the output that is shown below it; None if outputs cannot be shown."""
    commands: list[tuple[str, str | None]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "sh":
            if shlex.split(line, comments=True):
                commands.append((line, None))
        elif line.startswith("$ "):
            commands.append((line[2:], ""))
        elif commands:
            command, shown = commands[-1]
            commands[-1] = command, f"{shown}{line}\n"
        else:
            raise block.wrong("a console block begins with `$ ` and a command.")
    if not commands:
        raise block.wrong("the block has no command.")
    return commands


def check(block: Block) -> None:
    """Raise a DocumentError if a block cannot be run unchanged."""
    if block.language not in LANGUAGES:
        raise block.wrong(
            f"the language {block.language!r} cannot be checked; write a fence with one of"
            f" {', '.join(sorted(LANGUAGES))}."
        )
    if block.language == "python":
        _check_python(block)
    elif block.language in SHELLS:
        for command, _ in commands_of(block):
            try:
                check_command(shlex.split(command, comments=True))
            except (ValueError, click.ClickException) as error:
                what = error.format_message() if isinstance(error, click.ClickException) else str(error)
                raise block.wrong(f"`{command}`: {what}") from error
    elif block.language in DATA:
        _check_data(block)


def _check_python(block: Block) -> None:
    try:
        tree = ast.parse(block.text)
    except SyntaxError as error:
        raise block.wrong(f"line {error.lineno} of the block: {error.msg}.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(each.name, None) for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [(node.module, each.name) for each in node.names]
        else:
            continue
        for module, name in names:
            if module.partition(".")[0] == "singletable" and not _exists(module, name):
                raise block.wrong(f"{module} has no {name}." if name else f"there is no module {module}.")


def _exists(module: str, name: str | None) -> bool:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return name is None or hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}") is not None


def check_command(words: list[str]) -> None:
    """Raise ValueError or click's error if a command does not exist or does not accept its arguments."""
    program, arguments = words[0], words[1:]
    if program == "singletable":
        _parse(main, "singletable", arguments)
    elif program == "make":
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        missing = {word for word in arguments if "=" not in word} - targets
        if missing:
            raise ValueError(f"the Makefile has no {', '.join(sorted(missing))}.")
    elif program == "pip":
        extras = configparser.ConfigParser()
        extras.read(ROOT / "setup.cfg", encoding="utf-8")
        for wanted in re.findall(r"\[([\w,]+)\]", " ".join(arguments)):
            missing = set(wanted.split(",")) - set(extras["options.extras_require"])
            if missing:
                raise ValueError(f"setup.cfg has no extra {', '.join(sorted(missing))}.")
    elif program == "python" and arguments[:1] == ["-m"]:
        if importlib.util.find_spec(arguments[1]) is None:
            raise ValueError(f"there is no module {arguments[1]}.")
    elif program == "aws":
        _check_aws(*arguments)
    elif program != "cd":
        raise ValueError(f"no test knows the program {program}.")


def _check_aws(service: str, operation: str, *arguments: str) -> None:
    """Raise ValueError if the AWS CLI does not have the operation, or the operation does not have the options."""
    client = get_session().create_client(service, region_name="us-east-1")
    name = client.meta.method_to_api_mapping.get(operation.replace("-", "_"))
    if name is None:
        raise ValueError(f"the service {service} has no operation {operation}.")
    members = client.meta.service_model.operation_model(name).input_shape.members
    known = {"--region", *(f"--{xform_name(each, '-')}" for each in members)}
    missing = {each for each in arguments if each.startswith("--")} - known
    if missing:
        raise ValueError(f"{operation} of {service} has no {', '.join(sorted(missing))}.")


def _parse(command: click.Command, name: str, arguments: list[str]) -> None:
    """Parse arguments as click does when it runs a command, down to the last subcommand."""
    with command.make_context(name, list(arguments)) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            subname, subcommand, rest = command.resolve_command(context, rest)
            assert subcommand is not None
            _parse(subcommand, f"{name} {subname}", rest)


def check_inline(code: str) -> str | None:
    """Return the fault of a command line in prose, or None if it is right; placeholders are not checked."""
    words = code.split()
    if words[0] != "singletable" or len(words) == 1 or not re.fullmatch(r"[a-z]+", words[1]):
        return None
    command: click.Command = main
    taken: set[str] = {"--help", "--version"}
    for word in words[1:]:
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z]+", word):
            if word not in command.commands:
                return f"`{code}`: {command.name} has no command {word}."
            command = command.commands[word]
            taken |= {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        elif (option := re.match(r"--[\w-]+", word)) and option[0] not in taken:
            return f"`{code}`: there is no option {option[0]}."
    return None


def _check_data(block: Block) -> None:
    try:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "jsonl":
            for line in block.text.splitlines():
                json.loads(line)
        elif block.language == "toml":
            importlib.import_module("tomllib").loads(block.text)  # Python 3.11 has it
        elif block.language == "yaml":
            list(yaml.safe_load_all(block.text))
        else:
            configparser.ConfigParser(interpolation=None).read_string(block.text)
    except (ValueError, yaml.YAMLError, configparser.Error) as error:
        raise block.wrong(f"it is not {block.language}: {error}") from error


def check_output(block: Block, what: str, shown: str, printed: str) -> None:
    """Raise a DocumentError if an output differs from the shown one.

    A line `...` matches any lines, and `...` within a line for any text. Spaces at the ends of lines do not count.
    """
    wanted = [line.rstrip() for line in shown.strip("\n").splitlines()]
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in wanted
    )
    if not re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        raise block.wrong(
            f"the output of {what} is not the one that is shown.\n--- shown\n{shown}\n--- printed\n{printed}"
        )
