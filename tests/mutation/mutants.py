"""The mutants of a module: each has one small change in the module's syntax tree."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

_SWAPS: dict[type[ast.AST], list[type[ast.AST]]] = {
    old: new
    for old, *new in (
        *((ast.Lt, ast.LtE, ast.GtE), (ast.LtE, ast.Lt, ast.Gt), (ast.Gt, ast.GtE, ast.LtE), (ast.GtE, ast.Gt, ast.Lt)),
        *((ast.Eq, ast.NotEq), (ast.NotEq, ast.Eq), (ast.Is, ast.IsNot), (ast.IsNot, ast.Is)),
        *((ast.In, ast.NotIn), (ast.NotIn, ast.In), (ast.And, ast.Or), (ast.Or, ast.And)),
        *((ast.Add, ast.Sub), (ast.Sub, ast.Add), (ast.Mult, ast.FloorDiv), (ast.Div, ast.Mult)),
        *((ast.FloorDiv, ast.Mult), (ast.Mod, ast.FloorDiv), (ast.Pow, ast.Mult)),
    )
}
_REMOVED = (ast.Expr, ast.Raise, ast.AugAssign, ast.Delete, ast.Continue, ast.Break)
_NOT_RUN = {"annotation", "returns", "type_ignores", "cause"}


@dataclass(frozen=True)
class Mutant:
    """One change of a module: its place, its text before and after, and the compiled module with it."""

    path: Path
    line: int
    function: int | None  # the first line of the innermost function
    before: str
    after: str
    code: CodeType


def mutants(path: Path) -> list[Mutant]:
    """Return every mutant of a module, in the order of its text, without duplicates."""
    tree = ast.parse(path.read_text())
    original = ast.unparse(tree).splitlines()
    found: dict[tuple[int, str], Mutant] = {}
    for line, function, values, key, new in _walk(tree, 1, None):
        old, values[key] = values[key], new
        changed = ast.unparse(tree).splitlines()
        differs = (number for number, pair in enumerate(zip(original, changed, strict=False)) if pair[0] != pair[1])
        if (number := next(differs, None)) is not None and (number, changed[number]) not in found:
            code = compile(ast.fix_missing_locations(tree), path, "exec")
            before, after = original[number].strip(), changed[number].strip()
            found[number, changed[number]] = Mutant(path, line, function, before, after, code)
        values[key] = old
    return list(found.values())


def _walk(parent: ast.AST, line: int, function: int | None) -> Iterator[tuple[int, int | None, Any, Any, Any]]:
    """Yield the line, the first line of the innermost function, and the change; skip annotations and docstrings."""
    for name, value in ast.iter_fields(parent):
        inner = function
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and name == "body":
            inner = min(each.lineno for each in (parent, *parent.decorator_list))
        for position, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or name in _NOT_RUN or _is_silent(child, parent):
                continue
            here = getattr(child, "lineno", line) if isinstance(child, ast.stmt) else line
            holder, key = (vars(parent), name) if position is None else (value, position)
            for new in _variants(child, parent, name, inner is not None):
                yield here, inner, holder, key, new
            yield from _walk(child, here, inner)


def _is_silent(node: ast.AST, parent: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(parent, ast.JoinedStr):
        return True  # changed together with its f-string
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    listed = isinstance(node, (ast.Assign, ast.AnnAssign, ast.If)) and any(
        isinstance(each, ast.Name) and each.id in ("__all__", "TypeAlias", "TYPE_CHECKING")
        for each in ast.iter_child_nodes(node)
    )
    return docstring or listed


def _variants(node: Any, parent: ast.AST, name: str, in_function: bool) -> Iterator[ast.AST]:
    yield from (swapped() for swapped in _SWAPS.get(type(node), ()))
    simple = isinstance(node, (ast.UnaryOp, ast.Constant)) or (isinstance(node, ast.Compare) and len(node.ops) == 1)
    if name in ("test", "ifs") and not simple and not isinstance(parent, ast.Assert):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Constant):
        yield from map(ast.Constant, _constants(node.value))
    elif isinstance(node, ast.JoinedStr):
        yield ast.JoinedStr([each for each in node.values if not isinstance(each, ast.Constant)])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    elif isinstance(node, ast.Return):
        yield ast.Return(ast.Constant(None)) if node.value else ast.Pass()
    elif isinstance(node, _REMOVED):
        yield ast.Pass()
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and in_function:
        yield type(node)(**{**vars(node), "value": ast.Constant(None)})


def _constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield "" if value else "XX"
        if value and " " not in value:  # not prose: each character may matter
            yield value[:-1] + chr(ord(value[-1]) ^ 1)
