"""How generated examples run here: never judged by the clock, and told so that they can be run again."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules", max_examples=40, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("rules")
