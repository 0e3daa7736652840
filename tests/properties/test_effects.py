"""The effects of update actions, computed in memory and compared with an engine."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.expressions.operand import Path, Value, _Operand
from pynamodb.expressions.update import AddAction, DeleteAction, RemoveAction, SetAction

from singletable.engine import embedded
from singletable.errors import InvalidValueError, RequestFailedError
from singletable.models.reading.targets import TableSender
from singletable.models.writing import effects
from singletable.models.writing.actions import parse_action, parse_actions
from singletable.requests.stored_values import canonical, same_item
from singletable.requests.write_requests import Update
from singletable.steps import run
from tests.framework.app import AppTable

KEY = {"PK": {"S": "P"}, "SK": {"S": "S"}}
NUMBERS = st.sampled_from(["0", "1", "-1", "2.5", "10", "99999999999999999999"]).map(lambda text: {"N": text})
TEXTS = st.sampled_from(["", "a", "b#c"]).map(lambda text: {"S": text})
SETS = st.sets(st.sampled_from("abc"), min_size=1).map(lambda values: {"SS": sorted(values)})
LEAVES = st.one_of(NUMBERS, TEXTS, SETS, st.just({"NULL": True}), st.booleans().map(lambda value: {"BOOL": value}))
LISTS = st.lists(LEAVES, max_size=4).map(lambda values: {"L": values})
MAPS = st.dictionaries(st.sampled_from("xyz"), st.one_of(LEAVES, LISTS), max_size=3).map(lambda values: {"M": values})
ATTRIBUTES = {"n": NUMBERS, "m": NUMBERS, "t": TEXTS, "s": SETS, "l": LISTS, "d": MAPS}

CRASHES = (AssertionError, AttributeError, KeyError, TypeError)
"""The internal errors that moto raises for some of the updates that DynamoDB refuses."""


def evolve(item, actions):
    """Return the item after an update by PynamoDB's actions."""
    return effects.evolve(item, parse_actions(actions))


def path(*steps):
    """Return a document path from names and positions."""
    found = Path([steps[0]])
    for step in steps[1:]:
        found = found[step]
    return found


@st.composite
def items(draw):
    """Draw an item with some attributes of some types."""
    names = draw(st.sets(st.sampled_from(sorted(ATTRIBUTES))))
    return {name: draw(ATTRIBUTES[name]) for name in sorted(names)}


@st.composite
def actions(draw):
    """Draw up to three actions whose paths do not overlap."""
    choices = [
        st.builds(lambda value: Path(["n"]).set(value), NUMBERS),
        st.builds(lambda value: Path(["n"]).set(Path(["m"]) + Value(value)), NUMBERS),
        st.builds(lambda value: Path(["n"]).set(Path(["m"]) - Value(value)), NUMBERS),
        st.builds(lambda value: Path(["n"]).set(Path(["m"]) | Value(value)), NUMBERS),
        st.builds(lambda value: Path(["n"]).set((Path(["n"]) | Value(value)) + Value(value)), NUMBERS),
        st.builds(lambda value: Path(["n"]).set(Path(["d"])["x"] + Value(value)), NUMBERS),
        st.builds(lambda value: AddAction(Path(["n"]), Value(value)), NUMBERS),
        st.builds(lambda value: AddAction(Path(["s"]), Value(value)), SETS),
        st.builds(lambda value: DeleteAction(Path(["s"]), Value(value)), SETS),
        st.builds(lambda value: Path(["l"]).set(Path(["l"]).append(Value(value))), LISTS),
        st.builds(lambda value: Path(["l"]).set(Path(["l"]).prepend(Value(value))), LISTS),
        st.builds(lambda index, value: path("l", index).set(value), st.integers(0, 5), LEAVES),
        st.builds(lambda index: RemoveAction(path("l", index)), st.integers(0, 5)),
        st.builds(lambda name, value: path("d", name).set(value), st.sampled_from("xyz"), LEAVES),
        st.builds(lambda name: RemoveAction(path("d", name)), st.sampled_from("xyz")),
        st.sampled_from("nmtsld").map(lambda name: RemoveAction(Path([name]))),
        st.builds(lambda value: Path(["t"]).set(Value(value)), LEAVES),
        st.just(SetAction(Path(["t"]), Path(["m"]))),
    ]
    found, tops = [], set()
    for action in draw(st.lists(st.one_of(choices), min_size=1, max_size=3)):
        top = action.values[0].path[0].partition("[")[0]
        if top not in tops:
            tops.add(top)
            found.append(action)
    return found


@pytest.fixture(scope="module", autouse=True)
def table():
    """One table for all examples; each example writes the same item again."""
    with embedded(AppTable):
        yield


@settings(max_examples=settings.default.max_examples if settings.default.max_examples < 2000 else 2000)
@given(items(), actions())
def test_effects_equal_those_of_the_engine(item, planned):
    """Both give the same item, or both refuse the update."""
    sender = TableSender(AppTable)
    sender.send("PutItem", {"TableName": "app", "Item": {**KEY, **item}})
    before = {**KEY, **item}
    try:
        mine = evolve(before, planned)
    except InvalidValueError:
        mine = None
    assert {**KEY, **item} == before, "the item itself is left alone"
    try:
        answer = run(Update(sender=sender, key=KEY, actions=planned, condition=None).steps())["Attributes"]
    except (RequestFailedError, *CRASHES):
        answer = None
    assert (mine is None) == (answer is None)
    if mine is not None:
        assert same_item(mine, answer), (
            {name: canonical(value) for name, value in mine.items()},
            {name: canonical(value) for name, value in answer.items()},
        )


