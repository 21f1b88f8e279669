"""One event on its way through the state of a run: which edges it decides, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rules.process import EdgeType, Join, OnError, OnTimeout, Outcome
from rules.process_plan import Loop, Plan
from rules.process_state import OPEN, EdgeStatus, NodeStatus, Result, State, Step, Turn

# An enumeration's member is looked up anew each time it is named; these are named for every edge or every event.
PENDING, LIVE, DEAD = EdgeStatus.PENDING, EdgeStatus.LIVE, EdgeStatus.DEAD
WAITING, READY, COMPLETED = NodeStatus.WAITING, NodeStatus.READY, NodeStatus.COMPLETED
FAILED, TIMEOUT = Outcome.FAILED, Outcome.TIMEOUT
GOING_ON, ALL = Result.OPEN, Join.ALL

#: The error of a node that wanted another round and had no other way to go.
NO_ROUND_LEFT: Final = "no round is left, and no other edge goes on"
NOBODY_ANSWERED: Final = "nobody answered in time"


def is_live(kind: EdgeType, outcome: Outcome, on_timeout: OnTimeout) -> bool:
    """Whether an edge of that type leaves a node alive that ended so; FAILED means a failure that is handled."""
    return _LIVE[outcome, on_timeout][kind]


def _table(outcome: Outcome, on_timeout: OnTimeout) -> dict[EdgeType, bool]:
    on = outcome is not Outcome.FAILED
    late = outcome is Outcome.TIMEOUT
    return {
        EdgeType.START: on,
        EdgeType.SEQUENCE: on,
        EdgeType.PARALLEL: on,
        EdgeType.ALWAYS: True,
        EdgeType.TRUE: outcome is Outcome.SATISFIED or (late and on_timeout is OnTimeout.TRUE),
        EdgeType.FALSE: outcome is Outcome.NOT_SATISFIED or (late and on_timeout is OnTimeout.FALSE),
    }


_LIVE: Final = {(outcome, way): _table(outcome, way) for outcome in Outcome for way in OnTimeout}


class Event:
    """One event on its way through the state, and what it changes."""

    __slots__ = ("cancelled", "edges", "incident", "plan", "ready", "result", "skipped", "state")

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan, self.state = plan, state
        self.ready: list[int] = []
        self.cancelled: list[Turn] = []
        self.skipped: list[str] = []
        self.edges: list[tuple[str, EdgeStatus]] = []
        self.incident: Turn | None = None
        self.result = GOING_ON

    def step(self) -> Step:
        """What was changed; ends the run where nothing keeps it open."""
        state = self.state
        if state.result is GOING_ON and not state.open_main:
            state.result = Result.COMPLETED if state.failed_by is None else Result.FAILED
            self.result = state.result
        if state.result is not GOING_ON and not state.open_detached:
            self.cancel(range(len(state.nodes)))  # detached branches that nothing will lead to any more
        # What became ready and was cancelled by the same event was never there.
        turns = tuple([self._turn(number) for number in self.ready if number in state.queue])
        return Step(
            turns, tuple(self.cancelled), tuple(self.skipped), tuple(self.edges), self.incident, self.result
        )

    def end(self, number: int, outcome: Outcome, error: str) -> None:
        """A node ended so; a failure goes its way: always edge, continue, incident, fail."""
        plan, state, node = self.plan, self.state, self.plan.nodes[number]
        if outcome is TIMEOUT and node.on_timeout is OnTimeout.FAIL:
            outcome, error = FAILED, error or NOBODY_ANSWERED
        if outcome is FAILED:
            state.errors[number] = error
            if not any(plan.types[edge] is EdgeType.ALWAYS for edge in plan.leaving[number]):
                if node.on_error is not OnError.CONTINUE:
                    self._stop_at(number, error, node.on_error)
                    return
                outcome = Outcome.COMPLETED
        elif plan.back[number] and not self._is_stopping(number):
            live = [
                edge for edge in plan.leaving[number] if is_live(plan.types[edge], outcome, node.on_timeout)
            ]
            back = next((plan.loops[edge] for edge in live if edge in plan.loops), None)
            if back is not None:
                if state.rounds.get(back.edge, 0) + 1 < back.most:
                    state.outcomes[number] = outcome
                    self._again(back)
                    return
                if all(edge in plan.loops for edge in live):
                    self._stop_at(number, NO_ROUND_LEFT, node.on_error)
                    return
        self._close(number, NodeStatus.FAILED if outcome is FAILED else COMPLETED)
        state.outcomes[number] = outcome
        self._leave(number, outcome)

    def fail_for_good(self, number: int, error: str) -> None:
        """A node fails and nothing handles it: so does the process, unless it stands on a detached branch."""
        plan, state = self.plan, self.state
        state.errors[number] = error
        state.outcomes[number] = FAILED
        self._close(number, NodeStatus.FAILED)
        if plan.detached[number]:
            self.resolve((edge, False) for edge in plan.leaving[number])
            return
        if state.failed_by is None:
            state.failed_by = number
        spared = () if plan.cancels_all else (NodeStatus.RUNNING,)
        main = (each for each, detached in enumerate(plan.detached) if not detached)
        self.cancel(each for each in main if state.nodes[each] not in spared)

    def cancel(self, numbers: Iterable[int]) -> None:
        """End what has not ended of these; their edges stay as they are."""
        for number in numbers:
            status = self.state.nodes[number]
            if status in OPEN:
                self.cancelled.append(self._turn(number))
                self._close(number, NodeStatus.CANCELLED)
            elif status is WAITING:
                self.state.nodes[number] = NodeStatus.CANCELLED

    def resolve(self, first: Iterable[tuple[int, bool]]) -> None:
        """Set edges, and all that follows from them, first in first out."""
        plan, state = self.plan, self.state
        edges, nodes, edge_ids = state.edges, state.nodes, plan.edge_ids
        unresolved, alive, targets, loops = state.unresolved, state.live, plan.targets, plan.loops
        queue = list(first)
        for edge, live in queue:  # grows while it is walked through
            if edges[edge] is not PENDING:
                continue
            edges[edge] = LIVE if live else DEAD
            self.edges.append((edge_ids[edge], edges[edge]))
            if loops and edge in loops:
                continue
            target = targets[edge]
            unresolved[target] -= 1
            alive[target] += live
            if nodes[target] is not WAITING:
                continue
            runs = self._decides(target)
            if runs:
                self._open(target)
            elif runs is False:
                queue += self._skip(target)

    def decide(self, number: int) -> None:
        """Let a waiting node run or be skipped, where its edges say so."""
        runs = self._decides(number)
        if runs:
            self._open(number)
        elif runs is False:
            self.resolve(self._skip(number))

    def _skip(self, number: int) -> list[tuple[int, bool]]:
        self.state.nodes[number] = NodeStatus.SKIPPED
        self.skipped.append(self.plan.nodes[number].id)
        return [(edge, False) for edge in self.plan.leaving[number]]

    def _decides(self, number: int) -> bool | None:
        """Whether the node runs; None while that is open."""
        node, live, unresolved = (
            self.plan.nodes[number],
            self.state.live[number],
            self.state.unresolved[number],
        )
        if node.join is ALL:
            return None if unresolved else live > 0
        if node.join is Join.STRICT:
            return None if unresolved else live == len(self.plan.entering[number])
        wanted = node.quorum if node.join is Join.QUORUM else 1
        if live >= wanted:
            return True
        return False if live + unresolved < wanted else None

    def _leave(self, number: int, outcome: Outcome) -> None:
        plan, state, node = self.plan, self.state, self.plan.nodes[number]
        if self._is_stopping(number):
            return
        if node.type == "end" and outcome is not FAILED and not plan.detached[number]:
            state.ends.append(number)
            if node.config.get("terminate") is True:
                self.cancel(each for each, detached in enumerate(plan.detached) if not detached)
        live, types, back = _LIVE[outcome, node.on_timeout], plan.types, plan.back[number]
        # A way back that is not taken is dead, even one whose rounds are used up.
        self.resolve([(edge, live[types[edge]] and edge not in back) for edge in plan.leaving[number]])

    def _stop_at(self, number: int, error: str, on_error: OnError) -> None:
        """Nothing handles the failure: an operator is asked, or the process fails."""
        state = self.state
        if on_error is OnError.FAIL or self._is_stopping(number):
            self.fail_for_good(number, error)
            return
        state.errors[number] = error
        state.queue.pop(number, None)
        state.nodes[number] = NodeStatus.INCIDENT
        self.incident = self._turn(number)

    def _again(self, loop: Loop) -> None:
        """Run the body of a loop once more: everything in it begins anew, and waits for nothing outside."""
        plan, state = self.plan, self.state
        state.rounds[loop.edge] = state.rounds.get(loop.edge, 0) + 1
        tail = plan.sources[loop.edge]
        for number in loop.body:
            if state.nodes[number] in OPEN:
                if number != tail:
                    self.cancelled.append(
                        self._turn(number)
                    )  # a detached branch, overtaken by the next round
                self._close(number, WAITING)
            state.nodes[number] = WAITING
            state.iterations[number] += 1
            state.errors.pop(number, None)
            if number != tail:
                state.outcomes.pop(number, None)
        for edge in loop.edges:
            state.edges[edge] = EdgeStatus.PENDING
            if edge != loop.edge:
                state.rounds.pop(edge, None)
        state.count_anew(plan, loop.body)
        self._open(loop.head)

    def _is_stopping(self, number: int) -> bool:
        return self.state.failed_by is not None and not self.plan.detached[number]

    def _open(self, number: int) -> None:
        state = self.state
        state.nodes[number] = READY
        state.queue[number] = None
        self.ready.append(number)
        if self.plan.detached[number]:
            state.open_detached += 1
        else:
            state.open_main += 1
        if number in self.plan.feeders:
            self.cancel(self.plan.feeders[number])

    def _close(self, number: int, status: NodeStatus) -> None:
        state = self.state
        state.nodes[number] = status
        state.queue.pop(number, None)
        if self.plan.detached[number]:
            state.open_detached -= 1
        else:
            state.open_main -= 1

    def _turn(self, number: int) -> Turn:
        return Turn(self.plan.nodes[number].id, self.state.iterations[number])
