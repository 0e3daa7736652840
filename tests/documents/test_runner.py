"""The runner of the documents finds faults: each is planted in its own document, and reported at its line."""

from textwrap import dedent

import pytest

from tests.documents.blocks import DocumentError, blocks_of
from tests.documents.checking import check_inline
from tests.documents.session import run_document


def run(tmp_path, text, server=lambda: "http://127.0.0.1:9"):
    """Run a document with this text in a copy of the shop."""
    path = tmp_path / "page.md"
    path.write_text(dedent(text), encoding="utf-8")
    run_document("page.md", blocks_of(path, "page.md"), tmp_path, server)


FAULTS = {
    "an assert": ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", r"page.md:5: (.|\n)*assert x == 2"),
    "a warning": ("```python\nimport warnings\n\nwarnings.warn('old')\n```\n", r"page.md:1: (.|\n)*UserWarning: old"),
    "an end of the process": ("```python\nimport os\n\nos._exit(3)\n```\n", r"page.md:1: the process .* ended with 3"),
    "syntax": ("<!-- not run: no -->\n```python\nx = = 1\n```\n", r"page.md:2: line 1 of the block: invalid syntax"),
    "an import": (
        "<!-- not run: no -->\n```python\nfrom singletable import Tabel\n```\n",
        r"page.md:2: singletable has no Tabel",
    ),
    "an unknown command": ("```sh\nsingletable chekc\n```\n", r"page.md:1: `singletable chekc`: No such command"),
    "an unknown option": ("```sh\nsingletable check --strikt\n```\n", r"page.md:1: .*No such option.*--strikt"),
    "an unknown option in a block that is not run": (
        "<!-- not run: no -->\n```console\n$ singletable metrics --sinse 3h\n```\n",
        r"page.md:2: .*No such option.*--sinse",
    ),
    "an unknown target": ("<!-- not run: no -->\n```sh\nmake tets\n```\n", r"page.md:2: .*the Makefile has no tets"),
    "an unknown extra": (
        "<!-- not run: no -->\n```sh\npip install 'singletable[dyx]'\n```\n",
        r"page.md:2: .*setup.cfg has no extra dyx",
    ),
    "a program that cannot be run": (
        "```sh\npip install x\n```\n",
        r"page.md:1: no test can run `pip`: write <!-- not",
    ),
    "an output": (
        "```console\n$ singletable makemigrations --check\nOne change.\n```\n",
        r"page.md:1: the output of `singletable .*` is not the one that is shown(.|\n)*No changes",
    ),
    "an exit code": (
        "```sh\nsingletable infra diff --endpoint-url http://127.0.0.1:9\n```\n",
        r"page.md:1: .* ended with 2",
    ),
    "a printed text": (
        '```python\nprint("1\\n2\\n3")\n```\n\n```text\n1\n...\n2\n```\n',
        r"page.md:5: the output of page.md:1 is not the one that is shown",
    ),
    "a text that nothing printed": ("A text:\n\n```text\n1\n```\n", r"page.md:3: a text block is the output of"),
    "a block without a language": ("```\nmake demo\n```\n", r"page.md:1: the language '' cannot be checked"),
    "a block without a fence": ("Run:\n\n    make demo\n", r"page.md:3: the language '' cannot be checked"),
    "a block without a fence in a list": ("1. Run:\n\n        make demo\n", r"page.md:3: the language '' cannot be"),
    "an open fence": ("```python\nx = 1\n", r"page.md:1: the fence is not closed"),
    "a comment without a block": (
        "<!-- not run: no -->\n\n```sh\npip install x\n```\n",
        r"page.md:1: the comment is not",
    ),
    "a failing test": (
        "```python\n# tests/test_one.py\ndef test_one():\n    assert 1 == 2\n```\n",
        r"page.md:1: pytest ended with 1(.|\n)*assert 1 == 2",
    ),
    "a test that is skipped": (
        "```python\n# tests/test_one.py\nimport pytest\n\n\n"
        '@pytest.mark.parametrize("x", [])\ndef test_one(x):\n    pass\n```\n',
        r"page.md:1: a test of tests/test_one.py was skipped",
    ),
    "a file without tests": (
        "```python\n# tests/test_one.py\ndef tset_one():\n    pass\n```\n",
        r"page.md:1: pytest ended with 5",
    ),
    "ini": ("```ini\nno section\n```\n", r"page.md:1: it is not ini"),
    "json": ("```json\n{'a': 1}\n```\n", r"page.md:1: it is not json"),
    "jsonl": ('```jsonl\n{"a": 1}\n{"b"}\n```\n', r"page.md:1: it is not jsonl"),
    "an operation of AWS": ("<!-- not run: x -->\n```sh\naws pricing get-product\n```\n", r"no operation get-product"),
    "an option of AWS": ("<!-- not run: x -->\n```sh\naws pricing get-products --filter\n```\n", r"has no --filter"),
    "yaml": ("```yaml\na: [1\n```\n", r"page.md:1: it is not yaml"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, tmp_path):
    text, message = FAULTS[fault]
    with pytest.raises(DocumentError, match=message):
        run(tmp_path, text)


def test_a_setting_that_the_commands_refuse(tmp_path):
    """The command that reads the file reports a wrong setting."""
    with pytest.raises(DocumentError, match=r"page.md:6: .* ended with 2:\n(.|\n)*no option 'biling'"):
        run(
            tmp_path,
            """\
            ```ini
            # setup.cfg
            [singletable:infra]
            biling = provisioned
            ```
            ```sh
            singletable infra cloudformation --environment dev
            ```
            """,
        )


def test_a_document_without_a_fault_passes(tmp_path):
    """A block may use a name of an earlier block, shorten an output with `...`, or continue a file."""
    run(
        tmp_path,
        """\
        1. First:

           ```python
           x = 1
           ```

        <!-- not run: needs AWS -->
        ```python
        assert x == 2
        ```

        ```python
        print("one", x, "two")
        print("three")
        print("four")
        ```

        ```text
        one ... two
        ...
        four
        ```

        ```python
        # tests/test_one.py
        from models import User
        ```

        ```python
        # tests/test_one.py
        def test_one():
            assert User.key.build(user_id="u1") == ("USER#u1", "PROFILE")
        ```

        ```console
        $ singletable makemigrations --check
        No changes: ...
        ```
        """,
    )


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("singletable migrate --plan", None),
        ("singletable migrate [TARGET]", None),
        ("singletable.models", None),
        ("singletable infra iam --role stream", None),
        ("singletable check --strikt", "there is no option --strikt"),
        ("singletable infra ima", "infra has no command ima"),
    ],
)
def test_commands_in_prose(code, what):
    assert (what is None) == (check_inline(code) is None)
    assert (what or "") in (check_inline(code) or "")
