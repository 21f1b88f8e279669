"""Laws of decisions: who, when, once, and by which rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.decision import Outcome
from rules.outbox import Kind
from rules.policy import content_hash
from rules.request import ENDED, Status
from rules.review import ALGORITHM, ReviewResult, review_content
from tests.checking.facts import Call, Facts, Question, Request, Review
from tests.checking.law import Finding, Law, grouped, listed

BY_PERSON: Final = frozenset({Outcome.APPROVED, Outcome.REJECTED})
#: The step that a person's answer makes of a request.
EFFECT: Final = {Outcome.APPROVED: "request.ordering", Outcome.REJECTED: "request.rejected"}
ENDS_AS: Final = {
    Outcome.REJECTED: Status.REJECTED,
    Outcome.EXPIRED: Status.EXPIRED,
    Outcome.WITHDRAWN: Status.WITHDRAWN,
}


def _nobody_decides_their_own(facts: Facts) -> Iterator[Finding]:
    for question in facts.questions:
        request = facts.request(question.request_id)
        if request is None:
            continue
        if request.requester_id in question.asked_ids:
            yield request.number, "the requester was asked"
        if question.outcome in BY_PERSON and question.decided_by == request.requester_id:
            yield request.number, f"was {question.outcome} by its own requester"
        if question.outcome in BY_PERSON and question.decided_by not in question.asked_ids:
            yield (
                request.number,
                f"was {question.outcome} by {facts.name(question.decided_by)}, who was not asked",
            )


def _decisions_come_in_time_and_once(facts: Facts) -> Iterator[Finding]:
    rounds = grouped(facts.questions, lambda question: (question.request_id, question.round))
    for (request_id, round_), asked in rounds.items():
        request = facts.request(request_id)
        if request is None:
            yield str(request_id), "a question is about a request that is not there"
            continue
        if len(asked) > 1:
            yield request.number, f"round {round_} has {len(asked)} questions"
        for question in asked:
            yield from _judge_time(request, question)
    for request in facts.requests:
        now_asked = rounds.get((request.id, request.round), [])
        is_asked = any(each.outcome is None for each in now_asked)
        # Between two of its nodes a process asks nobody.
        if request.status is Status.AWAITING_DECISION and not is_asked and request.run_id is None:
            yield request.number, "awaits a decision, and no question is open"


def _judge_time(request: Request, question: Question) -> Iterator[Finding]:
    at = question.decided_at
    is_over = request.status in ENDED if question.node else request.status is not Status.AWAITING_DECISION
    if question.outcome is None and is_over:
        yield request.number, f"is {request.status}, and a question is open"
    if at is not None and request.closed_at is not None and at > request.closed_at:
        yield request.number, f"was decided at {at}, after it closed at {request.closed_at}"
    if at is not None and question.outcome in BY_PERSON and at >= question.deadline_at:
        yield request.number, f"was {question.outcome} at {at}, after the deadline {question.deadline_at}"


def _duplicates_have_one_effect(facts: Facts) -> Iterator[Finding]:
    effects = grouped(facts.entries, lambda each: str(each.detail.get("decision", "")))
    signals = grouped(
        (each for each in facts.messages if each.kind == Kind.SIGNAL_DECISION),
        lambda each: str(each.payload.get("decision_id", "")),
    )
    for question in facts.questions:
        if question.node:
            yield from _closed_once_by_its_node(facts, question)
            continue
        steps = [each.action for each in effects.get(str(question.id), []) if each.action in EFFECT.values()]
        wakes = len(signals.get(str(question.id), []))
        expected = [EFFECT[Outcome(question.outcome)]] if question.outcome in BY_PERSON else []
        request = facts.request(question.request_id)
        is_in_process = request is not None and request.run_id is not None
        if steps != expected or wakes != (0 if is_in_process else len(expected)):
            subject = _number(facts, question)
            yield subject, f"answer {question.outcome} had the effects {listed(steps)} and {wakes} signals"
    for (_, key, choice), calls in grouped(_decides(facts), lambda c: (c.actor, c.key, c.payload)).items():
        answers = {(call.result, call.told) for call in calls if call.result != "unknown"}
        if len(answers) > 1:
            yield key, f"the same answer, {choice}, was taken differently: {listed(sorted(answers))}"


def _closed_once_by_its_node(facts: Facts, question: Question) -> Iterator[Finding]:
    closings = [
        each.action
        for each in facts.entries
        if each.detail.get("question") == str(question.id) and each.action.startswith("decision.")
    ]
    # A withdrawal closes every question with the one entry that tells of it.
    expected = [f"decision.{question.outcome}"] if question.outcome in {*BY_PERSON, Outcome.EXPIRED} else []
    if question.outcome != Outcome.WITHDRAWN and closings != expected:
        yield (
            _number(facts, question),
            f"question of {question.node}: {question.outcome}, and {listed(closings)}",
        )


def _number(facts: Facts, question: Question) -> str:
    request = facts.request(question.request_id)
    return request.number if request else str(question.request_id)


def _decides(facts: Facts) -> list[Call]:
    return [call for call in facts.calls or () if call.act == "decide"]


def _one_answer_wins_and_the_others_are_told(facts: Facts) -> Iterator[Finding]:
    for question in facts.questions:
        request = facts.request(question.request_id)
        end = ENDS_AS.get(Outcome(question.outcome)) if question.outcome else None
        if request is not None and end is not None and request.status is not end and not question.node:
            yield request.number, f"is {request.status} although its question ended as {question.outcome}"
    stored = {str(each.id): each for each in facts.questions}
    for key, calls in grouped(_decides(facts), lambda call: call.key).items():
        decided = stored.get(key)
        winner = facts.name(decided.decided_by) if decided and decided.outcome else ""
        for call in calls:
            is_winner = decided is not None and (call.actor, _outcome(call)) == (
                decided.decided_by,
                decided.outcome,
            )
            if call.result == "ok" and not is_winner:
                yield key, f"{facts.name(call.actor)} was told that {call.payload} counts, but it does not"
            if call.result == "refused" and winner and winner not in call.told:
                yield key, f"{facts.name(call.actor)} was not told that {winner} won, but: {call.told}"


def _outcome(call: Call) -> str:
    return {"approve": Outcome.APPROVED.value, "reject": Outcome.REJECTED.value}.get(
        call.payload, call.payload
    )


def _reviews_can_be_run_again(facts: Facts) -> Iterator[Finding]:
    rule_sets = {each.id: each for each in facts.rule_sets}
    for each in facts.rule_sets:
        if content_hash(each.content) != each.content_hash:
            yield str(each.id), "the rule set is not what its hash says"
    reviewed = grouped(facts.reviews, lambda each: each.request_id)
    for review in facts.reviews:
        request = facts.request(review.request_id)
        subject = request.number if request else str(review.request_id)
        rule_set = rule_sets.get(review.rule_set_id) if review.rule_set_id else None
        if (rule_set.content_hash if rule_set else None) != review.rule_set_hash:
            yield subject, "the review names rules that are not there, or were others"
        again = review_content(review.subject, rule_set.content if rule_set else None)
        if differing := _differing(review, again):
            yield subject, f"run again, the review has another {listed(differing)}"
        if review.algorithm != ALGORITHM or not review.written_by or review.flag_revision < 1:
            yield subject, "the review does not say by which code, build or flags it was made"
    for request in facts.requests:
        found = reviewed.get(request.id, [])
        if len(found) > 1:
            yield request.number, f"was reviewed {len(found)} times"
        if request.auto_approved and not any(each.auto_approved for each in found):
            yield request.number, "counts as approved automatically, and no review says so"


def _differing(review: Review, again: ReviewResult) -> list[str]:
    stored = {
        "route": (review.auto_approved, again.auto_approved),
        "confidence": (review.confidence, again.confidence),
        "risk": (review.risk_score, again.risk_score),
        "reason": (review.reason, again.reason),
        "checks": (list(review.checks), [check.to_content() for check in again.checks]),
    }
    return [name for name, (then, now) in stored.items() if then != now]


LAWS: Final = (
    Law("I8", "Nobody decides their own request, and only who was asked decides", _nobody_decides_their_own),
    Law("I10", "A decision comes in time, before the end, once a question", _decisions_come_in_time_and_once),
    Law("I11", "Duplicates have one effect and one answer", _duplicates_have_one_effect),
    Law("I12", "Of contrary answers one wins, and the others are told who", _one_answer_wins_and_the_others_are_told),
    Law("I14", "A review names its rules, and run again says the same", _reviews_can_be_run_again),
)  # fmt: skip
