"""What a run of a process does next: each edge is resolved once, and dead paths are eliminated.

Knows neither what nodes do nor when: whoever runs them reports how they ended, and is told what is ready, in an order
that depends on nothing else. O(nodes + edges) for a whole run without loops.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.errors import BusinessError
from rules.process import Outcome
from rules.process_event import Event
from rules.process_plan import Plan
from rules.process_state import STARTED, NodeStatus, Result, State, Step, Turn


class NoIncident(BusinessError):
    """The node is not, or no longer, waiting for an operator."""

    status = 409


def start(plan: Plan) -> tuple[State, Step]:
    """A new run, and what is ready in it."""
    state = State(plan)
    event = Event(plan, state)
    event.resolve((edge, True) for edge in plan.starts)
    return state, event.step()


def begin(plan: Plan, state: State, turn: Turn) -> None:
    """Note that a ready node was started."""
    number = plan.numbers[turn.node]
    if state.nodes[number] is NodeStatus.READY and state.iterations[number] == turn.iteration:
        state.nodes[number] = NodeStatus.RUNNING
        del state.queue[number]


def ready(plan: Plan, state: State) -> tuple[Turn, ...]:
    """What is ready and not started, in order: for a run that goes on from a stored state."""
    return tuple(Turn(plan.nodes[number].id, state.iterations[number]) for number in state.queue)


def report(plan: Plan, state: State, turn: Turn, outcome: Outcome, error: str = "") -> Step:
    """A node ended, or failed for good; moves the state on.

    Args:
        error: what went wrong, where the outcome is FAILED.
    """
    number = plan.numbers[turn.node]
    if state.nodes[number] not in STARTED or state.iterations[number] != turn.iteration:
        return Step(accepted=False)
    event = Event(plan, state)
    event.end(number, outcome, error)
    return event.step()


def retry(plan: Plan, state: State, turn: Turn) -> Step:
    """An operator has an incident tried again; raises NoIncident."""
    number = _incident(plan, state, turn)
    state.nodes[number] = NodeStatus.READY
    state.queue[number] = None
    state.errors.pop(number, None)
    return Step(ready=(turn,))


def skip(plan: Plan, state: State, turn: Turn, outcome: Outcome = Outcome.COMPLETED) -> Step:
    """An operator says how a node ended that is an incident; raises NoIncident."""
    number = _incident(plan, state, turn)
    state.errors.pop(number, None)
    event = Event(plan, state)
    event.end(number, outcome, "")
    return event.step()


def give_up(plan: Plan, state: State, turn: Turn) -> Step:
    """An operator lets an incident fail the process, or a detached branch; raises NoIncident."""
    number = _incident(plan, state, turn)
    event = Event(plan, state)
    event.fail_for_good(number, state.errors.get(number, ""))
    return event.step()


def cancel(plan: Plan, state: State) -> Step:
    """The whole run is called off: nothing new starts, edges stay as they are."""
    event = Event(plan, state)
    event.cancel(range(len(plan.nodes)))
    if state.result is Result.OPEN:
        state.result = event.result = Result.CANCELLED
    return event.step()


def settle(plan: Plan, state: State, edges: Iterable[tuple[int, bool]]) -> Step:
    """Resolve these edges, then decide every node that has waited for edges that are no longer there."""
    event = Event(plan, state)
    event.resolve(edges)
    for number in plan.order:
        if state.nodes[number] is NodeStatus.WAITING and plan.entering[number]:
            event.decide(number)
    return event.step()


def is_over(state: State) -> bool:
    """Whether nothing of the run is left, detached branches included."""
    return state.result is not Result.OPEN and not state.open_detached


def _incident(plan: Plan, state: State, turn: Turn) -> int:
    number = plan.numbers.get(turn.node)
    if (
        number is None
        or state.nodes[number] is not NodeStatus.INCIDENT
        or state.iterations[number] != turn.iteration
    ):
        raise NoIncident(f"{turn.node} is not waiting for an operator, or not in round {turn.iteration}.")
    return number
