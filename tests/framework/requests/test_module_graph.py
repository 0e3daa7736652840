"""The modules of `singletable.requests` import one another in one direction, type hints included."""

import ast
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "singletable.requests"


def imported_modules(path: Path) -> set[str]:
    """Return the package's modules that a module imports anywhere: at the top, for type hints, in functions."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    return {
        str(node.module).removeprefix(f"{PACKAGE}.") for node in nodes if str(node.module).startswith(f"{PACKAGE}.")
    }


def test_modules_have_no_import_circle():
    """A topological order of the modules exists."""
    places = find_spec(PACKAGE).submodule_search_locations
    paths = [path for place in places for path in Path(place).glob("*.py") if path.name != "__init__.py"]
    graph = {path.stem: imported_modules(path) for path in paths}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which lists the circle
    assert sorted(graph) == sorted(order)


def test_modules_do_not_import_the_package():
    """The package imports all of its modules for type hints, so that a module that imports it would close a circle."""
    places = find_spec(PACKAGE).submodule_search_locations
    texts = [path.read_text("utf-8") for place in places for path in Path(place).glob("*.py")]
    assert not [text for text in texts if f"from {PACKAGE} import" in text]
