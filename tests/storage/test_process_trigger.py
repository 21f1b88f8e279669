"""Triggers on real Postgres: events written with the act, each start once, and what is held back is written down."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from rules.errors import InvalidFields
from rules.process_trigger import MOST_RUNS, Event
from rules.process_trigger_event import FIELDS
from rules.request import Status
from storage import process, process_run, process_trigger, request
from storage.audit import SYSTEM, AuditRow
from storage.outbox import OutboxRow
from storage.process_trigger import ProcessTriggerRow, TriggerChanged
from storage.request import RequestRow
from tests.app.people import Company
from tests.company import hire
from tests.process_samples import content, deployed

Content = dict[str, Any]


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def follow_up(key: str = "follow-up") -> Content:
    """A process that takes a number and a requester and ends at once."""
    return content(
        key,
        {"end": {"type": "end", "config": {"result": "satisfied"}}},
        ">end",
        inputs=[{"name": "number", "kind": "text"}, {"name": "requester", "kind": "text"}],
    )


def written(**changes: Any) -> Content:
    """A trigger as somebody writes it: a request was decided, so a follow-up starts."""
    return {
        "title": "Follow up", "entity": "request", "operation": "decided", "fields": [], "condition": None,
        "process": "follow-up", "may_follow_itself": False,
        "input": {"number": "{{entity.number}}", "requester": "{{entity.requester}}"}, **changes,
    }  # fmt: skip


def make(session: Session, company: Company, **changes: Any) -> ProcessTriggerRow:
    return process_trigger.create(session, written(**changes), company.elena.id, "for a test")


def requested(session: Session, company: Company, amount: str = "49.90") -> RequestRow:
    """Ana's request, as far as events are concerned."""
    row = RequestRow(
        number=f"PR-2026-{uuid4().int % 10**9:09}", requester_id=company.ana.id, department_id="marketing",
        asin="B000000001", offer_id="o", title="Headphones", url="https://amazon.es/dp/B000000001",
        vendor="amazon.es", seller="Amazon", category="electronics", unit_price=amount, quantity=1,
        amount=amount, currency="EUR", reason="for the office", content_hash="c", payload_hash="p",
        status=Status.SUBMITTED.value,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def told(session: Session) -> list[Content]:
    """What the outbox tells of entities."""
    rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "entity_event").order_by(OutboxRow.id))
    return [row.payload for row in rows]


def show(session: Session, event: Content) -> list[tuple[str, UUID | None]]:
    """Let every trigger see an event; what became of it."""
    read = Event.from_content(event)
    starts = [
        process_trigger.fire(session, each, read, event) for each in process_trigger.listening(session, read)
    ]
    return [(start.outcome, start.run_id) for start in starts if start]


def runs(session: Session) -> list[UUID]:
    return [row.id for row in process_run.newest(session)]


def test_nobody_is_told_while_no_trigger_listens(session: Session, company: Company) -> None:
    requested(session, company)
    assert told(session) == []


