"""Two questions that machines ask: is the process alive, and can it serve."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy import text

from app import database
from app.access import opens
from rules.person import Act

pages = Blueprint("health", __name__)


@pages.get("/healthz")
@opens(Act.ANYONE)
def alive() -> Response:
    """The process answers; asks nobody else."""
    return Response("alive\n", mimetype="text/plain")


@pages.get("/readyz")
@opens(Act.ANYONE)
def ready() -> Response:
    """Postgres answers; else the error handler says 503."""
    database.session().execute(text("select 1"))
    return Response("ready\n", mimetype="text/plain")
