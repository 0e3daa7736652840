"""Golden files: the generated code of some entities, as a reviewer can read it.

Each file has the functions of one entity: `build` for each derived key, then `read` and `write`. A change of the
generator shows in the diff of these files.
"""

from difflib import unified_diff
from pathlib import Path

from models import Order, Product
from singletable.models.items.codec import source
from tests.properties.zoo import Everything, Simple, Special

COMMAND = "python -m tests.framework.models.golden"
FOLDER = Path(__file__).parent
ENTITIES = (Everything, Simple, Special, Order, Product)
"""`Everything` has an attribute of every class. The others are small enough to be read as a whole."""


def path_of(entity):
    """Return the path of the golden file of an entity."""
    return FOLDER / f"{entity.__name__.lower()}.py.txt"


def text_of(entity):
    """Return the text of the golden file of an entity, from its present code."""
    return f"# The generated code of {entity.__name__}. Do not edit: `{COMMAND}` writes this file.\n\n{source(entity)}"


def difference(entity):
    """Return the unified diff from the golden file to the present code; "" if they are equal."""
    path = path_of(entity)
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = unified_diff(
        golden.splitlines(keepends=True), text_of(entity).splitlines(keepends=True), str(path), "generated now"
    )
    return "".join(lines)


def write():
    """Write every golden file, and remove those of entities that are not listed."""
    for old in FOLDER.glob("*.py.txt"):
        old.unlink()
    for entity in ENTITIES:
        path_of(entity).write_text(text_of(entity), encoding="utf-8")
