"""Asking an access pattern with arguments drawn from a sample."""

from singletable.patterns import draw_arguments, requests_of
from singletable.testing import agrees


def disagreements(pattern, entities):
    """For each request of the pattern: what is wrong with its answer, or None."""
    requests = requests_of(pattern, pattern(**draw_arguments(pattern, entities)))
    return [agrees(request, request.all(), entities) for request in requests]
