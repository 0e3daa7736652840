"""Write the golden files: `python -m tests.framework.models.golden`."""

from tests.framework.models.golden import write

if __name__ == "__main__":
    write()
