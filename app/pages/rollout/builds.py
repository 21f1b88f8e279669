"""The builds: which there are, who lives, what the gate said, and the wish to try or forget one. Asks no Temporal."""

from __future__ import annotations

from dataclasses import dataclass

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.limits import by_person, limiter
from app.pages.rollout.routes import pages
from rules.build import BuildState, check_may_forget
from rules.errors import BusinessError
from rules.gate import Gate
from rules.outbox import Kind
from rules.person import Act
from storage import audit, build, outbox
from storage.audit import Actor
from storage.build import BuildRow
from storage.database import now

WISHES = "30 per minute"
#: What requests get now stands above, what the server has forgotten below.
_ORDER = {BuildState.CURRENT.value: 0, BuildState.RAMPING.value: 1, BuildState.GONE.value: 3}
#: Older knowledge is told with its age.
FRESH_SECONDS = 15


@dataclass(frozen=True)
class Line:
    """One build as the page shows it.

    Attributes:
        gate: None where it never ran.
    """

    row: BuildRow
    is_live: bool
    gate: Gate | None

    @property
    def may_be_forgotten(self) -> bool:
        """Whether the server may be asked to forget it."""
        try:
            check_may_forget(BuildState(self.row.state), is_live=self.is_live)
        except BusinessError:
            return False
        return True


@pages.get("/builds", endpoint="builds")
@opens(Act.READ_ROUTING)
def builds_page() -> ResponseReturnValue:
    """Every build with its state, its life, its runs and its gate."""
    session = database.session()
    moment = now(session)
    rows = sorted(build.all_builds(session), key=lambda row: _ORDER.get(row.state, 2))
    route = build.route(session)
    return render_template(
        "rollout/builds.html",
        lines=[Line(row, row.live_until is not None and row.live_until > moment, _gate(row)) for row in rows],
        route=route,
        is_stale=route is not None and (moment - route.checked_at).total_seconds() > FRESH_SECONDS,
        may_write=may_here(Act.WRITE_ROUTING),
    )


def _gate(row: BuildRow) -> Gate | None:
    return Gate.from_json(row.gate) if row.gate is not None else None


@pages.post("/builds/<build_id>/gate")
@opens(Act.WRITE_ROUTING)
@limiter.limit(WISHES, key_func=by_person)
def builds_gate(build_id: str) -> ResponseReturnValue:
    """Let the gate of a build run; what it found stands on the page when it is through."""
    session = database.session()
    if build.begin_gate(session, build_id, Actor.person(current_person().id)):
        database.commit()
        flash(_("The gate of %(build)s runs. Its result will stand here.", build=build_id), "success")
    else:
        flash(_("The gate of %(build)s runs already.", build=build_id))
    return redirect(url_for("rollout.builds"), 303)


@pages.post("/builds/<build_id>/forget")
@opens(Act.WRITE_ROUTING)
@limiter.limit(WISHES, key_func=by_person)
def builds_forget(build_id: str) -> ResponseReturnValue:
    """Let the server forget a drained build; our own row of it stays."""
    session = database.session()
    row = build.by_id(session, build_id)
    check_may_forget(BuildState(row.state), is_live=build.is_live(session, build_id))
    audit.record(session, Actor.person(current_person().id), "build.forget_asked", build_id=build_id)
    outbox.put(session, Kind.FORGET_BUILD, None, {"build_id": build_id})
    database.commit()
    flash(_("The server is asked to forget %(build)s.", build=build_id), "success")
    return redirect(url_for("rollout.builds"), 303)
