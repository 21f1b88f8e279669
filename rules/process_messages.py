"""What a process's workflow, its activities and the relay say to each other. Holds facts only; decides nothing.

Annotations are real types here, not texts: Temporal reads them at every message, which is ten times as quick.
"""

from dataclasses import dataclass, field
from typing import Any, Final

PROCESS: Final = "Process"
SIGNAL_WAKE: Final = "wake_node"
SIGNAL_OPERATE: Final = "operate"
SIGNAL_CANCEL: Final = "cancel"
SIGNAL_MOVE: Final = "move"
#: Events of history after which a run is continued as new at its next quiet point.
CONTINUE_AFTER_EVENTS: Final = 10_000
#: What the alarm is called after which nobody is waited for any more.
DEADLINE: Final = "deadline"
#: Why a waiting node is looked at where no alarm rang: somebody answered, or a message came.
WOKEN: Final = "woken"


def run_workflow_id(run_id: str) -> str:
    """The id of a run's workflow."""
    return f"process-{run_id}"


@dataclass(frozen=True)
class ProcessInput:
    """What a run is started with; its definition and its input are loaded by it.

    Attributes:
        sha256: of the definition; what is loaded must have it.
        most_events: see `CONTINUE_AFTER_EVENTS`.
        carried: where the run before this one stood, where it was continued as new; see workflows/process.py.
    """

    run_id: str
    process: str
    version: int
    sha256: str
    most_events: int = CONTINUE_AFTER_EVENTS
    carried: dict[str, Any] | None = None


@dataclass(frozen=True)
class LoadedProcess:
    """A definition and the input of a run, both as JSON."""

    content: dict[str, Any]
    given: dict[str, Any]


@dataclass(frozen=True)
class ProcessResult:
    """How a run ended.

    Attributes:
        result: a `rules.process_state.Result`.
        outcome: what its last end node said: satisfied, not_satisfied or completed.
        variables: what it leaves to the process that it is a part of.
        failed_by: the node that failed it, and `error` why.
    """

    result: str
    outcome: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    failed_by: str = ""
    error: str = ""


@dataclass(frozen=True)
class NodeStep:
    """A node that is to be run.

    Attributes:
        type: a key of `rules.process_nodes.NODE_TYPES`.
        config: with its templates filled in.
        room_bytes: what its output may take up in the run; beyond that all of it is kept aside.
    """

    run_id: str
    node: str
    iteration: int
    type: str
    title: str
    config: dict[str, Any]
    room_bytes: int


@dataclass(frozen=True)
class SettleStep:
    """A waiting node that is looked at again.

    Attributes:
        why: `WOKEN`, or the word of the alarm that rang.
    """

    run_id: str
    node: str
    iteration: int
    type: str
    title: str
    why: str
    room_bytes: int


@dataclass(frozen=True)
class Due:
    """When a waiting node is looked at again although nobody woke it.

    Attributes:
        word: what is due; `DEADLINE` is the last.
        after_seconds: counted from when the node began to wait.
        at: a moment in ISO 8601 instead.
    """

    word: str
    after_seconds: int = 0
    at: str = ""


@dataclass(frozen=True)
class NodeResult:
    """How a node ended, or what it waits for.

    Attributes:
        outcome: a `rules.process.Outcome`; empty while it waits.
        awaits: the roles that are waited for.
        child: the run that is to be carried through as a part of this one.
    """

    outcome: str = ""
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    dues: list[Due] = field(default_factory=list)
    awaits: list[str] = field(default_factory=list)
    child: ProcessInput | None = None


@dataclass(frozen=True)
class StepNews:
    """What became of a node in one of its iterations.

    Attributes:
        seq: counts what happened in a run; later news of a node replace earlier ones.
        status: a `rules.process_state.NodeStatus`.
        output: of a node that the run itself computed; None where an activity has written it already.
        why: for a skipped node, which edge was dead; see rules/process_why.py.
    """

    seq: int
    node: str
    iteration: int
    status: str
    outcome: str = ""
    error: str = ""
    output: dict[str, Any] | None = None
    why: dict[str, Any] | None = None


@dataclass(frozen=True)
class Move:
    """A run is to go on by another version of its process; the wish lies in Postgres under `move_id`."""

    move_id: str
    version: int
    sha256: str


@dataclass(frozen=True)
class MoveResult:
    """What became of such a wish.

    Attributes:
        why: why the run stays on its version, and `node` because of which node; both empty where it was moved.
    """

    move_id: str
    node: str = ""
    why: str = ""


@dataclass(frozen=True)
class NoteNews:
    """What has happened in a run since it was last noted.

    Attributes:
        state: where it stands, as `rules.process_state.State.to_content` writes it.
        awaiting: the roles that are waited for.
        ended: where the run has its result.
        version: what the run follows, as `state` is of it; 0 from runs of builds that did not say.
        moved: what became of wishes that it follow another version.
    """

    run_id: str
    news: list[StepNews]
    state: dict[str, Any]
    awaiting: list[str]
    ended: ProcessResult | None = None
    version: int = 0
    moved: list[MoveResult] = field(default_factory=list)


@dataclass(frozen=True)
class LoadVersion:
    """A version of a process whose definition is wanted."""

    process: str
    version: int


@dataclass(frozen=True)
class LoadValue:
    """A large value, or the part of it at `path`."""

    sha256: str
    path: list[str]


@dataclass(frozen=True)
class LoadedValue:
    """What lies there; `found` tells an empty value from none."""

    found: bool
    value: Any = None


@dataclass(frozen=True)
class Wake:
    """Something came for a node; what, lies in Postgres."""

    node: str
    iteration: int


@dataclass(frozen=True)
class Operation:
    """What an operator says of an incident.

    Attributes:
        operation_id: the same one is carried out once.
        act: retry, skip or fail; see rules/process_operate.py.
        outcome: how a node ended that is skipped.
    """

    operation_id: str
    act: str
    node: str
    iteration: int
    outcome: str = ""
    output: dict[str, Any] = field(default_factory=dict)
