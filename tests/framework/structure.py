"""Checks of the structure of a source tree. They read its text with `ast`, and do not import it.

Each check takes a `Tree` and returns its violations, one text each. `test_structure.py` runs them on `src/singletable`.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 60
MAX_NESTING = 4

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}
"""The functions that take the name of an attribute as text."""


class Module(NamedTuple):
    """A module: its dotted name, its path for messages, its text, and whether it is a package's `__init__`."""

    name: str
    path: str
    text: str
    is_package: bool

    @property
    def package(self) -> str:
        """The package that relative imports of the module start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


_parse = cache(ast.parse)

Tree = Mapping[str, Module]
"""Modules by their dotted names."""


def tree_of(root: Path) -> Tree:
    """Return the modules below the folder of a package, for example `src/singletable`."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, str(path.relative_to(root.parent)), path.read_text(encoding="utf-8"), is_package)
    return found


# --- import circles ---------------------------------------------------------------------


def import_circles(tree: Tree) -> list[str]:
    """Return the circles of imports at run time; each lists the imports between its modules.

    Imports within functions count, and imports under `if TYPE_CHECKING:` do not. A name that a package loads on first
    use (`exports` of `singletable.lazy`) counts as an import of the module that defines it.
    """
    graph = import_graph(tree)
    circles = []
    for component in _components(graph):
        if len(component) > 1 or component & graph[next(iter(component))]:
            arrows = [f"  {one} -> {other}" for one in sorted(component) for other in sorted(graph[one] & component)]
            circles.append("\n".join([f"circle of {len(component)} modules:", *arrows]))
    return circles


def import_graph(tree: Tree) -> dict[str, set[str]]:
    """Return the modules of the tree that each of its modules imports at run time."""
    lazy = {name: _lazy_names(module) for name, module in tree.items() if module.is_package}
    graph: dict[str, set[str]] = {name: set() for name in tree}
    for name, module in tree.items():
        for node in _run_time_nodes(_parse(module.text)):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names if alias.name in tree}
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(module, node)
                for alias in node.names:
                    graph[name] |= _targets(tree, lazy, base, alias.name)
        # `from . import part` in a package imports the part only.
        graph[name].discard(name)
    return graph


def _targets(tree: Tree, lazy: Mapping[str, Mapping[str, str]], base: str, name: str) -> set[str]:
    """Return the modules that `from base import name` imports."""
    if f"{base}.{name}" in tree:
        return {f"{base}.{name}"}
    if name in lazy.get(base, {}):
        return {base, *_targets(tree, lazy, lazy[base][name], name)}
    return {base} & tree.keys()


