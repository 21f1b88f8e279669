"""How generated examples run here: never judged by the clock, and told so that they can be run again.

`make test-fast` looks at fewer of them (`--hypothesis-profile=glance`).
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules", max_examples=40, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("glance", settings.get_profile("rules"), max_examples=10)
settings.load_profile("rules")
