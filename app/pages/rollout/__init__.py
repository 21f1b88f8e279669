"""What the platform people switch: flags, and who goes where."""

from app.pages.rollout import routing as _routing  # hangs its views on the same pages
from app.pages.rollout.routes import pages

__all__ = ["_routing", "pages"]
