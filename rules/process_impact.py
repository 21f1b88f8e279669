"""What a new version would have done with a run that has ended: its recorded answers, and its own conditions anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from rules.errors import BusinessError
from rules.process import Node, Outcome
from rules.process_inline import compute
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_schedule import begin, give_up, report, start
from rules.process_state import NodeStatus, Result, State, Step, Turn
from rules.process_value import make_context, result_entry

#: A node in one of these was started in its round.
STARTED: Final = (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.INCIDENT, NodeStatus.CANCELLED)
#: More events than any run has; what goes on for longer goes round in circles.
MOST_EVENTS: Final = 20_000


@dataclass(frozen=True)
class Recorded:
    """What became of a node in one round of a run.

    Attributes:
        seq: its place among what happened.
        outcome: None where it never ended.
        is_operated: whether an operator said how it goes on.
    """

    turn: Turn
    seq: int
    status: NodeStatus
    outcome: Outcome | None
    output: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    is_operated: bool = False


@dataclass(frozen=True)
class RecordedRun:
    """A run that has ended: what it was given, what happened in it, and how it ended."""

    given: Mapping[str, Any]
    nodes: Sequence[Recorded]
    result: str
    outcome: str


class How(StrEnum):
    """In which way a run would have parted from what it did."""

    OTHER_OUTCOME = "other_outcome"  # a condition decides otherwise
    NEW_NODE = "new_node"  # a node runs that did not
    LEFT_OUT = "left_out"  # a node does not run that did
    OTHER_END = "other_end"  # the same nodes, and another result


@dataclass(frozen=True)
class Parting:
    """Where a run would have parted.

    Attributes:
        node: its id; empty where only the end is another one.
        was, would_be: outcomes, statuses or results; empty where there is none.
    """

    how: How
    node: str = ""
    was: str = ""
    would_be: str = ""


def would_part(plan: Plan, run: RecordedRun) -> Parting | None:
    """Where a run would have gone another way under this version; None where it would not.

    People, systems and steps are taken to answer as they did. A node that was never asked is where it parts: nobody
    knows what would have come of it.
    """
    replay = _Replay(plan, run)
    replay.go()
    if replay.parting is not None:
        return replay.parting
    for each in sorted(run.nodes, key=lambda one: one.seq):
        if each.status in STARTED and each.turn not in replay.started:
            return Parting(How.LEFT_OUT, each.turn.node, each.status.value)
    was, would_be = (run.result, run.outcome), replay.end()
    if was != would_be:
        return Parting(How.OTHER_END, "", *(" ".join(filter(None, each)) for each in (was, would_be)))
    return None


class _Replay:
    """A run played with what is recorded of it, until it parts."""

    def __init__(self, plan: Plan, run: RecordedRun) -> None:
        self.plan = plan
        self.run = run
        self.recorded = {each.turn: each for each in run.nodes}
        self.started: dict[Turn, None] = {}
        self.parting: Parting | None = None
        self.state: State
        self._variables: dict[str, Any] = {}
        self._results: dict[str, dict[str, Any]] = {}

    def go(self) -> None:
        """Play it."""
        self.state, step = start(self.plan)
        running: list[Turn] = []
        for _ in range(MOST_EVENTS):
            for turn in step.ready:
                begin(self.plan, self.state, turn)
                self.started[turn] = None
                before = self.recorded.get(turn)
                if before is None or before.status not in STARTED:
                    self.parting = Parting(How.NEW_NODE, turn.node)
                    return
                running.append(turn)
            running = [turn for turn in running if turn not in step.cancelled]
            ended = self._next(running)
            if ended is None:
                return
            running.remove(ended)
            step = self._end(ended)
            if self.parting is not None:
                return

    def end(self) -> tuple[str, str]:
        """How it ended: result and outcome, as a run tells them."""
        state = self.state
        said = [self.plan.nodes[number].config.get("result") for number in state.ends]
        outcome = next((word for word in reversed(said) if word), Outcome.COMPLETED.value)
        return state.result.value, str(outcome) if state.result is Result.COMPLETED else ""

    def _next(self, running: Sequence[Turn]) -> Turn | None:
        """What is computed ends at once, the rest in the order in which it did."""
        ended = [turn for turn in running if self._is_inline(turn) or self.recorded[turn].outcome is not None]
        return min(ended, key=lambda turn: (not self._is_inline(turn), self.recorded[turn].seq), default=None)

    def _end(self, turn: Turn) -> Step:
        before = self.recorded[turn]
        outcome, output, error = before.outcome or Outcome.COMPLETED, dict(before.output), before.error
        if self._is_inline(turn):
            computed, made, said = self._compute(self._node(turn))
            # Where it failed then and fails now, what an operator said of it stands.
            if computed is not Outcome.FAILED or not before.is_operated:
                outcome, output, error = computed, made, said
            if before.outcome is not None and outcome is not before.outcome:
                self.parting = Parting(How.OTHER_OUTCOME, turn.node, before.outcome.value, outcome.value)
        step = report(self.plan, self.state, turn, outcome, error)
        if step.incident == turn and before.status is NodeStatus.FAILED:
            step = give_up(self.plan, self.state, turn)
        self._results[turn.node] = result_entry(outcome, output, error)
        return step

    def _compute(self, node: Node) -> tuple[Outcome, dict[str, Any], str]:
        context = make_context(self.run.given, self._variables, self._results)
        try:
            computed = compute(node, context)
        except BusinessError as refusal:
            return Outcome.FAILED, {}, refusal.message
        self._variables.update(computed.variables)
        return computed.outcome, dict(computed.output), ""

    def _is_inline(self, turn: Turn) -> bool:
        kind = NODE_TYPES.get(self._node(turn).type)
        return kind is not None and kind.is_inline

    def _node(self, turn: Turn) -> Node:
        return self.plan.nodes[self.plan.numbers[turn.node]]
