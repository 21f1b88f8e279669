"""What everybody has: the way in and out, a profile, one's own sessions, what one was told."""

from app.pages.account import notifications
from app.pages.account.routes import pages

__all__ = ["notifications", "pages"]
