"""Approval: seats for those who are asked, told of it; reminded, escalated, counted. The answers are rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from activities.process_nodes.waiting import deadline_of, seconds
from activities.process_work import TaskTeller, Work
from rules.decision import Outcome as Decided
from rules.errors import RequestIsClosed
from rules.notification import Kind
from rules.process import Outcome
from rules.process_messages import DEADLINE, Due, NodeResult
from rules.process_nodes.approval import TYPE
from rules.process_people import Asked
from storage import person, process_purchase, process_question, process_task
from storage.process_task import ProcessTaskRow
from storage.request import Place

REMIND: Final = "remind"
ESCALATE: Final = "escalate"


_DECIDED: Final = {
    Outcome.SATISFIED: Decided.APPROVED,
    Outcome.NOT_SATISFIED: Decided.REJECTED,
    Outcome.TIMEOUT: Decided.EXPIRED,
}


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
        outcome = process_task.counted(work.config, process_task.of_node(work.session, work.where))
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
        process_task.withdraw(work.session, work.run.id, (work.row.node, work.row.iteration))
        _close_question(work, rows, outcome)
        return work.end(outcome, _output(work, rows))

    def _ask(self, work: Work, who: Any, kind: Kind) -> None:
        not_asked = _barred(work)
        asked = work.asked(who, not_asked)
        deadline = work.config.get("deadline")
        process_task.ask(
            work.session,
            work.where,
            asked,
            requester_id=not_asked,
            title=work.title,
            question=_question(work),
            deadline_seconds=seconds(deadline, "deadline") if deadline else None,
        )
        _open_question(work, [each for each in work.reached(asked) if each != not_asked])
        self._tell(work, asked, kind)

    def _tell(self, work: Work, asked: Sequence[Asked], kind: Kind, step: str = "") -> None:
        barred = _barred(work)
        reached = [each for each in work.reached(asked) if each != barred]
        self.teller.tell(work, reached, kind, _question(work), step=step or kind.value)


def _barred(work: Work) -> UUID | None:
    """Who may not answer: the requester, where the config does not let them; nobody decides their own purchase."""
    requester = work.requester()
    lets = TYPE.value(work.config, "requester_may_decide") and work.run.request_id is None
    return None if lets or requester is None else requester.id


def _question(work: Work) -> str:
    return work.named(str(work.config.get("question") or ""))


def _place(work: Work) -> Place:
    return work.run.id, work.row.node, work.row.iteration


def _open_question(work: Work, reached: Sequence[UUID]) -> None:
    """Where the run decides about a request, its page and the inboxes show that somebody is asked."""
    row = process_purchase.of_run(work.session, work.run, lock=True)
    if row is None:
        return
    seats = process_task.of_node(work.session, work.where)
    detail = _question(work) or work.title
    deadline_at = seats[0].deadline_at if seats else None
    if process_question.ask(work.session, row, _place(work), reached, detail, deadline_at) is None:
        raise RequestIsClosed(f"{row.number} has ended meanwhile: {row.status}.")


def _close_question(work: Work, rows: Sequence[ProcessTaskRow], outcome: Outcome) -> None:
    if work.run.request_id is None:
        return
    last = max((row for row in rows if row.answered_at), key=lambda row: str(row.answered_at), default=None)
    decided = _DECIDED[outcome]
    by = None if last is None or decided is Decided.EXPIRED else last.answered_by
    process_question.close(
        work.session, work.run.request_id, _place(work), decided, by, last.note if last and by else ""
    )


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