def _lazy_names(module: Module) -> dict[str, str]:
    """Return the modules from which a package loads its names on first use, if it calls `exports`.

    These names are its imports under `if TYPE_CHECKING:`.
    """
    root = _parse(module.text)
    calls = [node.func for node in ast.walk(root) if isinstance(node, ast.Call)]
    if not any(isinstance(each, ast.Name) and each.id == "exports" for each in calls):
        return {}
    at_run_time = set(_run_time_nodes(root))
    imports = [node for node in ast.walk(root) if isinstance(node, ast.ImportFrom) and node not in at_run_time]
    return {alias.name: _absolute(module, node) for node in imports for alias in node.names}


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Return every node below a node, except the bodies of `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _run_time_nodes(other)
            continue
        yield child
        yield from _run_time_nodes(child)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module of a `from` import."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _components(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components of a graph (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == order[node]:
            position = stack.index(node)
            found.append(set(stack[position:]))
            del stack[position:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


# --- names ------------------------------------------------------------------------------


def repeated_names(tree: Tree, same: frozenset[str] = frozenset()) -> list[str]:
    """Return the names that two modules, or two public classes, have.

    Args:
        tree: The modules.
        same: Names that may be repeated, because they name one concept at two levels.
    """
    places: dict[str, list[str]] = {}
    for module in tree.values():
        if not module.is_package:
            places.setdefault(f"module {module.name.rpartition('.')[2]}", []).append(module.path)
        for node in _parse(module.text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(f"class {node.name}", []).append(module.path)
    return [
        f"{name}: {', '.join(sorted(paths))}"
        for name, paths in sorted(places.items())
        if len(paths) > 1 and name.partition(" ")[2] not in same
    ]


# --- sizes ------------------------------------------------------------------------------


def long_files(tree: Tree) -> list[str]:
    """Return the files of more than `MAX_FILE_LINES` lines."""
    lengths = {module.path: len(module.text.splitlines()) for module in tree.values()}
    return [
        f"{path}: {lines} lines, at most {MAX_FILE_LINES}" for path, lines in lengths.items() if lines > MAX_FILE_LINES
    ]


def long_functions(tree: Tree) -> list[str]:
    """Return the functions of more than `MAX_FUNCTION_LINES` lines, the lines of their docstrings not counted."""
    found = []
    for module in tree.values():
        for node in ast.walk(_parse(module.text)):
            if isinstance(node, _FUNCTIONS):
                lines = node.end_lineno - node.lineno + 1 - _docstring_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    found.append(
                        f"{module.path}:{node.lineno}: {node.name}() has {lines} lines, at most {MAX_FUNCTION_LINES}"
                    )
    return found


def _docstring_lines(node: ast.AST) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.end_lineno - first.lineno + 1
    return 0


def deep_nesting(tree: Tree) -> list[str]:
    """Return the functions whose blocks are nested in more than `MAX_NESTING` levels.

    A level is a block of `if`, `for`, `while`, `with`, `try` or `match`, or the body of a function in a function.
    An `elif` is on the level of its `if`.
    """
    found = []
    for module in tree.values():
        for node in _outermost_functions(_parse(module.text)):
            depth, line = max(_levels(node, 0), key=itemgetter(0))
            if depth > MAX_NESTING:
                found.append(f"{module.path}:{line}: {node.name}() has {depth} levels, at most {MAX_NESTING}")
    return found


def _outermost_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTIONS):
            yield child
        else:
            yield from _outermost_functions(child)


def _levels(node: ast.AST, depth: int) -> Iterator[tuple[int, int]]:
    """Return the level and the line of every statement below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            level = depth + (isinstance(child, (*_BLOCKS, *_FUNCTIONS)) and not is_elif)
            yield level, getattr(child, "lineno", 0)
            yield from _levels(child, level)


# --- private names ----------------------------------------------------------------------


def private_names_used(tree: Tree, owner: str) -> list[str]:
    """Return the uses of a package's private names outside the package.

    A private name begins with one underscore. It counts if the body of a class of the package defines it. These are
    uses: `x._name` and `getattr(x, "_name")`, `from package.module import _name`, and `module._name` of an imported
    module. An access is not a use if the body of a class of the same module defines the name, or, through `self` and
    `cls`, any class outside the package.

    Args:
        tree: The modules.
        owner: The package's dotted name, for example `singletable.models`.
    """
    inside = {name for name in tree if name == owner or name.startswith(f"{owner}.")}
    private = {each for name in inside for each in _names_in_classes(_parse(tree[name].text))}
    outside = sorted(tree.keys() - inside)
    own = {name: _names_in_classes(_parse(tree[name].text)) for name in outside}
    of_instances = {each for name in outside for each in _names_of_instances(_parse(tree[name].text))}
    private_of_self = private.difference(of_instances, *own.values())
    found = []
    for name in outside:
        module = tree[name]
        uses = _Uses(module, inside, private - own[name], private_of_self)
        found += [f"{module.path}:{line}: {used}" for line, used in uses.found()]
    return found


class _Uses(NamedTuple):
    """The uses of private names in a module.

    Args:
        module: The module.
        inside: The modules of the package that defines the names.
        private: The names that count.
        private_of_self: The names that count after `self.` and `cls.`.
    """

    module: Module
    inside: set[str]
    private: set[str]
    private_of_self: set[str]

    def found(self) -> Iterator[tuple[int, str]]:
        """Return the line and the text of each use."""
        modules = self._imported_modules()
        for node in ast.walk(_parse(self.module.text)):
            if isinstance(node, ast.Attribute) and self._is_use(node, modules):
                yield node.lineno, ast.unparse(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
                names = [each.value for each in node.args[1:2] if isinstance(each, ast.Constant)]
                if self.private.intersection(names):
                    yield node.lineno, ast.unparse(node)
            elif isinstance(node, ast.ImportFrom) and _absolute(self.module, node) in self.inside:
                for alias in filter(lambda each: _is_private(each.name), node.names):
                    yield node.lineno, f"from {_absolute(self.module, node)} import {alias.name}"

    def _is_use(self, node: ast.Attribute, modules: set[str]) -> bool:
        holder = node.value.id if isinstance(node.value, ast.Name) else ""
        if holder in modules:
            return _is_private(node.attr)
        return node.attr in (self.private_of_self if holder in ("self", "cls") else self.private)

    def _imported_modules(self) -> set[str]:
        """Return the names under which the module has imported modules of the package."""
        found = set()
        for node in ast.walk(_parse(self.module.text)):
            if isinstance(node, ast.ImportFrom):
                base = _absolute(self.module, node)
                found |= {each.asname or each.name for each in node.names if f"{base}.{each.name}" in self.inside}
            elif isinstance(node, ast.Import):
                found |= {each.asname for each in node.names if each.asname and each.name in self.inside}
        return found


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _names_in_classes(root: ast.Module) -> set[str]:
    """Return the private names that the bodies of a module's classes define: methods and attributes."""
    bodies = [node.body for node in ast.walk(root) if isinstance(node, ast.ClassDef)]
    return {name for body in bodies for node in body for name in _names_defined(node) if _is_private(name)}


def _names_defined(node: ast.stmt) -> set[str]:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def _names_of_instances(root: ast.Module) -> set[str]:
    """Return the private names that a module sets on `self`."""
    return {
        node.attr
        for node in ast.walk(root)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_private(node.attr)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }
