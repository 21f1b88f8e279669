"""Assignments as they are stored with each request, and what they say at its review. Drawn in rules/assignment.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric, Text, bindparam, func, insert, literal_column, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.assignment import Exposure, Say, assign, say_at_review
from rules.flag import Value
from rules.rollout import BY_ASSIGNMENT, EXPOSED, Kind, State
from rules.rollout_target import FlagTarget, PolicyTarget
from storage import policy, rollout_flag, rollout_policy
from storage.database import Base
from storage.policy import RuleSetRow
from storage.rollout import OPEN, RolloutRow


class AssignmentRow(Base):
    """What a rollout meant for a request when it was submitted; never changed. Who is not chosen is the control."""

    __tablename__ = "assignment"
    __table_args__ = (Index("ix_assignment_rollout_id_at", "rollout_id", "at"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"), primary_key=True)
    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id"), primary_key=True)
    chosen: Mapped[bool]
    bucket: Mapped[int]
    share: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(f"'{value}'" for value in values))


#: What `Progress.is_exposed` says, of a row of `rollout`.
IS_EXPOSED: Final = (
    f"{OPEN.text} AND (state IN ({_listed(EXPOSED)})"
    f" OR (state = '{State.PAUSED}' AND resumes IN ({_listed(EXPOSED)})))"
)
#: The rollouts that give something to some of the requests submitted now, as one text; NULL where none does.
#: It goes with a statement that every submit sends anyway, so it has no parameters to fill in.
EXPOSURES: Final = literal_column(
    f"""(
      SELECT CAST(jsonb_agg(jsonb_build_object(
        'id', id, 'kind', kind, 'target', target, 'step', plan -> 'steps' -> step
      )) AS text)
      FROM rollout
      WHERE kind IN ({_listed(BY_ASSIGNMENT)}) AND {IS_EXPOSED}
    )""",  # noqa: S608  (constants of the code)
    Text,
)


@lru_cache(maxsize=64)
def _read_exposures(stored: str) -> tuple[Exposure, ...]:
    return tuple(
        Exposure(
            each["id"],
            Kind(each["kind"]),
            each["target"],
            Decimal(str(each["step"]["share"])),
            tuple(each["step"]["departments"]),
        )
        for each in json.loads(stored)
    )


def write(session: Session, exposures: str, request_id: UUID, department_id: str) -> None:
    """Store what each rollout means for a request, in the transaction that submits it.

    Args:
        exposures: what `EXPOSURES` said.
    """
    read = _read_exposures(exposures)
    asks_for_own = any(each.kind is Kind.POLICY and each.target == policy.DEFAULT for each in read)
    own = asks_for_own and policy.has_own(session, department_id)
    drawn = assign(read, str(request_id), department_id, has_own_rules=own)
    if drawn:
        session.execute(
            insert(AssignmentRow),
            [
                {**asdict(each), "rollout_id": UUID(each.rollout_id), "request_id": request_id}
                for each in drawn
            ],
        )


@dataclass(frozen=True)
class Given:
    """What a request is reviewed by.

    Attributes:
        rule_set: the version that its review goes by.
        values: flag key -> the value that a rollout gives it.
        said: one entry for each rollout that concerned it, as it is stored with the review.
    """

    rule_set: RuleSetRow | None
    values: Mapping[str, Value] = field(default_factory=dict)
    said: Sequence[Mapping[str, Any]] = ()


_OF_REQUEST = (
    select(AssignmentRow.chosen, RolloutRow)
    .join(RolloutRow, RolloutRow.id == AssignmentRow.rollout_id)
    .where(AssignmentRow.request_id == bindparam("request_id"))
    .order_by(RolloutRow.created_at)
    .execution_options(populate_existing=True)
)


def read(session: Session, request_id: UUID, department_id: str) -> Given:
    """What a request goes by if it is reviewed in this transaction: its assignments, as far as they still count."""
    in_force = rule_set = policy.in_force(session, department_id)
    found = session.execute(_OF_REQUEST, {"request_id": request_id}).all()
    values: dict[str, Value] = {}
    said = []
    for chosen, row in found:
        say = _say(session, row, chosen, in_force)
        if say.counts and row.kind == Kind.POLICY:
            rule_set = policy.by_id(session, PolicyTarget.from_content(row.content).id)
        elif say.counts:
            values[row.target] = FlagTarget.from_content(row.content).value
        said.append(
            {"rollout_id": str(row.id), "kind": row.kind, "target": row.target, "label": row.label,
             "chosen": chosen, "counts": say.counts, "why": say.why}
        )  # fmt: skip
    return Given(rule_set, values, said)


def _say(session: Session, row: RolloutRow, chosen: bool, in_force: RuleSetRow | None) -> Say:
    if row.kind == Kind.POLICY:
        conflict = rollout_policy.conflict_with(row, in_force)
    else:
        conflict = rollout_flag.conflict(session, row)
    return say_at_review(chosen, row.progress, is_carried=row.is_promoted_for_all, conflict=conflict)
