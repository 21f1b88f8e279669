"""The form that begins a rollout: from typed fields to a plan. What a good plan is, rules/rollout_plan.py judges."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from rules.analysis import METRICS
from rules.errors import InvalidFields
from rules.rollout import Kind, Plan, Step
from rules.rollout_plan import judge_share

#: So many steps fit on the form; a longer plan goes through the API.
STEPS: Final = 5
#: What is proposed: (share, minutes, requests).
_USUAL: Final = (("10", "5", "52"), ("50", "5", "52"), ("100", "10", "52"))
LIMITED: Final = tuple(metric for metric in METRICS if metric.limit is not None)
_LONGEST: Final = 9
#: What the form can begin, in the order of its tabs.
BEGUN_HERE: Final = (Kind.BUILD, Kind.POLICY, Kind.FLAG, Kind.PROCESS)
LONGEST_TYPED: Final = 1_000

Typed = dict[str, Any]


def blank(kind: Kind) -> Typed:
    """The form with the usual plan."""
    steps = [
        {"share": share, "minutes": minutes, "samples": samples, "departments": [], "manual": ""}
        for share, minutes, samples in _USUAL
    ]
    return _filled(
        {
            "kind": kind.value,
            "build": "",
            "candidate": "",
            "flag": "",
            "process": "",
            "steps": steps,
            "mode": "selective",
            "bake": "10",
            "why": "",
            "limits": {},
        }
    )


def _filled(typed: Typed) -> Typed:
    empty = {"share": "", "minutes": "5", "samples": "52", "departments": [], "manual": ""}
    typed["steps"] += [dict(empty) for _ in range(STEPS - len(typed["steps"]))]
    return typed


def typed_of(form: MultiDict[str, str]) -> Typed:
    """What was typed; steps without a share are left out, so that the others keep their order without gaps."""
    steps = [
        {
            **{name: form.get(f"{name}-{n}", "").strip()[:_LONGEST] for name in ("share", "minutes", "samples", "manual")},
            "departments": form.getlist(f"departments-{n}"),
        }
        for n in range(STEPS)
        if form.get(f"share-{n}", "").strip()
    ]  # fmt: skip
    names = ("kind", "build", "candidate", "flag", "process", "mode", "bake", "why")
    words = {name: form.get(name, "").strip()[:LONGEST_TYPED] for name in names}
    words["mode"] = words["mode"] if words["kind"] == Kind.BUILD else "selective"
    limits = {metric.key: form.get(f"limit-{metric.key}", "").strip()[:_LONGEST] for metric in LIMITED}
    return _filled({**words, "build": words["build"][:63], "steps": steps, "limits": limits})


def plan_of(typed: Typed) -> Plan:
    """The plan that was typed; raises InvalidFields with the names of the plan, such as `steps.0.share`."""
    problems: dict[str, str] = {}
    steps = [
        _step(each, f"steps.{number}", problems)
        for number, each in enumerate(typed["steps"])
        if each["share"]
    ]
    limits = {key: _percent(text, f"limits.{key}", problems) for key, text in typed["limits"].items() if text}
    if typed["mode"] not in {"selective", "native"}:
        problems["native"] = str(_("Please choose who picks the requests."))
    bake = _seconds(typed["bake"], "bake_seconds", problems)
    if problems:
        raise InvalidFields(problems)
    return Plan(tuple(steps), bake_seconds=bake, limits=limits, native=typed["mode"] == "native")


def _step(typed: Typed, name: str, problems: dict[str, str]) -> Step:
    share = Decimal(0)
    try:
        share = judge_share(typed["share"], f"{name}.share")
    except InvalidFields as refusal:
        problems |= refusal.problems
    return Step(
        share,
        tuple(typed["departments"]),
        min_seconds=_seconds(typed["minutes"], f"{name}.min_seconds", problems),
        min_samples=_whole(typed["samples"], f"{name}.min_samples", problems),
        manual=typed["manual"] == "yes",
    )


def _seconds(minutes: str, name: str, problems: dict[str, str]) -> int:
    try:
        seconds = Decimal(minutes) * 60
        if seconds.is_finite() and 0 <= seconds == int(seconds):
            return int(seconds)
    except (InvalidOperation, OverflowError):
        pass
    problems[name] = str(_("Please give minutes, such as 5 or 0.5."))
    return 0


def _whole(text: str, name: str, problems: dict[str, str]) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    problems[name] = str(_("Please give a whole number."))
    return 0


def _percent(text: str, name: str, problems: dict[str, str]) -> Decimal:
    try:
        return Decimal(text) / 100
    except InvalidOperation:
        problems[name] = str(_("Please give percent, such as 5."))
        return Decimal(0)
