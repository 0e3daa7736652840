"""The list of reserved names is the one that the code gives, and each name of it is refused."""

import pytest
from pynamodb.attributes import UnicodeAttribute

from singletable import Key, Table
from singletable.errors import DeclarationError
from tests.documents.reserved_names import PAGE, list_text, reserved_names

NAMES = [name for names in reserved_names().values() for name in names]


def declare(name):
    """Declare an entity with an attribute of this name, in a table of its own."""

    class Shelf(Table):
        class Meta:
            table_name = "shelf"

    namespace = {"book": UnicodeAttribute(), "key": Key(pk="BOOK#{book}", sk="BOOK")}
    attribute = UnicodeAttribute(attr_name="stored", null=True)
    return type(Shelf)("Book", (Shelf,), {**namespace, name: attribute, "__module__": __name__}, discriminator="BOOK")


def test_the_page_has_the_list():
    """`python -m tests.documents.reserved_names` writes it."""
    assert list_text() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*(name for name in NAMES if name != "get_attributes"), "_raw", "_stored", "__init__"])
def test_a_reserved_name_is_refused(name):
    """When the class is created, by the rule of taken names; without a type the class is not an entity."""
    with pytest.raises(DeclarationError) as caught:
        declare(name)
    assert ("ST108" if name == "entity_type" else "ST110") == caught.value.rule


def test_get_attributes_is_refused_by_pynamodb():
    """PynamoDB calls the method while it creates the class, before the checks of singletable."""
    with pytest.raises(TypeError, match="'UnicodeAttribute' object is not callable"):
        declare("get_attributes")


@pytest.mark.parametrize("name", ["pages", "title", "expires", "_own"])
def test_other_names_are_allowed(name):
    """A name that is not in the list, and a private name of your own."""
    assert name not in NAMES
    assert "stored" == declare(name).get_attributes()[name].attr_name
