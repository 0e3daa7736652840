"""Names that are derived from those of indexes and tables: unique, stable, and no longer than AWS accepts."""

from hypothesis import given
from hypothesis import strategies as st

from singletable.infra.resource_names import alias_name, index_id, index_label, shorten
from tests.framework.infra.combinations import ODD_NAMES

index_names = st.text("aAbB1-._", min_size=3, max_size=6) | st.sampled_from(ODD_NAMES)


def test_plain_names_are_as_deployed():
    """Ids and labels of names of capitals and digits are those of stacks deployed before."""
    assert ("GSI1", "gsi1") == (index_id("GSI1"), index_label("GSI1"))
    assert "ByDate" == index_id("ByDate")


@given(st.lists(index_names, unique=True))
def test_no_two_indexes_share_a_name(names):
    """Ids, labels and the table's own are different, also without regard to capitals for labels."""
    assert len(names) + 1 == len({"Table", *map(index_id, names)})
    assert len(names) + 1 == len({"table", *(index_label(each).lower() for each in names)})


@given(index_names)
def test_characters_are_those_that_aws_accepts(name):
    """An id is alphanumeric, and a label has no hyphen that could belong to a table's name."""
    assert index_id(name).isalnum()
    assert index_id(name).isascii()
    assert "-" not in index_label(name)


def test_long_names_are_shortened():
    """The longest names that DynamoDB accepts fit, and two of them stay different."""
    for name in ("A" * 255, "a" * 255, "a-" * 127):
        assert len(f"{index_id(name)}WriteScalingPolicy") <= 255
    one, other = (shorten("x" * 300 + last, 255) for last in "ab")
    assert (255, 255) == (len(one), len(other))
    assert one != other
    assert "x" * 255 == shorten("x" * 255, 255)


def test_an_alias_has_no_dots():
    """KMS refuses them; tables that differ by them only have two aliases."""
    assert "alias/shop-dev" == alias_name("shop-dev")
    assert "." not in alias_name("my.shop")
    assert alias_name("my.shop") != alias_name("my_shop")
    assert len(alias_name("x" * 255)) <= 256
