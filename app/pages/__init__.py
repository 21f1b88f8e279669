"""The pages, one folder an audience."""

from __future__ import annotations

from flask import Flask

from app.pages import account, employee, finance, health, kpi, manager


def set_up_pages(app: Flask) -> None:
    """Hang every audience's pages on the app."""
    for blueprint in (health.pages, account.pages, employee.pages, manager.pages, finance.pages, kpi.pages):
        app.register_blueprint(blueprint)
