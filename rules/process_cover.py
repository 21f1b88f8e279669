"""Which outcomes lead a run over an edge, and whether any do. Knows no data: any outcome of any node is possible here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import Final

from rules.process import EdgeType, Join, OnError, OnTimeout, Outcome
from rules.process_event import is_live
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_play import Answers, play
from rules.process_state import EdgeStatus

#: How many choices are weighed before edges count as ones that can be reached: strict joins make it a hard question.
_MOST_WEIGHED: Final = 20_000
_MOST_FOR_ONE: Final = 1_000
#: Of the ways to an edge so many are tried: who is quicker may close one.
MOST_TRIED: Final = 40

#: Node -> the outcomes with which it helps to reach the edge, the usual one first.
Way = dict[int, tuple[Outcome, ...]]


class TooManyWays(Exception):
    """Nobody knows whether the edge can be reached."""


class Patience:
    """How much is weighed for one edge, and for all of a process together; what is left then counts as reachable."""

    def __init__(self) -> None:
        self._left, self._for_one = _MOST_WEIGHED, 0

    def begin(self) -> None:
        """Go on to another edge."""
        self._for_one = _MOST_FOR_ONE

    def spend(self) -> None:
        """Weigh one choice more; raises TooManyWays."""
        self._left -= 1
        self._for_one -= 1
        if self._left < 0 or self._for_one < 0:
            raise TooManyWays


def possible_outcomes(plan: Plan, number: int) -> tuple[Outcome, ...]:
    """How a node may end, failing included; what a run computes itself fails only where something is wrong."""
    kind = NODE_TYPES.get(plan.nodes[number].type)
    if kind is None:
        return (Outcome.COMPLETED, Outcome.FAILED)
    return kind.outcomes if kind.is_inline else (*kind.outcomes, Outcome.FAILED)


def is_reachable(plan: Plan, edge_id: str) -> bool:
    """Whether some outcomes make an edge live; what cannot be settled counts as yes."""
    return not unreachable(plan, [edge_id])


def unreachable(plan: Plan, edge_ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the edges that no outcomes make live, in their order."""
    patience, taken, found = Patience(), set[str](), []
    for edge_id in edge_ids:
        if edge_id in taken:
            continue
        edge = plan.edge_ids.index(edge_id)
        try:
            for way in islice(ways_to(plan, edge, patience), MOST_TRIED):
                taken |= _taken(plan, answers_of(plan, edge, way))
                if edge_id in taken:
                    break
            else:
                found.append(edge_id)
        except TooManyWays:
            continue
    return tuple(found)


def ways_to(plan: Plan, edge: int, patience: Patience) -> Iterator[Way]:
    """Every choice of outcomes that makes an edge live, as far as joins and outcomes go. Raises TooManyWays.

    A node runs if enough edges to it are live, and an edge is live if its source ran and ended so: each goal makes others,
    until only the start is left. No live edge ever keeps a node from running, so nothing else has to be asked.
    """
    patience.begin()
    open_ways: list[tuple[tuple[int, ...], Way]] = [((edge,), {})]
    while open_ways:
        goals, way = open_ways.pop()
        patience.spend()
        found = _followed(plan, list(goals), way)
        if found is None:
            continue
        left, choices = found
        if not choices:
            yield way
        open_ways += [((*left, *each), dict(way)) for each in reversed(choices)]


def answers_of(plan: Plan, edge: int, way: Way) -> Answers:
    """The outcomes of a way for each round; one that leads back does so once."""
    answers: dict[str, tuple[Outcome, ...]] = {
        plan.nodes[number].id: (outcomes[0],) for number, outcomes in way.items()
    }
    source = plan.sources[edge]
    if edge in plan.loops and source is not None:
        out = next(
            (each for each in possible_outcomes(plan, source) if not _lets_pass(plan, edge, each)), None
        )
        if out is not None:
            answers[plan.nodes[source].id] = (way[source][0], out)
    return answers


def _followed(plan: Plan, goals: list[int], way: Way) -> tuple[list[int], list[tuple[int, ...]]] | None:
    """Follow goals back until there is a choice: the goals that are left, and what may be chosen. None: no way."""
    while goals:
        edge = goals.pop()
        source = plan.sources[edge]
        if source is None:
            continue
        seen = source in way
        fit = tuple(
            each for each in way.get(source, possible_outcomes(plan, source)) if _lets_pass(plan, edge, each)
        )
        if not fit:
            return None
        way[source] = fit
        if seen:
            continue
        choices = _enough(plan, source)
        if len(choices) != 1:
            return (goals, choices) if choices else None
        goals += choices[0]
    return [], []


def _enough(plan: Plan, number: int) -> list[tuple[int, ...]]:
    """The sets of edges each of which lets a node run."""
    entering, node = plan.entering[number], plan.nodes[number]
    if node.join is Join.STRICT:
        return [entering] if entering else []
    wanted = node.quorum if node.join is Join.QUORUM else 1
    return list(islice(combinations(entering, wanted), _MOST_WEIGHED)) if entering else []


def _lets_pass(plan: Plan, edge: int, outcome: Outcome) -> bool:
    """Whether an edge is live when its source ends so."""
    number = plan.sources[edge]
    if number is None:
        return True
    node = plan.nodes[number]
    failed = outcome is Outcome.FAILED or (outcome is Outcome.TIMEOUT and node.on_timeout is OnTimeout.FAIL)
    if not failed:
        return is_live(plan.types[edge], outcome, node.on_timeout)
    if any(plan.types[each] is EdgeType.ALWAYS for each in plan.leaving[number]):
        return plan.types[edge] is EdgeType.ALWAYS
    return node.on_error is OnError.CONTINUE and is_live(plan.types[edge], Outcome.COMPLETED, node.on_timeout)


def _taken(plan: Plan, answers: Answers) -> set[str]:
    """Every edge that is live in a run with these answers, and every way back that it takes."""
    played = play(plan, answers)
    taken = {edge for step in played.steps for edge, status in step.edges if status is EdgeStatus.LIVE}
    again = {turn.node for turn in played.order if turn.iteration > 1}
    return taken | {
        plan.edge_ids[edge] for edge, loop in plan.loops.items() if plan.nodes[loop.head].id in again
    }
