"""A process run with given outcomes, without doing anything: to try one, for scenarios, and for what a change would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules.process import Outcome
from rules.process_plan import Plan
from rules.process_schedule import begin, is_over, report, start
from rules.process_state import State, Step, Turn

#: node id -> how it ends, round after round; the last one counts for all rounds after. None: it never ends.
Answers = Mapping[str, Sequence[Outcome | None]]
#: Says the same of a node in one of its rounds, when it starts.
Answering = Callable[[Turn], Outcome | None]


@dataclass(frozen=True)
class Played:
    """What a run did.

    Attributes:
        order: the nodes in the order in which they were started.
        steps: what each event changed, the start first.
        state: where the run stands when nothing is left to be reported.
    """

    order: tuple[Turn, ...]
    steps: tuple[Step, ...]
    state: State

    @property
    def is_over(self) -> bool:
        """Whether it came to its end."""
        return is_over(self.state)


def play(plan: Plan, answers: Answers, choose: Callable[[int], int] = lambda ended: 0) -> Played:
    """Run a process.

    Args:
        answers: nodes that are not named are completed.
        choose: of so many nodes that have ended, which is reported next, from 0; the first one by default.
    """
    state, step = start(plan)
    return go_on(plan, state, step, answers, choose)


def go_on(
    plan: Plan, state: State, step: Step, answers: Answers, choose: Callable[[int], int] = lambda ended: 0
) -> Played:
    """Run a process on from a state in which nothing but what `step` says is ready; moves the state on."""
    steps = tuple(step for _, step in walk(plan, state, step, answers, choose))
    return Played(tuple(turn for step in steps for turn in step.ready), steps, state)


def walk(
    plan: Plan,
    state: State,
    step: Step,
    answers: Answers | Answering,
    choose: Callable[[int], int] = lambda ended: 0,
) -> Iterator[tuple[Turn | None, Step]]:
    """Each event with the turn that ended, none for the first; between two of them `state` is as the first left it."""
    ended: list[tuple[Turn, Outcome]] = []
    yield None, step
    while True:
        for turn in step.ready:
            begin(plan, state, turn)
            outcome = answers(turn) if callable(answers) else answer(answers, turn)
            if outcome is not None:
                ended.append((turn, outcome))
        if not ended:
            return
        turn, outcome = ended.pop(choose(len(ended)))
        step = report(plan, state, turn, outcome, "as played" if outcome is Outcome.FAILED else "")
        yield turn, step


def answer(answers: Answers, turn: Turn) -> Outcome | None:
    """How a node ends in its iteration."""
    given = answers.get(turn.node)
    if not given:
        return Outcome.COMPLETED
    return given[min(turn.iteration, len(given)) - 1]
