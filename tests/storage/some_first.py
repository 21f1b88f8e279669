"""What tests give to some first: a candidate of IT's rules or a flag's value, begun, exposed, ended."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from sqlalchemy.orm import Session

from rules.flag import Value
from rules.request import Draft
from rules.rollout import Look, Plan, State, Step, judge
from storage import policy, process, request, rollout, rollout_flag, rollout_policy, rollout_process
from storage.audit import SYSTEM, Actor
from storage.database import now
from storage.person import PersonRow
from storage.policy import RuleSetRow
from storage.process import ProcessVersionRow
from storage.request import RequestRow
from storage.rollout import RolloutRow
from tests.app.people import Company
from tests.app.wishes import RULES, STAPLER
from tests.process_samples import covered

#: Only staplers of up to 10 EUR, so that every request of these tests is left to a person by it.
TIGHT: Final[Mapping[str, Any]] = RULES.to_content() | {"max_amount": "10.00"}


def plan(share: str = "50", *departments: str, **more: Any) -> Plan:
    """One step that waits for nothing but figures."""
    return Plan((Step(Decimal(share), departments, **more),))


def in_force(session: Session, department_id: str = "it", **changes: Any) -> RuleSetRow:
    """Put another version of a department's rules in force."""
    standing = policy.in_force(session, department_id)
    own = standing is not None and standing.department_id == department_id
    version = standing.version if standing is not None and own else 0
    content = RULES.to_content() | changes
    return policy.save_version(session, department_id, content, SYSTEM, replaces_version=version)


def candidate(
    session: Session, company: Company, department_id: str = "it", content: Mapping[str, Any] = TIGHT
) -> RuleSetRow:
    """A candidate on top of what is in force for a department, saved by finance."""
    standing = policy.in_force(session, department_id)
    own = standing is not None and standing.department_id == department_id
    return policy.save_version(
        session, department_id, content, Actor.person(company.carla.id),
        replaces_version=standing.version if standing is not None and own else 0, as_candidate=True,
    )  # fmt: skip


def begin_policy(
    session: Session, company: Company, row: RuleSetRow, given: Plan | None = None
) -> RolloutRow:
    """Carla begins the rollout of a candidate."""
    return rollout_policy.begin(session, row.id, given or plan(), company.carla.id, "a trial")


def begin_flag(
    session: Session, company: Company, key: str, value: Value, given: Plan | None = None
) -> RolloutRow:
    """Elena begins the rollout of a flag's value."""
    return rollout_flag.begin(session, key, value, given or plan(), company.elena.id, "a trial")


def checked(session: Session, company: Company, definition: Mapping[str, Any]) -> ProcessVersionRow:
    """The next version of a process, drawn by Elena and checked, which nothing follows yet."""
    row = process.save_draft(session, definition["key"], covered(definition), company.elena.id, 0)
    row, problems = process.check(session, row.process_key, row.revision)
    assert row.state == process.CHECKED, problems
    return row


def begin_process(
    session: Session, company: Company, row: ProcessVersionRow, given: Plan | None = None
) -> RolloutRow:
    """Carla begins the rollout of a version."""
    by = company.carla.id
    return rollout_process.begin(session, row.process_key, row.version, given or plan(), by, "a trial")


def expose(session: Session, row: RolloutRow) -> RolloutRow:
    """Let it pass its gate, as the workflow notes it."""
    rollout.move(
        session, row, judge(row.progress, row.as_plan, Look(now(session), gate=True)), SYSTEM, "judged"
    )
    assert row.state == State.STEP
    return row


def submit(session: Session, requester: PersonRow) -> RequestRow:
    """A request for a stapler, submitted as the page does."""
    draft = Draft(STAPLER, 1, STAPLER.unit_price, "We need it.", requester.department_id, needed_by=None)
    return request.submit(session, draft, requester, uuid4().hex, "of a test")
