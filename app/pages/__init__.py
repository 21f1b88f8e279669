"""The pages, one folder an audience."""

from __future__ import annotations

from flask import Flask

from app.pages import account, admin, auditor, designer, employee, finance, health, kpi, manager, rollout, run


def set_up_pages(app: Flask) -> None:
    """Hang every audience's pages on the app."""
    for audience in (
        health,
        account,
        employee,
        manager,
        finance,
        kpi,
        rollout,
        designer,
        run,
        auditor,
        admin,
    ):
        app.register_blueprint(audience.pages)
