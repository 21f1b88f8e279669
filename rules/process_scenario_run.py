"""A scenario out of a real run: what was answered in it, and the way that it went. Loads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rules.errors import BusinessError
from rules.process import Outcome, Scenario
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_sandbox import Chosen
from rules.process_scenario import as_it_goes
from rules.process_state import NodeStatus
from rules.process_template import uses
from rules.process_value import written

#: What a scenario may carry along; a definition with its scenarios has to stay one that people can read.
LARGEST_BYTES: Final = 60_000
_ENDED: Final = (NodeStatus.COMPLETED, NodeStatus.FAILED)


class RunMakesNoScenario(BusinessError):
    """The scheduler, told what was answered in the run, goes another way: it went by who was quicker, or was operated on."""

    status = 409


@dataclass(frozen=True)
class Happened:
    """What became of a node in one of its rounds, with large values as they are and not as references."""

    node: str
    iteration: int
    status: NodeStatus
    outcome: str
    output: Mapping[str, Any]


def scenario_of_run(plan: Plan, name: str, given: Mapping[str, Any], steps: Sequence[Happened]) -> Scenario:
    """The scenario of a run, ended or not.

    Conditions are left to be computed; only where what is kept of the run is not enough for that, the scenario says how
    they ended.

    Raises:
        RunMakesNoScenario.
    """
    started = [each for each in steps if each.status is not NodeStatus.SKIPPED]
    outcomes = _outcomes(plan, started)
    inline = {node.id for node in plan.nodes if (kind := NODE_TYPES.get(node.type)) and kind.is_inline}
    chosen = Chosen(
        given,
        {node: words for node, words in outcomes.items() if node not in inline},
        _outputs(plan, started),
    )
    went = Counter(each.node for each in started)
    for attempt in (chosen, replace(chosen, outcomes={**outcomes, **chosen.outcomes})):
        made = as_it_goes(plan, name, attempt)
        if Counter(made.path) == went:
            break
    else:
        ours, theirs = went - Counter(made.path), Counter(made.path) - went
        said = [f"{node} ran only in the run" for node in ours] + [f"{node} ran only here" for node in theirs]
        raise RunMakesNoScenario(f"The run cannot be played again: {'; '.join(said)}.")
    if len(written([given, made.outputs])) > LARGEST_BYTES:
        raise RunMakesNoScenario(f"Its input and outputs are more than {LARGEST_BYTES:,} bytes.")
    return made


def _outcomes(plan: Plan, started: Sequence[Happened]) -> dict[str, tuple[Outcome | None, ...]]:
    """How each node ended in its rounds, without those that always ended as usual; a round that is missing as the next."""
    rounds: dict[str, dict[int, Outcome | None]] = {}
    for each in started:
        ended = Outcome(each.outcome) if each.status in _ENDED and each.outcome else None
        failed = each.status in (NodeStatus.FAILED, NodeStatus.INCIDENT)
        rounds.setdefault(each.node, {})[each.iteration] = Outcome.FAILED if failed else ended
    found = {}
    for node_id, by_round in rounds.items():
        words: list[Outcome | None] = []
        for number in range(max(by_round), 0, -1):
            words.insert(0, by_round[number] if number in by_round else words[0])
        kind = NODE_TYPES.get(plan.nodes[plan.numbers[node_id]].type)
        if kind is None or not all(each is kind.outcomes[0] for each in words):
            found[node_id] = tuple(words)
    return found


def _outputs(plan: Plan, started: Sequence[Happened]) -> dict[str, Mapping[str, Any]]:
    """What nodes gave out at last, as far as anybody reads it."""
    read: dict[str, None] = {}
    for node in plan.nodes:
        read |= dict.fromkeys(".".join(use.path[:2]) for use in uses(node.config))
    found: dict[str, Mapping[str, Any]] = {}
    for each in started:
        kind = NODE_TYPES.get(plan.nodes[plan.numbers[each.node]].type)
        kept = {name: value for name, value in each.output.items() if f"{each.node}.{name}" in read}
        if kept and not (kind and kind.is_inline):
            found[each.node] = kept
    return found