def test_an_event_tells_every_field_that_triggers_may_name(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    make(session, company)
    make(
        session,
        company,
        entity="run",
        operation="ended",
        input={"number": "1", "requester": "{{entity.requester}}"},
    )
    row = requested(session, company)
    process_run.begin(session, "follow-up", {"number": "1", "requester": "ana"}, SYSTEM)
    of_request, of_run = told(session)
    assert of_request["after"].keys() == FIELDS["request"].keys()
    assert of_run["after"].keys() == FIELDS["run"].keys()
    assert (of_request["after"]["amount"], of_request["after"]["number"]) == ("49.90", row.number)
    assert (of_request["operations"], of_request["before"], of_request["chain"]) == (["created"], None, [])
    assert (of_run["operations"], of_run["chain"]) == (["created"], ["follow-up"])


@pytest.mark.parametrize(
    ("way", "operations", "decision"),
    [
        ([Status.IN_REVIEW], ["updated"], ""),
        ([Status.IN_REVIEW, Status.ORDERING], ["updated", "decided"], "approved"),
        ([Status.IN_REVIEW, Status.AWAITING_DECISION, Status.REJECTED], ["updated", "decided"], "rejected"),
        ([Status.IN_REVIEW, Status.AWAITING_DECISION, Status.EXPIRED], ["updated", "decided"], "expired"),
        ([Status.WITHDRAWN], ["updated", "withdrawn"], ""),
        ([Status.IN_REVIEW, Status.ORDERING, Status.ORDER_UNKNOWN, Status.ORDERING], ["updated"], ""),
    ],
)
def test_what_happened_to_a_request_is_told_with_what_changed(
    session: Session, company: Company, way: list[Status], operations: list[str], decision: str
) -> None:
    deployed(session, company, follow_up())
    make(session, company)
    row = requested(session, company)
    for status in way:
        assert request.move(session, row.id, status, SYSTEM)
    last = told(session)[-1]
    assert (last["operations"], last["decision"]) == (operations, decision)
    assert "status" in last["changed"]
    assert last["before"]["status"] != last["after"]["status"]


def test_a_change_of_nothing_that_is_told_is_no_event(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    make(session, company)
    row = requested(session, company)
    session.execute(text("UPDATE request SET status_since = now() + interval '1 s'"))
    assert [each["operations"] for each in told(session)] == [["created"]]
    assert row.status == "submitted"


def test_an_event_starts_a_run_once_and_both_tell_of_each_other(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    trigger = make(session, company, operation="created")
    row = requested(session, company)
    [event] = told(session)
    [(outcome, run_id)] = show(session, event)
    assert (outcome, runs(session)) == ("started", [run_id])
    assert show(session, event) == [("started", run_id)]
    assert runs(session) == [run_id]
    assert run_id is not None
    run = process_run.by_id(session, run_id)
    assert run.given == {"number": row.number, "requester": str(company.ana.id)}
    found = process_trigger.of_run(session, run_id)
    assert found is not None
    assert (found[0].id, str(found[1].event_id)) == (trigger.id, event["id"])
    acts = session.scalars(select(AuditRow).where(AuditRow.action == "process_trigger.started")).all()
    assert [(each.request_id, each.detail["event"]) for each in acts] == [(row.id, event["id"])]


def test_a_condition_that_does_not_hold_starts_nothing_and_leaves_no_trace(
    session: Session, company: Company
) -> None:
    deployed(session, company, follow_up())
    dear = {"left": "{{entity.amount}}", "op": "gt", "right": "500"}
    trigger = make(session, company, operation="created", condition=dear)
    requested(session, company, "499.90")
    requested(session, company, "500.10")
    first, second = told(session)
    assert show(session, first) == []
    assert [outcome for outcome, _ in show(session, second)] == ["started"]
    assert len(process_trigger.latest(session, trigger.id)) == 1


def test_a_process_that_was_retired_is_refused_and_that_is_written_down(
    session: Session, company: Company
) -> None:
    deployed(session, company, follow_up())
    trigger = make(session, company, operation="created")
    requested(session, company)
    process.retire(session, "follow-up", company.carla.id, "not needed")
    [event] = told(session)
    assert show(session, event) == [("refused", None)]
    [start] = process_trigger.latest(session, trigger.id)
    assert "not deployed" in start.note
    held = session.scalars(select(AuditRow).where(AuditRow.action == "process_trigger.held")).one()
    assert held.detail["outcome"] == "refused"


def test_the_seventeenth_run_for_one_request_is_held_back_visibly(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    trigger = make(session, company, operation="updated")
    other = requested(session, company)
    row = requested(session, company)
    for round_number in range(2, MOST_RUNS + 3):
        session.execute(text(f"UPDATE request SET round = {round_number} WHERE id = '{row.id}'"))  # noqa: S608
    session.execute(text(f"UPDATE request SET round = 2 WHERE id = '{other.id}'"))  # noqa: S608
    outcomes = [show(session, event)[0][0] for event in told(session) if "updated" in event["operations"]]
    assert outcomes == ["started"] * MOST_RUNS + ["too_many", "started"]
    notes = [start.note for start in process_trigger.latest(session, trigger.id, 50) if start.note]
    assert notes == ["It has started 16 runs for this request within 10 minutes."]


def test_what_a_run_did_to_a_request_counts_as_caused_by_it(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    make(session, company)
    row = requested(session, company)
    run = process_run.begin(
        session, "follow-up", {"number": "1", "requester": "ana"}, SYSTEM, causes=["first"]
    )
    row.run_id = run.id
    session.flush()
    for status in (Status.IN_REVIEW, Status.ORDERING):
        request.move(session, row.id, status, SYSTEM)
    last = told(session)[-1]
    assert last["chain"] == ["first", "follow-up"]
    assert [outcome for outcome, _ in show(session, last)] == ["itself"]


def test_a_request_that_a_run_makes_in_order_to_buy_is_caused_by_it_from_the_start(
    session: Session, company: Company
) -> None:
    deployed(session, company, follow_up())
    make(session, company, operation="created")
    run = process_run.begin(session, "follow-up", {"number": "1", "requester": "ana"}, SYSTEM)
    like = requested(session, company)
    session.refresh(like)
    draft = like.draft
    made = request.submit(session, draft, company.ana, "k", "p", ordered_by=(run.id, "order", 1))
    last = told(session)[-1]
    assert (last["operations"], last["entity_id"], last["chain"]) == (
        ["created"],
        str(made.id),
        ["follow-up"],
    )


def test_a_trigger_that_is_off_starts_nothing(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    trigger = make(session, company, operation="created")
    requested(session, company)
    process_trigger.switch(session, trigger.id, False, company.elena.id, 1, "holidays")
    [event] = told(session)
    assert show(session, event) == []
    assert runs(session) == []
    requested(session, company)
    assert len(told(session)) == 1


def test_two_who_change_the_same_trigger_do_not_overwrite_each_other(
    session: Session, company: Company
) -> None:
    deployed(session, company, follow_up())
    trigger = make(session, company)
    changed = process_trigger.change(
        session, trigger.id, written(title="Another"), company.elena.id, 1, "clearer"
    )
    assert (changed.title, changed.revision) == ("Another", 2)
    with pytest.raises(TriggerChanged):
        process_trigger.switch(session, trigger.id, False, company.carla.id, 1, "I saw the old one")


def test_a_trigger_without_sense_is_refused_with_the_fields_named(session: Session, company: Company) -> None:
    deployed(session, company, follow_up())
    with pytest.raises(InvalidFields) as refused:
        make(session, company, condition={"left": "{{entity.colour}}", "op": "eq", "right": "red"}, input={})
    assert sorted(refused.value.problems) == ["condition", "input.requester"]
    with pytest.raises(InvalidFields) as refused:
        make(session, company, process="no-such")
    assert sorted(refused.value.problems) == ["process"]
