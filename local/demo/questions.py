"""How the demo company's managers answered: in their own time, now and then too late, or after an escalation."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from local.demo.company import Words
from local.demo.life import Life, id_at
from local.demo.worktime import after_office_hours, answer_hours
from rules.decision import ESCALATION, NO_DECISION, TIMERS, Alarm, Outcome, Why, deadline
from rules.money import Money
from rules.person import Person, Role, approver_line
from rules.request import Status, content_hash
from rules.review import REJECTION_WINDOW
from storage.audit import SYSTEM, Actor

#: Shares of the questions, made up to look like a company.
_FORGOTTEN, _WITHDRAWN = 0.012, 0.035
_REJECTED = {"max_amount": 0.16, "trusted_categories": 0.17, "history": 0.05, "department_limit": 0.2}
_REJECTED_UNCLEAR, _REJECTED_DEARER = 0.8, 0.35
#: The second one who is asked finds the question new and answers it, more often than not.
_SECOND_ANSWERS = 0.7


@dataclass(frozen=True)
class Deciders:
    """Who decides, how fast and when not.

    Attributes:
        people: everybody, by id.
        pace: person id -> how long they take, beside 1 for the usual.
        absences: person id -> spans of time in which they decide nothing.
        unblemished: whom nobody has refused anything as late as the review looks back.
        now: nothing happens after it.
    """

    people: Mapping[UUID, Person]
    pace: Mapping[UUID, float]
    absences: Mapping[UUID, Sequence[tuple[datetime, datetime]]]
    unblemished: Collection[UUID]
    now: datetime

    def finance(self) -> Person:
        """The first of finance by name, who settles what nobody knows."""
        return min((p for p in self.people.values() if Role.FINANCE in p.roles), key=lambda p: p.name)

    def may_reject(self, requester: Person, at: datetime) -> bool:
        """Whether it fits the story that somebody's request was rejected at this time."""
        return requester.id not in self.unblemished or at < self.now - REJECTION_WINDOW

    def answers_at(self, person: Person, asked_at: datetime, chance: random.Random) -> datetime:
        """When a person who was asked at `asked_at` would answer."""
        begin = asked_at
        for start, end in self.absences.get(person.id, ()):
            if start <= begin < end:
                begin = end
        at = after_office_hours(begin, answer_hours(chance, self.pace.get(person.id, 1.0)))
        for start, end in self.absences.get(person.id, ()):
            if start <= at < end:
                at = after_office_hours(end, answer_hours(chance, 0.5))
        return at


def wait_for_person(
    life: Life, deciders: Deciders, words: Words, asked_at: datetime, why: Why, detail: str, total: Money
) -> None:
    """Ask, and live on until somebody answers, the requester withdraws, the deadline comes, or now is reached."""
    chance = life.chance
    line = approver_line(life.requester, deciders.people)
    told = {"why": why.value, "asked": line[0].name, "text": detail}
    life.move(Status.AWAITING_DECISION, asked_at, detail=told, awaited_id=line[0].id)
    decision: dict[str, Any] = {
        "id": id_at(asked_at, chance),
        "request_id": life.id,
        "round": life.round,
        "why": why.value,
        "detail": detail,
        "asked_ids": [line[0].id],
        "asked_at": asked_at,
        "deadline_at": deadline(asked_at),
        "amount": total.amount,
        "currency": total.currency,
        "content_hash": content_hash(life.draft.product, life.draft.quantity, total),
        "outcome": None,
        "decided_at": None,
        "decided_by": None,
        "comment": "",
    }
    life.decisions.append(decision)
    answers = _possible_answers(deciders, line, asked_at, chance)
    at, by = min(answers, key=lambda answer: answer[0])
    withdrawn = chance.random() < _WITHDRAWN
    if withdrawn:
        at = asked_at + (at - asked_at) * chance.uniform(0.1, 0.7)
    at = min(at, decision["deadline_at"])
    _ring_alarms(life, decision, line, at)
    if at >= deciders.now:
        return
    if at == decision["deadline_at"]:
        _close(decision, at, Outcome.EXPIRED, None, NO_DECISION)
        life.move(Status.EXPIRED, at, closed_reason=NO_DECISION)
    elif withdrawn:
        life.move(Status.WITHDRAWN, at, Actor.person(life.requester.id))
        _close(decision, at, Outcome.WITHDRAWN, life.requester.id, "")
    else:
        _answer(life, decision, by, at, words, may_reject=deciders.may_reject(life.requester, at))


def _possible_answers(
    deciders: Deciders, line: Sequence[Person], asked_at: datetime, chance: random.Random
) -> list[tuple[datetime, Person]]:
    """When each who may be asked would answer; somebody who forgets answers after the deadline."""
    first = deciders.answers_at(line[0], asked_at, chance)
    if chance.random() < _FORGOTTEN:
        first = deadline(asked_at) + timedelta(days=1)
    answers = [(first, line[0])]
    if len(line) > 1 and first > asked_at + ESCALATION and chance.random() < _SECOND_ANSWERS:
        answers.append((deciders.answers_at(line[1], asked_at + ESCALATION, chance), line[1]))
    return answers


def _ring_alarms(life: Life, decision: dict[str, Any], line: Sequence[Person], until: datetime) -> None:
    """The reminders and the escalation that came before the answer."""
    for timer in TIMERS:
        rings_at = decision["asked_at"] + timer.after
        if rings_at >= until:
            return
        if timer.alarm is Alarm.REMIND:
            life.note(rings_at, SYSTEM, "decision.reminded", {"step": f"after {timer.after.days} days"})
        elif timer.alarm is Alarm.ESCALATE and len(line) > 1:
            decision["asked_ids"].append(line[1].id)
            life.request["awaited_id"] = line[1].id
            life.note(rings_at, SYSTEM, "decision.escalated", {"asked": line[1].name})


def _answer(
    life: Life, decision: dict[str, Any], by: Person, at: datetime, words: Words, *, may_reject: bool
) -> None:
    failed = _first_failure(life, decision["why"])
    rejected = life.chance.random() < _share_rejected(failed) and may_reject
    comment = life.chance.choice(words.rejections[failed] if rejected else words.approvals)
    outcome = Outcome.REJECTED if rejected else Outcome.APPROVED
    _close(decision, at, outcome, by.id, comment)
    detail = {"decision": str(decision["id"]), "outcome": outcome.value, "comment": comment}
    if rejected:
        life.move(Status.REJECTED, at, Actor.person(by.id), detail, closed_reason=comment)
        return
    life.move(
        Status.ORDERING,
        at,
        Actor.person(by.id),
        detail,
        auto_approved=False,
        amount=decision["amount"],
        content_hash=decision["content_hash"],
    )


def _close(decision: dict[str, Any], at: datetime, outcome: Outcome, by: UUID | None, comment: str) -> None:
    decision.update(outcome=outcome.value, decided_at=at, decided_by=by, comment=comment)


def _first_failure(life: Life, why: str) -> str:
    """The word under which words.json keeps the reasons for a refusal."""
    if why != Why.REVIEW_SAYS_NO or life.review is None:
        return why
    failed = (check["name"] for check in life.review["checks"] if check["result"] == "failed")
    return str(next(failed))


def _share_rejected(failed: str) -> float:
    if failed == Why.PRODUCT_UNCLEAR:
        return _REJECTED_UNCLEAR
    return _REJECTED.get(failed, _REJECTED_DEARER)
