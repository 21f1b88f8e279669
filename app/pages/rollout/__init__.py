"""What the platform people switch: releases, flags, who goes where, and which builds there are."""

from app.pages.rollout import begin as _begin  # hangs its views on the same pages
from app.pages.rollout import builds as _builds
from app.pages.rollout import dashboard as _dashboard
from app.pages.rollout import routing as _routing
from app.pages.rollout.routes import pages

__all__ = ["_begin", "_builds", "_dashboard", "_routing", "pages"]
