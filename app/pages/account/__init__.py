"""What everybody has: the way in and out, a profile, one's own sessions."""

from app.pages.account.routes import pages

__all__ = ["pages"]
