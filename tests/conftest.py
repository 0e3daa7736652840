"""Hypothesis profiles. The default is derandomized, so that a run fails because of a change and not by chance."""

import os

from hypothesis import HealthCheck, Phase, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("fast", max_examples=100, derandomize=True, **_COMMON)
settings.register_profile("deep", max_examples=10_000, derandomize=True, **_COMMON)
settings.register_profile("random", max_examples=10_000, **_COMMON)
# One failure kills a mutant. The example is not read, so it is not shrunk.
settings.register_profile(
    "mutation", max_examples=60, derandomize=True, phases=[Phase.explicit, Phase.generate], **_COMMON
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
