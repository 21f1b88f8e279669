"""How rollouts, builds and ways back look in JSON. Times are ISO 8601 in UTC, shares are percent as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rules.rollout import Kind
from storage.build import BuildRouteRow, BuildRow
from storage.build_return import BuildReturnRow
from storage.rollout import RolloutEventRow, RolloutRow


def when(at: datetime | None) -> str | None:
    """A moment, or None."""
    return at.isoformat() if at is not None else None


def _id(value: UUID | None) -> str | None:
    return str(value) if value is not None else None


def rollout(row: RolloutRow) -> dict[str, Any]:
    """Where a rollout stands, with the figures that were seen last."""
    step = row.plan["steps"][min(row.step, len(row.plan["steps"]) - 1)]
    return {
        "id": str(row.id),
        "kind": row.kind,
        "target": row.target,
        "label": row.label,
        "build_id": row.target if row.kind == Kind.BUILD else None,
        "content": row.content,
        "state": row.state,
        "since": when(row.since),
        "step": row.step,
        "percentage": step["share"],
        "departments": step["departments"],
        "carried": bool(row.carried),
        "ready": row.ready,
        "why": row.why,
        "gate": row.gate,
        "figures": row.figures,
        "checked_at": when(row.checked_at),
        "plan": row.plan,
        "revision": row.revision,
        "started_by": _id(row.created_by),
        "started_at": when(row.created_at),
        "ended_at": when(row.ended_at),
    }


def event(row: RolloutEventRow) -> dict[str, Any]:
    """One move."""
    return {
        "at": when(row.at),
        "event": row.event,
        "by": _id(row.actor_id) or row.actor_kind,
        "from": row.from_state,
        "to": row.to_state,
        "step": row.step,
        "percentage": row.share,
        "why": row.why,
        "detail": row.detail,
    }


def build(row: BuildRow, at: datetime) -> dict[str, Any]:
    """What is known of a build; `at` is the database's time."""
    return {
        "build_id": row.build_id,
        "commit": row.commit,
        "note": row.note,
        "state": row.state,
        "percentage": str(row.percent),
        "live": row.live_until is not None and row.live_until > at,
        "workers": row.workers,
        "open_runs": row.open_runs,
        "finished_runs": row.finished_runs,
        "first_seen_at": when(row.first_seen_at),
        "last_seen_at": when(row.last_seen_at),
        "gate_passed": row.gate_passed,
        "gate_at": when(row.gate_at),
        "rejected_at": when(row.rejected_at),
        "rejected_why": row.rejected_why,
    }


def route(row: BuildRouteRow | None) -> dict[str, Any] | None:
    """Where new work went when it was last looked at."""
    if row is None:
        return None
    return {
        "current": row.current,
        "ramping": row.ramping,
        "percentage": str(row.percent),
        "revision": row.revision,
        "since": when(row.seen_at),
        "checked_at": when(row.checked_at),
    }


def way_back(row: BuildReturnRow) -> dict[str, Any]:
    """How far a way back has come, with its times."""
    return {
        "id": str(row.id),
        "build_id": row.build_id,
        "state": row.state,
        "freeze_only": row.freeze_only,
        "stable": row.report.get("stable") or row.stable,
        "reason": row.reason,
        "why": row.why,
        "asked_by": _id(row.asked_by),
        "asked_at": when(row.asked_at),
        "routed_at": when(row.routed_at),
        "ended_at": when(row.ended_at),
        "report": row.report,
    }


def changed(what: str, old: Any, new: Any, at: datetime) -> dict[str, Any]:
    """What an answer says of a change: what, from, to, when."""
    return {"what": what, "old": old, "new": new, "at": when(at)}
