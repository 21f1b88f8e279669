"""What decisions are made from and what they say is frozen: nobody changes it after the fact."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
from importlib import import_module
from typing import Any

import pytest

import rules

FACTS: list[type[Any]] = [
    kind
    for module in (import_module(f"rules.{found.name}") for found in pkgutil.iter_modules(rules.__path__))
    for _, kind in inspect.getmembers(module, dataclasses.is_dataclass)
    if inspect.isclass(kind) and kind.__module__ == module.__name__
]


def test_the_ground_holds_facts() -> None:
    assert {"Money", "RuleSet", "ReviewResult", "Draft", "Answer", "Reading"} <= {
        kind.__name__ for kind in FACTS
    }


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_fact_cannot_be_changed(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
