"""Run the Python blocks of a document, one after another in one namespace. A separate process runs this file.

It does not import modules of the tests, because its working folder has its own package `tests`.
"""

import contextlib
import io
import json
import linecache
import sys
import traceback
import warnings
from pathlib import Path


def run(blocks):
    """Return the output of each block, and the traceback of the first failed block."""
    namespace = {"__name__": "example"}
    printed = []
    for place, line, text in blocks:
        output = io.StringIO()
        # Makes tracebacks show the lines of the document.
        source = "\n" * line + text
        linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place
        try:
            with contextlib.redirect_stdout(output):
                exec(compile(source, place, "exec"), namespace)
        except BaseException:
            return printed, traceback.format_exc()
        printed.append(output.getvalue())
    return printed, None


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(botocore|moto|amazondax)\b")
    order, answer = map(Path, sys.argv[1:])
    answer.write_text(json.dumps(run(json.loads(order.read_text(encoding="utf-8")))), encoding="utf-8")
