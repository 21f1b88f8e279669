"""The answers with which a build plays approvals of no request: no store, no vendor, nobody is told.

One method for each step, under the step's name; a test holds them to that. The request's id names the script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from temporalio import activity

from rules.decision import Why
from rules.gate_messages import REHEARSAL
from rules.messages import (
    AskStep,
    AskStepResult,
    DecisionStep,
    DecisionStepResult,
    OrderStep,
    OrderStepResult,
    RequestStep,
    ReviewStepResult,
    StraySignal,
)
from rules.request import Status

#: The id of the one question that a rehearsal asks.
QUESTION: Final = "rehearsal"


@dataclass(frozen=True)
class Script:
    """One way to play.

    Attributes:
        answered: whether somebody answers the question that it asks.
        rests_at: the status in which it is left, None where it is played to its end.
    """

    name: str
    answered: bool = False
    rests_at: Status | None = None


#: Every stage at which a request may be when its build changes.
SCRIPTS: Final = (
    Script("harmless"),
    Script("lost", rests_at=None),
    Script("waiting", rests_at=Status.AWAITING_DECISION),
    Script("answered", answered=True),
    Script("rejected", answered=True),
    Script("dearer", rests_at=Status.AWAITING_DECISION),
)


def request_id(script: Script, *parts: str) -> str:
    """The id of a rehearsal; `script_of` reads it."""
    return "-".join((REHEARSAL, script.name, *parts))


def script_of(request_id: str) -> str:
    """The name of the script that is played."""
    return request_id.split("-")[1]


class RehearsalActivities:
    """Each step's answer, at once."""

    @activity.defn
    def validate_product(self, given: RequestStep) -> ReviewStepResult:
        """The product is there."""
        return ReviewStepResult(Status.IN_REVIEW.value)

    @activity.defn
    def review_request(self, given: RequestStep) -> ReviewStepResult:
        """Harmless, or left to a person."""
        if script_of(given.request_id) in {"harmless", "lost", "dearer"}:
            return ReviewStepResult(Status.ORDERING.value)
        return ReviewStepResult(Status.IN_REVIEW.value, Why.REVIEW_IS_OFF.value, "A rehearsal.")

    @activity.defn
    def ask_approver(self, given: AskStep) -> AskStepResult:
        """Somebody is asked."""
        return AskStepResult(Status.AWAITING_DECISION.value, QUESTION, "Nobody")

    @activity.defn
    def read_decision(self, given: DecisionStep) -> DecisionStepResult:
        """They have answered."""
        if script_of(given.request_id) == "rejected":
            return DecisionStepResult(Status.REJECTED.value, "rejected")
        return DecisionStepResult(Status.ORDERING.value, "approved")

    @activity.defn
    def remind_approver(self, given: DecisionStep) -> DecisionStepResult:
        """They still wait."""
        return DecisionStepResult(Status.AWAITING_DECISION.value)

    @activity.defn
    def escalate_decision(self, given: DecisionStep) -> DecisionStepResult:
        """They still wait."""
        return DecisionStepResult(Status.AWAITING_DECISION.value)

    @activity.defn
    def expire_decision(self, given: DecisionStep) -> DecisionStepResult:
        """Nobody answered."""
        return DecisionStepResult(Status.EXPIRED.value, "expired")

    @activity.defn
    def place_order(self, given: OrderStep) -> OrderStepResult:
        """Bought, lost on the way, or dearer than it was."""
        match script_of(given.request_id):
            case "lost":
                return OrderStepResult(Status.ORDER_UNKNOWN.value, "unknown", 1)
            case "dearer":
                return OrderStepResult(
                    Status.ORDERING.value, "refused", 1, "It is dearer now.", unit_price="2"
                )
            case _:
                return OrderStepResult(Status.COMPLETED.value, "placed", 1)

    @activity.defn
    def read_order_back(self, given: RequestStep) -> OrderStepResult:
        """It was bought."""
        return OrderStepResult(Status.COMPLETED.value, "placed", 1)

    @activity.defn
    def ask_settlement(self, given: RequestStep) -> OrderStepResult:
        """Nobody knows."""
        return OrderStepResult(Status.ORDER_UNKNOWN.value, "unknown", 1)

    @activity.defn
    def tell_people(self, given: RequestStep) -> None:
        """Nobody is told."""

    @activity.defn
    def note_stray_signal(self, given: StraySignal) -> None:
        """Nothing is noted."""
