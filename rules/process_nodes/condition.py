"""Condition: which branch goes on, by values that are known. Costs nothing in a run's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.process import Outcome, ValueKind
from rules.process_condition import single_tests
from rules.process_language import both, say_condition
from rules.process_node import Complaint, Field, FieldKind, NodeType
from rules.process_template import has_template


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    # Whatever nests them: without a template in any of the tests the answer is known today.
    if not any(has_template(test) for test in single_tests(config["test"])):
        yield Complaint(
            "condition_constant",
            "test",
            "This condition always says the same: it reads nothing of the run.",
            "Compare with {{input.…}} or with what a node gave out.",
        )


TYPE: Final = NodeType(
    key="condition",
    title=both("Condition", "Condición"),
    say=lambda config, language: both("If {}", "Si {}")[language].format(
        say_condition(config.get("test"), language)
    ),
    fields=(Field("test", FieldKind.CONDITION, "Condition", required=True),),
    outcomes=(Outcome.SATISFIED, Outcome.NOT_SATISFIED),
    outputs={"tests": ValueKind.LIST},
    is_inline=True,
    history_events=0,
    check=_check,
)
