"""Where a run of a process stands, a status on every edge and node, and what one event changed. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from rules.errors import BusinessError
from rules.process import Outcome
from rules.process_plan import Plan


class EdgeStatus(StrEnum):
    """Pending, then once in each iteration live or dead."""

    PENDING = "pending"
    LIVE = "live"
    DEAD = "dead"


class NodeStatus(StrEnum):
    """Where a node stands in its iteration."""

    WAITING = "waiting"  # for its edges
    READY = "ready"  # to be started
    RUNNING = "running"
    INCIDENT = "incident"  # failed, and an operator is to say how it goes on
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Result(StrEnum):
    """How a run ended, or that it has not."""

    OPEN = "open"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: A node in one of these states keeps its run open.
OPEN: Final = (NodeStatus.READY, NodeStatus.RUNNING, NodeStatus.INCIDENT)
#: Of a node in one of these it may be reported how it ended.
STARTED: Final = (NodeStatus.READY, NodeStatus.RUNNING)

_EDGE_LETTERS: Final = {EdgeStatus.PENDING: "p", EdgeStatus.LIVE: "l", EdgeStatus.DEAD: "d"}
_NODE_LETTERS: Final = {
    NodeStatus.WAITING: "w", NodeStatus.READY: "y", NodeStatus.RUNNING: "r", NodeStatus.INCIDENT: "i",
    NodeStatus.COMPLETED: "c", NodeStatus.FAILED: "f", NodeStatus.SKIPPED: "s", NodeStatus.CANCELLED: "x",
}  # fmt: skip
_EDGE_OF: Final = {letter: status for status, letter in _EDGE_LETTERS.items()}
_NODE_OF: Final = {letter: status for status, letter in _NODE_LETTERS.items()}


class StateOfAnotherProcess(BusinessError):
    """The state was written for a definition with another hash."""


class Turn(NamedTuple):
    """A node in one of its iterations."""

    node: str
    iteration: int


class Step(NamedTuple):
    """What one event changed; a tuple like the turns in it, as one is made for every event of a run.

    Attributes:
        ready: to be started, in this order.
        cancelled: were ready, running or an incident, and are to be ended.
        skipped: nodes that will not run, as every way to them is dead or too few are left.
        edges: ids of the edges that were resolved, each with its status, in order.
        incident: the node that now waits for an operator.
        result: how the run ended, if this event ended it; detached branches may go on.
        accepted: whether the event counted; not for a node that was cancelled or is in another iteration.
    """

    ready: tuple[Turn, ...] = ()
    cancelled: tuple[Turn, ...] = ()
    skipped: tuple[str, ...] = ()
    edges: tuple[tuple[str, EdgeStatus], ...] = ()
    incident: Turn | None = None
    result: Result = Result.OPEN
    accepted: bool = True


class State:
    """One run, by the numbers of its plan. `rules.process_schedule` moves it on, in place; nobody else writes to it.

    Attributes:
        edges, nodes: their status.
        unresolved, live: for each node how many entering edges are pending, and how many are live.
        iterations: for each node from 1; a loop raises those of its body.
        outcomes, errors: of those that ended or failed, in their newest iteration.
        rounds: rework edge -> how often it was taken since its loop was entered.
        queue: what is ready, in order; a dict, because it is asked for and taken out of the middle.
        open_main, open_detached: how many nodes keep the run, and its detached branches, open.
        failed_by: the node that fails the process, while others may still end.
        ends: the end nodes that were reached, in order.
    """

    __slots__ = (
        "edges", "ends", "errors", "failed_by", "iterations", "live", "nodes", "open_detached", "open_main",
        "outcomes", "queue", "result", "rounds", "unresolved",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        count = len(plan.nodes)
        self.edges = [EdgeStatus.PENDING] * len(plan.targets)
        self.nodes = [NodeStatus.WAITING] * count
        self.unresolved = [len(edges) for edges in plan.entering]
        self.live = [0] * count
        self.iterations = [1] * count
        self.outcomes: dict[int, Outcome] = {}
        self.errors: dict[int, str] = {}
        self.rounds: dict[int, int] = {}
        self.queue: dict[int, None] = {}
        self.open_main = 0
        self.open_detached = 0
        self.failed_by: int | None = None
        self.ends: list[int] = []
        self.result = Result.OPEN

    def to_content(self, plan: Plan) -> dict[str, Any]:
        """The JSON form: about two letters a node, so that it fits into what a run hands to its successor."""

        def by_id(found: Mapping[int, Any]) -> dict[str, Any]:
            return {plan.nodes[number].id: found[number] for number in sorted(found)}

        return {
            "sha256": plan.sha256,
            "edges": "".join(_EDGE_LETTERS[each] for each in self.edges),
            "nodes": "".join(_NODE_LETTERS[each] for each in self.nodes),
            "iterations": by_id({n: i for n, i in enumerate(self.iterations) if i != 1}),
            "outcomes": by_id({n: outcome.value for n, outcome in self.outcomes.items()}),
            "errors": by_id(self.errors),
            "rounds": {plan.process.edges[edge].id: self.rounds[edge] for edge in sorted(self.rounds)},
            "queue": [plan.nodes[number].id for number in self.queue],
            "failed_by": None if self.failed_by is None else plan.nodes[self.failed_by].id,
            "ends": [plan.nodes[number].id for number in self.ends],
            "result": self.result.value,
        }

    @classmethod
    def from_content(cls, plan: Plan, content: Mapping[str, Any]) -> State:
        """The state that `to_content` wrote; raises StateOfAnotherProcess."""
        if content["sha256"] != plan.sha256:
            raise StateOfAnotherProcess("This run follows another version of the process.")
        state = cls(plan)
        state.edges = [_EDGE_OF[letter] for letter in content["edges"]]
        state.nodes = [_NODE_OF[letter] for letter in content["nodes"]]
        for node_id, iteration in content["iterations"].items():
            state.iterations[plan.numbers[node_id]] = iteration
        state.outcomes = {plan.numbers[each]: Outcome(word) for each, word in content["outcomes"].items()}
        state.errors = {plan.numbers[each]: error for each, error in content["errors"].items()}
        edge_numbers = {edge.id: number for number, edge in enumerate(plan.process.edges)}
        state.rounds = {edge_numbers[edge_id]: count for edge_id, count in content["rounds"].items()}
        state.queue = dict.fromkeys(plan.numbers[node_id] for node_id in content["queue"])
        failed_by = content["failed_by"]
        state.failed_by = None if failed_by is None else plan.numbers[failed_by]
        state.ends = [plan.numbers[node_id] for node_id in content["ends"]]
        state.result = Result(content["result"])
        state.count_anew(plan, range(len(state.nodes)))
        for number, status in enumerate(state.nodes):
            if status in OPEN:
                if plan.detached[number]:
                    state.open_detached += 1
                else:
                    state.open_main += 1
        return state

    def count_anew(self, plan: Plan, numbers: range | tuple[int, ...]) -> None:
        """Count the pending and the live edges that enter these nodes."""
        for number in numbers:
            statuses = [self.edges[edge] for edge in plan.entering[number]]
            self.unresolved[number] = statuses.count(EdgeStatus.PENDING)
            self.live[number] = statuses.count(EdgeStatus.LIVE)
