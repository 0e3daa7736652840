"""The content of the wheel: only `singletable/` and its metadata, with `py.typed` and the skeleton of `init`."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WANTED = (
    "singletable/py.typed",
    "singletable/cli/skeleton/Makefile.txt",
    "singletable/cli/skeleton/models/note.py.txt",
    "singletable/engine/survive.js",
    "singletable/operating/prices.json",
)


def problems(names: list[str]) -> list[str]:
    """Return the faults in the list of a wheel's files."""
    foreign = [name for name in names if not name.startswith("singletable/") and ".dist-info/" not in name]
    missing = [name for name in WANTED if name not in names]
    return [f"not part of the framework: {name}" for name in foreign] + [f"missing: {name}" for name in missing]


def main() -> int:
    """Build the wheel from this checkout, and check its files."""
    # setuptools reuses the files of an earlier build in build/, also those of removed modules.
    shutil.rmtree("build", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, "."]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            print(built.stdout, built.stderr, sep="\n", file=sys.stderr)
            return built.returncode
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    found = problems(names)
    print("\n".join(found) or f"wheel: {len(names)} files, all of them singletable's")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
