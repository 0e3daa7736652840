"""The benchmarks' page and data; these tests do not measure."""

import json
from pathlib import Path

import pytest

from benchmarks.data import MIXES, keys, proof, proof_of_stored, stored, values
from benchmarks.report import figures
from benchmarks.results import Row

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"


def test_the_page_has_the_figures_of_the_results():
    """The program writes the figures of the page."""
    results = json.loads((PAGES / "results.json").read_text(encoding="utf-8"))
    assert figures(results) in (PAGES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_has_twenty_attributes(mix):
    """The keys and the type do not count."""
    given = values(mix, 3)
    assert 20 == len(given)
    assert 20 + len(keys(mix, given)) + 1 == len(stored(mix, 3))


@pytest.mark.parametrize("mix", MIXES)
def test_a_proof_detects_a_wrong_attribute(mix):
    """A wrong value is found in every attribute, also of the last item, and a number differs from its text."""
    given = [values(mix, number) for number in range(3)]
    assert proof(mix, given) == proof_of_stored(mix, [stored(mix, number) for number in range(3)])
    for name in given[2].keys() - {"created_at"}:
        changed = [*given[:2], {**given[2], name: "7"}]
        if not isinstance(given[2][name], (int, float)) or name.startswith("flag") or name in ("paid", "gift"):
            assert proof(mix, given)["attributes"] != proof(mix, changed)["attributes"], name


@pytest.mark.parametrize(
    ("ratio", "most", "verdict", "words"),
    [(0.1, 1 / 8, "met", "10.00 times less"), (1.004, 1.0, "missed", "1.004 times"), (30.0, None, "", "30.00 times")],
)
def test_a_missed_target_is_called_missed(ratio, most, verdict, words):
    """A narrowly missed target is also called missed."""
    row = Row("Save", "flat mix", "PynamoDB", unit="ms", ours=1.0, theirs=1.0, ratio=ratio, most=most)
    assert (verdict, words) == (row.verdict, row.measured)


def test_a_peer_that_is_missing_is_not_measured():
    """Its row is kept and has the reason."""
    row = Row("Query", "flat mix", "pydynox", unit="ms", target="at least 2.5", most=0.4, note="it is not installed")
    assert ("", "not measured: it is not installed") == (row.verdict, row.measured)
