"""Access patterns: the application's reads, each a named function that returns a request."""

from singletable.patterns.access_pattern import AccessPattern, access_pattern, patterns_of, requests_of
from singletable.patterns.arguments import draw_arguments, placeholder_arguments

__all__ = [
    "AccessPattern",
    "access_pattern",
    "draw_arguments",
    "patterns_of",
    "placeholder_arguments",
    "requests_of",
]
