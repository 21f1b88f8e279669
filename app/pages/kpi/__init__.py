"""The figures page: how the approvals go, for those whom OPENED_TO names."""

from app.pages.kpi.routes import pages

__all__ = ["pages"]
