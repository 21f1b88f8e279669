"""A process tried step by step with chosen outcomes: after each event what stands where, and why what was skipped was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.process import Outcome
from rules.process_plan import Plan
from rules.process_play import Answers, walk
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


def try_out(plan: Plan, answers: Answers) -> tuple[Frame, ...]:
    """Every event of a run with these answers, the beginning first."""
    state, first = start(plan)
    frames: list[Frame] = []
    why: dict[str, WhyNot] = {}
    for turn, step in walk(plan, state, first, answers):
        nodes = {node.id: state.nodes[number] for number, node in enumerate(plan.nodes)}
        why = {each: because for each, because in why.items() if nodes[each] is NodeStatus.SKIPPED}
        for node_id in step.skipped:
            because = why_not(plan, state, node_id)
            if because is not None:
                why[node_id] = because
        frames.append(
            Frame(
                ended=None if turn is None else (turn, _outcome(answers, turn)),
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


def _outcome(answers: Answers, turn: Turn) -> Outcome:
    given = answers.get(turn.node) or (Outcome.COMPLETED,)
    return given[min(turn.iteration, len(given)) - 1] or Outcome.COMPLETED
