"""What waits for a manager's decision: the inbox, one decision, several at once."""

from app.pages.manager import several as _several  # noqa: F401  (its routes hang on the same blueprint)
from app.pages.manager.panel import decision_panel
from app.pages.manager.routes import pages

pages.add_app_template_global(decision_panel)

__all__ = ["pages"]
