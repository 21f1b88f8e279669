"""Routing rules as they are stored, and how they change. What they mean is in rules/routing.py."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Select,
    Text,
    cast,
    func,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided, BusinessError, InvalidFields, NotFound
from rules.routing import Kind, Mode, Rule, RuleSet
from rules.routing_content import read_rule, to_content
from storage import audit, department
from storage.audit import Actor
from storage.database import Base, new_id
from storage.person import PersonRow

log = logging.getLogger(__name__)

#: The Postgres channel on which a commit tells of a change; a trigger of the table rings it.
CHANNEL = "routing_change"


class RoutingChanged(AlreadyDecided):
    """Somebody changed this rule while it was being edited."""


class SteeredByRollout(BusinessError):
    """A running rollout steers this rule; a second hand would undo what it does."""

    status = 409


class RoutingRuleRow(Base):
    """A routing rule as it stands; its content is in the form of rules/routing_content.py.

    Attributes:
        version: counts the changes of this rule, from 1.
    """

    __tablename__ = "routing_rule"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    content: Mapped[dict[str, Any]]
    version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class RoutingStateRow(Base):
    """What holds for all rules; there is one row."""

    __tablename__ = "routing_state"
    __table_args__ = (CheckConstraint("id = 1", name="is_the_only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mode: Mapped[str]
    frozen: Mapped[bool]
    why: Mapped[str] = mapped_column(server_default=text("''"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoutingChangeRow(Base):
    """Every change of a rule or of the state; the newest id is the revision of all rules. Never changed.

    Attributes:
        rule_id: None for a change of the state.
        before, after: the content of the rule or the state; None where there was or is none.
    """

    __tablename__ = "routing_change"
    __table_args__ = (Index("ix_routing_change_rule_id_revision", "rule_id", "revision"),)

    revision: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    rule_id: Mapped[UUID | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    why: Mapped[str]
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


def read_rules(session: Session) -> RuleSet:
    """All routing rules as they stand in this transaction, by one statement."""
    return read_rules_at(session)[0]


def read_rules_at(session: Session) -> tuple[RuleSet, datetime]:
    """All routing rules, and the time of this transaction by the database's clock.

    Where a stored rule cannot be read the whole set comes frozen: a rule that is left out might be an exclusion.
    """
    return _read(session.execute(EVERYTHING).all())


def read_rules_beside(session: Session, statement: Select[Any]) -> tuple[RuleSet, datetime, Any]:
    """As `read_rules_at`, and what `statement` asks besides, which is `EVERYTHING` with one more column."""
    found = session.execute(statement).all()
    return *_read([each[:-1] for each in found]), found[0][-1]


def _read(found: Sequence[Any]) -> tuple[RuleSet, datetime]:
    mode, frozen, revision, now = found[0][:4]
    rules: list[Rule] = []
    for *_, rule_id, content in found:
        if rule_id is None:
            continue
        try:
            rules.append(_rule(str(rule_id), content))
        except InvalidFields:
            log.exception("a stored routing rule cannot be read", extra={"rule": str(rule_id)})
            frozen = True
    return RuleSet(revision, tuple(rules), frozen, Mode(mode)), now


#: Made once: every submit sends it.
EVERYTHING: Final[Select[Any]] = select(
    RoutingStateRow.mode,
    RoutingStateRow.frozen,
    select(func.coalesce(func.max(RoutingChangeRow.revision), 0)).scalar_subquery(),
    func.now(),
    RoutingRuleRow.id,
    cast(RoutingRuleRow.content, Text),
).outerjoin(RoutingRuleRow, true())


@lru_cache(maxsize=512)
def _rule(rule_id: str, content: str) -> Rule:
    """A stored rule, read once for as long as its text stands."""
    return read_rule(rule_id, json.loads(content))


def all_rules(session: Session) -> Sequence[RoutingRuleRow]:
    """Every rule with its version, in no order; `rules.routing.in_order` knows it."""
    return session.scalars(select(RoutingRuleRow)).all()


def state(session: Session) -> RoutingStateRow:
    """Mode and freeze, and why."""
    return session.get_one(RoutingStateRow, 1, populate_existing=True)


def changes(session: Session, rule_id: UUID | None = None, limit: int = 50) -> Sequence[RoutingChangeRow]:
    """What was changed, the newest first; of one rule or of all."""
    query = select(RoutingChangeRow).order_by(RoutingChangeRow.revision.desc()).limit(limit)
    if rule_id is not None:
        query = query.where(RoutingChangeRow.rule_id == rule_id)
    return session.scalars(query).all()


def by_id(session: Session, rule_id: UUID) -> RoutingRuleRow:
    """One rule; raises NotFound."""
    row = session.get(RoutingRuleRow, rule_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such routing rule.")
    return row


def add_rule(session: Session, content: Mapping[str, Any], actor: Actor, why: str) -> RoutingRuleRow:
    """Write a new rule, in force from the commit on.

    Raises:
        InvalidFields: the content is no valid rule, or a person names a rollout that should steer it.
    """
    _one_at_a_time(session)
    rule_id = new_id()
    after = _checked(session, rule_id, content)
    if after["rollout_id"] and actor.id is not None:
        raise InvalidFields({"rollout_id": "Only a rollout names itself here."})
    row = RoutingRuleRow(id=rule_id, content=after, version=1, changed_by=actor.id)
    session.add(row)
    _note(session, rule_id, None, after, actor, why, "routing.rule_added")
    return row


def change_rule(
    session: Session,
    rule_id: UUID,
    content: Mapping[str, Any],
    actor: Actor,
    why: str,
    *,
    replaces_version: int,
    rollout_id: str = "",
) -> RoutingRuleRow:
    """Replace what a rule says, in force from the commit on; what it says already changes nothing.

    A content without a salt keeps the one that stands, so that a raised share drops nobody.

    Args:
        replaces_version: the version that was edited.
        rollout_id: the rollout that asks; empty where a person does.

    Raises:
        InvalidFields: the content is no valid rule.
        NotFound, RoutingChanged: it was removed or changed meanwhile.
        SteeredByRollout: it belongs to a rollout that is not the one that asks.
    """
    row = _edited(session, rule_id, replaces_version, rollout_id)
    before = row.content
    kept = {"salt": before["salt"]} if "salt" in before else {}
    after = _checked(session, rule_id, {**kept, **content})
    if after["rollout_id"] not in ("", rollout_id):
        raise InvalidFields({"rollout_id": "Only a rollout names itself here."})
    if before == after:
        return row
    row.content, row.version, row.changed_by = after, row.version + 1, actor.id
    row.changed_at = func.now()
    _note(session, rule_id, before, after, actor, why, "routing.rule_changed")
    return row


def remove_rule(
    session: Session, rule_id: UUID, actor: Actor, why: str, *, replaces_version: int, rollout_id: str = ""
) -> None:
    """Take a rule away; its history and the routes that it gave stay. Raises as `change_rule` does."""
    row = _edited(session, rule_id, replaces_version, rollout_id)
    session.delete(row)
    _note(session, rule_id, row.content, None, actor, why, "routing.rule_removed")


def switch_off_build(session: Session, build: str, actor: Actor, why: str) -> int:
    """Switch off every rule that may send to a build, whoever steers it; returns how many it were."""
    _one_at_a_time(session)
    switched = 0
    for row in session.scalars(select(RoutingRuleRow).with_for_update()):
        before = row.content
        named = [before.get("build"), *(each.get("build") for each in before.get("variants", ()))]
        # Read by hand: what cannot be read any more has to be switched off, too.
        if before.get("enabled") and before.get("kind") == Kind.ROUTE and build in named:
            row.content, row.version, row.changed_by = {**before, "enabled": False}, row.version + 1, actor.id
            row.changed_at = func.now()
            _note(session, row.id, before, row.content, actor, why, "routing.rule_changed")
            switched += 1
    return switched


def set_state(
    session: Session, actor: Actor, why: str, *, frozen: bool | None = None, mode: Mode | None = None
) -> bool:
    """Freeze or thaw all routing, or choose the mode; None leaves as it is. Returns whether anything changed."""
    _one_at_a_time(session)
    row = state(session)
    before = {"mode": row.mode, "frozen": row.frozen}
    after = {
        "mode": row.mode if mode is None else mode.value,
        "frozen": row.frozen if frozen is None else frozen,
    }
    if before == after:
        return False
    row.mode, row.frozen, row.why, row.changed_at = str(after["mode"]), bool(after["frozen"]), why, func.now()
    _note(session, None, before, after, actor, why, "routing.state_set")
    return True


def _one_at_a_time(session: Session) -> None:
    """So that a higher revision never becomes visible before a lower one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(CHANNEL))))


