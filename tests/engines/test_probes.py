"""The table of what engines answer to raw requests, beside what DynamoDB documents; written into the docs."""

import re
from pathlib import Path

from singletable.engine import fresh_table
from tests.engines.probes import PROBES, answer, table_of
from tests.framework.app import AppTable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"
BEGIN, END = "<!-- probes: written by make test-engines -->", "<!-- end -->"


def ask_all(engine):
    """What an engine answers to each probe, on a fresh table each."""
    answers = []
    for probe in PROBES:
        with fresh_table(AppTable, engine) as table:
            client = table._get_connection().connection.client
            answers.append(answer(probe, client, table.bound().table_name))
    return answers


def test_the_page_has_what_was_answered():
    """Between its two markers; the rest stays. What is written is the same in every run."""
    engines = {"embedded (moto)": "embedded", "dynalite": "dynalite", "MiniStack": "ministack"}
    answers = {heading: ask_all(engine) for heading, engine in engines.items()}
    page = PAGE.read_text(encoding="utf-8")
    written, count = re.subn(
        f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table_of(answers)}\n{END}", page, flags=re.DOTALL
    )
    assert 1 == count
    if page != written:
        PAGE.write_text(written, encoding="utf-8")


def test_each_probe_is_of_a_behaviour_of_its_own():
    """No row twice, and none that would break the table."""
    assert len(PROBES) == len({probe.behaviour for probe in PROBES})
    assert [] == [probe.behaviour for probe in PROBES if "|" in probe.behaviour + probe.documented + probe.here]
