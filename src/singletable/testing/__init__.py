"""The testing kit: what an access pattern must answer, and Hypothesis strategies for keys.

`singletable.testing.strategies` needs the extra `testing` (Hypothesis); the oracle needs nothing.
"""

from singletable.testing.oracle import agrees, expected

__all__ = ["agrees", "expected"]
