"""How many generated examples are looked at here, where most are; `make test-fast` glances at fewer."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rules", settings.get_profile("usual"), max_examples=40)
settings.register_profile("glance", settings.get_profile("usual"), max_examples=4)
settings.load_profile("rules")