def _edited(session: Session, rule_id: UUID, replaces_version: int, rollout_id: str) -> RoutingRuleRow:
    _one_at_a_time(session)
    row = by_id(session, rule_id)
    if row.content.get("rollout_id", "") not in ("", rollout_id):
        raise SteeredByRollout("A rollout steers this rule. Pause or end the rollout, or freeze all routing.")
    if row.version != replaces_version:
        raise RoutingChanged("Somebody changed this rule meanwhile. Please look at it first.")
    return row


def _checked(session: Session, rule_id: UUID, content: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of a valid rule that names only what exists; raises InvalidFields."""
    rule = read_rule(str(rule_id), content)
    problems = {}
    strangers = sorted(set(rule.departments) - department.names(session).keys())
    if strangers:
        problems["departments"] = f"There is no department {', '.join(strangers)}."
    missing = sorted(set(rule.people) - _known_people(session, rule.people))
    if missing:
        problems["people"] = f"There is no person {', '.join(missing)}."
    if problems:
        raise InvalidFields(problems)
    return to_content(rule)


def _known_people(session: Session, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    found = session.scalars(select(PersonRow.id).where(PersonRow.id.in_([UUID(each) for each in ids])))
    return {str(each) for each in found}


def _note(
    session: Session,
    rule_id: UUID | None,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    why: str,
    action: str,
) -> None:
    session.add(RoutingChangeRow(rule_id=rule_id, before=before, after=after, why=why, changed_by=actor.id))
    session.flush()
    audit.record(
        session, actor, action, rule=str(rule_id) if rule_id else "", before=before, after=after, why=why
    )
