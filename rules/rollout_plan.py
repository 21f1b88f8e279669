"""Reads and judges the plan of a rollout as it is typed or stored. Knows no state of any rollout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rules.errors import InvalidFields
from rules.rollout import Kind, Plan, Step

MOST_STEPS: Final = 20
MOST_SECONDS: Final = 30 * 86_400
MOST_SAMPLES: Final = 100_000
LEAST_CHECK_SECONDS: Final = 1
_ZERO, _ALL = Decimal(0), Decimal(100)


def judge_share(share: object, field: str = "percentage") -> Decimal:
    """A share in percent; raises InvalidFields where it is no number from 0 to 100 in steps of 0.1."""
    try:
        number = Decimal(str(share)) if not isinstance(share, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not _ZERO <= number <= _ALL:
        raise InvalidFields({field: "Please give a number from 0 to 100."})
    if number != number.quantize(Decimal("0.1")):
        raise InvalidFields({field: "Please give at most one digit behind the point."})
    return number.quantize(Decimal("0.1"))


def judge_plan(
    plan: Plan, kind: Kind, *, known_departments: Collection[str], known_metrics: Collection[str]
) -> Plan:
    """The plan itself; raises InvalidFields with one sentence for each field that has to change."""
    problems: dict[str, str] = {}
    if not 1 <= len(plan.steps) <= MOST_STEPS:
        problems["steps"] = f"Please give between 1 and {MOST_STEPS} steps."
    for position, step in enumerate(plan.steps):
        problems |= _step_problems(step, f"steps.{position}", kind, known_departments, plan.native)
    if not LEAST_CHECK_SECONDS <= plan.check_seconds <= 3600:
        problems["check_seconds"] = f"Please give between {LEAST_CHECK_SECONDS} and 3600 seconds."
    if not 0 <= plan.bake_seconds <= MOST_SECONDS:
        problems["bake_seconds"] = f"Please give at most {MOST_SECONDS} seconds."
    if plan.native and kind is not Kind.BUILD:
        problems["native"] = "Only builds can be ramped by the server."
    for metric, limit in plan.limits.items():
        if metric not in known_metrics:
            problems[f"limits.{metric}"] = "There is no such metric."
        elif not limit.is_finite() or not _ZERO < limit < 1:
            problems[f"limits.{metric}"] = "Please give a share above 0 and below 1."
    if problems:
        raise InvalidFields(problems)
    return plan


def _step_problems(
    step: Step, name: str, kind: Kind, known_departments: Collection[str], native: bool
) -> dict[str, str]:
    problems: dict[str, str] = {}
    try:
        judge_share(step.share, f"{name}.share")
    except InvalidFields as refusal:
        problems |= refusal.problems
    strangers = sorted(set(step.departments) - set(known_departments))
    if strangers:
        problems[f"{name}.departments"] = f"There is no department {', '.join(strangers)}."
    elif native and step.departments:
        problems[f"{name}.departments"] = "The server's own ramp knows no departments."
    for field, value, most in (
        ("min_seconds", step.min_seconds, MOST_SECONDS),
        ("max_seconds", step.max_seconds, MOST_SECONDS),
        ("min_samples", step.min_samples, MOST_SAMPLES),
    ):
        if not 0 <= value <= most:
            problems[f"{name}.{field}"] = f"Please give a number from 0 to {most}."
    if step.max_seconds < step.min_seconds:
        problems.setdefault(f"{name}.max_seconds", "Please give at least as many as min_seconds.")
    return problems


def one_step(share: Decimal, departments: Sequence[str]) -> Plan:
    """The plan of a rollout that was asked for as a share of some departments: it waits there for people."""
    return Plan((Step(share, tuple(departments), manual=True),))


def to_content(plan: Plan) -> dict[str, Any]:
    """The plan as it is stored; `read_plan` is the way back."""
    return {
        "steps": [
            {
                "share": str(step.share),
                "departments": list(step.departments),
                "min_seconds": step.min_seconds,
                "min_samples": step.min_samples,
                "max_seconds": step.max_seconds,
                "manual": step.manual,
            }
            for step in plan.steps
        ],
        "bake_seconds": plan.bake_seconds,
        "check_seconds": plan.check_seconds,
        "limits": {metric: str(limit) for metric, limit in plan.limits.items()},
        "native": plan.native,
    }


def read_plan(content: Mapping[str, Any]) -> Plan:
    """The plan from its stored form."""
    steps: Sequence[Mapping[str, Any]] = content["steps"]
    return Plan(
        steps=tuple(
            Step(
                share=Decimal(str(step["share"])),
                departments=tuple(step["departments"]),
                min_seconds=step["min_seconds"],
                min_samples=step["min_samples"],
                max_seconds=step["max_seconds"],
                manual=step["manual"],
            )
            for step in steps
        ),
        bake_seconds=content["bake_seconds"],
        check_seconds=content["check_seconds"],
        limits={metric: Decimal(str(limit)) for metric, limit in content["limits"].items()},
        native=content["native"],
    )
