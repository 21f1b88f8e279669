"""Laws of requests: nothing lost, nothing doubled, every step allowed, one workflow each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from rules.outbox import Kind
from rules.request import ENDED, Status, may_follow, workflow_id
from tests.checking.facts import Call, Facts, Request
from tests.checking.law import Finding, Law, grouped, listed

SUBMITTED: Final = "request.submitted"
STARTS: Final = frozenset({Kind.START_APPROVAL, Kind.START_PROCESS})
#: Where a request may rest although everything is quiet: a person is awaited.
AWAITS_PERSON: Final = frozenset({Status.AWAITING_DECISION, Status.ORDER_UNKNOWN})
#: A process may wait for time, another system, or an operator, wherever it stands.
RESTS_IN_PROCESS: Final = frozenset({Status.IN_REVIEW, Status.ORDERING}) | AWAITS_PERSON


def _each_submit_is_one_request(facts: Facts) -> Iterator[Finding]:
    rows = grouped(facts.submissions, lambda each: each.request_id)
    for request in facts.requests:
        used = rows.get(request.id, [])
        if [each.payload_hash for each in used] != [request.payload_hash]:
            yield request.number, f"has {len(used)} used-up keys, or one of another form"
    for missing in rows.keys() - {each.id for each in facts.requests}:
        yield str(missing), "a key was used up without a request"
    yield from _each_call_is_one_request(facts)


def _each_call_is_one_request(facts: Facts) -> Iterator[Finding]:
    if facts.calls is None:
        return
    stored = {(each.person_id, each.key): each for each in facts.submissions}
    asked = grouped(_submits(facts), lambda call: (call.actor, call.key))
    for (actor, key), calls in asked.items():
        taken = [call for call in calls if call.result == "ok"]
        row = stored.get((actor, key))
        if taken and (row is None or row.payload_hash not in {call.payload for call in taken}):
            yield key, "the client was told that it is taken, and there is no such request"
        if row is not None and all(call.result == "refused" for call in calls):
            yield key, "the client was told that it is refused, and there is a request"
    made = {each.id for each in facts.requests if each.is_made_by_run}
    for (_, key), row in stored.items():
        if (row.person_id, key) not in asked and row.request_id not in made:
            yield key, f"request {row.request_id} was asked for by nobody"


def _submits(facts: Facts) -> list[Call]:
    return [call for call in facts.calls or () if call.act == "submit"]


def _a_key_means_one_form(facts: Facts) -> Iterator[Finding]:
    for each in facts.submissions:
        request = facts.request(each.request_id)
        if request is not None and request.requester_id != each.person_id:
            yield request.number, "the key of one person led to the request of another"
    for (_, key), calls in grouped(_submits(facts), lambda call: (call.actor, call.key)).items():
        taken = [call for call in calls if call.result == "ok"]
        if len({call.payload for call in taken}) > 1:
            yield key, "two different forms were taken under one key"
        if len({call.told for call in taken}) > 1:
            yield key, f"one form was answered with {listed(sorted({call.told for call in taken}))}"


def _request_entry_and_message_are_one_transaction(facts: Facts) -> Iterator[Finding]:
    entries = grouped(
        (each for each in facts.entries if each.action == SUBMITTED), lambda each: each.request_id
    )
    starts = grouped((each for each in facts.messages if each.kind in STARTS), lambda each: each.request_id)
    for request in facts.requests:
        times = [each.at for each in entries.get(request.id, [])]
        put = [each.created_at for each in starts.get(request.id, [])]
        # What a node asks for in order to buy it is carried by the run that asks.
        wanted = [] if request.is_made_by_run else [request.submitted_at]
        if times != [request.submitted_at] or put != wanted:
            yield (
                request.number,
                f"submitted at {request.submitted_at}, entries at {listed(times)}, starts at {listed(put)}",
            )
    for missing in (entries.keys() | starts.keys()) - {each.id for each in facts.requests}:
        yield str(missing), "an entry or a start tells of a request that is not there"


def _steps_are_allowed_and_end(facts: Facts) -> Iterator[Finding]:
    trails = grouped(facts.entries, lambda each: each.request_id)
    for request in facts.requests:
        steps = [
            Status(each.action.removeprefix("request."))
            for each in sorted(trails.get(request.id, []), key=lambda each: each.seq)
            if each.action.removeprefix("request.") in set(Status)
        ]
        yield from _judge_path(request, steps)
        if (request.status in ENDED) != (request.closed_at is not None):
            yield request.number, f"is {request.status}, closed at {request.closed_at}"
        may_rest = RESTS_IN_PROCESS if request.run_id else AWAITS_PERSON
        if facts.is_quiet and request.status not in ENDED | may_rest:
            yield request.number, f"is still {request.status} although all is quiet: lost"


def _judge_path(request: Request, steps: list[Status]) -> Iterator[Finding]:
    if steps[:1] != [Status.SUBMITTED] or steps[-1:] != [request.status]:
        yield request.number, f"is {request.status}, but its trail says {listed(steps)}"
    for one, following in pairwise(steps):
        if not may_follow(one, following):
            yield request.number, f"went from {one} to {following}"


def _each_request_has_one_workflow(facts: Facts) -> Iterator[Finding]:
    runs = grouped(facts.runs, lambda run: run.workflow_id)
    for request in facts.requests:
        found = runs.pop(workflow_id(request.id), [])
        if len(found) > 1:
            yield request.number, f"has {len(found)} workflow runs: {listed(run.run_id for run in found)}"
        if found and request.run_id:
            yield request.number, "follows a process, and an approval carries it as well"
        if not found and facts.is_quiet and request.status not in ENDED and request.run_id is None:
            yield request.number, f"is {request.status} and no workflow carries it"
        for run in found:
            if run.request_id != request.id:
                yield request.number, f"its workflow carries {run.request_id}"
            if run.status not in {"RUNNING", "COMPLETED"}:
                yield request.number, f"its workflow is {run.status}"
            if run.status == "COMPLETED" and request.status not in ENDED:
                yield request.number, f"is {request.status}, and its workflow has ended"
    for workflow in runs:
        yield workflow, "a workflow runs for a request that is not there"


def _both_stores_name_one_end(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        request = facts.request(run.request_id)
        if request is None or run.result is None:
            continue
        if run.result != request.status:
            yield request.number, f"ended as {request.status} in Postgres, as {run.result} in Temporal"


LAWS: Final = (
    Law("I1", "Each submit that was taken is one request, and each request was asked for", _each_submit_is_one_request),
    Law("I2", "A key means one form of one person", _a_key_means_one_form),
    Law("I3", "Request, audit entry and start share a transaction", _request_entry_and_message_are_one_transaction),
    Law("I4", "Every step is allowed, and every request ends or awaits a person", _steps_are_allowed_and_end),
    Law("I5", "Each request has one workflow, ever", _each_request_has_one_workflow),
    Law("I7", "Both stores name the same end", _both_stores_name_one_end),
)  # fmt: skip
