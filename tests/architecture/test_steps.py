"""Workflows name activities in one place only, and by the names and types that the activities have."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints

from activities import (
    decision,
    gate,
    notification,
    order,
    process,
    process_timetable,
    product,
    registry,
    rehearsal,
    replay,
    review,
    rollout,
)
from workflows import gate_steps, process_steps, process_timetable_steps, rollout_steps, steps

ROOT = Path(__file__).parents[2]
HOMES = (product.ProductActivities, review.ReviewActivities, decision.DecisionActivities,
         order.OrderActivities, notification.NotificationActivities)  # fmt: skip


def _activities() -> dict[str, Any]:
    return {
        name: method
        for home in HOMES
        for name, method in inspect.getmembers(home, inspect.isfunction)
        if hasattr(method, "__temporal_activity_definition")
    }


def _steps() -> dict[str, Any]:
    return {
        name: function
        for name, function in inspect.getmembers(steps, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


def _types(function: Any) -> dict[str, Any]:
    return get_type_hints(function)


def test_every_step_is_an_activity_and_every_activity_is_a_step() -> None:
    assert _steps().keys() == _activities().keys()


def test_a_step_takes_and_gives_what_its_activity_takes_and_gives() -> None:
    activities = _activities()
    for name, step in _steps().items():
        assert _types(step) == _types(activities[name]), name


def test_a_step_calls_the_activity_of_its_own_name() -> None:
    for name, step in _steps().items():
        source = inspect.getsource(step)
        called = re.findall(r'"([a-z_]+)",', source)
        assert called[0] == name


def test_the_steps_of_a_rollout_are_its_activities_and_are_served() -> None:
    theirs = {
        name: method
        for name, method in inspect.getmembers(rollout.RolloutActivities, inspect.isfunction)
        if hasattr(method, "__temporal_activity_definition")
    }
    steps_of_it = {
        name: function
        for name, function in inspect.getmembers(rollout_steps, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert steps_of_it.keys() == theirs.keys()
    for name, step in steps_of_it.items():
        assert _types(step) == _types(theirs[name]), name
        assert re.findall(r'"([a-z_]+)",', inspect.getsource(step))[0] == name
    served = set(re.findall(r"\.([a-z_]+),\n", inspect.getsource(registry.rollouts)))
    assert theirs.keys() <= served


def test_the_steps_of_a_process_are_its_activities_and_are_served() -> None:
    theirs = {
        name: method
        for name, method in inspect.getmembers(process.ProcessActivities, inspect.isfunction)
        if hasattr(method, "__temporal_activity_definition")
    }
    steps_of_it = {
        name: function
        for name, function in inspect.getmembers(process_steps, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "run_part"
    }
    assert steps_of_it.keys() == theirs.keys()
    for name, step in steps_of_it.items():
        hints = _types(step)
        assert (hints["given"], hints["return"]) == tuple(_types(theirs[name]).values()), name
        assert re.findall(r'"([a-z_]+)",', inspect.getsource(step))[0] == name
    served = set(re.findall(r"\.([a-z_]+),\n", inspect.getsource(registry.processes)))
    assert theirs.keys() <= served


def test_the_step_of_a_planned_time_is_its_activity_and_is_served() -> None:
    step, activity = (
        process_timetable_steps.begin_planned_run,
        process_timetable.TimetableActivities.begin_planned_run,
    )
    assert _types(step) == _types(activity)
    assert re.findall(r'"([a-z_]+)",', inspect.getsource(step))[0] == "begin_planned_run"
    assert ".begin_planned_run," in inspect.getsource(registry.control)


def test_an_approvals_worker_serves_every_activity() -> None:
    source = inspect.getsource(registry.approvals)
    served = set(re.findall(r"\.([a-z_]+),\n", source))
    assert _activities().keys() <= served


def test_no_workflow_names_an_activity_outside_of_steps() -> None:
    for path in (ROOT / "workflows").glob("*.py"):
        if not path.name.endswith("steps.py"):
            assert not re.search(r"execute_(local_)?activity|start_(local_)?activity", path.read_text()), path


def test_a_build_has_an_answer_of_its_own_to_every_step() -> None:
    own = {
        name: method
        for name, method in inspect.getmembers(rehearsal.RehearsalActivities, inspect.isfunction)
        if hasattr(method, "__temporal_activity_definition")
    }
    assert own.keys() == _steps().keys()
    for name, step in _steps().items():
        assert _types(step) == _types(own[name]), name
    assert {f"own.{name}" for name in own} <= set(
        re.findall(r"own\.[a-z_]+", inspect.getsource(registry.gate))
    )


def test_every_step_of_the_gate_takes_and_gives_what_its_activity_takes_and_gives() -> None:
    homes = (gate.GateActivities, replay.ReplayActivities, replay.SmokeActivities)
    served = {
        name: method
        for home in homes
        for name, method in inspect.getmembers(home, inspect.isfunction)
        if hasattr(method, "__temporal_activity_definition")
    }
    called = {
        re.findall(r'"([a-z_]+)",', inspect.getsource(function))[0]: function
        for name, function in inspect.getmembers(gate_steps, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert called.keys() == served.keys()
    for name, step in called.items():
        assert _types(step) == _types(served[name]), name
