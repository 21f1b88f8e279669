"""Triggers: which events they see, what their conditions say, and what holds a run back before it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rules.errors import BusinessError, InvalidFields
from rules.process import Input, Process, ValueKind
from rules.process_trigger import (
    MOST_RUNS,
    OPERATIONS,
    Entity,
    Event,
    Held,
    Operation,
    Trigger,
    held_back,
    holds,
    input_for,
    judge_trigger,
    listens_to,
)
from rules.process_trigger_event import FIELDS, sample

FOLLOW_UP = Process(
    "follow-up", inputs=(Input("number", ValueKind.TEXT), Input("amount", ValueKind.AMOUNT, required=False))
)
TRIGGER = Trigger(
    "Follow up", Entity.REQUEST, Operation.DECIDED, "follow-up", input={"number": "{{entity.number}}"}
)
DECIDED = Event(
    "e1", Entity.REQUEST, "r1", (Operation.UPDATED, Operation.DECIDED), "2026-11-21T09:30:00+00:00",
    after={**FIELDS["request"], "status": "ordering"}, before=FIELDS["request"], changed=("status", "round"),
    decision="approved",
)  # fmt: skip


def written(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Follow up", "entity": "request", "operation": "decided", "fields": [], "condition": None,
        "process": "follow-up", "input": {"number": "{{entity.number}}"}, "may_follow_itself": False,
        **changes,
    }  # fmt: skip


def refused(process: Process | None = FOLLOW_UP, **changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidFields) as refusal:
        judge_trigger(written(**changes), process)
    return refusal.value.problems


def test_a_sensible_trigger_is_taken_as_it_was_written() -> None:
    assert judge_trigger(written(), FOLLOW_UP) == TRIGGER


@pytest.mark.parametrize(
    ("change", "sees"),
    [
        ({}, True),
        ({"operation": Operation.UPDATED}, True),
        ({"operation": Operation.CREATED}, False),
        ({"operation": Operation.WITHDRAWN}, False),
        ({"entity": Entity.RUN, "operation": Operation.ENDED}, False),
        ({"fields": ("status",)}, True),
        ({"fields": ("amount", "round")}, True),
        ({"fields": ("amount",)}, False),
    ],
)
def test_a_trigger_sees_events_of_its_kind_that_change_its_fields(change: dict[str, Any], sees: bool) -> None:
    assert listens_to(replace(TRIGGER, **change), DECIDED) is sees


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("{{entity.amount}}", "gt", "49.89", True),
        ("{{entity.amount}}", "gt", "49.90", False),
        ("{{event.decision}}", "eq", "approved", True),
        ("{{event.before.status}}", "eq", "submitted", True),
        ("{{event.changed}}", "contains", "status", True),
        ("{{entity.department}}", "in", ["it", "finance"], False),
    ],
)
def test_conditions_speak_the_language_of_processes(
    left: str, operator: str, right: Any, expected: bool
) -> None:
    condition = {"left": left, "op": operator, "right": right}
    judged = judge_trigger(written(condition=condition), FOLLOW_UP)
    assert holds(judged, DECIDED) is expected


def test_a_condition_that_cannot_be_told_is_no_yes_and_no_no() -> None:
    unclear = replace(TRIGGER, condition={"left": "{{entity.needed_by}}", "op": "gt", "right": 5})
    with pytest.raises(BusinessError):
        holds(unclear, DECIDED)


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"title": "  "}, "title", "fill this in"),
        ({"entity": "invoice"}, "entity", "known are request, run"),
        ({"operation": "ended"}, "operation", "known are created, updated, decided, withdrawn"),
        ({"fields": ["colour"]}, "fields", "has no 'colour'"),
        ({"fields": ["status"], "operation": "created"}, "fields", "Nothing changes"),
        ({"condition": {"left": 1}}, "condition", "left, op and right"),
        ({"condition": {"left": "{{entity.amount}}", "op": "is", "right": 1}}, "condition", "no operator"),
        ({"condition": {"left": "{{entity.colour}}", "op": "eq", "right": "red"}}, "condition", "colour"),
        ({"condition": {"left": "{{entity.title}}", "op": "gt", "right": 5}}, "condition", "cannot be compared"),
        ({"input": {"number": "{{entity.nummer}}"}}, "input.number", "no 'nummer'"),
        ({"input": {}}, "input.number", "missing"),
        ({"input": {"number": "1", "colour": "red"}}, "input.colour", "no such input"),
        ({"input": {"number": "{{entity.quantity}}"}}, "input.number", "must be text"),
        ({"input": {"number": "1", "amount": "{{entity.title}}"}}, "input.amount", "an amount"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(
    change: dict[str, Any], field: str, said: str
) -> None:
    problems = refused(**change)
    assert list(problems) == [field]
    assert said in problems[field]


def test_every_test_of_a_condition_is_tried_also_behind_one_that_holds() -> None:
    condition = {
        "any": [
            {"left": "{{entity.currency}}", "op": "eq", "right": "EUR"},
            {"left": "{{entity.colour}}", "op": "eq", "right": "red"},
        ]
    }
    assert "colour" in refused(condition=condition)["condition"]


def test_a_process_that_is_not_deployed_cannot_be_started() -> None:
    assert list(refused(process=None)) == ["process"]


def test_a_process_that_asks_for_a_requester_must_be_told_one() -> None:
    asks = replace(FOLLOW_UP, inputs=(Input("requester", ValueKind.TEXT),))
    assert "whose wish" in refused(asks, input={})["input.requester"]
    judge_trigger(written(input={"requester": "{{entity.requester}}"}), asks)


def test_what_was_before_is_known_only_where_something_was() -> None:
    condition = {"left": "{{event.before.status}}", "op": "eq", "right": "submitted"}
    assert "status" in refused(condition=condition, operation="created")["condition"]


def test_the_input_keeps_the_kinds_of_what_happened() -> None:
    wanted = replace(TRIGGER, input={"number": "No. {{entity.number}}", "amount": "{{entity.amount}}"})
    assert input_for(wanted, DECIDED, FOLLOW_UP) == {"number": "No. PR-2026-000123", "amount": "49.90"}


@pytest.mark.parametrize(
    ("chain", "runs", "held"),
    [
        ((), 0, None),
        ((), MOST_RUNS - 1, None),
        ((), MOST_RUNS, Held.TOO_MANY),
        (tuple("abcdefg"), 0, None),
        (tuple("abcdefgh"), 0, Held.TOO_DEEP),
        (tuple("abcdefghi"), MOST_RUNS, Held.TOO_DEEP),
        (("follow-up",), 0, Held.ITSELF),
        (("follow-up", "other"), 0, None),
    ],
)
def test_circles_come_to_an_end(chain: tuple[str, ...], runs: int, held: Held | None) -> None:
    found = held_back(TRIGGER, replace(DECIDED, chain=chain), runs)
    assert (found[0] if found else None) is held


def test_a_process_may_follow_itself_where_that_is_said_but_not_for_ever() -> None:
    again = replace(TRIGGER, may_follow_itself=True)
    assert held_back(again, replace(DECIDED, chain=("follow-up",)), 0) is None
    found = held_back(again, replace(DECIDED, chain=("follow-up",) * 8), 0)
    assert found is not None
    assert found[0] is Held.TOO_DEEP


def test_an_event_comes_out_of_the_outbox_as_it_was_written() -> None:
    content = {
        "id": "e1", "entity": "request", "entity_id": "r1", "operations": ["updated", "decided"],
        "at": DECIDED.at, "after": dict(DECIDED.after), "before": dict(DECIDED.before),
        "changed": ["status", "round"], "decision": "approved", "chain": [],
    }  # fmt: skip
    assert Event.from_content(content) == DECIDED
    assert Event.from_content({**content, "before": None}).before == {}


def test_there_is_a_sample_of_everything_that_can_happen() -> None:
    assert FIELDS.keys() == set(Entity)
    for entity, operations in OPERATIONS.items():
        for operation in operations:
            there = sample(entity, operation)
            assert there.keys() == DECIDED.context.keys()
            assert there["event"].keys() == DECIDED.context["event"].keys()
