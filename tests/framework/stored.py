"""The stored item of an entity, read in the calling thread."""

from singletable.models.reading import targets
from singletable.steps import run


def stored_item(entity):
    """Return the stored item with an entity's primary key; None if it does not exist."""
    return run(targets.stored_item(entity))
