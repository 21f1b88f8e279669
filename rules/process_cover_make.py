"""Makes scenarios: one that takes an edge, or enough for all. Looks for values with which conditions say what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice, product
from typing import Any, Final

from rules.errors import BusinessError, InvalidFields
from rules.process import Outcome, Process, Scenario, ValueKind
from rules.process_condition import Operator, compare
from rules.process_cover import MOST_TRIED, Patience, TooManyWays, Way, answers_of, ways_to
from rules.process_input import judge_input
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan, make_plan
from rules.process_sandbox import Chosen, rehearse, sample_input, sample_outputs
from rules.process_scenario import as_it_goes
from rules.process_template import render, uses

#: Of the ways in which conditions can be met together so many are weighed.
_MOST_MEETINGS: Final = 64
_LONGEST_NAME: Final = 100
_WORDS: Final = {
    Outcome.SATISFIED: "yes", Outcome.NOT_SATISFIED: "no", Outcome.TIMEOUT: "no answer", Outcome.FAILED: "failed",
}  # fmt: skip

#: The words of a template, such as ("input", "amount").
Path = tuple[str, ...]


@dataclass(frozen=True)
class _Wish:
    """A single test that shall hold, or not."""

    test: Mapping[str, Any]
    holds: bool


def scenario_for(
    plan: Plan, edge_id: str, taken_names: Sequence[str] = (), patience: Patience | None = None
) -> Scenario | None:
    """A scenario that takes an edge; None where none was found.

    Conditions are met by values of the input and of what nodes give out. Only where no such values are found, the
    scenario says itself how a condition ends.
    """
    edge = plan.edge_ids.index(edge_id)
    try:
        ways = list(islice(ways_to(plan, edge, patience or Patience()), MOST_TRIED))
    except TooManyWays:
        ways = []
    for insists in (False, True):
        for way in ways:
            for chosen in _attempts(plan, edge, way, insists):
                if edge_id in rehearse(plan, chosen).taken:
                    made = as_it_goes(plan, "scenario", chosen)
                    return replace(made, name=_name(plan, made, taken_names))
    return None


def cover(process: Process) -> tuple[Scenario, ...]:
    """The scenarios of a process with as many more as take the edges that none takes yet, those far behind first."""
    plan = make_plan(process)
    scenarios = list(process.scenarios)
    taken: set[str] = set()
    for each in scenarios:
        taken |= rehearse(plan, Chosen(each.given, each.outcomes, each.outputs)).taken
    place = {number: at for at, number in enumerate(plan.order)}
    patience = Patience()
    edges = sorted(range(len(plan.edge_ids)), key=lambda edge: (-place[plan.targets[edge]], edge))
    for edge in edges:
        if plan.edge_ids[edge] in taken:
            continue
        made = scenario_for(plan, plan.edge_ids[edge], [each.name for each in scenarios], patience)
        if made is not None:
            scenarios.append(made)
            taken |= rehearse(plan, Chosen(made.given, made.outcomes, made.outputs)).taken
    return tuple(scenarios)


def _attempts(plan: Plan, edge: int, way: Way, insists: bool) -> Iterator[Chosen]:
    """What could be chosen so that a run goes that way."""
    outcomes: dict[str, tuple[Outcome | None, ...]] = {}
    wished: dict[str, bool] = {}
    for node_id, words in answers_of(plan, edge, way).items():
        kind = NODE_TYPES.get(plan.nodes[plan.numbers[node_id]].type)
        inline = kind is not None and kind.is_inline
        if inline and kind is not None and kind.branches:
            wished[node_id] = words[0] is Outcome.SATISFIED
        usual_words = (kind.outcomes[0] if kind else Outcome.COMPLETED,)
        if insists if inline else tuple(words) != usual_words:
            outcomes[node_id] = tuple(words)
    usual = Chosen(sample_input(plan.process), outcomes)
    if insists or not wished:
        yield usual
        return
    conditions = [
        list(_meetings(plan.nodes[plan.numbers[each]].config.get("test"), holds))
        for each, holds in wished.items()
    ]
    for meeting in islice(product(*conditions), _MOST_MEETINGS):
        chosen = _meet(plan, usual, [wish for wishes in meeting for wish in wishes])
        if chosen is not None:
            yield chosen


def _meetings(condition: Any, holds: bool) -> Iterator[tuple[_Wish, ...]]:
    """The sets of tests that make a condition hold, or not."""
    if not isinstance(condition, Mapping):
        return
    if "not" in condition:
        yield from _meetings(condition["not"], not holds)
        return
    for word, together in (("all", holds), ("any", not holds)):
        if word in condition:
            parts = [list(_meetings(each, holds)) for each in condition[word]]
            if together:
                for chosen in islice(product(*parts), _MOST_MEETINGS):
                    yield tuple(wish for wishes in chosen for wish in wishes)
            else:
                yield from (each for part in parts for each in part)
            return
    yield (_Wish(condition, holds),)


def _meet(plan: Plan, chosen: Chosen, wishes: Sequence[_Wish]) -> Chosen | None:
    """The choice with values that meet every wish; None where there are none."""
    by_path: dict[Path, list[tuple[_Wish, bool]]] = {}
    for wish in wishes:
        for left in (True, False):
            path = _source_of(plan, wish.test["left" if left else "right"])
            if path is not None:
                by_path.setdefault(path, []).append((wish, left))
                break
    given: dict[str, Any] = dict(chosen.given)
    outputs: dict[str, dict[str, Any]] = {}
    for path, tests in by_path.items():
        context = {"input": given, "vars": {}, **sample_outputs(plan.process), **outputs}
        for value in _candidates(path, tests, context):
            if all(_is_met(wish, left, value, context) for wish, left in tests) and _may_be(
                plan, path, given, value
            ):
                break
        else:
            return None
        if path[0] == "input":
            _put(given, path[1:], value)
        else:
            _put(outputs.setdefault(path[0], {}), path[1:], value)
    return replace(chosen, given=given, outputs=outputs)


def _source_of(plan: Plan, side: Any) -> Path | None:
    """Where a side of a test comes from: the input, or what a node gives out; through a variable, too."""
    if not isinstance(side, str):
        return None
    found = list(uses(side))
    if len(found) != 1 or not found[0].is_alone or len(found[0].path) < 2:
        return None
    path = found[0].path
    if path[0] == "vars":
        values = (node.config.get("values", {}).get(path[1]) for node in plan.nodes if node.type == "set")
        return next(
            (source for value in values if isinstance(value, str) and (source := _source_of(plan, value))),
            None,
        )
    if path[0] == "input":
        return path
    node = plan.process.node(path[0])
    kind = NODE_TYPES.get(node.type) if node else None
    return None if kind is None or kind.is_inline or path[1] in ("outcome", "error") else path


def _candidates(path: Path, tests: Sequence[tuple[_Wish, bool]], context: Mapping[str, Any]) -> Iterator[Any]:
    """Values on both sides of those that a path is compared with; the value that it has first."""
    with suppress(BusinessError):
        yield render("{{" + ".".join(path) + "}}", context)
    for wish, left in tests:
        try:
            other = render(wish.test["right" if left else "left"], context)
        except BusinessError:
            continue
        yield from _near(other)
        if wish.test["op"] in (Operator.IN, Operator.CONTAINS):
            yield from ([other], [], "")
            if isinstance(other, list | tuple):
                yield from other
    yield from ("another", "100.00", 1, True, False, None)


def _near(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        try:
            amount = Decimal(value)
            yield from (f"{amount + 1:f}", f"{amount - 1:f}")
        except InvalidOperation:
            yield f"{value} too"
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return
        yield from ((moment + timedelta(days=1)).isoformat(), (moment - timedelta(days=1)).isoformat())
    elif isinstance(value, list | tuple):
        yield [*value, "another"]
    elif isinstance(value, Mapping) and "amount" in value:
        yield from ({**value, "amount": each} for each in _near(value["amount"]))


def _is_met(wish: _Wish, left: bool, value: Any, context: Mapping[str, Any]) -> bool:
    test = wish.test
    try:
        other = render(test["right" if left else "left"], context)
        sides = (value, other) if left else (other, value)
        read_as = ValueKind(test["as"]) if "as" in test else None
        return compare(sides[0], Operator(test["op"]), sides[1], read_as).holds is wish.holds
    except BusinessError:
        return False


def _may_be(plan: Plan, path: Path, given: Mapping[str, Any], value: Any) -> bool:
    """Whether the process takes such a value as an input."""
    if path[0] != "input" or len(path) > 2:
        return True
    try:
        judge_input(plan.process, {**given, path[1]: value}, "somebody")
    except InvalidFields:
        return False
    return True


def _put(values: dict[str, Any], path: Path, value: Any) -> None:
    for word in path[:-1]:
        inner = values.get(word)
        values[word] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[word]
    values[path[-1]] = value


def _name(plan: Plan, made: Scenario, taken: Sequence[str]) -> str:
    """What was decided on the way, in a few words."""
    went = rehearse(plan, Chosen(made.given, made.outcomes, made.outputs))
    said = [
        f"{plan.nodes[plan.numbers[turn.node]].title}: {_WORDS[done.outcome]}"
        for turn, done in went.done.items()
        if done.outcome in _WORDS
    ]
    name = ", ".join(said) or "Straight through"
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
