"""Calls of an access pattern with arguments that are drawn from a sample."""

from singletable.patterns import draw_arguments, requests_of
from singletable.testing import agrees


def disagreements(pattern, entities):
    """Return for each request of the pattern the fault of its result, or None."""
    requests = requests_of(pattern, pattern(**draw_arguments(pattern, entities)))
    return [agrees(request, request.all(), entities) for request in requests]
