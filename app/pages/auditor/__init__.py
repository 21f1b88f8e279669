"""What auditors read: the trail of every act."""

from app.pages.auditor.routes import pages

__all__ = ["pages"]
