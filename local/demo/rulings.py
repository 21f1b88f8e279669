"""The demo company's rule sets and the flag of the automated review, dated back to before its first request."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from local.demo.company import Company
from local.demo.life import id_at
from local.demo.worktime import after_office_hours
from rules.flag import AUTOMATED_REVIEW, Level
from rules.outbox import Kind
from rules.policy import content_hash, read_rule_set
from storage import outbox
from storage.audit import SYSTEM, Actor
from storage.flag import FlagChangeRow, FlagOverrideRow, read_truth
from storage.person import PersonRow
from storage.policy import RuleSetRow
from storage.seed import NOTE, shipped_rule_sets

#: The flag was set a while after the rules came into force.
_FLAG_AFTER_OFFICE_HOURS: Final = 15


@dataclass(frozen=True)
class Rulings:
    """What was in force.

    Attributes:
        flag_reason, flag_revision: what the flag of the automated review said from then on.
        entries: for the audit trail.
    """

    rule_sets: list[RuleSetRow]
    flag_reason: str
    flag_revision: int
    entries: list[dict[str, Any]]


def open_rules(
    session: Session,
    company: Company,
    people: Mapping[str, PersonRow],
    opened_at: datetime,
    at: datetime,
    chance: random.Random,
) -> Rulings:
    """Put the rules into force as of `opened_at` and switch the review on for everyone.

    The rules in force now are the ones that ship; one department had other ones before, so that there is a
    change to look at.
    """
    entries: list[dict[str, Any]] = []
    earlier = company.earlier_rules
    rule_sets = []
    for name, content in shipped_rule_sets().items():
        first, note = (content | earlier["changes"], "") if name == earlier["department"] else (content, NOTE)
        rule_sets.append(_version(name, 1, first, opened_at, SYSTEM, note, chance, entries))
        if first != content:
            replaced_at = after_office_hours(at - timedelta(days=earlier["replaced_days_ago"]), 2)
            by = Actor.person(people[earlier["replaced_by"]].id)
            rule_sets.append(_version(name, 2, content, replaced_at, by, earlier["note"], chance, entries))
    session.add_all(rule_sets)
    switched_at = after_office_hours(opened_at, _FLAG_AFTER_OFFICE_HOURS)
    revision = _switch_on(session, company, people, switched_at, entries)
    reading = read_truth(session).read(AUTOMATED_REVIEW, "", "")
    return Rulings(rule_sets, reading.reason, revision, entries)


def _version(
    name: str,
    version: int,
    content: Mapping[str, Any],
    at: datetime,
    actor: Actor,
    note: str,
    chance: random.Random,
    entries: list[dict[str, Any]],
) -> RuleSetRow:
    stored = read_rule_set(content).to_content()
    row = RuleSetRow(
        id=id_at(at, chance),
        department_id=name,
        version=version,
        content=stored,
        content_hash=content_hash(stored),
        in_force_from=at,
        created_by=actor.id,
        note=note,
    )
    detail = {"department_id": name, "version": version, "content_hash": row.content_hash, "note": note}
    entries.append(_entry(at, actor, "policy.saved", detail))
    return row


def _switch_on(
    session: Session,
    company: Company,
    people: Mapping[str, PersonRow],
    at: datetime,
    entries: list[dict[str, Any]],
) -> int:
    """Set the flag for everyone; returns the revision of the flag store."""
    actor, why = Actor.person(people[company.flag["set_by"]].id), company.flag["why"]
    said = {"key": AUTOMATED_REVIEW.key, "level": Level.EVERYONE.value, "subject": "", "value": True}
    confirmed_by = people[company.flag["confirmed_by"]].id
    change = FlagChangeRow(**said, at=at, why=why, changed_by=actor.id, confirmed_by=confirmed_by)
    session.add_all([FlagOverrideRow(**said), change])
    session.flush()
    detail = said | {"why": why, "proposed_by": str(actor.id)}
    entries.append(_entry(at, Actor.person(confirmed_by), "flag.set", detail))
    outbox.put(session, Kind.SPREAD_FLAGS, None, {})
    return change.revision


def _entry(at: datetime, actor: Actor, action: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": at,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "action": action,
        "request_id": None,
        "detail": dict(detail),
    }
