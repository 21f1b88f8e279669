"""One run as its workflow keeps it: the state, what each node gave out, and the news that Postgres has not been told yet.

Pure: knows no clock, no server and no step; `rules.process_schedule` says what follows from what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from rules.process import Outcome
from rules.process_messages import Operation, ProcessResult, StepNews
from rules.process_migration import migrate
from rules.process_operate import Act, operate
from rules.process_plan import Plan
from rules.process_schedule import begin, cancel, report, start
from rules.process_state import NodeStatus, Result, State, Step, Turn
from rules.process_value import make_context, result_entry, written
from rules.process_why import why_not

#: What the outputs of a run may take up together; beyond, they are kept aside.
MOST_CARRIED_BYTES: Final = 150_000


class Book:
    """What is known of a run.

    Attributes:
        results: node id -> its entry in templates.
        seq: counts the news.
        news: what Postgres has not been told.
        is_urgent: whether there is something among it that nobody else will write.
    """

    def __init__(self, plan: Plan, given: Mapping[str, Any], carried: Mapping[str, Any] | None) -> None:
        self.plan = plan
        self.given = given
        self.results: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {}
        self.seq = 0
        self.news: list[StepNews] = []
        self.is_urgent = False
        if carried is None:
            self.state, first = start(plan)
            self._note_step(first)
        else:
            self.state = State.from_content(plan, carried["state"])
            self.results, self.variables = carried["results"], carried["variables"]
            self.seq, self.is_urgent = carried["seq"], carried["is_urgent"]
            self.news = [StepNews(**each) for each in carried["news"]]
        self._bytes = len(written(self.results))

    def to_content(self) -> dict[str, Any]:
        """What a run hands to its successor."""
        return {
            "state": self.state.to_content(self.plan),
            "results": self.results,
            "variables": self.variables,
            "seq": self.seq,
            "is_urgent": self.is_urgent,
            "news": [asdict(each) for each in self.news],
        }

    @property
    def room_bytes(self) -> int:
        """What the next output may take up."""
        return max(0, MOST_CARRIED_BYTES - self._bytes)

    def context(self) -> dict[str, Any]:
        """What templates read."""
        return make_context(self.given, self.variables, self.results)

    def begin(self, turn: Turn) -> None:
        """A ready node is started."""
        begin(self.plan, self.state, turn)

    def report(
        self,
        turn: Turn,
        outcome: Outcome,
        output: Mapping[str, Any],
        error: str = "",
        *,
        is_written: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> Step:
        """A node ended.

        Args:
            is_written: whether a step has written that to Postgres already.
            variables: what it sets.
        """
        step = report(self.plan, self.state, turn, outcome, error)
        if step.accepted:
            self.variables.update(variables or {})
            self._note_end(turn, step, outcome, output, error, is_written=is_written)
        return step

    def operate(self, given: Operation) -> Step:
        """An operator spoke of an incident; raises as `rules.process_operate.operate`."""
        turn = Turn(given.node, given.iteration)
        error = self.state.errors.get(self.plan.numbers[given.node], "")
        step = operate(self.plan, self.state, given)
        if given.act == Act.SKIP:
            outcome = Outcome(given.outcome or Outcome.COMPLETED)
            self._note_end(turn, step, outcome, given.output, "", is_written=False)
        elif given.act == Act.FAIL:
            self._note_end(turn, step, Outcome.FAILED, {}, error, is_written=False)
        return step

    def move(self, plan: Plan) -> Step:
        """The run goes on by another version; raises rules.process_migration.CannotMigrate, and then changes nothing."""
        self.state, step = migrate(self.plan, self.state, plan)
        self.plan = plan
        self._note_step(step)
        return step

    def cancel(self) -> Step:
        """The run, or what is left of it, is called off."""
        step = cancel(self.plan, self.state)
        self._note_step(step)
        return step

    def end(self) -> ProcessResult:
        """How the run ended, as far as its result is known."""
        plan, state = self.plan, self.state
        failed_by = plan.nodes[state.failed_by].id if state.failed_by is not None else ""
        said = [plan.nodes[number].config.get("result") for number in state.ends]
        outcome = next((word for word in reversed(said) if word), Outcome.COMPLETED.value)
        return ProcessResult(
            state.result.value,
            outcome if state.result is Result.COMPLETED else "",
            self.variables,
            failed_by,
            state.errors.get(state.failed_by, "") if state.failed_by is not None else "",
        )

    def _note_end(
        self,
        turn: Turn,
        step: Step,
        outcome: Outcome,
        output: Mapping[str, Any],
        error: str,
        *,
        is_written: bool,
    ) -> None:
        number = self.plan.numbers[turn.node]
        is_incident = step.incident == turn
        status = NodeStatus.INCIDENT if is_incident else NodeStatus.COMPLETED
        if self.state.iterations[number] == turn.iteration:
            # A wait that ended too late may have failed by that, and a failure may have been passed over.
            outcome = self.state.outcomes.get(number, outcome)
            error = self.state.errors.get(number, error)
            if self.state.nodes[number] is NodeStatus.FAILED:
                status = NodeStatus.FAILED
        if not is_incident:
            entry = result_entry(outcome, output, error)
            before = self.results.get(turn.node)
            self._bytes += len(written(entry)) - (len(written(before)) if before else 0)
            self.results[turn.node] = entry
        is_plain = is_written and status is NodeStatus.COMPLETED and not error
        self._tell(
            turn, status, outcome=outcome.value, error=error, output=None if is_written else dict(output)
        )
        self.is_urgent = self.is_urgent or not is_plain
        self._note_step(step)

    def _note_step(self, step: Step) -> None:
        for node_id in step.skipped:
            iteration = self.state.iterations[self.plan.numbers[node_id]]
            why = why_not(self.plan, self.state, node_id)
            self._tell(Turn(node_id, iteration), NodeStatus.SKIPPED, why=asdict(why) if why else None)
        for turn in step.cancelled:
            self._tell(turn, NodeStatus.CANCELLED)
        if step.skipped or step.cancelled:
            self.is_urgent = True

    def _tell(self, turn: Turn, status: NodeStatus, **more: Any) -> None:
        self.seq += 1
        self.news.append(StepNews(self.seq, turn.node, turn.iteration, status.value, **more))
