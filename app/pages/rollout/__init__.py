"""What the platform people switch: flags."""

from app.pages.rollout.routes import pages

__all__ = ["pages"]
