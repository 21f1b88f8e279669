"""Versions of processes beside their runs, through the API: what one would have changed, and moving runs to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app import database
from app.access import current_person, opens
from app.api.process_schemas import MoveSchema
from app.api.processes import api
from app.api.shown import when
from rules.errors import Invalid, NotFound
from rules.person import Act
from storage import process_impact, process_migration
from storage.process_migration import ProcessMoveRow

MOST_RUNS = 1000


@api.at("/<key>/versions/<int:version>/impact", "GET")
@opens(Act.READ_PROCESS)
def impact(key: str, version: int) -> dict[str, Any]:
    """The last finished runs with their recorded answers, taken through a version: who would have gone another way."""
    found = process_impact.look(database.session(), key, version, _last(request.args.get("last", "200")))
    return {
        "process": key,
        "version": version,
        "runs": len(found.tried),
        "parted": len(found.parted),
        "places": [{"node": node, "runs": count} for node, count in found.places.items()],
        "parted_runs": [
            {
                "run": str(each.run.id),
                "version": each.run.version,
                "how": each.parting.how.value,
                "node": each.parting.node,
                "was": each.parting.was,
                "would_be": each.parting.would_be,
            }
            for each in found.parted
            if each.parting is not None
        ],
    }


@api.at("/<key>/versions/<int:version>/move", "GET")
@opens(Act.OPERATE_RUN)
def dry_run(key: str, version: int) -> dict[str, Any]:
    """Which open runs can be moved to a version, and which node blocks each of the others; changes nothing."""
    tried = process_migration.dry_run(database.session(), key, version)
    return {
        "process": key,
        "version": version,
        "total": tried.total,
        "runs": [
            {
                "run": str(each.run.id),
                "version": each.run.version,
                "can_be_moved": not each.blockers,
                "blockers": [{"node": one.node, "why": one.why} for one in each.blockers],
            }
            for each in tried.candidates
        ],
    }


@api.at("/<key>/versions/<int:version>/move", "POST")
@api.reads(MoveSchema)
@opens(Act.OPERATE_RUN)
def move(given: dict[str, Any], key: str, version: int) -> tuple[dict[str, Any], int]:
    """Have runs moved: those that are named, or every one that can be. Each judges by itself when it comes to it."""
    row = process_migration.ask(
        database.session(), key, version, current_person().id, given["why"], given["runs"]
    )
    database.commit()
    return _shown(row), 202


@api.at("/<key>/moves/<uuid:move_id>", "GET")
@opens(Act.READ_PROCESS)
def one_move(key: str, move_id: UUID) -> dict[str, Any]:
    """How far a move has come, and what became of each run."""
    session = database.session()
    row = process_migration.by_id(session, move_id)
    if row.process_key != key:
        raise NotFound("There is no such move.")
    return {
        **_shown(row),
        "results": [
            {
                "run": str(each.run_id),
                "from_version": each.from_version,
                "state": each.state,
                "node": each.node,
                "why": each.why,
                "settled_at": when(each.settled_at),
            }
            for each in process_migration.of_move(session, move_id)
        ],
    }


def _shown(row: ProcessMoveRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "process": row.process_key,
        "version": row.version,
        "why": row.reason,
        "asked_by": str(row.asked_by),
        "asked_at": when(row.asked_at),
        "counts": process_migration.counts(database.session(), [row.id])[row.id],
    }


def _last(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MOST_RUNS:
        raise Invalid(f"This must be a whole number from 1 to {MOST_RUNS}.", "last")
    return int(text)
