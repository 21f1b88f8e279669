"""The entries of a scenario as JSON and back; what they mean is judged in `rules.process_scenario`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.errors import Invalid
from rules.process import Outcome, Scenario
from rules.process_input import check_plain

#: More than the longest run that anybody looks at.
LONGEST_PATH: Final = 2000


def scenario_parts(scenario: Scenario) -> dict[str, Any]:
    """What of a scenario is not plain as it is."""
    parts: dict[str, Any] = {}
    if scenario.outcomes:
        parts["outcomes"] = {
            node_id: [None if each is None else each.value for each in scenario.outcomes[node_id]]
            for node_id in sorted(scenario.outcomes)
        }
    if scenario.path:
        parts["path"] = list(scenario.path)
    return parts


def parse_values(value: Any) -> Mapping[str, Any]:
    """An object of plain JSON; raises Invalid."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise Invalid("This must be an object.")
    check_plain(value, "")
    return value


def parse_outputs(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """Node id -> an object; raises Invalid."""
    return {node_id: parse_values(each) for node_id, each in parse_values(value).items()}


def parse_outcomes(value: Any) -> Mapping[str, tuple[Outcome | None, ...]]:
    """Node id -> how it ends, round after round; raises Invalid."""
    found: dict[str, tuple[Outcome | None, ...]] = {}
    for node_id, words in sorted(parse_values(value).items()):
        if not isinstance(words, list | tuple) or not words:
            raise Invalid(f"{node_id!r} must have a list of outcomes, one for each round: [satisfied].")
        for each in words:
            if each is not None and each not in list(Outcome):
                raise Invalid(
                    f"{node_id!r} cannot end with {each!r}; known are {', '.join(Outcome)}, and null."
                )
        found[node_id] = tuple(None if each is None else Outcome(each) for each in words)
    return found


def parse_path(value: Any) -> tuple[str, ...]:
    """Ids of nodes; raises Invalid."""
    fine = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
    if not fine or len(value) > LONGEST_PATH:
        raise Invalid(f"This must be a list of up to {LONGEST_PATH} ids of nodes.")
    return tuple(value)
