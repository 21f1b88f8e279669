"""The gate of a build through the API: let it run, and what it found. What opens it is in rules/gate.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import url_for

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.setup import PREFIX, Subject
from rules.build import check_lives
from rules.gate import Gate, Replayed
from rules.person import Act
from storage import build
from storage.audit import Actor
from storage.build import BuildRow
from storage.database import now

api = Subject("api_gate", __name__, url_prefix=f"{PREFIX}/builds", description="The gate before a build")


@api.at("/<build_id>/gate", "POST")
@opens(Act.WRITE_ROUTING)
def begin(build_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Let the gate run: living workers, replay both ways, one run. Refused where no worker lives; ask for it with GET."""
    session = database.session()
    row = build.by_id(session, build_id)
    check_lives(build_id, is_live=build.is_live(session, build_id))
    old = _state(row)
    begun = build.begin_gate(session, build_id, Actor.person(current_person().id))
    at, seen = now(session), _shown(build.by_id(session, build_id))
    database.commit()
    what = "gate begun" if begun else "nothing: it runs already"
    answer = {"changed": shown.changed(what, old, seen["state"], at), "gate": seen}
    return answer, 202 if begun else 200, {"Location": url_for("api_gate.one", build_id=build_id)}


@api.at("/<build_id>/gate", "GET")
@opens(Act.READ_ROUTING)
def one(build_id: str) -> dict[str, Any]:
    """What the newest gate of a build found: each run that does not replay, at which event, and why."""
    return {"gate": _shown(build.by_id(database.session(), build_id))}


def _state(row: BuildRow) -> str:
    """`running`, `passed`, `shut`, or `untried` where no gate has ended yet."""
    if row.gate_begun_at is not None:
        return "running"
    if row.gate_passed is None:
        return "untried"
    return "passed" if row.gate_passed else "shut"


def _shown(row: BuildRow) -> dict[str, Any]:
    """The gate of a build; what was found stays until the next one has ended."""
    found = Gate.from_json(row.gate) if row.gate is not None else None
    return {
        "build_id": row.build_id,
        "state": _state(row),
        "begun_at": shown.when(row.gate_begun_at),
        "ended_at": shown.when(row.gate_at),
        "passed": row.gate_passed,
        "current": found.current if found else None,
        "reasons": list(found.reasons) if found else [],
        "unserved": list(found.unserved) if found else [],
        "forward": _replayed(found.forward) if found else None,
        "back": _replayed(found.back) if found else None,
        "run": asdict(found.smoke) if found and found.smoke else None,
    }


def _replayed(way: Replayed | None) -> dict[str, Any] | None:
    return asdict(way) if way is not None else None
