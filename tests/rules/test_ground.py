"""What decisions are made from and what they say is frozen: nobody changes it after the fact."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
from importlib import import_module
from typing import Any

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


def test_a_fact_cannot_be_changed() -> None:
    assert [kind for kind in FACTS if not kind.__dataclass_params__.frozen] == []
