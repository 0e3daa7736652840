"""The table of the engines' answers to raw requests, with DynamoDB's documented answers. It is a part of the docs."""

import re
from pathlib import Path

from singletable.engine import fresh_table
from tests.engines.probes import PROBES, answer, table_of
from tests.framework.app import AppTable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"
BEGIN, END = "<!-- probes: written by make test-engines -->", "<!-- end -->"


def ask_all(engine):
    """Return an engine's answer to each probe, each with an empty table."""
    answers = []
    for probe in PROBES:
        with fresh_table(AppTable, engine) as table:
            client = table._get_connection().connection.client
            answers.append(answer(probe, client, table.bound().table_name))
    return answers


def test_the_page_has_the_answers():
    """The page has the table between its two markers; every run writes the same table."""
    engines = {"embedded (moto)": "embedded", "dynalite": "dynalite", "MiniStack": "ministack"}
    answers = {heading: ask_all(engine) for heading, engine in engines.items()}
    page = PAGE.read_text(encoding="utf-8")
    written, count = re.subn(
        f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table_of(answers)}\n{END}", page, flags=re.DOTALL
    )
    assert 1 == count
    if page != written:
        PAGE.write_text(written, encoding="utf-8")


def test_each_probe_is_of_a_behavior_of_its_own():
    """Each row is unique, and does not contain the column separator."""
    assert len(PROBES) == len({probe.behavior for probe in PROBES})
    assert [] == [probe.behavior for probe in PROBES if "|" in probe.behavior + probe.documented + probe.here]
