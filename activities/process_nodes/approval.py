"""Approval: seats for those who are asked, told of it; reminded, escalated, counted. The answers are rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from activities.process_nodes.waiting import deadline_of, seconds
from activities.process_work import TaskTeller, Work
from rules.notification import Kind
from rules.process import Outcome
from rules.process_messages import DEADLINE, Due, NodeResult
from rules.process_nodes.approval import TYPE, count
from rules.process_people import Asked
from storage import person, process_task
from storage.process_task import ProcessTaskRow

REMIND: Final = "remind"
ESCALATE: Final = "escalate"


@dataclass(frozen=True)
class ApprovalExecutor:
    """Asks people and counts what they say."""

    teller: TaskTeller

    def begin(self, work: Work) -> NodeResult:
        """Open the seats; the same ones when called again."""
        self._ask(work, work.config["who"], Kind.TASK_ASKED)
        dues = [
            Due(f"{REMIND} {each}", seconds(each, "reminders"))
            for each in TYPE.value(work.config, "reminders")
        ]
        if work.config.get("escalate_after"):
            dues.append(Due(ESCALATE, seconds(work.config["escalate_after"], "escalate_after")))
        dues += deadline_of(work)
        return NodeResult(dues=dues, awaits=_awaited(process_task.of_node(work.session, work.where)))

    def settle(self, work: Work, why: str) -> NodeResult:
        """Count the answers; whoever was first counts, also at the deadline."""
        outcome = _count(work, process_task.of_node(work.session, work.where))
        if outcome is None and why == ESCALATE:
            self._ask(work, work.config["escalate_to"], Kind.TASK_ESCALATED)
        elif outcome is None and why.startswith(REMIND):
            still = [row.asked for row in process_task.of_node(work.session, work.where) if row.is_open]
            self._tell(work, still, Kind.TASK_REMINDED, step=why)
        elif outcome is None and why == DEADLINE:
            outcome = Outcome.TIMEOUT
        rows = process_task.of_node(work.session, work.where)
        if outcome is None:
            return NodeResult(awaits=_awaited(rows))
        process_task.withdraw(work.session, work.run.id, work.row.node, work.row.iteration)
        return work.end(outcome, _output(work, rows))

    def _ask(self, work: Work, who: Any, kind: Kind) -> None:
        requester = work.requester()
        not_asked = None
        if requester is not None and not TYPE.value(work.config, "requester_may_decide"):
            not_asked = requester.id
        asked = work.asked(who, not_asked)
        deadline = work.config.get("deadline")
        process_task.ask(
            work.session,
            work.where,
            asked,
            requester_id=not_asked,
            title=work.title,
            question=work.config.get("question", ""),
            deadline_seconds=seconds(deadline, "deadline") if deadline else None,
        )
        self._tell(work, asked, kind)

    def _tell(self, work: Work, asked: Sequence[Asked], kind: Kind, step: str = "") -> None:
        requester = work.requester()
        barred = None if TYPE.value(work.config, "requester_may_decide") or not requester else requester.id
        reached = [each for each in work.reached(asked) if each != barred]
        self.teller.tell(work, reached, kind, work.config.get("question", ""), step=step or kind.value)


def _count(work: Work, rows: Sequence[ProcessTaskRow]) -> Outcome | None:
    policy = TYPE.value(work.config, "policy")
    quorum = work.config.get("quorum", 0)
    first_asked = min(row.asked_at for row in rows)
    if policy == "all" and any(row.asked_at != first_asked for row in rows):
        # Those who were asked later may step in for one who does not answer: as many as at first have to agree.
        policy, quorum = "quorum", sum(row.asked_at == first_asked for row in rows)
    return count(policy, quorum, TYPE.value(work.config, "veto"), process_task.as_seats(rows))


def _output(work: Work, rows: Sequence[ProcessTaskRow]) -> dict[str, Any]:
    answered = sorted((row for row in rows if row.answered_at), key=lambda row: str(row.answered_at))
    decided_by: dict[UUID, None] = dict.fromkeys(row.answered_by for row in answered if row.answered_by)
    names = person.names(work.session, decided_by)
    last = answered[-1] if answered else None
    return {
        "decided_by": [names[each] for each in decided_by if each in names],
        "note": last.note if last else "",
        "decided_at": last.answered_at.isoformat() if last and last.answered_at else None,
    }


def _awaited(rows: Sequence[ProcessTaskRow]) -> list[str]:
    """The roles that are waited for; a person who is asked in person stands there by id."""
    return list(dict.fromkeys(row.role or f"person:{row.person_id}" for row in rows if row.is_open))
