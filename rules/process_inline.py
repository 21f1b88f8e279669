"""What a run computes itself: conditions, variables and ends. Pure; everything else is a step of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rules.errors import Invalid
from rules.process import Node, Outcome
from rules.process_condition import Test, evaluate
from rules.process_template import render
from rules.process_value import LARGEST_CARRIED_BYTES, written

#: What is said of a test in a run's history is cut to this.
LONGEST_SHOWN: Final = 200


@dataclass(frozen=True)
class Computed:
    """How an inline node ended, and the variables that it sets."""

    outcome: Outcome
    output: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def compute(node: Node, context: Mapping[str, Any]) -> Computed:
    """Compute an inline node.

    Args:
        context: `input`, `vars` and the result of each node under its id.

    Raises:
        BusinessError: a template leads nowhere, or values cannot be compared or added up.
    """
    computed = _COMPUTE[node.type](node, context)
    size = len(written(computed.output))
    if size > LARGEST_CARRIED_BYTES:
        raise Invalid(f"This makes {size:,} bytes; at most {LARGEST_CARRIED_BYTES:,} fit into a variable.")
    return computed


def _condition(node: Node, context: Mapping[str, Any]) -> Computed:
    verdict = evaluate(node.config["test"], context)
    outcome = Outcome.SATISFIED if verdict.holds else Outcome.NOT_SATISFIED
    return Computed(outcome, {"tests": [_shown(test) for test in verdict.tests]})


def _shown(test: Test) -> dict[str, Any]:
    return {
        "left": _cut(test.left),
        "operator": test.operator.value,
        "right": _cut(test.right),
        "holds": test.holds,
        "note": test.note,
    }


def _cut(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _set(node: Node, context: Mapping[str, Any]) -> Computed:
    reducers = node.config.get("reducers", {})
    values = render(node.config["values"], context)
    variables = {
        name: _REDUCE[reducers.get(name, "last")](context["vars"].get(name), value)
        for name, value in values.items()
    }
    return Computed(Outcome.COMPLETED, variables, variables)


def _append(before: Any, value: Any) -> Any:
    return [*(before if isinstance(before, list) else [] if before is None else [before]), value]


def _sum(before: Any, value: Any) -> Any:
    if before is None:
        return value
    if type(before) is int and type(value) is int:
        return before + value
    try:
        return f"{Decimal(str(before)) + Decimal(str(value)):f}"
    except InvalidOperation:
        raise Invalid(f"{before!r} and {value!r} cannot be added up.", "values") from None


def _end(node: Node, context: Mapping[str, Any]) -> Computed:
    return Computed(Outcome.COMPLETED)


_REDUCE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "append": _append,
    "sum": _sum,
    "last": lambda before, value: value,
}
_COMPUTE: Final[Mapping[str, Callable[[Node, Mapping[str, Any]], Computed]]] = {
    "condition": _condition,
    "set": _set,
    "end": _end,
}
