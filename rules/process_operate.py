"""What an operator may say of an incident, and what it means for the run. Changes no store."""

from __future__ import annotations

from enum import StrEnum

from rules.errors import Invalid
from rules.process import Outcome
from rules.process_messages import Operation
from rules.process_money import check_skip
from rules.process_plan import Plan
from rules.process_schedule import give_up, retry, skip
from rules.process_state import State, Step, Turn


class Act(StrEnum):
    """What may be done about a node that failed."""

    RETRY = "retry"
    SKIP = "skip"
    FAIL = "fail"


def judge_operation(plan: Plan, given: Operation) -> None:
    """Raises Invalid or rules.process_money.NobodyAgreed for what no operator may say, whatever the state."""
    if given.act not in list(Act):
        raise Invalid(f"{given.act!r} is not known here; known are {', '.join(Act)}.", "act")
    if given.act == Act.SKIP:
        check_skip(plan, given.node, _outcome(given))
    elif given.outcome or given.output:
        raise Invalid("Only a node that is skipped is given an outcome and an output.", "outcome")


def operate(plan: Plan, state: State, given: Operation) -> Step:
    """Carry an operation out; raises as `judge_operation`, and NoIncident where the node waits for nobody."""
    judge_operation(plan, given)
    turn = Turn(given.node, given.iteration)
    if given.act == Act.RETRY:
        return retry(plan, state, turn)
    if given.act == Act.SKIP:
        return skip(plan, state, turn, _outcome(given))
    return give_up(plan, state, turn)


def _outcome(given: Operation) -> Outcome:
    try:
        return Outcome(given.outcome or Outcome.COMPLETED)
    except ValueError:
        raise Invalid(f"{given.outcome!r} is no outcome.", "outcome") from None