def test_removals_and_settings_of_one_list_refer_to_the_list_before():
    """Every position refers to the list before the update (API reference, UpdateItem)."""
    item = {"l": {"L": [{"S": text} for text in "abcd"]}}
    planned = [RemoveAction(path("l", 0)), RemoveAction(path("l", 2)), path("l", 3).set({"S": "D"})]
    assert {"l": {"L": [{"S": "b"}, {"S": "D"}]}} == evolve(item, planned)


def test_the_attributes_that_an_action_reads():
    """An action reads exactly the attributes whose old values decide the result."""
    for action, expected in (
        (Path(["n"]).set({"N": "1"}), set()),
        (RemoveAction(Path(["n"])), set()),
        (AddAction(Path(["n"]), Value({"N": "1"})), {"n"}),
        (DeleteAction(Path(["s"]), Value({"SS": ["a"]})), {"s"}),
        (Path(["n"]).set(Path(["m"]) + Value({"N": "1"})), {"m"}),
        (Path(["n"]).set(Path(["n"]) | Path(["m"])), {"n", "m"}),
        (path("d", "x").set({"N": "1"}), {"d"}),
        (RemoveAction(path("l", 1)), {"l"}),
        (Path(["l"]).set(Path(["l"]).append(Value({"L": []}))), {"l"}),
    ):
        assert frozenset(expected) == parse_action(action).reads


def test_sets_lists_and_refusals_by_example():
    """These cases are too rare in random items."""
    item = {"s": {"SS": ["a", "b"]}, "d": {"M": {"l": {"L": [{"S": "x"}]}}}}
    taken = DeleteAction(Path(["s"]), Value({"SS": ["b", "c"]}))
    assert {"SS": ["a"]} == evolve(item, [taken])["s"]
    everything = DeleteAction(Path(["s"]), Value({"SS": ["a", "b"]}))
    assert "s" not in evolve(item, [everything])
    copied = evolve(item, [Path(["t"]).set(path("d", "l", 0))])
    assert {"S": "x"} == copied["t"]
    with pytest.raises(InvalidValueError, match="cannot be made: it combines .* NS .* of type SS"):
        evolve(item, [AddAction(Path(["s"]), Value({"NS": ["1"]}))])


def test_lists_are_joined_in_both_orders_and_positions_go_from_the_end():
    """The list has more than ten positions, which would have another order as text."""
    item = {"l": {"L": [{"N": str(number)} for number in range(12)]}, "k": {"L": [{"S": "k"}]}}
    joined = evolve(item, [Path(["l"]).set(Path(["l"]).append(Path(["k"])))])["l"]["L"]
    assert [*item["l"]["L"], {"S": "k"}] == joined
    joined = evolve(item, [Path(["l"]).set(Path(["l"]).prepend(Path(["k"])))])["l"]["L"]
    assert [{"S": "k"}, *item["l"]["L"]] == joined
    left = evolve(item, [RemoveAction(path("l", number)) for number in (2, 11, 9, 10)])["l"]["L"]
    assert [str(number) for number in (0, 1, 3, 4, 5, 6, 7, 8)] == [each["N"] for each in left]


@pytest.mark.parametrize(
    ("action", "attribute", "message"),
    [
        (
            Path(["n"]).set(Path(["no"])),
            "no",
            "at 'no' cannot be made: it reads an attribute that the item",
        ),
        (
            path("no", "x", "y").set({"N": "1"}),
            "no",
            r"at 'no\.x\.y' .* changes a part of a map or list",
        ),
        (Path(["n"]).set(path("l", 0)), "l", r"at 'l\[0\]' .* reads an attribute that the item does not have"),
        (path("t", "x").set({"N": "1"}), "t", "changes a part of a map or list that the item does not have"),
        (Path(["l"]).set(Path(["l"]).append(Path(["t"]))), "l", "at 'l' .* uses a value of type S as one of type L"),
        (Path(["l"]).set(Path(["t"]).append(Path(["l"]))), "t", "at 't' .* uses a value of type S as one of type L"),
        (Path(["n"]).set(Path(["n"]) + Path(["t"])), "n", "at 'n' .* uses a value of type S as one of type N"),
        (Path(["n"]).set(Path(["t"]) - Value({"N": "1"})), "t", "at 't' .* uses a value of type S as one of type N"),
        (AddAction(Path(["t"]), Value({"N": "1"})), "t", "at 't' .* combines a value of type N with one of type S"),
    ],
)
def test_a_refusal_has_the_path_and_the_attribute(action, attribute, message):
    """The error's message has the path, and its field has the attribute."""
    item = {"n": {"N": "1"}, "t": {"S": "x"}, "l": {"L": []}}
    with pytest.raises(InvalidValueError, match=message) as caught:
        evolve(item, [action])
    assert attribute == caught.value.attribute


def test_an_operand_of_a_newer_pynamodb_is_not_guessed():
    """The error names the operand."""

    class Newer(_Operand):
        pass

    with pytest.raises(NotImplementedError, match="^the operand Newer cannot be evaluated$"):
        evolve({}, [SetAction(Path(["n"]), Newer())])
