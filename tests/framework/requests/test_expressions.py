"""Expressions: conditions as text."""

from functools import reduce
from operator import and_, or_

import pytest
from pynamodb.expressions.operand import Path

from singletable.requests.expressions import Placeholders

A, B, C, D = (Path([name]).exists() for name in "abcd")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (A, "A"),
        (A & B, "A AND B"),
        ((A & B) & (C & D), "A AND B AND C AND D"),
        (A & (B & (C & D)), "A AND B AND C AND D"),
        ((A | B) | C, "A OR B OR C"),
        ((A | B) & C, "(A OR B) AND C"),
        ((A & B) | (C & D), "(A AND B) OR (C AND D)"),
        (A & (B | (C & D)), "A AND (B OR (C AND D))"),
        (~(A | B) & C, "(NOT (A OR B)) AND C"),
    ],
)
def test_parentheses_stand_only_where_they_mean_something(condition, expected):
    """The order of the operands does not change."""
    placeholders = Placeholders()
    text = placeholders.condition(condition)
    for name, placeholder in placeholders.names.items():
        text = text.replace(f"attribute_exists ({placeholder})", name.upper())
    assert expected == text


@pytest.mark.parametrize("operator", [and_, or_])
def test_a_long_chain_has_none(operator):
    """Each pair of parentheses inside another nearly triples the time of dynalite's parser."""
    chain = reduce(operator, [Path([f"a{n}"]) == n for n in range(40)])
    assert "(" not in Placeholders().condition(chain)
