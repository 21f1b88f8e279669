"""What administrators do: accounts and roles."""

from app.pages.admin.routes import pages

__all__ = ["pages"]
