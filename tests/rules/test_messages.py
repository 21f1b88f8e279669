"""Messages between the face and the workflows survive the wire, also from a build that knew fewer fields."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, get_type_hints

import pytest
from temporalio.converter import DataConverter

from rules import messages
from rules.messages import (
    AskStep,
    DecisionSignal,
    DecisionStep,
    OrderStep,
    OrderStepResult,
    PurchaseInput,
    PurchaseResult,
    ReviewStepResult,
    SettledSignal,
    WithdrawSignal,
)

MESSAGES: list[type[Any]] = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if dataclasses.is_dataclass(kind) and kind.__module__ == messages.__name__
]
VALUES: dict[type, Any] = {str: "ñ\n{}", int: 7, float: 0.25, bool: True}


def filled(kind: type[Any]) -> Any:
    """A message with a telling value in every field."""
    hints = get_type_hints(kind)
    return kind(**{field.name: VALUES[hints[field.name]] for field in dataclasses.fields(kind)})


def carried(body: Any, kind: type[Any]) -> Any:
    """What arrives on the other side as a `kind` when `body` is sent."""
    converter = DataConverter.default.payload_converter
    return converter.from_payloads(converter.to_payloads([body]), [kind])[0]


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_arrives_as_it_was_sent(kind: type[Any]) -> None:
    message = filled(kind)
    assert carried(message, kind) == message


@pytest.mark.parametrize("kind", MESSAGES)
def test_no_field_of_a_message_can_be_changed(kind: type[Any]) -> None:
    message = filled(kind)
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(message, field.name, VALUES[str])


@pytest.mark.parametrize(
    ("kind", "required"),
    [
        (ReviewStepResult, {"status"}),
        (AskStep, {"request_id", "why", "detail"}),
        (DecisionStep, {"request_id", "decision_id"}),
        (OrderStep, {"request_id"}),
        (OrderStepResult, {"status", "state", "sends"}),
        (PurchaseResult, {"status"}),
        (DecisionSignal, {"decision_id"}),
        (WithdrawSignal, {"request_id"}),
        (SettledSignal, {"request_id"}),
    ],
)
def test_a_message_of_an_older_build_without_the_newer_fields_is_understood(
    kind: type[Any], required: set[str]
) -> None:
    body = {name: value for name, value in dataclasses.asdict(filled(kind)).items() if name in required}
    assert {name for name, value in dataclasses.asdict(carried(body, kind)).items() if value} == required


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_of_a_newer_build_with_more_fields_is_understood(kind: type[Any]) -> None:
    body = dataclasses.asdict(filled(kind)) | {"field_of_tomorrow": 1}
    assert carried(body, kind) == filled(kind)


def test_the_names_that_running_workflows_are_known_by_stay() -> None:
    # They stand in the histories of waiting requests; a new name would strand those.
    assert (messages.PURCHASE_APPROVAL, messages.QUERY_STATE) == ("PurchaseApproval", "state")
    assert (messages.APPROVALS_QUEUE, messages.CONTROL_QUEUE) == ("approvals", "control")
    assert (messages.SIGNAL_DECISION, messages.SIGNAL_WITHDRAW, messages.SIGNAL_SETTLED) == (
        "approval_decision",
        "withdraw",
        "order_settled",
    )


def test_a_workflow_is_started_with_ids_and_what_its_pages_show() -> None:
    assert [field.name for field in dataclasses.fields(PurchaseInput)] == [
        "request_id",
        "number",
        "department_id",
        "requester_id",
        "requester_name",
        "title",
        "amount",
        "currency",
    ]
