"""Scenarios: does each go the way that it says, and is there one for every edge? They let a process be deployed, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rules.errors import InvalidFields
from rules.process import Ending, Outcome, Process, Scenario
from rules.process_cover import possible_outcomes, unreachable
from rules.process_input import judge_input
from rules.process_plan import Plan, make_plan
from rules.process_sandbox import Chosen, Rehearsed, rehearse
from rules.process_state import Result

_SOMEBODY = "somebody"


class ScenariosFail(InvalidFields):
    """Scenarios go another way than they say, or leave edges out.

    Attributes:
        problems: `scenarios.<name>` and `edges.<id>` -> what is wrong with it.
    """

    code = "scenarios-fail"
    status = 409


@dataclass(frozen=True)
class Judged:
    """How a scenario went.

    Attributes:
        problems: why it fails; empty for one that goes as it says.
        path: the nodes in the order in which they started.
        taken: ids of the edges that it takes.
    """

    scenario: Scenario
    problems: tuple[str, ...]
    path: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()
    ending: Ending = Ending.OPEN


@dataclass(frozen=True)
class Coverage:
    """What all scenarios of a process come to.

    Attributes:
        missing: ids of the edges that no scenario takes which goes as it says, in the order of the definition.
        unreachable: those that no outcome of any node can make live; none is asked for them.
    """

    judged: tuple[Judged, ...]
    missing: tuple[str, ...]
    unreachable: tuple[str, ...]
    edges: int

    @property
    def failing(self) -> tuple[Judged, ...]:
        """The scenarios that go another way."""
        return tuple(each for each in self.judged if each.problems)

    @property
    def covered(self) -> int:
        """How many edges are taken by one."""
        return self.edges - len(self.missing) - len(self.unreachable)

    @property
    def is_complete(self) -> bool:
        """Whether the process may be deployed as far as scenarios go."""
        return not self.failing and not self.missing


def judge_scenarios(process: Process) -> Coverage:
    """Run every scenario and count edges. Raises ProcessCannotRun."""
    plan = make_plan(process)
    judged = tuple(judge(plan, each) for each in process.scenarios)
    taken = frozenset().union(*(each.taken for each in judged if not each.problems))
    left = [edge for edge in plan.edge_ids if edge not in taken]
    closed = unreachable(plan, left)
    missing = tuple(edge for edge in left if edge not in closed)
    return Coverage(judged, missing, closed, len(plan.edge_ids))


def require_scenarios(process: Process) -> Coverage:
    """The coverage of a process that may be deployed; raises ScenariosFail."""
    coverage = judge_scenarios(process)
    if coverage.is_complete:
        return coverage
    raise ScenariosFail(
        {f"scenarios.{each.scenario.name}": " ".join(each.problems) for each in coverage.failing}
        | {
            f"edges.{edge}": f"No scenario takes the edge {say_edge(process, edge)}."
            for edge in coverage.missing
        }
    )


def say_edge(process: Process, edge_id: str) -> str:
    """An edge by the titles of its nodes."""
    edge = process.edge(edge_id)
    if edge is None:
        return edge_id
    titles = {node.id: node.title for node in process.nodes}
    word = {"true_branch": " (yes)", "false_branch": " (no)", "always": " (in any case)"}.get(
        edge.type.value, ""
    )
    begin = titles.get(edge.source, edge.source) if edge.source else "the start"
    return f"{begin}{word} → {titles.get(edge.target, edge.target)}"


def judge(plan: Plan, scenario: Scenario) -> Judged:
    """Whether a scenario goes the way that it says."""
    try:
        given = judge_input(plan.process, scenario.given, _SOMEBODY)
    except InvalidFields as refusal:
        return Judged(scenario, tuple(f"{name}: {said}" for name, said in refusal.problems.items()))
    unknown = tuple(_strangers(plan, scenario))
    if unknown:
        return Judged(scenario, unknown)
    went = rehearse(plan, Chosen(given, scenario.outcomes, scenario.outputs))
    path, ending = tuple(turn.node for turn in went.order), ending_of(went)
    problems = _differences(plan, scenario, went, path)
    return Judged(scenario, problems, path, went.taken, ending)


def ending_of(went: Rehearsed) -> Ending:
    """How a rehearsed run ended."""
    return {Result.COMPLETED: Ending.COMPLETED, Result.FAILED: Ending.FAILED}.get(went.result, Ending.OPEN)


def as_it_goes(plan: Plan, name: str, chosen: Chosen) -> Scenario:
    """The scenario of a run with what was chosen: it expects what happens today.

    Raises:
        InvalidFields: the input is not what the process takes.
    """
    given = judge_input(plan.process, chosen.given, _SOMEBODY)
    went = rehearse(plan, replace(chosen, given=given))
    outcomes = {node: tuple(words) for node, words in chosen.outcomes.items()}
    path = tuple(turn.node for turn in went.order)
    return Scenario(name, chosen.given, outcomes, chosen.outputs, path, ending_of(went))


def _strangers(plan: Plan, scenario: Scenario) -> list[str]:
    """What the scenario says of nodes that are not there, or cannot end so."""
    said = [
        f"There is no node {node_id!r}."
        for node_id in dict.fromkeys([*scenario.outcomes, *scenario.outputs, *scenario.path])
        if node_id not in plan.numbers
    ]
    for node_id, words in scenario.outcomes.items():
        number = plan.numbers.get(node_id)
        possible = () if number is None else possible_outcomes(plan, number)
        said += [
            f"{plan.nodes[number].title} cannot end with {word.value!r}."
            for word in dict.fromkeys(words)
            if number is not None and word is not None and word not in possible
        ]
    return said


def _differences(plan: Plan, scenario: Scenario, went: Rehearsed, path: Sequence[str]) -> tuple[str, ...]:
    titles: Mapping[str, str] = {node.id: node.title for node in plan.nodes}
    said = []
    if path != scenario.path:
        at = next(
            (
                place
                for place, (one, other) in enumerate(zip(path, scenario.path, strict=False))
                if one != other
            ),
            min(len(path), len(scenario.path)),
        )
        begin = f"After {titles[path[at - 1]]}" if at else "At first"
        goes = titles[path[at]] if at < len(path) else "nothing more"
        expected = titles[scenario.path[at]] if at < len(scenario.path) else "nothing more"
        said.append(f"{begin} comes {goes}; expected was {expected}.")
    if ending_of(went) is not scenario.ending:
        said.append(f"The run is {ending_of(went).value}; expected was {scenario.ending.value}.")
    if said:
        said += [
            f"{titles[turn.node]} failed: {done.error}."
            for turn, done in went.done.items()
            if done.error and Outcome.FAILED not in scenario.outcomes.get(turn.node, ())
        ]
    return tuple(said)
