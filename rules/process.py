"""A process: nodes, edges and what may be given to it, as data. Runs nothing, judges nothing, knows no text form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

#: What a node or an input may be called, so that `{{id.field}}`, an activity's id and a file can carry it.
LONGEST_ID: Final = 60
#: First words of a template's path that no node may take as its id.
RESERVED_IDS: Final = ("input", "vars")


class EdgeType(StrEnum):
    """When an edge is live; the table is `rules.process_event.is_live`. The order is the usual order of edges."""

    START = "start"
    SEQUENCE = "sequence"
    TRUE = "true_branch"
    FALSE = "false_branch"
    ALWAYS = "always"
    PARALLEL = "parallel"


class Join(StrEnum):
    """How many of the edges that enter a node must be live for it to run."""

    ALL = "all"  # every edge is resolved and at least one is live
    STRICT = "strict"  # every edge is live
    ANY = "any"  # the first live edge
    QUORUM = "quorum"  # as many as the node's `quorum`


class Outcome(StrEnum):
    """How a node ended, as `{{node.outcome}}` reads it."""

    COMPLETED = "completed"
    SATISFIED = "satisfied"
    NOT_SATISFIED = "not_satisfied"
    TIMEOUT = "timeout"
    FAILED = "failed"


class OnError(StrEnum):
    """What a failure does where no `always` edge leaves the node."""

    CONTINUE = "continue"
    INCIDENT = "incident"
    FAIL = "fail"


class OnTimeout(StrEnum):
    """Which branch goes on when nobody answered in time."""

    FALSE = "false_branch"
    TRUE = "true_branch"
    FAIL = "fail"


class OnBranchFailure(StrEnum):
    """What becomes of the other branches when one fails the process."""

    CANCEL_ALL = "cancel_all"
    FINISH_RUNNING = "finish_running"  # what runs may end, nothing new starts


class ValueKind(StrEnum):
    """What a value is, for inputs and outputs; ANY where nothing is known of it."""

    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"  # a decimal as text, such as "499.90"
    FLAG = "flag"
    MOMENT = "moment"  # ISO 8601 as text
    LIST = "list"
    OBJECT = "object"
    ANY = "any"


@dataclass(frozen=True)
class Retry:
    """How often the executor tries a node before it counts as failed.

    Attributes:
        attempts: from 1, the first one included.
        timeout_seconds: for one attempt.
        total_seconds: for all of them; 0 for no limit of its own.
    """

    attempts: int = 5
    first_seconds: int = 1
    factor: int = 2
    longest_seconds: int = 60
    timeout_seconds: int = 30
    total_seconds: int = 0


@dataclass(frozen=True)
class Node:
    """One step of a process.

    Attributes:
        type: a key of `rules.process_nodes.NODE_TYPES`.
        config: JSON without fractions; what it may hold is the type's to say. Never changed.
        quorum: how many live edges a quorum join waits for; 0 with any other join.
        cancel_rest: an `any` or quorum join ends what still runs only for its sake.
        retry: None for the usual one of the type.
    """

    id: str
    type: str
    name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    join: Join = Join.ALL
    quorum: int = 0
    cancel_rest: bool = False
    on_error: OnError = OnError.INCIDENT
    on_timeout: OnTimeout = OnTimeout.FALSE
    retry: Retry | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id


@dataclass(frozen=True)
class Edge:
    """A way from one node to another.

    Attributes:
        source: None for an edge of the start.
        order: edges leave a node from the smallest on.
        detached: a parallel branch that nobody waits for.
        max_iterations: 0 for a way forward; from 2 for rework: a way back, and how often its body may run in all.
    """

    source: str | None
    target: str
    type: EdgeType = EdgeType.SEQUENCE
    order: int = 0
    detached: bool = False
    max_iterations: int = 0

    @property
    def id(self) -> str:
        """Source, type and target: two edges that agree in all three would mean the same thing twice."""
        return f"{self.source or ''}-{self.type.value}>{self.target}"

    @property
    def is_rework(self) -> bool:
        """Whether it leads back."""
        return self.max_iterations > 0


@dataclass(frozen=True)
class Input:
    """One entry that a run is started with, read as `{{input.name}}`."""

    name: str
    kind: ValueKind = ValueKind.ANY
    required: bool = True


class Ending(StrEnum):
    """How a run is expected to end, or that it still waits."""

    COMPLETED = "completed"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True)
class Scenario:
    """A run that is expected to go one way. It says nothing of what happens, so it is no part of the hash.

    Attributes:
        given: its input.
        outcomes: node id -> how it ends, round after round, the last one for all after; None: it never ends. What a run
            computes itself is computed unless it is named, too; any other node ends as its type usually does.
        outputs: node id -> what it gives out.
        path: the nodes in the order in which they start.
    """

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, tuple[Outcome | None, ...]] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    ending: Ending = Ending.COMPLETED


_TYPE_ORDER: Final = {kind: place for place, kind in enumerate(EdgeType)}


def edge_order(edge: Edge) -> tuple[str, int, int, str]:
    """Where an edge stands: by source, by its own order, by type, by target."""
    return (edge.source or "", edge.order, _TYPE_ORDER[edge.type], edge.target)


@dataclass(frozen=True)
class Process:
    """A whole definition. In whatever order it is written, its parts stand in one order here.

    Attributes:
        key: the process in every version; lower case, digits and `-`.
        detached_timeout_seconds: how long a run waits for detached branches after its result.
        layout: node id -> (x, y) on the canvas; says nothing about what happens and is no part of the hash.
        scenarios: what has to hold before it is deployed, see `rules.process_scenario`; no part of the hash either.
    """

    key: str
    name: str = ""
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    inputs: tuple[Input, ...] = ()
    on_branch_failure: OnBranchFailure = OnBranchFailure.CANCEL_ALL
    detached_timeout_seconds: int = 86_400
    layout: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(sorted(self.nodes, key=lambda node: node.id)))
        object.__setattr__(self, "edges", tuple(sorted(self.edges, key=edge_order)))
        object.__setattr__(self, "inputs", tuple(sorted(self.inputs, key=lambda each: each.name)))
        object.__setattr__(self, "scenarios", tuple(sorted(self.scenarios, key=lambda each: each.name)))

    def node(self, node_id: str) -> Node | None:
        """The node of that id."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def edge(self, edge_id: str) -> Edge | None:
        """The edge of that id."""
        return next((edge for edge in self.edges if edge.id == edge_id), None)
