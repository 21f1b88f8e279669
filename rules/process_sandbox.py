"""A run in which nothing is done: outcomes and outputs are chosen, what a run computes itself is computed.

Templates are filled in as in a real run and fail like there. Knows neither scenarios nor pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rules.errors import BusinessError
from rules.process import Node, Outcome, Process, ValueKind
from rules.process_inline import compute
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_play import Answers, walk
from rules.process_schedule import start
from rules.process_state import EdgeStatus, Result, Turn
from rules.process_template import TemplateUnreadable, render, uses
from rules.process_value import result_entry

#: What stands for a value that nobody has given; the amount may be read as text, too.
SAMPLES: Final[Mapping[ValueKind, Any]] = {
    ValueKind.TEXT: "text",
    ValueKind.NUMBER: 1,
    ValueKind.AMOUNT: "100.00",
    ValueKind.FLAG: True,
    ValueKind.MOMENT: "2026-01-05T09:00:00+00:00",
    ValueKind.LIST: [],
    ValueKind.OBJECT: {},
    ValueKind.ANY: "100.00",
}
#: A loop within a loop may have many rounds; nobody looks at more of them.
MOST_EVENTS: Final = 2000


@dataclass(frozen=True)
class Chosen:
    """What is said of a run before it begins; see `rules.process.Scenario`."""

    given: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Answers = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What a node did in one of its rounds.

    Attributes:
        given: its config with templates filled in, or as it is where that failed; nothing where the run computes it.
        outcome: None where it never ends.
        error: why it failed.
    """

    given: Any
    outcome: Outcome | None
    output: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Rehearsed:
    """A whole run.

    Attributes:
        order: the nodes in the order in which they started.
        taken: ids of the edges that were live, in any round.
        result: OPEN where something never ended, or waits for an operator.
    """

    order: tuple[Turn, ...]
    taken: frozenset[str]
    done: Mapping[Turn, Done]
    result: Result


class Sandbox:
    """Answers for the nodes of one run; ask it through `rules.process_play.walk` or `rules.process_trial.try_out`.

    Attributes:
        done: what each node did, in the order in which they started.
    """

    def __init__(self, plan: Plan, chosen: Chosen) -> None:
        self._plan, self._chosen = plan, chosen
        self._samples = sample_outputs(plan.process)
        self._variables: dict[Turn, Mapping[str, Any]] = {}
        self._context: dict[str, Any] = {"input": dict(chosen.given), "vars": {}}
        self.done: dict[Turn, Done] = {}

    def answer(self, turn: Turn) -> Outcome | None:
        """How a node ends that starts now."""
        node = self._plan.nodes[self._plan.numbers[turn.node]]
        try:
            self.done[turn] = self._do(node, turn)
        except BusinessError as refusal:
            self.done[turn] = Done(node.config, Outcome.FAILED, error=refusal.message)
        return self.done[turn].outcome

    def ended(self, turn: Turn) -> None:
        """From now on others read what it gave out."""
        done = self.done[turn]
        outcome = done.outcome or Outcome.COMPLETED
        self._context[turn.node] = result_entry(outcome, done.output, done.error)
        self._context["vars"].update(self._variables.get(turn, {}))

    def _do(self, node: Node, turn: Turn) -> Done:
        kind, chosen = NODE_TYPES.get(node.type), self._chosen.outcomes.get(node.id)
        inline = kind is not None and kind.is_inline
        if inline and not chosen:
            computed = compute(node, self._context)
            self._variables[turn] = computed.variables
            return Done({}, computed.outcome, computed.output)
        outcome = kind.outcomes[0] if kind else Outcome.COMPLETED
        wished = chosen[min(turn.iteration, len(chosen)) - 1] if chosen else outcome
        given = {} if inline else render(node.config, self._context)
        if wished is None or wished is Outcome.FAILED:
            return Done(given, wished, error="" if wished is None else "it was chosen to fail")
        return Done(
            given, wished, {**self._samples.get(node.id, {}), **self._chosen.outputs.get(node.id, {})}
        )


def rehearse(plan: Plan, chosen: Chosen) -> Rehearsed:
    """A whole run with what was chosen."""
    state, first = start(plan)
    sandbox = Sandbox(plan, chosen)
    order: list[Turn] = []
    taken: dict[str, None] = {}
    rounds: dict[int, int] = {}
    for number, (turn, step) in enumerate(walk(plan, state, first, sandbox.answer)):
        if turn is not None:
            sandbox.ended(turn)
        order += step.ready
        taken |= dict.fromkeys(edge for edge, status in step.edges if status is EdgeStatus.LIVE)
        # A way back resolves no edge: its loop counts it.
        for edge in plan.loops:
            if state.rounds.get(edge, 0) > rounds.get(edge, 0):
                taken[plan.edge_ids[edge]] = None
            rounds[edge] = state.rounds.get(edge, 0)
        if number >= MOST_EVENTS:
            break
    return Rehearsed(tuple(order), frozenset(taken), sandbox.done, state.result)


def sample_input(process: Process) -> dict[str, Any]:
    """An input that the process takes; what may be missing is there, too."""
    return {each.name: SAMPLES[each.kind] for each in process.inputs}


def sample_outputs(process: Process) -> dict[str, dict[str, Any]]:
    """Node id -> what it might give out: what its type says, and what others read of it."""
    found: dict[str, dict[str, Any]] = {}
    for node in process.nodes:
        kind = NODE_TYPES.get(node.type)
        if kind is not None and not kind.is_inline:
            found[node.id] = {name: SAMPLES[value] for name, value in kind.outputs.items()}
    for path in _paths(process):
        node_output = found.get(path[0])
        if node_output is not None and len(path) > 1 and path[1] not in ("outcome", "error"):
            _put(node_output, path[1:])
    return found


def _paths(process: Process) -> Iterator[tuple[str, ...]]:
    for node in process.nodes:
        try:
            found = tuple(uses(node.config))
        except TemplateUnreadable:
            continue  # the checks say so
        yield from (use.path for use in found if not use.has_default)


def _put(output: dict[str, Any], path: tuple[str, ...]) -> None:
    """Let something stand at a path, unless something does."""
    for word in path[:-1]:
        inner = output.setdefault(word, {})
        if not isinstance(inner, dict):
            return
        output = inner
    output.setdefault(path[-1], SAMPLES[ValueKind.ANY])
