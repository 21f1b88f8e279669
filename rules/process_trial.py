"""A process tried step by step with chosen outcomes: after each event what stands where, and why what was skipped was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rules.process import Outcome
from rules.process_plan import Plan
from rules.process_play import Answering, Answers, answer, walk
from rules.process_schedule import is_over, start
from rules.process_state import EdgeStatus, NodeStatus, Result, Step, Turn
from rules.process_why import WhyNot, why_not

#: A loop within a loop may have many rounds; nobody looks at more of them.
MOST_FRAMES = 2000


@dataclass(frozen=True)
class Frame:
    """One event and where the run stands after it.

    Attributes:
        ended: the node that ended, and how; None for the beginning.
        nodes, edges: id -> its status.
        rounds: node id -> its iteration.
        why: every node that is skipped by now -> why.
        is_over: whether nothing of the run is left.
    """

    ended: tuple[Turn, Outcome] | None
    step: Step
    nodes: Mapping[str, NodeStatus]
    edges: Mapping[str, EdgeStatus]
    rounds: Mapping[str, int]
    why: Mapping[str, WhyNot]
    result: Result
    is_over: bool


def try_out(
    plan: Plan, answers: Answers | Answering, ended: Callable[[Turn], None] = lambda turn: None
) -> tuple[Frame, ...]:
    """Every event of a run with these answers, the beginning first; `ended` is told of each before the next one starts."""
    state, first = start(plan)
    said: dict[Turn, Outcome | None] = {}

    def ask(turn: Turn) -> Outcome | None:
        said[turn] = answers(turn) if callable(answers) else answer(answers, turn)
        return said[turn]

    frames: list[Frame] = []
    why: dict[str, WhyNot] = {}
    for turn, step in walk(plan, state, first, ask):
        if turn is not None:
            ended(turn)
        nodes = {node.id: state.nodes[number] for number, node in enumerate(plan.nodes)}
        why = {each: because for each, because in why.items() if nodes[each] is NodeStatus.SKIPPED}
        for node_id in step.skipped:
            because = why_not(plan, state, node_id)
            if because is not None:
                why[node_id] = because
        frames.append(
            Frame(
                ended=None if turn is None else (turn, said[turn] or Outcome.COMPLETED),
                step=step,
                nodes=nodes,
                edges=dict(zip(plan.edge_ids, state.edges, strict=True)),
                rounds={node.id: state.iterations[number] for number, node in enumerate(plan.nodes)},
                why=why,
                result=state.result,
                is_over=is_over(state),
            )
        )
        if len(frames) == MOST_FRAMES:
            break
    return tuple(frames)
